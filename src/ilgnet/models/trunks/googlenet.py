"""GoogLeNet (Inception-V1) up to inception_4a and its first auxiliary head: the trunk of 2016.

Layer by layer as in Caffe: pooling rounds its output size up, average pooling counts the padding,
local response normalisation divides alpha by its window. Pictures are BGR, 0..255, minus a mean.

Szegedy et al., "Going Deeper with Convolutions", CVPR 2015. ILGNet's trunk differs from it in one
thing: the pooling branch of every inception block takes the average, where GoogLeNet's takes the
maximum.
"""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import Any, Final, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output, Reduce
from ilgnet.models.initialisers import initialise
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

PoolBranch = Literal["average", "max"]


class Branches(NamedTuple):
    """Channels of the branches of an inception block."""

    one: int
    three_reduce: int
    three: int
    five_reduce: int
    five: int
    pool: int

    def scaled(self, width: float) -> Branches:
        """The same block, narrower."""
        return Branches(*(max(1, round(channels * width)) for channels in self))

    @property
    def channels(self) -> int:
        """Channels of the block's output."""
        return self.one + self.three + self.five + self.pool


BLOCK_3A: Final = Branches(64, 96, 128, 16, 32, 32)
BLOCK_3B: Final = Branches(128, 128, 192, 32, 96, 64)
BLOCK_4A: Final = Branches(192, 96, 208, 16, 48, 64)


