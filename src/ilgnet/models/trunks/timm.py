"""Any convolutional trunk of timm, by the name "timm:NAME"; timm is an extra.

timm imports torchvision, whose wheels need the CUDA build of PyTorch; beside a CPU build it cannot
be imported, and then neither can timm. Weights are never fetched: start from a local file.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import torch
from torch import Tensor

from ilgnet.errors import ModelError, require
from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

PREFIX: Final = "timm:"


class TimmTrunk(Trunk):
    """A model of timm cut into feature maps, "stage1" (shallow) to the deepest.

    Args:
        name: of the model, as `timm.list_models()` has it.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        timm = require("timm", "timm", f"the trunk {PREFIX}{name}")
        try:
            self.model = timm.create_model(name, features_only=True, pretrained=False)
        except (RuntimeError, AttributeError) as error:
            raise ModelError(f"timm has no trunk {name!r} with feature maps: {error}") from error
        settings = self.model.default_cfg
        self.input_size = settings["input_size"][1]
        self.mean, self.std = settings["mean"], settings["std"]
        strides = self.model.feature_info.reduction()
        self.maps = {
            f"stage{index}": FeatureMap(tap.shape[1], stride, tap.shape[2])
            for index, (tap, stride) in enumerate(zip(self._probe(), strides, strict=True), 1)
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn RGB pictures (N, 3, h, w), normalised as timm says, into every stage's map."""
        return dict(zip(self.maps, self.model(images), strict=True))

    def _probe(self) -> list[Tensor]:
        training = self.model.training
        with torch.no_grad():
            taps: list[Tensor] = self.model.eval()(
                torch.zeros(1, 3, self.input_size, self.input_size)
            )
        self.model.train(training)
        return taps


def timm_architecture(name: str) -> Architecture:
    """The entry for "timm:NAME": ILGNet's head with the last three stages, pooled."""
    trunk = TimmTrunk(name.removeprefix(PREFIX))
    mean, std = (tuple(255 * value for value in three) for three in (trunk.mean, trunk.std))
    return Architecture(
        name,
        f"Pooled local and global taps on timm's {name.removeprefix(PREFIX)}.",
        partial(_ilgnet, name.removeprefix(PREFIX)),
        Preprocess("warp", trunk.input_size, trunk.input_size, mean=mean, std=std),
    )


def _ilgnet(name: str, output: Output) -> ILGNet:
    trunk = TimmTrunk(name)
    *_, first, second, last = trunk.maps
    return ILGNet(
        trunk,
        taps={first: None, second: None, last: None},
        reduce="mean_and_deviation",
        connected=256,
        output=output,
        dropout=0.5,
    )
