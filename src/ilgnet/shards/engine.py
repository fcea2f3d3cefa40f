"""The model of a shard worker: on a GPU where there is one, in batches that fit its memory."""

from __future__ import annotations

from ilgnet.scoring import Scorer, load


def load_for_shards(model: str, *, gpu: bool = True) -> Scorer:
    """Load a model for one worker process."""
    return load(model, threads=1)
