"""The model of a shard worker: on a GPU where there is one, in batches that fit its memory."""

from __future__ import annotations

from typing import Final

import numpy as np

from ilgnet.engines.fitting import FittingEngine, find_batch
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.open import open_engine
from ilgnet.engines.protocol import Engine
from ilgnet.engines.runtime import onnx_runtime
from ilgnet.engines.taste import TasteEngine
from ilgnet.scoring import Scorer, load
from ilgnet.zoo.records import find_weights

GPU_PROVIDERS: Final = ("CUDAExecutionProvider", "ROCMExecutionProvider")
"""What ONNX Runtime calls GPUs, best first."""


def load_for_shards(model: str, *, gpu: bool = True) -> Scorer:
    """Load a model for one worker process; its verdicts have a `look`.

    Args:
        model: as `ilgnet.load` takes it.
        gpu: whether a GPU is used where the installed ONNX Runtime knows one and it is there; the
            batch is then found by trying.
    """
    scorer = _on_gpu(model) if gpu else None
    scorer = scorer or load(model, threads=1)
    scorer.looks = True
    return scorer


def _on_gpu(model: str) -> Scorer | None:
    there = onnx_runtime().get_available_providers()
    providers = tuple(name for name in GPU_PROVIDERS if name in there)
    if not providers:
        return None
    weights = find_weights(model)
    engine = open_engine(weights, providers=providers)
    if runs_on(engine) not in providers:
        return None  # the runtime is made for GPUs, the machine has none
    fitting = FittingEngine(engine)
    scorer = Scorer(weights, fitting, threads=1)
    size = weights.preprocess
    scorer.batch = find_batch(fitting, np.zeros((3, size.height, size.width), np.float32))
    return scorer


def runs_on(engine: Engine) -> str | None:
    """The provider of a model's network."""
    if isinstance(engine, TasteEngine):
        return runs_on(engine.base)
    return engine.runs_on if isinstance(engine, OnnxEngine) else None