class GoogLeNet(Trunk):
    """The trunk, with the maps "inception_3a", "inception_3b", "inception_4a", "loss1_conv".

    Args:
        pool_branch: pooling inside the inception blocks: "average" is ILGNet's, "max" GoogLeNet's.
        response_norm: normalise across channels as Caffe's GoogLeNet does; torchvision's does not.
        input_size: side of the pictures that a flattened tap is made for.
        width: multiplies the number of channels; 1 is the real network.
    """

    def __init__(
        self,
        *,
        pool_branch: PoolBranch = "average",
        response_norm: bool = True,
        input_size: int = 227,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        self.pool_branch = pool_branch
        self.response_norm = response_norm
        stem, conv2, aux = (max(1, round(channels * width)) for channels in (64, 192, 128))
        a, b, c = (block.scaled(width) for block in (BLOCK_3A, BLOCK_3B, BLOCK_4A))
        self.conv1 = _conv(3, stem, 7, stride=2)
        self.conv2_reduce = _conv(stem, stem, 1)
        self.conv2 = _conv(stem, conv2, 3)
        self.norm = LocalResponseNorm() if response_norm else nn.Identity()
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception_3a = Inception(conv2, a, pool_branch)
        self.inception_3b = Inception(a.channels, b, pool_branch)
        self.inception_4a = Inception(b.channels, c, pool_branch)
        self.loss1_pool = nn.AvgPool2d(5, 3, ceil_mode=True)
        self.loss1_conv = _conv(c.channels, aux, 1)

        self.input_size = input_size
        third = _pooled(_pooled((input_size + 1) // 2))
        fourth = _pooled(third)
        self.maps = {
            "inception_3a": FeatureMap(a.channels, 8, third),
            "inception_3b": FeatureMap(b.channels, 8, third),
            "inception_4a": FeatureMap(c.channels, 16, fourth),
            "loss1_conv": FeatureMap(aux, 48, _pooled(fourth, 5, 3)),
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn BGR pictures (N, 3, h, w), mean subtracted, into the four maps."""
        x = self.norm(self.pool(F.relu(self.conv1(images))))
        x = F.relu(self.conv2(F.relu(self.conv2_reduce(x))))
        inception_3a = self.inception_3a(self.pool(self.norm(x)))
        inception_3b = self.inception_3b(inception_3a)
        inception_4a = self.inception_4a(self.pool(inception_3b))
        loss1_conv = F.relu(self.loss1_conv(self.loss1_pool(inception_4a)))
        return {
            "inception_3a": inception_3a,
            "inception_3b": inception_3b,
            "inception_4a": inception_4a,
            "loss1_conv": loss1_conv,
        }


class Inception(nn.Module):
    """Four branches side by side: 1x1; 1x1 then 3x3; 1x1 then 5x5; 3x3 pooling then 1x1."""

    def __init__(self, inputs: int, branches: Branches, pool_branch: PoolBranch) -> None:
        super().__init__()
        self.one = _conv(inputs, branches.one, 1)
        self.three_reduce = _conv(inputs, branches.three_reduce, 1)
        self.three = _conv(branches.three_reduce, branches.three, 3)
        self.five_reduce = _conv(inputs, branches.five_reduce, 1)
        self.five = _conv(branches.five_reduce, branches.five, 5)
        pool = nn.AvgPool2d if pool_branch == "average" else nn.MaxPool2d
        self.pool = pool(3, 1, 1)
        self.pool_proj = _conv(inputs, branches.pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches in the order of the class's sentence."""
        branches = (
            self.one(x),
            self.three(F.relu(self.three_reduce(x))),
            self.five(F.relu(self.five_reduce(x))),
            self.pool_proj(self.pool(x)),
        )
        return F.relu(torch.cat(branches, dim=1))


class LocalResponseNorm(nn.Module):
    """Divide by (1 + alpha / 5 * sum of squares over 5 neighbouring channels) ** 0.75.

    Krizhevsky et al. 2012, as Caffe computes it: alpha 1e-4, divided by the window. The sum is a
    1x1 convolution with a banded matrix, which runs faster than the runtimes' own operator.
    """

    WINDOW: Final = 5
    ALPHA: Final = 1e-4

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (N, C, h, w)."""
        channel = torch.arange(x.shape[1], device=x.device)
        near = (channel[:, None] - channel[None, :]).abs() <= self.WINDOW // 2
        band = near.to(x.dtype)[:, :, None, None] * (self.ALPHA / self.WINDOW)
        scale = F.conv2d(x * x, band) + 1.0
        return x / (scale * scale.sqrt()).sqrt()


def _conv(inputs: int, outputs: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    return initialise(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2))


def _pooled(side: int, kernel: int = 3, stride: int = 2) -> int:
    return ceil((side - kernel) / stride) + 1


MEASURED: Final = Preprocess("warp", 256, 256, crop=227, channels="BGR")
"""The route that the published accuracies were measured on: the whole picture is squeezed to
256 x 256 and the centre taken; the network itself subtracts the centre of the mean image."""


def _ilgnet(
    output: Output,
    *,
    reduce: Reduce = "flatten",
    pool_branch: PoolBranch = "average",
    response_norm: bool = True,
    input_size: int = 227,
    width: float = 1.0,
) -> ILGNet:
    narrow, wide, connected = (round(channels * width) for channels in (256, 512, 1024))
    return ILGNet(
        GoogLeNet(
            pool_branch=pool_branch,
            response_norm=response_norm,
            input_size=input_size,
            width=width,
        ),
        taps={"inception_3a": narrow, "inception_3b": narrow, "loss1_conv": wide},
        reduce=reduce,
        connected=connected,
        output=output,
        mean_image=input_size if reduce == "flatten" else 1,
    )


def _entry(name: str, about: str, **options: Any) -> Architecture:
    return Architecture(name, about, partial(_ilgnet, **options), MEASURED, "high_low")


ARCHITECTURES: Final = (
    _entry("ilgnet_inception_v1", "ILGNet as published in 2016, layer by layer."),
    _entry(
        "ilgnet_inception_v1_pooled",
        "The same with pooled taps: a fifty-sixth of the size, pictures of any size.",
        reduce="mean_and_deviation",
    ),
    _entry(
        "ilgnet_inception_v1_max",
        "As published, with GoogLeNet's own pooling branch (max): to start from its weights.",
        pool_branch="max",
    ),
    _entry(
        "ilgnet_inception_v1_plain",
        "Pooled taps, max branch, no response norm: to start from torchvision's GoogLeNet.",
        reduce="mean_and_deviation",
        pool_branch="max",
        response_norm=False,
    ),
    Architecture(
        "ilgnet_inception_v1_tiny",
        "As published, narrow and small: for tests.",
        partial(_ilgnet, width=1 / 8, input_size=99),
        Preprocess("warp", 112, 112, crop=99, channels="BGR"),
        "high_low",
    ),
)
