"""MobileNet V1 (Howard et al. 2017, arXiv:1704.04861): depthwise separable convolutions.

The width-1.0 network that idealo trained on AVA's vote histograms (NIMA) is the only trunk at hand
that has seen AVA; `load_keras` reads its weights as Keras stores them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks.same_conv import ConvUnit
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

BLOCKS: Final = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)
"""(channels, stride) of the thirteen separable blocks; the stem before them has stride 2."""


def separable(channels: int, filters: int, stride: int) -> nn.Sequential:
    """One separable block: filter each channel, then mix them."""
    depthwise = ConvUnit(channels, channels, 3, stride=stride, groups=channels)
    return nn.Sequential(depthwise, ConvUnit(channels, filters, 1))


class MobileNet(Trunk):
    """Everything before the global average pool; each block's map is called "block1" to "block13".

    Height and width of the pictures should be multiples of 32.

    Args:
        width: multiplies the number of channels; 1 is the real network.
    """

    def __init__(self, *, width: float = 1.0) -> None:
        super().__init__()
        self.input_size = 224
        channels, stride = round(32 * width), 2
        self.stem = ConvUnit(3, channels, 3, stride=2)
        self.blocks = nn.ModuleList()
        maps: dict[str, FeatureMap] = {}
        for index, (filters, step) in enumerate(BLOCKS, start=1):
            filters, stride = round(filters * width), stride * step
            self.blocks.append(separable(channels, filters, step))
            maps[f"block{index}"] = FeatureMap(filters, stride, self.input_size // stride)
            channels = filters
        self.maps = maps

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn pictures (N, 3, h, w), RGB from -1 to 1, into every block's map."""
        x = self.stem(images)
        maps: dict[str, Tensor] = {}
        for name, block in zip(self.maps, self.blocks, strict=True):
            maps[name] = x = block(x)
        return maps


def load_keras(trunk: MobileNet, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    """Copy Keras weights ("conv_pw_1/kernel", (H, W, in, out)) into the trunk.

    Args:
        trunk: filled in place.
        arrays: by the names that Keras' MobileNet gives them; the dense layer is not read.
    """
    _load_unit(trunk.stem, "conv1", arrays)
    for index, block in enumerate(trunk.blocks, start=1):
        for kind, unit in zip(("dw", "pw"), cast("nn.Sequential", block), strict=True):
            _load_unit(cast("ConvUnit", unit), f"conv_{kind}_{index}", arrays)


def _load_unit(unit: ConvUnit, name: str, arrays: Mapping[str, NDArray[np.float32]]) -> None:
    depthwise = unit.conv.groups > 1
    kernel = arrays[f"{name}/{'depthwise_kernel' if depthwise else 'kernel'}"]
    order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
    values = {
        "conv.weight": kernel.transpose(order),
        "norm.weight": arrays[f"{name}_bn/gamma"],
        "norm.bias": arrays[f"{name}_bn/beta"],
        "norm.running_mean": arrays[f"{name}_bn/moving_mean"],
        "norm.running_var": arrays[f"{name}_bn/moving_variance"],
    }
    state = {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in values.items()}
    unit.load_state_dict({**state, "norm.num_batches_tracked": torch.tensor(0)})


NIMA_INPUT: Final = Preprocess("warp", 224, 224, mean=(127.5,) * 3, std=(127.5,) * 3)
"""The numbers that the AVA-trained weights expect: squeezed to a square, from -1 to 1."""


def _ilgnet(output: Output, *, width: float = 1.0) -> ILGNet:
    return ILGNet(
        MobileNet(width=width),
        taps=dict.fromkeys(("block5", "block9", "block11", "block12", "block13")),
        reduce="mean_and_deviation",
        connected=round(192 * width),
        output=output,
        dropout=0.5,
    )


ARCHITECTURES: Final = (
    Architecture(
        "ilgnet_mobilenet",
        "Pooled local and global taps on MobileNet V1; starts from NIMA's AVA weights.",
        _ilgnet,
        NIMA_INPUT,
    ),
    Architecture(
        "ilgnet_mobilenet_tiny",
        "The same at an eighth of the width: for tests.",
        lambda output: _ilgnet(output, width=1 / 8),
        Preprocess("warp", 64, 64, mean=(127.5,) * 3, std=(127.5,) * 3),
    ),
)
