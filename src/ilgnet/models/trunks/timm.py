"""Any trunk of timm that yields feature maps, by the name "timm:NAME"; timm is an extra.

"timm:NAME@SIDE" builds it for pictures of another side than timm has for it. Some trunks (Swin,
MaxViT) hand out their maps with the channels last; they are turned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from torch import Tensor

from ilgnet.errors import ModelError
from ilgnet.models.architecture import Architecture
from ilgnet.models.trunks.borrowed import (
    BorrowedTrunk,
    beside_torchvision,
    borrowed_architecture,
    resample_embedding,
    split_size,
    thirds,
)

PREFIX: Final = "timm:"

EMBEDDING: Final = "pos_embed"


class TimmTrunk(BorrowedTrunk):
    """A model of timm cut into feature maps.

    Args:
        name: of the model, as `timm.list_models()` has it, or NAME@SIDE.
    """

    def __init__(self, name: str) -> None:
        name, side = split_size(name)
        timm = beside_torchvision("timm", "timm", f"the trunk {PREFIX}{name}")
        model = _built(timm, name, side, features_only=True)
        strides = model.feature_info.reduction()
        widths = model.feature_info.channels()
        self._blocks: list[int] = []
        if len(set(strides)) == 1:
            self._blocks = list(thirds(len(model.feature_info.info)))
            widths = [model.feature_info.info[index]["num_chs"] for index in self._blocks]
            model = _built(timm, name, side)
            model.prune_intermediate_layers(self._blocks, prune_norm=False, prune_head=True)
        settings = model.default_cfg
        super().__init__(
            f"timm's {name}",
            model,
            side or settings["input_size"][1],
            widths,
            settings["mean"],
            settings["std"],
        )

    def _maps_of(self, images: Tensor) -> list[Tensor]:
        model: Any = self.model
        if not self._blocks:
            stages: list[Tensor] = model(images)
            return stages
        blocks: list[Tensor] = model.forward_intermediates(
            images, indices=self._blocks, norm=True, intermediates_only=True
        )
        return blocks

    def own_weights(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of a file as timm writes it and its hub hands it out."""
        model: Any = self.model
        own, named = model.state_dict(), dict(tensors)
        if EMBEDDING in own and EMBEDDING in named and own[EMBEDDING].ndim == 3:
            grid = model.patch_embed.grid_size
            prefix = own[EMBEDDING].shape[1] - grid[0] * grid[1]
            named[EMBEDDING] = resample_embedding(named[EMBEDDING], grid, prefix)
        return named


def _built(timm: Any, name: str, side: int | None, **options: Any) -> Any:
    """The model; one that takes pictures of any size has no option for it."""

    def create(**sized: Any) -> Any:
        return timm.create_model(name, pretrained=False, **sized, **options)

    try:
        if side is None:
            return create()
        try:
            return create(img_size=side)
        except TypeError:
            return create()
    except (RuntimeError, AttributeError) as error:
        raise ModelError(f"timm has no trunk {name!r} with feature maps: {error}") from error
    except AssertionError as error:
        raise ModelError(f"timm's {name} takes no pictures of {side} x {side}: {error}") from error


def timm_architecture(name: str) -> Architecture:
    """The entry for "timm:NAME"."""
    model = name.removeprefix(PREFIX)
    about = f"Pooled local and global taps on timm's {model}."
    return borrowed_architecture(name, about, TimmTrunk, model)
