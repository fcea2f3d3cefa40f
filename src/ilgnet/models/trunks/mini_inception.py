"""The trunk of the network that was released as "ILGNet on Inception V4".

It is no Inception-V4: seven small residual blocks, four of them with inception branches, 3.8 M
parameters, and no local taps in the released form. Facts from the released network description;
its batch norm is the layer of a Caffe fork, which divides by sqrt(variance + 1e-5).
"""

from __future__ import annotations

from math import ceil
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks.trunk import FeatureMap, Trunk


class MiniInception(Trunk):
    """The trunk, with the maps "conv2_2", "conv3_2", "conv4_2" and "pool4".

    Args:
        input_size: side of the pictures that a flattened tap is made for.
        width: multiplies the number of channels; 1 is the real network.
    """

    def __init__(self, *, input_size: int = 224, width: float = 1.0) -> None:
        super().__init__()

        def n(channels: int) -> int:
            return max(1, round(channels * width))

        self.conv1 = ConvPReLU(3, n(64), 7, stride=2, padding=0)
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)
        self.conv2_1 = Residual(
            ThreeBranches(n(64), n(32), n(64), n(16), n(32), n(32)), n(128), shortcut=n(64)
        )
        self.conv2_2 = Residual(ThreeBranches(n(128), n(32), n(64), n(16), n(32), n(32)), n(128))
        self.pooling2 = Downsample(n(128), n(128))
        self.conv3_1 = Residual(TwoBranches(n(128) * 2, n(128), n(64), n(128)), n(256))
        self.conv3_2 = Residual(TwoBranches(n(256), n(128), n(64), n(128)), n(256))
        self.pooling3 = Downsample(n(256), n(256))
        self.conv4_1 = Residual(
            Bottleneck(n(256) * 2, n(224), n(256)), n(1024), shortcut=n(256) * 2, norm=False
        )
        self.conv4_2 = Residual(Bottleneck(n(1024), n(224), n(256)), n(1024))
        self.average = nn.AvgPool2d(7, 1)

        self.input_size = input_size
        second = ceil(((input_size - 7) // 2 + 1) / 2)
        third = ceil(second / 2)
        fourth = ceil(third / 2)
        self.maps = {
            "conv2_2": FeatureMap(n(128), 4, second),
            "conv3_2": FeatureMap(n(256), 8, third),
            "conv4_2": FeatureMap(n(1024), 16, fourth),
            "pool4": FeatureMap(n(1024), 16, fourth - 6),
        }
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                _initialise(layer)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn BGR pictures (N, 3, h, w), mean subtracted, into the four maps."""
        conv2_2 = self.conv2_2(self.conv2_1(self.pool(self.conv1(images))))
        conv3_2 = self.conv3_2(self.conv3_1(self.pooling2(conv2_2)))
        conv4_2 = self.conv4_2(self.conv4_1(self.pooling3(conv3_2)))
        return {
            "conv2_2": conv2_2,
            "conv3_2": conv3_2,
            "conv4_2": conv4_2,
            "pool4": self.average(conv4_2),
        }


class ConvPReLU(nn.Module):
    """A convolution and a rectifier with one learned slope a channel."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int | None = None
    ) -> None:
        super().__init__()
        padding = kernel // 2 if padding is None else padding
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.prelu = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve and rectify."""
        rectified: Tensor = self.prelu(self.conv(x))
        return rectified


class ThreeBranches(nn.Module):
    """1x1 then 3x3; 1x1 then 5x5; 1x1: side by side."""

    def __init__(
        self, inputs: int, three_reduce: int, three: int, five_reduce: int, five: int, one: int
    ) -> None:
        super().__init__()
        self.three_reduce = ConvPReLU(inputs, three_reduce, 1)
        self.three = ConvPReLU(three_reduce, three, 3)
        self.five_reduce = ConvPReLU(inputs, five_reduce, 1)
        self.five = ConvPReLU(five_reduce, five, 5)
        self.one = ConvPReLU(inputs, one, 1)
        self.channels = three + five + one

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches in the order of the class's sentence."""
        three = self.three(self.three_reduce(x))
        five = self.five(self.five_reduce(x))
        return torch.cat((three, five, self.one(x)), dim=1)


class TwoBranches(nn.Module):
    """1x1; 1x1 then 3x3: side by side."""

    def __init__(self, inputs: int, one: int, three_reduce: int, three: int) -> None:
        super().__init__()
        self.one = ConvPReLU(inputs, one, 1)
        self.three_reduce = ConvPReLU(inputs, three_reduce, 1)
        self.three = ConvPReLU(three_reduce, three, 3)
        self.channels = one + three

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate the branches in the order of the class's sentence."""
        return torch.cat((self.one(x), self.three(self.three_reduce(x))), dim=1)


class Bottleneck(nn.Module):
    """1x1 then 3x3."""

    def __init__(self, inputs: int, reduce: int, three: int) -> None:
        super().__init__()
        self.reduce = ConvPReLU(inputs, reduce, 1)
        self.three = ConvPReLU(reduce, three, 3)
        self.channels = three

    def forward(self, x: Tensor) -> Tensor:
        """One after the other."""
        out: Tensor = self.three(self.reduce(x))
        return out


class Residual(nn.Module):
    """A body, projected to `channels`, added to its input, then normalised and rectified.

    Args:
        body: what is projected.
        channels: of the output.
        shortcut: channels of the input where it must be projected too; None adds it as it is.
        norm: batch norm and ReLU after the sum; without it, a PReLU.
    """

    def __init__(
        self,
        body: ThreeBranches | TwoBranches | Bottleneck,
        channels: int,
        *,
        shortcut: int | None = None,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.body = body
        self.project = nn.Conv2d(body.channels, channels, 1)
        self.shortcut = nn.Identity() if shortcut is None else nn.Conv2d(shortcut, channels, 1)
        self.after: nn.BatchNorm2d | nn.PReLU = (
            _batch_norm(channels) if norm else nn.PReLU(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Body and shortcut, summed."""
        total = self.after(self.shortcut(x) + self.project(self.body(x)))
        return F.relu(total) if isinstance(self.after, nn.BatchNorm2d) else total


class Downsample(nn.Module):
    """Half the size: a strided convolution beside a max pooling, concatenated."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ConvPReLU(inputs, outputs, 3, stride=2)
        self.pool = nn.MaxPool2d(2, 2, ceil_mode=True)

    def forward(self, x: Tensor) -> Tensor:
        """Concatenate convolved and pooled."""
        return torch.cat((self.conv(x), self.pool(x)), dim=1)


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels, eps=1e-5)
    nn.init.constant_(norm.bias, 0.001)
    return norm


def _initialise(layer: nn.Conv2d | nn.Linear) -> None:
    nn.init.normal_(layer.weight, std=0.01)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


MEASURED: Final = Preprocess("warp", 256, 256, crop=224, channels="BGR")
"""As for the first network, with the crop that this one was trained with."""


def _released(output: Output, *, input_size: int = 224, width: float = 1.0) -> ILGNet:
    network = ILGNet(
        MiniInception(input_size=input_size, width=width),
        taps={"pool4": None},
        reduce="flatten",
        connected=None,
        output=output,
        dropout=0.4,
        mean_image=input_size,
    )
    _initialise(network.output)
    return network


def _ilgnet(output: Output) -> ILGNet:
    return ILGNet(
        MiniInception(),
        taps={"conv2_2": 256, "conv3_2": 256, "conv4_2": 512},
        reduce="mean_and_deviation",
        connected=1024,
        output=output,
        mean_image=1,
    )


ARCHITECTURES: Final = (
    Architecture(
        "mini_inception_residual",
        'The network released as "Inception V4", which it is not; no local taps.',
        _released,
        MEASURED,
        "high_low",
    ),
    Architecture(
        "mini_inception_residual_tiny",
        "The same, narrow and small: for tests.",
        lambda output: _released(output, input_size=112, width=1 / 8),
        Preprocess("warp", 128, 128, crop=112, channels="BGR"),
        "high_low",
    ),
    Architecture(
        "ilgnet_mini_inception",
        "Pooled local and global taps on the mini-inception trunk.",
        _ilgnet,
        MEASURED,
        "high_low",
    ),
)
