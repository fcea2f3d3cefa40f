"""The published networks, layer by layer: shapes, parameter counts, fillers, learning rates."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import nn

from ilgnet.models.caffe.networks import caffe_layers
from ilgnet.models.groups import optimizer_groups
from ilgnet.models.registry import create

# layer -> (output without the batch, parameters), from the specification's table
ILGNET = {
    "conv1": ((64, 114, 114), 9_472),
    "conv2_reduce": ((64, 57, 57), 4_160),
    "conv2": ((192, 57, 57), 110_784),
    "inception_3a": ((256, 28, 28), 163_696),
    "inception_3b": ((480, 28, 28), 388_736),
    "inception_4a": ((512, 14, 14), 376_176),
    "loss1_pool": ((512, 4, 4), 0),
    "loss1_conv": ((128, 4, 4), 65_664),
}
HEAD = {
    "taps.inception_3a": (256, 51_380_480),
    "taps.inception_3b": (256, 96_338_176),
    "taps.loss1_conv": (512, 1_049_088),
    "connected": (1024, 1_049_600),
    "output": (2, 2_050),
}
# channels in - channels out / kernel, of the branches of the three inception blocks
BRANCHES = {
    "inception_3a": "192-64/1 192-96/1 96-128/3 192-16/1 16-32/5 192-32/1",
    "inception_3b": "256-128/1 256-128/1 128-192/3 256-32/1 32-96/5 256-64/1",
    "inception_4a": "480-192/1 480-96/1 96-208/3 480-16/1 16-48/5 480-64/1",
}
MINI = {
    "conv1": (64, 109, 109),
    "pool": (64, 55, 55),
    "conv2_1": (128, 55, 55),
    "conv2_2": (128, 55, 55),
    "pooling2": (256, 28, 28),
    "conv3_1": (256, 28, 28),
    "conv3_2": (256, 28, 28),
    "pooling3": (512, 14, 14),
    "conv4_1": (1024, 14, 14),
    "conv4_2": (1024, 14, 14),
    "average": (1024, 8, 8),
}


@pytest.fixture(scope="module")
def ilgnet():
    return create("ilgnet_inception_v1")


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def output_shapes(network, side: int) -> dict[str, list[tuple[int, ...]]]:
    """What every module returned in one run, without the batch."""
    seen: dict[str, list[tuple[int, ...]]] = {}

    def note(name: str):
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor):
                seen.setdefault(name, []).append(tuple(output.shape[1:]))

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in network.named_modules()]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    for handle in handles:
        handle.remove()
    return seen


def test_the_2016_network_has_every_shape_and_count_of_the_table(ilgnet):
    shapes = output_shapes(ilgnet, 227)
    modules = dict(ilgnet.named_modules())
    for name, (shape, count) in ILGNET.items():
        assert shapes[f"trunk.{name}"] == [shape], name
        assert parameters(modules[f"trunk.{name}"]) == count, name
    for name, (width, count) in HEAD.items():
        assert shapes[name] == [(width,)], name
        assert parameters(modules[name]) == count, name
    # pool1 and its norm, then the norm and pool2, then pool3, each in the published order.
    assert shapes["trunk.pool"] == [(64, 57, 57), (192, 28, 28), (480, 14, 14)]
    assert shapes["trunk.norm"] == [(64, 57, 57), (192, 57, 57)]
    assert parameters(ilgnet) == 150_938_082


def test_its_branches_are_the_published_ones(ilgnet):
    for block, expected in BRANCHES.items():
        convs = [m for m in getattr(ilgnet.trunk, block).children() if isinstance(m, nn.Conv2d)]
        found = [f"{conv.in_channels}-{conv.out_channels}/{conv.kernel_size[0]}" for conv in convs]
        assert " ".join(found) == expected, block
        assert isinstance(getattr(ilgnet.trunk, block).pool, nn.AvgPool2d)


def test_it_drops_seven_tenths_at_four_places(ilgnet):
    dropped = {n: m.p for n, m in ilgnet.named_modules() if isinstance(m, nn.Dropout)}
    assert dropped == {
        "taps.inception_3a.layer.2": 0.7,
        "taps.inception_3b.layer.2": 0.7,
        "taps.loss1_conv.layer.2": 0.7,
        "connected.2": 0.7,
    }


def test_it_starts_from_caffes_fillers(ilgnet):
    for name, layer in ilgnet.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = sqrt(3 / layer.weight[0].numel())
            assert layer.weight.abs().max() <= bound, name
            if layer.weight.numel() > 10_000:  # the spread of a uniform distribution
                assert layer.weight.std().item() == pytest.approx(bound / sqrt(3), rel=0.03), name
            bias = 0.0 if name == "output" else 0.2
            assert torch.all(layer.bias == torch.tensor(bias)), name


def test_its_learning_rates_are_the_published_multiples(ilgnet):
    groups = optimizer_groups(ilgnet, learning_rate=1e-4, weight_decay=2e-4)
    found = {group["name"]: (group["lr"], group["weight_decay"]) for group in groups}
    assert found == {
        "trunk weight": (pytest.approx(1e-4), 2e-4),
        "trunk bias": (pytest.approx(2e-4), 0.0),
        "head weight": (pytest.approx(1e-3), 2e-4),
        "head bias": (pytest.approx(2e-3), 0.0),
    }
    by_name = {group["name"]: group["params"] for group in groups}
    assert len(by_name["head weight"]) == len(by_name["head bias"]) == 5
    assert len(by_name["trunk weight"]) == 3 + 3 * 6 + 1


def test_every_parameter_is_in_one_group_and_norms_do_not_decay():
    network = create("mini_inception_residual_tiny")
    network.trunk.conv1.requires_grad_(False)
    groups = optimizer_groups(network, learning_rate=1.0, weight_decay=1.0)
    grouped = [parameter for group in groups for parameter in group["params"]]
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert {id(p) for p in grouped} == {id(p) for p in learning}
    assert len(grouped) == len(learning)
    norm = next(group for group in groups if group["name"] == "trunk norm")
    assert norm["weight_decay"] == 0.0
    assert any(p is network.trunk.conv2_1.after.weight for p in norm["params"])


def test_caffe_layers_bear_the_published_names(ilgnet):
    blocks = [f"inception_{n}" for n in ("3a", "3b", "4a")]
    branches = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
    expected = {"conv1/7x7_s2", "conv2/3x3_reduce", "conv2/3x3", "loss1/conv"}
    expected |= {f"{block}/{branch}" for block in blocks for branch in branches}
    expected |= {"temp1", "temp2", "temp3", "temp_cjy", "loss1/classifier_cjy"}
    layers = caffe_layers(ilgnet)
    assert {layer.name for layer in layers if layer.blobs} == expected
    assert sum(blob.numel() for layer in layers for blob in layer.blobs) == 150_938_082


def test_the_residual_network_has_every_shape_and_the_published_count():
    network = create("mini_inception_residual")
    shapes = output_shapes(network, 224)
    for name, shape in MINI.items():
        assert shapes[f"trunk.{name}"] == [shape], name
    assert shapes["taps.pool4"] == [(65_536,)]
    assert parameters(network) == 3_811_586
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.4]
    assert [n for n, m in network.named_modules() if isinstance(m, nn.BatchNorm2d)] == [
        f"trunk.conv{n}.after" for n in ("2_1", "2_2", "3_1", "3_2", "4_2")
    ]
    assert isinstance(network.trunk.conv4_1.after, nn.PReLU)


def test_inception_v4_is_the_whole_network():
    network = create("ilgnet_inception_v4")
    # 42,679,816 with the classifier of 1000 classes, which is 1536 x 1000 + 1000.
    assert parameters(network.trunk) == 42_679_816 - 1_537_000
    with torch.no_grad():
        maps = network.trunk.eval()(torch.zeros(1, 3, 299, 299))
    assert {name: tuple(x.shape[1:]) for name, x in maps.items()} == {
        "mixed_a": (384, 35, 35),
        "mixed_b": (1024, 17, 17),
        "mixed_c": (1536, 8, 8),
    }


def multiply_adds(network, side: int) -> int:
    """Of convolutions and fully connected layers, for one picture."""
    total = 0

    def count(layer: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        total += layer.weight[0].numel() * output.numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, side, side))
    return total


def test_they_cost_what_the_specification_says(ilgnet):
    assert multiply_adds(ilgnet, 227) == pytest.approx(1.15e9, rel=0.01)
    assert multiply_adds(create("mini_inception_residual"), 224) == pytest.approx(1.47e9, rel=0.01)
