"""EfficientNet-Lite and AVA's MobileNet side by side: two educations, one trunk.

ImageNet taught the Lite what is in a picture; AVA's voters taught NIMA's MobileNet how it is shown.
Neither can stand in for the other (docs/decisions/0020), and both are small.
"""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from torch import Tensor

from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.technical import TechnicalHead
from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite, lite_input
from ilgnet.models.trunks.mobilenet import MobileNet
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

SCALE: Final = 128 / 127.5
SHIFT: Final = -0.5 / 127.5
"""From the Lite's numbers, (RGB - 127) / 128, to the MobileNet's, RGB / 127.5 - 1."""


class PairedLite(Trunk):
    """The maps of the MobileNet ("block1" to "block13") and the Lite's ("stage1" to "head").

    Height and width of the pictures should be multiples of 32.

    Args:
        version: 0, 1 or 2: how wide and deep the Lite is.
        thin: multiplies all channels of both; 1 is the real network.
    """

    def __init__(self, version: Literal[0, 1, 2] = 2, *, thin: float = 1.0) -> None:
        super().__init__()
        self.mobilenet = MobileNet(width=thin)
        self.lite = EfficientNetLite(version, thin=thin)
        self.input_size = self.mobilenet.input_size
        self.maps = {
            name: FeatureMap(entry.channels, entry.stride, self.input_size // entry.stride)
            for half in (self.mobilenet, self.lite)
            for name, entry in half.maps.items()
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn pictures (N, 3, h, w), (RGB - 127) / 128, into every map of both."""
        return {**self.mobilenet(images * SCALE + SHIFT), **self.lite(images)}


TAPS: Final = ("block5", "block11", "stage3", "stage5", "stage7", "block13", "head")
"""Of the shipped network: four local ones, then those that see the whole picture."""


LOOKED_AT: Final = ("stage3", "stage5")
"""By the technical head: at strides 8 and 16 lines and edges are still where they were."""


def _ilgnet(output: Output, *, thin: float = 1.0, technical: bool = False) -> ILGNet:
    trunk = PairedLite(thin=thin)
    channels = {name: trunk.maps[name].channels for name in LOOKED_AT}
    filters = round(64 * thin)
    return ILGNet(
        trunk,
        taps=dict.fromkeys(TAPS),
        reduce="mean_and_deviation",
        connected=round(192 * thin),
        output=output,
        dropout=0.5,
        features="last_map" if technical else "connected",
        technical=TechnicalHead(channels, filters, filters) if technical else None,
    )


ARCHITECTURES: Final = (
    Architecture(
        "ilgnet_paired_lite2",
        "Pooled local and global taps on EfficientNet-Lite 2 and AVA's MobileNet side by side.",
        _ilgnet,
        lite_input(224),
    ),
    Architecture(
        "ilgnet_paired_lite2_technical",
        "The same with a second output for frames of one scene, and features that know what is in "
        "a picture: the default model's network.",
        partial(_ilgnet, technical=True),
        lite_input(224),
    ),
    Architecture(
        "ilgnet_paired_lite_tiny",
        "The first at an eighth of the width: for tests.",
        partial(_ilgnet, thin=1 / 8),
        lite_input(96),
    ),
    Architecture(
        "ilgnet_paired_lite_technical_tiny",
        "The second at an eighth of the width: for tests.",
        partial(_ilgnet, thin=1 / 8, technical=True),
        lite_input(96),
    ),
)
