"""What holds for every network, on a small member of every family and on the pooled variants."""

from __future__ import annotations

import pytest
import torch

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.parity import compare
from ilgnet.engines.torch import TorchEngine
from ilgnet.errors import ModelError
from ilgnet.models.checkpoints import load_network, save_network
from ilgnet.models.export import export_onnx
from ilgnet.models.registry import architecture, create
from tests.models.networks import TINY, lively, photographs

POOLED = ["ilgnet_inception_v1_pooled", "ilgnet_mini_inception"]

pytestmark = pytest.mark.parametrize("name", [*TINY, *POOLED])


def test_the_output_has_the_promised_form(name):
    network, images = lively(name), photographs(name)
    with torch.no_grad():
        output = network(images)
    classes = {"votes": 10, "high_low": 2}[architecture(name).output]
    assert output.logits.shape == (3, classes)
    last = network.trunk.maps[list(network.taps)[-1]].channels
    width = last if network.features == "last_map" else network.output.in_features
    assert output.features.shape == (3, width)
    assert (output.technical is None) == (network.technical is None)
    assert torch.allclose(output.probabilities.sum(dim=1), torch.ones(3))
    assert list(output.taps) == list(network.taps)


def test_the_trunk_keeps_its_word(name):
    trunk = create(name).trunk.eval()
    with torch.no_grad():
        maps = trunk(torch.zeros(1, 3, trunk.input_size, trunk.input_size))
    found = {key: (x.shape[1], x.shape[2], x.shape[3]) for key, x in maps.items()}
    assert found == {k: (m.channels, m.side, m.side) for k, m in trunk.maps.items()}
    assert list(maps) == list(trunk.maps)


def test_one_picture_is_judged_alike_in_any_company(name):
    network, images = lively(name), photographs(name)
    with torch.no_grad():
        together = network(images).logits
        alone = torch.cat([network(image[None]).logits for image in images])
        reversed_ = network(images.flip(0)).logits.flip(0)
    assert torch.allclose(together, alone, atol=1e-4)
    assert torch.allclose(together, reversed_, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


def test_the_same_seed_gives_the_same_network_and_the_same_answer(name):
    images = photographs(name)
    with torch.no_grad():
        first, second = (lively(name)(images) for _ in range(2))
        other = lively(name, seed=1)(images)
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.features, second.features)
    assert not torch.equal(first.logits, other.logits)


def test_every_weight_learns(name):
    network = lively(name).train()
    loss = torch.nn.functional.cross_entropy(
        network(photographs(name)).logits, torch.tensor([0, 1, 0])
    )
    loss.backward()
    for key, parameter in network.named_parameters():
        if _is_unused(network, key):
            continue
        assert parameter.grad is not None, key
        assert torch.isfinite(parameter.grad).all(), key
        assert parameter.grad.abs().sum() > 0, key


def _is_unused(network, key: str) -> bool:
    """A part of the trunk behind the last tap, or what ratings do not teach."""
    if key.startswith("technical."):
        return True
    last = list(network.trunk.maps).index(list(network.taps)[-1])
    behind = list(network.trunk.maps)[last + 1 :]
    return any(key.startswith(f"trunk.{part}.") for part in behind)


def test_a_flat_picture_gives_finite_gradients(name):
    network = lively(name)
    side = network.trunk.input_size
    network(torch.zeros(2, 3, side, side)).logits.sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in network.parameters())


def test_onnx_runtime_says_the_same(name, tmp_path):
    network = lively(name)
    export_onnx(network, tmp_path / "model.onnx")
    onnx = OnnxEngine(tmp_path / "model.onnx", together=True)
    expected = ["probabilities", "features", *(f"tap:{tap}" for tap in network.taps)]
    tells = [] if network.technical is None else ["technical"]
    assert list(onnx.output_names) == [*expected, *tells]
    parity = compare(TorchEngine(network), onnx, architecture(name).preprocess)
    assert parity.pictures == 12
    assert parity.differences.pop("probabilities") < 1e-5
    assert max(parity.differences.values()) < 1e-4
    images = photographs(name)
    with torch.no_grad():
        taps = network(images).taps
    for (tap, ours), theirs in zip(
        taps.items(), onnx.fetch(expected[2:], images.numpy()), strict=True
    ):
        scale = ours.abs().max()
        assert torch.allclose(ours / scale, torch.from_numpy(theirs) / scale, atol=1e-4), tap


def test_only_pooled_taps_take_pictures_of_any_shape(name, tmp_path):
    network = lively(name)
    export_onnx(network, tmp_path / "model.onnx")
    side = network.trunk.input_size
    images = torch.rand(2, 3, side + 32, side + 96) * 2 - 1
    if network.reduce == "flatten":
        with pytest.raises(ModelError, match=f"{side} x {side}.*not {side + 96} x {side + 32}"):
            network(images)
        return
    with torch.no_grad():
        ours = network(images).probabilities.numpy()
    theirs = OnnxEngine(tmp_path / "model.onnx", together=True).run(images.numpy()).probabilities
    assert ours == pytest.approx(theirs, abs=1e-5)


def test_weights_come_back_from_safetensors(name, tmp_path):
    network, other = lively(name), lively(name, seed=1)
    save_network(network, tmp_path / "model.safetensors")
    load_network(other, tmp_path / "model.safetensors")
    theirs = other.state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in network.state_dict().items())
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
