"""EfficientNet-Lite 0, 1, 2 (Tan & Le 2019, arXiv:1905.11946; Google's "lite" edition of 2020).

Inverted residual blocks with ReLU6 and without squeeze-and-excitation; stem and head are not
widened. `rename` maps the parameter names of the PyTorch ports of Google's weights to ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from math import ceil
from typing import Final, Literal, cast

from torch import Tensor, nn

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks.same_conv import ConvUnit
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

STAGES: Final = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""(blocks, kernel, stride, expansion, channels) of the seven stages of EfficientNet-B0."""

VERSIONS: Final = {0: (1.0, 1.0, 224), 1: (1.0, 1.1, 240), 2: (1.1, 1.2, 260)}
"""Version -> (width, depth, input size)."""

IN_BLOCK: Final = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}
OUTSIDE: Final = {
    "_conv_stem": "stem.conv",
    "_bn0": "stem.norm",
    "_conv_head": "head.conv",
    "_bn1": "head.norm",
}


BATCH_NORM_MOMENTUM: Final = 0.01

unit: Final = partial(ConvUnit, momentum=BATCH_NORM_MOMENTUM)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; added to its input where the shapes agree."""

    def __init__(
        self, channels: int, filters: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = channels * expansion
        self.residual = stride == 1 and channels == filters
        self.expand = unit(channels, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = unit(wide, wide, kernel, stride=stride, groups=wide)
        self.project = unit(wide, filters, 1, linear=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) -> (N, filters, h / stride, w / stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite(Trunk):
    """Everything before the global average pool.

    Each stage's map is called "stage1" to "stage7" (strides 2, 4, 8, 16, 16, 32, 32), the last one
    "head". Height and width of the pictures should be multiples of 32.

    Args:
        version: 0, 1 or 2: how wide and deep.
        thin: multiplies all channels; 1 is the real network.
    """

    def __init__(self, version: Literal[0, 1, 2] = 0, *, thin: float = 1.0) -> None:
        super().__init__()
        width, depth, self.input_size = VERSIONS[version]
        channels, stride = _round_to_eight(32 * thin), 2
        self.stem = unit(3, channels, 3, stride=2)
        self.stages = nn.ModuleList()
        maps: dict[str, FeatureMap] = {}
        for index, (blocks, kernel, step, expansion, filters) in enumerate(STAGES):
            fixed = index in (0, len(STAGES) - 1)  # the lite edition does not deepen these
            repeats = blocks if fixed else ceil(blocks * depth)
            filters, stride = _round_to_eight(filters * width * thin), stride * step
            stage = [InvertedResidual(channels, filters, kernel, step, expansion)]
            stage += [
                InvertedResidual(filters, filters, kernel, 1, expansion) for _ in range(repeats - 1)
            ]
            self.stages.append(nn.Sequential(*stage))
            maps[f"stage{index + 1}"] = FeatureMap(filters, stride, self.input_size // stride)
            channels = filters
        head = _round_to_eight(1280 * thin)
        self.head = unit(channels, head, 1)
        self.maps = {**maps, "head": FeatureMap(head, stride, self.input_size // stride)}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn pictures (N, 3, h, w), (RGB - 127) / 128, into every stage's map."""
        x = self.stem(images)
        maps: dict[str, Tensor] = {}
        for name, stage in zip(self.maps, self.stages, strict=False):
            maps[name] = x = stage(x)
        maps["head"] = self.head(x)
        return maps


def _round_to_eight(channels: float) -> int:
    """The nearest multiple of eight that loses at most a tenth."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * channels else rounded + 8


def rename(trunk: EfficientNetLite, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our names for the weights of the PyTorch ports of EfficientNet-Lite; the classifier is left.

    Args:
        trunk: says how many blocks each stage has.
        state: "_conv_stem.weight", "_blocks.0._depthwise_conv.weight", "_bn1.bias" and so on.
    """
    prefixes = [
        f"stages.{s}.{b}."
        for s, stage in enumerate(trunk.stages)
        for b in range(len(cast("nn.Sequential", stage)))
    ]
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        module, _, parameter = name.rpartition(".")
        if block := re.match(r"_blocks\.(\d+)\.(.+)", module):
            renamed[f"{prefixes[int(block[1])]}{IN_BLOCK[block[2]]}.{parameter}"] = value
        elif module in OUTSIDE:
            renamed[f"{OUTSIDE[module]}.{parameter}"] = value
    return renamed


def lite_input(side: int) -> Preprocess:
    """The numbers that the ImageNet weights expect, squeezed to a square."""
    return Preprocess("warp", side, side, mean=(127.0,) * 3, std=(128.0,) * 3)


def _ilgnet(output: Output, *, version: Literal[0, 1, 2] = 0, thin: float = 1.0) -> ILGNet:
    return ILGNet(
        EfficientNetLite(version, thin=thin),
        taps={"stage3": None, "stage5": None, "head": None},
        reduce="mean_and_deviation",
        connected=round(256 * thin),
        output=output,
        dropout=0.5,
    )


def _entry(version: Literal[0, 1, 2], side: int) -> Architecture:
    about = f"Pooled local and global taps on EfficientNet-Lite {version}."
    build = partial(_ilgnet, version=version)
    return Architecture(f"ilgnet_efficientnet_lite{version}", about, build, lite_input(side))


# The published sides of 1 and 2, 240 and 260, are no multiples of 32, at which padding is exact.
ARCHITECTURES: Final = (
    _entry(0, 224),
    _entry(1, 256),
    _entry(2, 256),
    Architecture(
        "ilgnet_efficientnet_lite_tiny",
        "EfficientNet-Lite 0 at an eighth of the width: for tests.",
        partial(_ilgnet, thin=1 / 8),
        lite_input(96),
    ),
)
