"""EfficientNet-Lite with the last blocks of AVA's MobileNet grafted on: two educations, one trunk.

ImageNet taught the Lite what is in a picture; AVA's voters taught NIMA's MobileNet how it is shown.
Running both costs nearly twice as much. Instead, a small graft translates the Lite's middle maps
into what the MobileNet's block 8 would have shown, and its blocks 9 to 13 go on from there (the
idea of stitching networks: Lenc and Vedaldi 2015, arXiv:1411.5908; Bansal et al. 2021,
arXiv:2106.07682).
"""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite, lite_input
from ilgnet.models.trunks.mobilenet import BLOCKS, separable
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

NEAR: Final = "stage3"
"""The map, at stride 8, from which the graft takes texture."""

MIDDLE: Final = ("stage4", "stage5")
"""The maps, at stride 16, from which it takes the rest."""

FIRST_BLOCK: Final = 9
"""Of the MobileNet's thirteen: where the graft goes on."""


class Graft(nn.Module):
    """From the Lite's maps to the MobileNet's last one.

    Args:
        near: channels of the near map.
        middle: channels of the middle maps together.
        thin: multiplies all other channels; 1 is the real network.
    """

    def __init__(self, near: int, middle: int, *, thin: float = 1.0) -> None:
        super().__init__()
        texture, inner, channels = (round(n * thin) for n in (64, 256, 512))
        self.near = nn.Conv2d(near, texture, 3, stride=2, padding=1)
        self.enter = nn.Conv2d(middle + texture, inner, 1)
        self.spread = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.leave = nn.Conv2d(inner, channels, 1)
        self.blocks = nn.Sequential()
        for filters, stride in BLOCKS[FIRST_BLOCK - 1 :]:
            self.blocks.append(separable(channels, round(filters * thin), stride))
            channels = round(filters * thin)
        self.channels = channels

    def forward(self, near: Tensor, middle: Tensor) -> Tensor:
        """(N, near, 2 h, 2 w) and (N, middle, h, w) -> (N, 1024, h / 2, w / 2)."""
        texture = F.relu6(self.near(near))
        x = F.relu6(self.enter(torch.cat([middle, texture], dim=1)))
        x = F.relu6(x + self.spread(x))
        out: Tensor = self.blocks(F.relu6(self.leave(x)))
        return out


class GraftedLite(Trunk):
    """The maps of EfficientNet-Lite ("stage1" to "stage7", "head"), and the graft's, "ava".

    Height and width of the pictures should be multiples of 32.

    Args:
        version: 0, 1 or 2: how wide and deep the Lite is.
        thin: multiplies all channels; 1 is the real network.
    """

    def __init__(self, version: Literal[0, 1, 2] = 2, *, thin: float = 1.0) -> None:
        super().__init__()
        self.lite = EfficientNetLite(version, thin=thin)
        channels = {name: entry.channels for name, entry in self.lite.maps.items()}
        self.graft = Graft(channels[NEAR], sum(channels[name] for name in MIDDLE), thin=thin)
        self.input_size = 224
        maps = {
            name: FeatureMap(entry.channels, entry.stride, self.input_size // entry.stride)
            for name, entry in self.lite.maps.items()
        }
        head = maps.pop("head")
        self.maps = {**maps, "ava": FeatureMap(self.graft.channels, 32, 7), "head": head}

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn pictures (N, 3, h, w), (RGB - 127) / 128, into every map."""
        maps: dict[str, Tensor] = self.lite(images)
        middle = torch.cat([maps[name] for name in MIDDLE], dim=1)
        maps["ava"] = self.graft(maps[NEAR], middle)
        return {name: maps[name] for name in self.maps}


def _ilgnet(output: Output, *, version: Literal[0, 1, 2] = 2, thin: float = 1.0) -> ILGNet:
    return ILGNet(
        GraftedLite(version, thin=thin),
        taps=dict.fromkeys(("stage3", "stage5", "ava", "head")),
        reduce="mean_and_deviation",
        connected=round(192 * thin),
        output=output,
        dropout=0.5,
    )


ARCHITECTURES: Final = (
    Architecture(
        "ilgnet_grafted_lite2",
        "Pooled local and global taps on EfficientNet-Lite 2 and on AVA's MobileNet grafted to it.",
        _ilgnet,
        lite_input(224),
    ),
    Architecture(
        "ilgnet_grafted_lite_tiny",
        "The same on Lite 0, at an eighth of the width: for tests.",
        partial(_ilgnet, version=0, thin=1 / 8),
        lite_input(96),
    ),
)
