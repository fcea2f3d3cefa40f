"""Trunks of timm, the real thing: built, started from a hub's file, tapped, exported."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.errors import MissingExtra, ModelError
from ilgnet.models.export import export_onnx
from ilgnet.models.pretrained import start_trunk, trunk_file
from ilgnet.models.registry import architecture, create
from ilgnet.models.trunks import borrowed
from ilgnet.models.trunks.borrowed import _channels_last, beside_torchvision

timm = beside_torchvision("timm", "timm", "these tests")


def test_a_convolutional_trunk_is_built_and_started(tmp_path):
    network = create("timm:test_resnet").eval()
    assert network.any_size
    with torch.no_grad():
        output = network(torch.zeros(2, 3, 160, 160))
    assert output.probabilities.shape == (2, 10)
    assert list(output.taps) == ["stage3", "stage4", "stage5"]
    entry = architecture("timm:test_resnet")
    assert entry.preprocess.mean == pytest.approx((127.5,) * 3)

    whole = timm.create_model("test_resnet", pretrained=False)
    save_file(whole.state_dict(), tmp_path / "model.safetensors")
    started = start_trunk(network, tmp_path / "model.safetensors")
    assert torch.equal(network.trunk.model.conv1[0].weight, whole.conv1[0].weight)
    assert set(started.left_out) == {"fc.bias", "fc.weight"}
    with pytest.raises(ModelError, match="timm has no trunk 'resnet17'"):
        create("timm:resnet17")


def test_a_plain_transformer_is_tapped_in_thirds_through_its_last_norm(tmp_path):
    """As `forward_intermediates` of the whole model in the hub's file says it."""
    whole = timm.create_model("test_vit", pretrained=False).eval()
    torch.nn.init.normal_(whole.norm.weight)
    save_file(whole.state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"architecture": "test_vit"}')
    network = create("timm:test_vit").eval()
    start_trunk(network, trunk_file(str(tmp_path)))
    images = torch.randn(2, 3, 160, 160)
    blocks = len(whole.blocks)
    tapped = [blocks // 3 - 1, 2 * blocks // 3 - 1, blocks - 1]
    with torch.no_grad():
        wanted = whole.forward_intermediates(
            images, indices=tapped, norm=True, intermediates_only=True
        )
        found = network(images).taps
    assert [tap.shape for tap in found.values()] == [(2, 64, 10, 10)] * 3
    for one, other in zip(found.values(), wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-5)

    with pytest.raises(ModelError, match="this trunk takes pictures of 160 x 160, not 192 x 192"):
        network(torch.zeros(1, 3, 192, 192))
    export_onnx(network, tmp_path / "model.onnx")
    scored = OnnxEngine(tmp_path / "model.onnx").run(images.numpy())
    with torch.no_grad():
        expected = network(images).probabilities.numpy()
    np.testing.assert_allclose(scored.probabilities, expected, atol=1e-5)


def test_another_size_takes_the_same_file(tmp_path):
    whole = timm.create_model("vit_tiny_patch16_224", pretrained=False, depth=3)
    save_file(whole.state_dict(), tmp_path / "vit.safetensors")
    other = timm.create_model("vit_tiny_patch16_224", pretrained=False, img_size=96)
    expected = timm.layers.resample_abs_pos_embed(whole.pos_embed.detach(), [6, 6])
    tensors = {"pos_embed": whole.pos_embed.detach()}
    network = create("timm:vit_tiny_patch16_224@96")
    assert network.trunk.input_size == 96
    assert architecture("timm:vit_tiny_patch16_224@96").preprocess.height == 96
    resampled = network.trunk.own_weights(tensors)["pos_embed"]
    assert resampled.shape == other.pos_embed.shape
    assert torch.allclose(resampled, expected, atol=1e-6)
    with pytest.raises(ModelError, match=r"missing: blocks\.3"):
        start_trunk(network, tmp_path / "vit.safetensors")
    with pytest.raises(ModelError, match="after @ stands the side"):
        create("timm:vit_tiny_patch16_224@big")


def test_maps_with_the_channels_last_are_turned():
    network = create("timm:swin_tiny_patch4_window7_224@64").eval()
    widths = [tap.channels for tap in network.trunk.maps.values()]
    assert widths == [96, 192, 384, 768]
    with torch.no_grad():
        taps = network(torch.zeros(1, 3, 64, 64)).taps
    assert [tuple(tap.shape[1:]) for tap in taps.values()] == [
        (192, 8, 8),
        (384, 4, 4),
        (768, 2, 2),
    ]


def test_what_is_no_map_is_refused():
    for shape in ((1, 197, 192), (1, 14, 14, 96)):
        with pytest.raises(ModelError, match=r"vit yields a map .* where 192 channels"):
            _channels_last(torch.zeros(shape), 192, "timm's vit")


def test_the_first_import_of_torchvision_beside_the_cpu_build_succeeds():
    """In a process of its own, with warnings as errors: what a user's first command does."""
    program = (
        "from ilgnet.models.registry import create; create('timm:test_resnet');"
        "import torch, torchvision; from torchvision.transforms import functional as F;"
        "print(F.resize(torch.zeros(3, 8, 8), [4, 4]).shape[1])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, "4"), done.stderr


def test_a_torchvision_that_does_not_fit_is_said(monkeypatch):
    def broken() -> None:
        raise RuntimeError("operator torchvision::other does not exist")

    monkeypatch.setattr(borrowed, "_import_torchvision", broken)
    with pytest.raises(MissingExtra, match=r"does not fit .*::other.*pip install 'ilgnet\[timm\]'"):
        create("timm:test_resnet")
