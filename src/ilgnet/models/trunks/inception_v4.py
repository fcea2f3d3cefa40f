"""Inception-V4, whole: what the paper's "ILGNet on Inception V4" asks for.

Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on
Learning" (arXiv 1602.07261), figures 3 to 9. Every convolution is followed by batch norm and
ReLU; average pooling leaves the padding out of its divisor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.initialisers import initialise
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

Kernel = int | tuple[int, int]
Layer = tuple[int, Kernel] | tuple[int, Kernel, int]
"""Of a chain: output channels, kernel, and a stride. With a stride (of 1, too) the convolution is
"valid"; without one it is padded to keep the size."""


class InceptionConv(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: Kernel, stride: int | None) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if stride is None else 0
        self.conv = initialise(
            nn.Conv2d(inputs, outputs, (height, width), stride or 1, padding, bias=False)
        )
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, normalise, rectify."""
        return F.relu(self.norm(self.conv(x)))


class Chain(nn.Sequential):
    """Convolutions one after the other; knows how many channels come out."""

    def __init__(self, inputs: int, *layers: Layer) -> None:
        units = []
        for outputs, kernel, *stride in layers:
            units.append(InceptionConv(inputs, outputs, kernel, stride[0] if stride else None))
            inputs = outputs
        super().__init__(*units)
        self.channels: int = inputs


class Branches(nn.Module):
    """Chains side by side, concatenated; each may start with a pooling, and may fork at its end.

    Args:
        branches: the chains, poolings and forks, all on the same input.
    """

    def __init__(self, *branches: Chain | Fork | Pooled) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.channels: int = sum(branch.channels for branch in branches)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Pooled(nn.Module):
    """A pooling, and a convolution after it where there is one."""

    def __init__(self, pool: nn.Module, inputs: int, *layers: Layer) -> None:
        super().__init__()
        self.pool = pool
        self.chain = Chain(inputs, *layers)
        self.channels: int = self.chain.channels

    def forward(self, x: Tensor) -> Tensor:
        """Pool, then convolve."""
        out: Tensor = self.chain(self.pool(x))
        return out


