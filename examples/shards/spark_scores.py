"""Scores for a Spark frame with pictures in a column. pip install 'ilgnet[shards]' pyspark

    spark-submit examples/shards/spark_scores.py train.parquet scores/ [MODEL]

Spark needs a Java runtime (Debian: default-jre-headless).
"""

import sys
from functools import partial

import pyarrow.parquet as pq
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from ilgnet.shards.arrow import arrow_result_schema, score_arrow

source, target, *model = sys.argv[1:]
score = partial(score_arrow, model=model[0] if model else "default")
spark = SparkSession.builder.appName("ilgnet").getOrCreate()
schema = from_arrow_schema(arrow_result_schema(pq.read_schema(source)))
scored = spark.read.parquet(source).mapInArrow(lambda batches: map(score, batches), schema)
scored.write.mode("overwrite").parquet(target)
spark.stop()
