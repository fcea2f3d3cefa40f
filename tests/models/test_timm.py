"""Trunks of timm: the real thing where it can be imported, the way to it where it cannot."""

from __future__ import annotations

import pytest
import torch

from ilgnet.errors import MissingExtra, ModelError
from ilgnet.models.pretrained import start_trunk
from ilgnet.models.registry import architecture, create
from ilgnet.models.trunks.timm import _channels_last

try:
    import timm
except ImportError:
    timm = None


def test_a_trunk_of_timm_is_built_or_the_way_to_it_is_said(tmp_path):
    if timm is None:
        with pytest.raises(MissingExtra, match=r"timm:resnet18.*pip install 'ilgnet\[timm\]'"):
            create("timm:resnet18")
        return
    network = create("timm:resnet18").eval()
    with torch.no_grad():
        output = network(torch.zeros(2, 3, 224, 224))
    assert output.probabilities.shape == (2, 10)
    assert list(output.taps) == ["stage3", "stage4", "stage5"]
    assert network.trunk.maps["stage5"].channels == 512
    assert architecture("timm:resnet18").preprocess.mean[0] == pytest.approx(0.485 * 255)

    from safetensors.torch import save_file

    whole = timm.create_model("resnet18", pretrained=False)
    save_file(whole.state_dict(), tmp_path / "resnet18.safetensors")
    started = start_trunk(network, tmp_path / "resnet18.safetensors")
    assert torch.equal(network.trunk.model.conv1.weight, whole.conv1.weight)
    assert set(started.left_out) == {"fc.bias", "fc.weight"}
    with pytest.raises(ModelError, match="timm has no trunk 'resnet17'"):
        create("timm:resnet17")


def test_maps_with_the_channels_last_are_told_and_others_refused():
    """What Swin yields, and what is no map; timm itself is not needed for it."""
    assert not _channels_last(torch.zeros(1, 96, 56, 56), 96, "resnet")
    assert _channels_last(torch.zeros(1, 56, 56, 96), 96, "swin")
    for shape in ((1, 197, 192), (1, 14, 14, 96)):
        with pytest.raises(ModelError, match=r"vit yields a map .* where 192 channels"):
            _channels_last(torch.zeros(shape), 192, "vit")


def test_a_torchvision_that_does_not_fit_is_said(monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("ilgnet.models.trunks.timm.require", broken)
    with pytest.raises(MissingExtra, match=r"torchvision here does not fit.*nms does not exist"):
        create("timm:resnet18")
