import pytest
import torch
import torch.nn.functional as F

from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite, rename


@pytest.mark.parametrize(
    ("version", "parameters"), [(0, 3_371_008), (1, 4_135_680), (2, 4_811_072)]
)
def test_size_is_the_published_one_without_the_classifier(version, parameters):
    # 4,652,008 for version 0 with the ImageNet classifier's 1280 x 1000 + 1000, and so on.
    assert sum(p.numel() for p in EfficientNetLite(version).parameters()) == parameters


@pytest.mark.parametrize("version", [0, 1, 2])
def test_maps_are_what_the_trunk_declares(version):
    trunk = EfficientNetLite(version, thin=1 / 4).eval()
    with torch.inference_mode():
        maps = trunk(torch.zeros(1, 3, 128, 192))
    assert list(maps) == list(trunk.maps)
    for name, declared in trunk.maps.items():
        expected = (1, declared.channels, 128 // declared.stride, 192 // declared.stride)
        assert maps[name].shape == expected


def test_at_stride_two_the_odd_pixel_is_padded_below_and_to_the_right():
    unit = EfficientNetLite(0).stages[2][0].depthwise.eval()  # 5 x 5, stride 2
    x = torch.rand(1, unit.conv.in_channels, 8, 8)
    with torch.inference_mode():
        padded = F.pad(x, (1, 2, 1, 2))
        expected = F.relu6(
            unit.norm(F.conv2d(padded, unit.conv.weight, stride=2, groups=unit.conv.groups))
        )
        torch.testing.assert_close(unit(x), expected)


def test_published_names_cover_every_weight():
    trunk = EfficientNetLite(1, thin=1 / 4)
    published = {}
    outside = {"stem.conv": "_conv_stem", "stem.norm": "_bn0"}
    outside |= {"head.conv": "_conv_head", "head.norm": "_bn1"}
    inside = {"expand.conv": "_expand_conv", "expand.norm": "_bn0"}
    inside |= {"depthwise.conv": "_depthwise_conv", "depthwise.norm": "_bn1"}
    inside |= {"project.conv": "_project_conv", "project.norm": "_bn2"}
    numbers = {
        f"stages.{s}.{b}": sum(len(stage) for stage in trunk.stages[:s]) + b
        for s, stage in enumerate(trunk.stages)
        for b in range(len(stage))
    }
    for name, tensor in trunk.state_dict().items():
        module, _, parameter = name.rpartition(".")
        if module in outside:
            published[f"{outside[module]}.{parameter}"] = tensor
        else:
            block, unit = ".".join(module.split(".")[:3]), ".".join(module.split(".")[3:])
            published[f"_blocks.{numbers[block]}.{inside[unit]}.{parameter}"] = tensor
    published |= {"_fc.weight": torch.zeros(1000, 1280), "_fc.bias": torch.zeros(1000)}
    renamed = rename(trunk, published)
    assert renamed.keys() == trunk.state_dict().keys()
    assert all(torch.equal(renamed[name], value) for name, value in trunk.state_dict().items())
