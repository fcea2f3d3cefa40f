"""Any convolutional trunk of timm, by the name "timm:NAME"; timm is an extra.

timm imports torchvision, whose wheels need the CUDA build of PyTorch; beside a CPU build it cannot
be imported, and then neither can timm. Weights are never fetched: start from a local file.

Some trunks (Swin, MaxViT) hand out their maps with the channels last; they are turned, and a map
that is neither is refused. A plain vision transformer has maps of one size only: its local taps are
those after a third and two thirds of its blocks.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from ilgnet.errors import MissingExtra, ModelError, require
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
        timm = _timm(name)
        self.model = _built(timm, name)
        strides = self.model.feature_info.reduction()
        if len(set(strides)) == 1:
            blocks = len(self.model.feature_info.info)
            taps = (blocks // 3 - 1, 2 * blocks // 3 - 1, blocks - 1)
            self.model = _built(timm, name, out_indices=taps)
            strides = self.model.feature_info.reduction()
        settings = self.model.default_cfg
        self.input_size = settings["input_size"][1]
        self.mean, self.std = settings["mean"], settings["std"]
        widths = self.model.feature_info.channels()
        probed = self._probe()
        self.channels_last = [
            _channels_last(m, w, name) for m, w in zip(probed, widths, strict=True)
        ]
        self.maps = {
            f"stage{index}": FeatureMap(tap.shape[1], stride, tap.shape[2])
            for index, (tap, stride) in enumerate(
                zip(self._turned(probed), strides, strict=True), 1
            )
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn RGB pictures (N, 3, h, w), normalised as timm says, into every stage's map."""
        return dict(zip(self.maps, self._turned(self.model(images)), strict=True))

    def _turned(self, taps: list[Tensor]) -> list[Tensor]:
        """The maps with their channels first, (N, C, h, w)."""
        return [
            tap.permute(0, 3, 1, 2).contiguous() if last else tap
            for tap, last in zip(taps, self.channels_last, strict=True)
        ]

    def _probe(self) -> list[Tensor]:
        training = self.model.training
        with torch.no_grad():
            taps: list[Tensor] = self.model.eval()(
                torch.zeros(1, 3, self.input_size, self.input_size)
            )
        self.model.train(training)
        return taps


def _timm(name: str) -> Any:
    try:
        return require("timm", "timm", f"the trunk {PREFIX}{name}")
    except RuntimeError as error:  # torchvision beside another PyTorch than its own
        raise MissingExtra(
            f"the trunk {PREFIX}{name} needs timm, which needs torchvision, and the torchvision "
            f"here does not fit this PyTorch ({error}). Install both from PyTorch's own index"
        ) from error


def _built(timm: Any, name: str, **options: Any) -> Any:
    try:
        return timm.create_model(name, features_only=True, pretrained=False, **options)
    except (RuntimeError, AttributeError) as error:
        raise ModelError(f"timm has no trunk {name!r} with feature maps: {error}") from error


def _channels_last(tap: Tensor, width: int, name: str) -> bool:
    """Whether a map is (N, h, w, C); a map that is neither that nor (N, C, h, w) is refused."""
    if tap.ndim == 4 and tap.shape[1] == width:
        return False
    if tap.ndim == 4 and tap.shape[3] == width:
        return True
    raise ModelError(
        f"timm's {name} yields a map of the shape {tuple(tap.shape)} where {width} channels were "
        "announced; such a trunk cannot be tapped"
    )


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
