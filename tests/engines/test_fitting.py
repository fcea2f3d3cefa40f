"""Batches shrink where memory is short, and their size is found by trying."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ilgnet.engines.fitting import FittingEngine, find_batch
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.protocol import EngineOutput
from ilgnet.zoo.records import ONNX_NAME
from tests.tiny_model import make_tiny_model


class Small:
    """A real engine on a device with room for `most` pictures; says so as ONNX Runtime does."""

    def __init__(self, folder: Path, most: int, time: float = 0.0) -> None:
        self.engine = OnnxEngine(make_tiny_model(folder) / ONNX_NAME)
        self.most = most
        self.ran: list[int] = []

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        self.ran.append(len(batch))
        if len(batch) > self.most:
            raise RuntimeError(
                "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Failed to allocate memory for "
                "requested buffer of size 1073741824"
            )
        return self.engine.run(batch, features=features)


def pictures(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(0, 255, (count, 3, 16, 16)).astype(np.float32)


def test_a_batch_that_does_not_fit_is_run_in_pieces(tmp_path: Path) -> None:
    small = Small(tmp_path, 5)
    engine = FittingEngine(small)
    batch = pictures(23)
    found = engine.run(batch, features=True)
    expected = small.engine.run(batch, features=True)
    assert found.features is not None
    assert expected.features is not None
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(found.features, expected.features)
    assert small.ran == [23, 11, 5, 5, 5, 5, 3]
    small.ran.clear()
    engine.run(pictures(6))
    assert small.ran == [5, 1], "what did not fit is not tried again"


def test_one_picture_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Failed to allocate"):
        FittingEngine(Small(tmp_path, 0)).run(pictures(2))


def test_other_errors_are_not_tried_away(tmp_path: Path) -> None:
    class Broken(Small):
        def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
            self.ran.append(len(batch))
            raise RuntimeError("Non-zero status code returned while running Conv node")

    broken = Broken(tmp_path, 5)
    with pytest.raises(RuntimeError, match="Conv"):
        FittingEngine(broken).run(pictures(4))
    assert broken.ran == [4]


@pytest.mark.parametrize(("worth_up_to", "most", "expected"), [(64, 999, 64), (512, 40, 32)])
def test_the_batch_is_found(tmp_path: Path, worth_up_to: int, most: int, expected: int) -> None:
    """By a clock that knows what each batch costs: fixed until `worth_up_to`, then by size."""
    small = Small(tmp_path, most)
    times = [0.0]

    def clock() -> float:
        if len(times) % 2 == 0:
            times.append(times[-1] + max(1.0, small.ran[-1] / worth_up_to))
        else:
            times.append(times[-1])
        return times[-1]

    assert find_batch(FittingEngine(small), pictures(1)[0], clock=clock) == expected


def test_an_empty_batch(tmp_path: Path) -> None:
    small = Small(tmp_path, 5)
    assert FittingEngine(small).run(pictures(0)).probabilities.shape == (0, 10)
