"""What a trunk is: a network that turns pictures into named feature maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """One of the maps that a trunk yields.

    Attributes:
        channels: of the map.
        stride: pixels of the input per position of the map, nominally.
        side: positions along each side of the map when the trunk is given square pictures of its
            own `input_size`; what a flattened tap is made for.
    """

    channels: int
    stride: int
    side: int


class Trunk(nn.Module):
    """Base of all trunks.

    A trunk sets `input_size` and `maps` when it is built, and its `forward` returns exactly the
    maps that it declares, under the same names, in the same order.

    Attributes:
        input_size: side in pixels of the pictures that the trunk was designed for.
        maps: what the trunk yields, in the order of depth.
        any_size: whether it takes pictures of other sides too.
    """

    input_size: int
    any_size: bool = True
    maps: Mapping[str, FeatureMap]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn pictures (N, 3, h, w) float32 into feature maps {name: (N, C, h', w')}."""
        raise NotImplementedError
