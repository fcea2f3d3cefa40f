"""A model that ships its ONNX file alone can be gone on from: the file is the one truth."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.errors import ModelError
from ilgnet.models.checkpoints import save_network
from ilgnet.models.export import export_onnx, store_halves
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import architecture, create
from ilgnet.training.start import start_from_model, torch_network
from ilgnet.zoo.records import ONNX_NAME, SAFETENSORS_NAME, Weights, find_weights, write_weights

TINY = "ilgnet_mobilenet_tiny"


def lived_in(network: ILGNet) -> ILGNet:
    """The network with norms that have statistics, as after training."""
    torch.manual_seed(5)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return network.eval()


def model(folder: Path, network: ILGNet, *, safetensors: bool) -> Weights:
    export_onnx(network, folder / ONNX_NAME)
    if safetensors:
        save_network(network, folder / SAFETENSORS_NAME)
    entry = architecture(TINY)
    record = Weights("tiny", TINY, network.output_kind, entry.preprocess, 0.6, "", "")
    return write_weights(record, folder)


@pytest.mark.parametrize("safetensors", [True, False])
def test_a_model_becomes_a_network_again(tmp_path: Path, safetensors: bool) -> None:
    network = lived_in(create(TINY))
    read = torch_network(model(tmp_path, network, safetensors=safetensors)).eval()
    images = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(read(images).logits, network(images).logits, atol=1e-4)
        assert torch.allclose(read(images).features, network(images).features, atol=1e-4)


@pytest.mark.parametrize("name", ["ilgnet_efficientnet_lite_tiny", "ilgnet_paired_lite_tiny"])
def test_weights_that_are_stored_as_halves_are_read(tmp_path: Path, name: str) -> None:
    # As the default ships: its ONNX file alone, and there each weight behind a cast.
    entry = architecture(name)
    export_onnx(lived_in(create(name)), tmp_path / ONNX_NAME)
    store_halves(tmp_path / ONNX_NAME)
    assert any(n.op_type == "Cast" for n in onnx.load(tmp_path / ONNX_NAME).graph.node)
    record = Weights("halves", name, "votes", entry.preprocess, 0.6, "", "")
    weights = write_weights(record, tmp_path)
    network = torch_network(weights).eval()
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    images = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        found = network(images)
    expected = OnnxEngine(weights.file(ONNX_NAME)).run(images.numpy(), features=True)
    assert found.probabilities.numpy() == pytest.approx(expected.probabilities, abs=1e-5)
    assert found.features.numpy() == pytest.approx(expected.features, abs=1e-4)


def test_arrays_that_are_stored_once_for_two_layers_are_read(tmp_path: Path) -> None:
    name = "ilgnet_inception_v4_tiny"  # two of its taps begin with the same biases
    network = lived_in(create(name))
    export_onnx(network, tmp_path / ONNX_NAME)
    assert any(n.op_type == "Identity" for n in onnx.load(tmp_path / ONNX_NAME).graph.node)
    record = Weights("twins", name, "high_low", architecture(name).preprocess, 0.6, "", "")
    read = torch_network(write_weights(record, tmp_path)).eval()
    images = torch.randn(2, 3, 107, 107)
    with torch.no_grad():
        assert torch.allclose(read(images).logits, network(images).logits, atol=1e-4)


def test_the_default_model_can_be_gone_on_from() -> None:
    weights = find_weights("default")
    assert SAFETENSORS_NAME not in weights.files
    network = torch_network(weights)  # proves its own results against the file's
    assert sum(p.numel() for p in network.parameters()) > 1_000_000


def test_another_output_keeps_everything_but_the_output_layer(tmp_path: Path) -> None:
    network = lived_in(create(TINY))
    weights = model(tmp_path, network, safetensors=True)
    two = create(TINY, output="high_low")
    assert "fresh output layer" in start_from_model(two, weights)
    assert torch.equal(two.trunk.state_dict()["stem.conv.weight"], network.trunk.stem.conv.weight)
    assert two.output.weight.shape[0] == 2


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    weights = model(tmp_path, lived_in(create(TINY)), safetensors=False)
    graph = onnx.load(tmp_path / ONNX_NAME)
    # What the file computes no longer follows from its layers alone.
    softmax = next(node for node in graph.graph.node if node.op_type == "Softmax")
    softmax.op_type = "LogSoftmax"
    onnx.save(graph, tmp_path / ONNX_NAME)
    with pytest.raises(ModelError, match="is not the one that the file runs"):
        torch_network(weights)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    export_onnx(create("ilgnet_inception_v1_tiny").eval(), tmp_path / ONNX_NAME)
    record = Weights("x", TINY, "votes", architecture(TINY).preprocess, 0.6, "", "")
    with pytest.raises(ModelError, match=r"do not fit|cannot be read|differs"):
        torch_network(write_weights(record, tmp_path))
