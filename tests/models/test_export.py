"""Weights stored as float16: half the file, the same network but for the rounding."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.models.export import export_onnx, store_halves
from tests.models.networks import lively, photographs

NAME = "ilgnet_efficientnet_lite_tiny"


@pytest.fixture
def network():
    return lively(NAME).eval()


def test_halves_take_half_the_room_and_say_almost_the_same(network, tmp_path):
    export_onnx(network, tmp_path / "full.onnx")
    export_onnx(network, tmp_path / "halves.onnx")
    store_halves(tmp_path / "halves.onnx")
    sizes = [(tmp_path / name).stat().st_size for name in ("full.onnx", "halves.onnx")]
    weights = 4 * sum(p.numel() for p in network.parameters() if p.dim() > 1)
    assert sizes[0] - sizes[1] > 0.4 * weights
    images = photographs(NAME).numpy()
    full, halves = (
        OnnxEngine(tmp_path / name).run(images, features=True)
        for name in ("full.onnx", "halves.onnx")
    )
    assert halves.probabilities.dtype == np.float32
    assert halves.probabilities == pytest.approx(full.probabilities, abs=1e-2)
    assert not np.array_equal(halves.probabilities, full.probabilities)


def test_weights_that_are_halves_already_lose_nothing(tmp_path):
    # No norm: exporting would multiply the weights by it.
    network = lively("ilgnet_inception_v1_tiny").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.copy_(parameter.half().float())
    export_onnx(network, tmp_path / "model.onnx")
    images = photographs("ilgnet_inception_v1_tiny").numpy()
    before = OnnxEngine(tmp_path / "model.onnx").run(images).probabilities
    store_halves(tmp_path / "model.onnx")
    after = OnnxEngine(tmp_path / "model.onnx").run(images).probabilities
    assert np.array_equal(before, after)
