"""What is exported is the network itself; stored as float16 it is half the file."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.models.export import export_onnx, store_halves
from tests.models.networks import lively, photographs

NAME = "ilgnet_efficientnet_lite_tiny"


@pytest.fixture
def network():
    return lively(NAME).eval()


def test_halves_take_half_the_room_and_say_almost_the_same(network, tmp_path):
    export_onnx(network, tmp_path / "full.onnx")
    export_onnx(network, tmp_path / "float16.onnx")
    store_halves(tmp_path / "float16.onnx")
    sizes = [(tmp_path / name).stat().st_size for name in ("full.onnx", "float16.onnx")]
    weights = 4 * sum(p.numel() for p in network.parameters() if p.dim() > 1)
    assert sizes[0] - sizes[1] > 0.4 * weights
    images = photographs(NAME).numpy()
    full, float16 = (
        OnnxEngine(tmp_path / name).run(images, features=True)
        for name in ("full.onnx", "float16.onnx")
    )
    assert float16.probabilities.dtype == np.float32
    assert float16.probabilities == pytest.approx(full.probabilities, abs=1e-2)
    assert not np.array_equal(float16.probabilities, full.probabilities)


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


@pytest.mark.parametrize("name", [NAME, "ilgnet_mobilenet_tiny"])
def test_padding_is_left_to_the_convolutions(name, tmp_path):
    # A runtime that pads first copies every large map twice: a fifth of the time was lost so.
    network = lively(name).eval()
    export_onnx(network, tmp_path / "model.onnx")
    kinds = [node.op_type for node in onnx.load(tmp_path / "model.onnx").graph.node]
    assert "Conv" in kinds
    assert not {"Pad", "BatchNormalization"} & set(kinds)
    images = photographs(name)
    with torch.no_grad():
        expected = network(images).probabilities.numpy()
    found = OnnxEngine(tmp_path / "model.onnx").run(images.numpy()).probabilities
    assert found == pytest.approx(expected, abs=1e-5)


class Telling(nn.Module):
    """A network that says a second thing, as the default does."""

    def __init__(self, network):
        super().__init__()
        self.network, self.beside = network, nn.Conv2d(3, 1, 3)
        self.trunk, self.taps, self.any_size = network.trunk, network.taps, network.any_size

    def forward(self, images):
        technical = self.beside(images).mean(dim=(1, 2, 3))
        return self.network(images)._replace(technical=technical)


def test_what_a_network_says_beside_its_votes_is_exported_with_them(tmp_path):
    network = Telling(lively(NAME)).eval()
    export_onnx(network, tmp_path / "model.onnx")
    images = photographs(NAME)
    with torch.no_grad():
        expected = network(images)
    found = OnnxEngine(tmp_path / "model.onnx").run(images.numpy())
    assert found.probabilities == pytest.approx(expected.probabilities.numpy(), abs=1e-5)
    assert found.technical == pytest.approx(expected.technical.numpy(), abs=1e-5)
