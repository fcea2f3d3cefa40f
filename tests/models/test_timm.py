"""Trunks of timm: the real thing where it can be imported, the way to it where it cannot."""

from __future__ import annotations

import pytest
import torch

from ilgnet.errors import MissingExtra, ModelError
from ilgnet.models.pretrained import start_trunk
from ilgnet.models.registry import architecture, create

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