class Fork(nn.Module):
    """A chain whose end goes through a 1x3 and a 3x1 convolution side by side."""

    def __init__(self, inputs: int, *layers: Layer, outputs: int) -> None:
        super().__init__()
        self.chain = Chain(inputs, *layers)
        end = self.chain.channels
        self.tines = Branches(Chain(end, (outputs, (1, 3))), Chain(end, (outputs, (3, 1))))
        self.channels: int = self.tines.channels

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, then both tines."""
        out: Tensor = self.tines(self.chain(x))
        return out


def _keep(kind: type[nn.AvgPool2d]) -> nn.Module:
    return kind(3, 1, 1, count_include_pad=False)


Width = Callable[[int], int]


def stem(n: Width) -> nn.Sequential:
    """299 x 299 x 3 to 35 x 35 x 384 (figure 3)."""
    first = Chain(3, (n(32), 3, 2), (n(32), 3, 1), (n(64), 3))
    second = Branches(
        Pooled(nn.MaxPool2d(3, 2), n(64)),
        Chain(n(64), (n(96), 3, 2)),
    )
    third = Branches(
        Chain(second.channels, (n(64), 1), (n(96), 3, 1)),
        Chain(second.channels, (n(64), 1), (n(64), (1, 7)), (n(64), (7, 1)), (n(96), 3, 1)),
    )
    fourth = Branches(
        Chain(third.channels, (third.channels, 3, 2)),
        Pooled(nn.MaxPool2d(3, 2), third.channels),
    )
    return nn.Sequential(first, second, third, fourth)


def block_a(inputs: int, n: Width) -> Branches:
    """35 x 35 (figure 4)."""
    return Branches(
        Chain(inputs, (n(96), 1)),
        Chain(inputs, (n(64), 1), (n(96), 3)),
        Chain(inputs, (n(64), 1), (n(96), 3), (n(96), 3)),
        Pooled(_keep(nn.AvgPool2d), inputs, (n(96), 1)),
    )


def reduction_a(inputs: int, n: Width) -> Branches:
    """35 x 35 to 17 x 17 (figure 7)."""
    return Branches(
        Chain(inputs, (n(384), 3, 2)),
        Chain(inputs, (n(192), 1), (n(224), 3), (n(256), 3, 2)),
        Pooled(nn.MaxPool2d(3, 2), inputs),
    )


def block_b(inputs: int, n: Width) -> Branches:
    """17 x 17 (figure 5)."""
    return Branches(
        Chain(inputs, (n(384), 1)),
        Chain(inputs, (n(192), 1), (n(224), (1, 7)), (n(256), (7, 1))),
        Chain(
            inputs,
            (n(192), 1),
            (n(192), (7, 1)),
            (n(224), (1, 7)),
            (n(224), (7, 1)),
            (n(256), (1, 7)),
        ),
        Pooled(_keep(nn.AvgPool2d), inputs, (n(128), 1)),
    )


def reduction_b(inputs: int, n: Width) -> Branches:
    """17 x 17 to 8 x 8 (figure 8)."""
    return Branches(
        Chain(inputs, (n(192), 1), (n(192), 3, 2)),
        Chain(inputs, (n(256), 1), (n(256), (1, 7)), (n(320), (7, 1)), (n(320), 3, 2)),
        Pooled(nn.MaxPool2d(3, 2), inputs),
    )


def block_c(inputs: int, n: Width) -> Branches:
    """8 x 8 (figure 6)."""
    return Branches(
        Chain(inputs, (n(256), 1)),
        Fork(inputs, (n(384), 1), outputs=n(256)),
        Fork(inputs, (n(384), 1), (n(448), (3, 1)), (n(512), (1, 3)), outputs=n(256)),
        Pooled(_keep(nn.AvgPool2d), inputs, (n(256), 1)),
    )


class InceptionV4(Trunk):
    """The trunk, with the maps "mixed_a", "mixed_b" and "mixed_c": the end of each stage.

    Args:
        input_size: side of the pictures that a flattened tap is made for.
        width: multiplies the number of channels; 1 is the real network.
    """

    def __init__(self, *, input_size: int = 299, width: float = 1.0) -> None:
        super().__init__()

        def n(channels: int) -> int:
            return max(1, round(channels * width))

        self.stem = stem(n)
        a = n(96) * 4
        self.stage_a = nn.Sequential(*(block_a(a, n) for _ in range(4)))
        self.reduction_a = reduction_a(a, n)
        b = self.reduction_a.channels
        self.stage_b = nn.Sequential(*(block_b(b, n) for _ in range(7)))
        self.reduction_b = reduction_b(b, n)
        c = self.reduction_b.channels
        self.stage_c = nn.Sequential(*(block_c(c, n) for _ in range(3)))

        self.input_size = input_size
        first = _halved(_halved(_halved(input_size) - 2) - 2)
        second = _halved(first)
        self.maps = {
            "mixed_a": FeatureMap(a, 8, first),
            "mixed_b": FeatureMap(b, 16, second),
            "mixed_c": FeatureMap(c, 32, _halved(second)),
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn RGB pictures (N, 3, h, w), -1 to 1, into the three maps."""
        mixed_a = self.stage_a(self.stem(images))
        mixed_b = self.stage_b(self.reduction_a(mixed_a))
        mixed_c = self.stage_c(self.reduction_b(mixed_b))
        return {"mixed_a": mixed_a, "mixed_b": mixed_b, "mixed_c": mixed_c}


def _halved(side: int) -> int:
    return (side - 3) // 2 + 1


SCALE: Final = (127.5, 127.5, 127.5)


def _ilgnet(output: Output, *, input_size: int = 299, width: float = 1.0) -> ILGNet:
    narrow, wide, connected = (round(channels * width) for channels in (256, 512, 1024))
    return ILGNet(
        InceptionV4(input_size=input_size, width=width),
        taps={"mixed_a": narrow, "mixed_b": narrow, "mixed_c": wide},
        reduce="mean_and_deviation",
        connected=connected,
        output=output,
    )


ARCHITECTURES: Final = (
    Architecture(
        "ilgnet_inception_v4",
        "ILGNet's head, with pooled taps, on a true Inception-V4.",
        _ilgnet,
        Preprocess("warp", 299, 299, mean=SCALE, std=SCALE),
        "high_low",
    ),
    Architecture(
        "ilgnet_inception_v4_tiny",
        "The same, narrow and small: for tests.",
        lambda output: _ilgnet(output, input_size=107, width=1 / 16),
        Preprocess("warp", 107, 107, mean=SCALE, std=SCALE),
        "high_low",
    ),
)
