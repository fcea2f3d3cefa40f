"""Scores for a Daft frame with pictures in a column. pip install 'ilgnet[shards]' daft

python examples/shards/daft_scores.py train.parquet scores/ [MODEL]
"""

import os
import sys

os.environ.setdefault("DAFT_ANALYTICS_ENABLED", "0")  # Daft would tell its makers how it is used

import daft
import pyarrow as pa
from daft import DataType, Series, col

from ilgnet.shards.arrow import arrow_result_schema, score_arrow

source, target, *model = sys.argv[1:]
options = {"model": model[0]} if model else {}
result = pa.struct(list(arrow_result_schema(pa.schema([("image", pa.binary())]))))


@daft.func.batch(return_dtype=DataType.from_arrow_type(result))
def score(image: Series) -> pa.Array:
    """One struct of scores for each picture."""
    pictures = image.to_arrow().cast(pa.binary())
    return score_arrow(pa.record_batch({"image": pictures}), **options).to_struct_array()


frame = daft.read_parquet(source)
scored = frame.with_column("scored", score(col("image").get("bytes")))
scored.select(col("label"), col("scored").unnest()).write_parquet(target)
