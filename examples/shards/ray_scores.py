"""Scores for a Ray dataset with pictures in a column. pip install 'ilgnet[ray]'

    python examples/shards/ray_scores.py 'train-*.parquet' scores/ [MODEL]

A job of `ilgnet shards plan` is worked on by a cluster with `ilgnet shards work JOB --ray ADDRESS`.
"""

import os
import sys

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers how it is used

import ray

from ilgnet.shards.arrow import score_arrow

source, target, *model = sys.argv[1:]
options = {"model": model[0]} if model else {}
(
    ray.data.read_parquet(source)
    .map_batches(score_arrow, batch_format="pyarrow", batch_size=256, fn_kwargs=options)
    .write_parquet(target)
)
