"""A worker's model: on a GPU where the runtime finds one, else on the processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.engines.runtime import onnx_runtime
from ilgnet.scoring import BATCH
from ilgnet.shards.engine import load_for_shards, runs_on


def test_the_processor_where_there_is_no_gpu(model: Path) -> None:
    scorer = load_for_shards(str(model))
    assert runs_on(scorer.engine) == "CPUExecutionProvider"
    assert (scorer.threads, scorer.batch) == (1, BATCH)


def test_a_runtime_for_gpus_on_a_machine_without(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows the provider, finds no device, and leaves the work to the processor."""
    known = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnx_runtime(), "get_available_providers", lambda: known)
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        scorer = load_for_shards(str(model))
    assert runs_on(scorer.engine) == "CPUExecutionProvider"
    assert load_for_shards(str(model), gpu=False).batch == BATCH
