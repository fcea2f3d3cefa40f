"""Trunks that start from other networks' weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from ilgnet.errors import ModelError
from ilgnet.models.caffe.files import read_caffemodel, write_caffemodel
from ilgnet.models.caffe.networks import googlenet_layers
from ilgnet.models.caffe.weights import save_caffe
from ilgnet.models.checkpoints import save_network
from ilgnet.models.pretrained import start_trunk
from ilgnet.models.registry import create
from tests.models.networks import lively


class Unit(nn.Module):
    """torchvision's BasicConv2d."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class Block(nn.Module):
    """torchvision's Inception, with its 3x3 in the place of the 5x5."""

    def __init__(self, inputs: int, one: int, r3: int, three: int, r5: int, five: int, pool: int):
        super().__init__()
        self.branch1 = Unit(inputs, one, 1)
        self.branch2 = nn.Sequential(Unit(inputs, r3, 1), Unit(r3, three, 3))
        self.branch3 = nn.Sequential(Unit(inputs, r5, 1), Unit(r5, five, 3))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), Unit(inputs, pool, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Torchvision(nn.Module):
    """torchvision's GoogLeNet up to inception4a, with its names and its order of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = Unit(3, 64, 7, 2)
        self.conv2 = Unit(64, 64, 1)
        self.conv3 = Unit(64, 192, 3)
        self.inception3a = Block(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Block(256, 128, 128, 192, 32, 96, 64)
        self.inception4a = Block(480, 192, 96, 208, 16, 48, 64)
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        def pool(y: Tensor) -> Tensor:
            return F.max_pool2d(y, 3, 2, ceil_mode=True)

        a = self.inception3a(pool(self.conv3(self.conv2(pool(self.conv1(x))))))
        b = self.inception3b(a)
        return {"inception_3a": a, "inception_3b": b, "inception_4a": self.inception4a(pool(b))}


@pytest.fixture(scope="module")
def torchvision():
    torch.manual_seed(0)
    network = Torchvision().eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return network


def torchvision_file(network, tmp_path):
    save_file(network.state_dict(), tmp_path / "googlenet.safetensors")
    return tmp_path / "googlenet.safetensors"


def test_the_plain_trunk_computes_torchvisions_maps(torchvision, tmp_path):
    network = create("ilgnet_inception_v1_plain").eval()
    started = start_trunk(network, torchvision_file(torchvision, tmp_path))
    rgb = torch.from_numpy(np.random.default_rng(0).uniform(0, 255, (2, 3, 96, 96))).float()
    with torch.no_grad():
        expected = torchvision(rgb / 127.5 - 1)
        found = network.trunk(rgb.flip(1) - network.mean_image)
    for name, values in expected.items():
        assert torch.allclose(found[name], values, atol=1e-3 * values.abs().max().item()), name
    assert {"fc.weight", "fc.bias"} <= set(started.left_out)
    assert not any(name.endswith(("running_var", "conv.weight")) for name in started.left_out)
    assert len(started.remarks) == 1
    assert "loss1_conv keeps fresh weights" in started.remarks[0]


def test_another_trunk_says_in_what_it_differs_from_torchvisions(torchvision, tmp_path):
    started = start_trunk(
        create("ilgnet_inception_v1_pooled"), torchvision_file(torchvision, tmp_path)
    )
    remarks = " ".join(started.remarks)
    assert "take the average; torchvision's take the maximum" in remarks
    assert "normalises responses across channels; torchvision's does not" in remarks


def test_a_torchvision_file_without_a_part_is_refused(torchvision, tmp_path):
    state = torchvision.state_dict()
    del state["inception3b.branch2.1.bn.bias"]
    save_file(state, tmp_path / "googlenet.safetensors")
    network = create("ilgnet_inception_v1_plain")
    before = network.trunk.conv1.weight.clone()
    with pytest.raises(ModelError, match=r"missing.*inception3b\.branch2\.1\.bn\.bias"):
        start_trunk(network, tmp_path / "googlenet.safetensors")
    assert torch.equal(network.trunk.conv1.weight, before)


def googlenet_file(tmp_path):
    """A GoogLeNet caffemodel: our trunk's layers, and some that it does not have."""
    source = lively("ilgnet_inception_v1_tiny")
    save_caffe(source, tmp_path, "net")
    trunk = [
        (name, "Convolution", arrays)
        for name, arrays in read_caffemodel(tmp_path / "net.caffemodel").items()
        if not name.startswith("temp") and "classifier" not in name
    ]
    beyond = ("inception_4b/1x1", "Convolution", [np.ones((2, 2, 1, 1), np.float32)])
    path = tmp_path / "googlenet.caffemodel"
    write_caffemodel(path, "GoogleNet", [*trunk, beyond])
    return source, path


def test_an_ordinary_googlenet_fills_the_trunk_and_leaves_the_head(tmp_path):
    source, path = googlenet_file(tmp_path)
    network = lively("ilgnet_inception_v1_tiny", seed=1)
    head = network.connected[0].weight.clone()
    started = start_trunk(network, path)
    theirs = source.trunk.state_dict()
    assert all(torch.equal(v, theirs[n]) for n, v in network.trunk.state_dict().items())
    assert torch.equal(network.connected[0].weight, head)
    assert started.left_out == ("inception_4b/1x1",)
    assert "take the average" in started.remarks[0]


@pytest.mark.parametrize(
    ("name", "branch", "remark"),
    [
        ("ilgnet_inception_v1_plain", nn.MaxPool2d, "take the maximum, as GoogLeNet's"),
        ("ilgnet_inception_v1_pooled", nn.AvgPool2d, "take the average, as ILGNet's do"),
    ],
)
def test_the_pooling_branch_is_chosen_with_the_architecture_and_said(
    name, branch, remark, tmp_path
):
    network = create(name)
    layers = [
        (layer.name, layer.kind, [blob.numpy() for blob in layer.blobs])
        for layer in googlenet_layers(network.trunk)
        if layer.blobs
    ]
    write_caffemodel(tmp_path / "net.caffemodel", "GoogleNet", layers)
    assert remark in start_trunk(network, tmp_path / "net.caffemodel").remarks[0]
    assert isinstance(network.trunk.inception_3a.pool, branch)


def test_a_googlenet_that_lacks_a_layer_is_refused(tmp_path):
    _, path = googlenet_file(tmp_path)
    layers = [(n, "Convolution", a) for n, a in read_caffemodel(path).items() if n != "loss1/conv"]
    write_caffemodel(tmp_path / "less.caffemodel", "GoogleNet", layers)
    with pytest.raises(ModelError, match=r"missing: loss1/conv\[0\], loss1/conv\[1\]"):
        start_trunk(lively("ilgnet_inception_v1_tiny"), tmp_path / "less.caffemodel")


def test_a_trunk_of_our_own_fits_under_any_head(tmp_path):
    source = lively("ilgnet_inception_v4_tiny")
    save_network(source, tmp_path / "model.safetensors")
    network = create("ilgnet_inception_v4_tiny", output="votes")
    started = start_trunk(network, tmp_path / "model.safetensors")
    assert torch.equal(network.trunk.stem[0][0].conv.weight, source.trunk.stem[0][0].conv.weight)
    assert {"output.weight", "output.bias"} <= set(started.left_out)


def test_weights_for_another_trunk_are_refused(tmp_path, torchvision):
    _, path = googlenet_file(tmp_path)
    other = create("ilgnet_inception_v4_tiny")
    with pytest.raises(ModelError, match="GoogLeNet's; this trunk is another"):
        start_trunk(other, path)
    with pytest.raises(ModelError, match="GoogLeNet's; this trunk is another"):
        start_trunk(other, torchvision_file(torchvision, tmp_path))
    with pytest.raises(ModelError, match=r"neither a \.caffemodel nor a \.safetensors"):
        start_trunk(other, tmp_path / "weights.pth")
