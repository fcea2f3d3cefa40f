"""Open a model with the engine of one's choice; PyTorch is imported only where it is chosen."""

from __future__ import annotations

from typing import Literal, cast

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.protocol import Engine
from ilgnet.engines.taste import TasteEngine, read_taste
from ilgnet.errors import ModelError, require
from ilgnet.zoo.records import ONNX_NAME, TASTE_NAME, Weights, find_base

EngineName = Literal["onnx", "torch"]


def open_engine(
    weights: Weights,
    engine: EngineName = "onnx",
    *,
    threads: int = 1,
    providers: tuple[str, ...] = (),
) -> Engine:
    """Load a model's network, ready to run.

    Args:
        weights: the model's record.
        engine: "onnx" (ONNX Runtime) or "torch" (PyTorch, from the extra "train").
        threads: of one call of ONNX Runtime. PyTorch's are the process's own
            (`torch.set_num_threads`).
        providers: of ONNX Runtime, tried before the processor.

    Raises:
        ModelError: the model has no file for this engine, or it is damaged.
        MissingExtra: PyTorch is not installed.
    """
    if weights.base is not None:
        taste = read_taste(weights.file(TASTE_NAME))
        base = open_engine(find_base(weights), engine, threads=threads, providers=providers)
        return TasteEngine(base, taste, weights.mean_error)
    if engine == "onnx":
        return OnnxEngine(weights.file(ONNX_NAME), threads=threads, providers=providers)
    if engine == "torch":
        require("torch", "train", "the PyTorch engine")
        module = require("ilgnet.engines.torch", "train", "the PyTorch engine")
        return cast("Engine", module.TorchEngine.open(weights))
    raise ModelError(f"there is no engine {engine!r}; take 'onnx' or 'torch'")
