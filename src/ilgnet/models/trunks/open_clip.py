"""The image tower of any model of open_clip, by the name "open_clip:NAME"; open_clip is an extra.

"open_clip:NAME@SIDE" builds it for pictures of another side. The tower of words is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor

from ilgnet.errors import MissingExtra, ModelError
from ilgnet.models.architecture import Architecture
from ilgnet.models.trunks.borrowed import (
    BorrowedTrunk,
    beside_torchvision,
    borrowed_architecture,
    resample_embedding,
    split_size,
    thirds,
)

PREFIX: Final = "open_clip:"

TOWER: Final = "visual."
"""Where open_clip's files keep the image tower."""

EMBEDDING: Final = "positional_embedding"


class OpenClipTrunk(BorrowedTrunk):
    """The image tower of a model of open_clip, cut into feature maps.

    Args:
        name: of the model, as `open_clip.list_models()` has it, or NAME@SIDE.
    """

    def __init__(self, name: str) -> None:
        name, side = split_size(name)
        open_clip = beside_torchvision("open_clip", "open-clip", f"the trunk {PREFIX}{name}")
        tower = _built(open_clip, name, side)
        size = tower.image_size[0] if isinstance(tower.image_size, Sequence) else tower.image_size
        widths = [tap.shape[1] for tap in _all_maps(tower, size, name)]
        alike = len(set(widths)) == 1
        self._indices = list(thirds(len(widths)) if alike else range(len(widths)))
        if hasattr(tower, "prune_intermediate_layers"):  # what comes after them is of no use
            tower.prune_intermediate_layers(self._indices, prune_norm=False)
        mean, std = _normalisation(open_clip, name)
        channels = [widths[index] for index in self._indices]
        super().__init__(f"open_clip's {name}", tower, size, channels, mean, std)

    def _maps_of(self, images: Tensor) -> list[Tensor]:
        tower: Any = self.model
        found = tower.forward_intermediates(
            images, indices=self._indices, normalize_intermediates=True, intermediates_only=True
        )
        taps: list[Tensor] = found["image_intermediates"]
        return taps

    def own_weights(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Those of a file as open_clip writes it and its hub hands it out."""
        tower: Any = self.model
        own = tower.state_dict()
        named = {
            name.removeprefix(TOWER): tensor
            for name, tensor in tensors.items()
            if name.startswith(TOWER)
        }
        if EMBEDDING in own and EMBEDDING in named:
            given, grid = named[EMBEDDING][None], tower.grid_size
            prefix = own[EMBEDDING].shape[0] - grid[0] * grid[1]
            named[EMBEDDING] = resample_embedding(given, grid, prefix)[0]
        return named


def _built(open_clip: Any, name: str, side: int | None) -> Any:
    """The image tower with random weights; the words' tower goes as it came."""
    if name not in open_clip.list_models():
        raise ModelError(f"open_clip has no model {name!r}; open_clip.list_models() names them all")
    try:
        with _quiet():
            model = open_clip.create_model(name, pretrained_text=False, force_image_size=side)
    except (ImportError, RuntimeError) as error:
        raise MissingExtra(f"open_clip cannot build {name}: {error}") from error
    return model.visual


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the warning that the weights are random: they are meant to be."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _all_maps(tower: Any, side: int, name: str) -> list[Tensor]:
    try:
        with torch.no_grad():
            found = tower.eval().forward_intermediates(
                torch.zeros(1, 3, side, side), intermediates_only=True
            )
    except (AttributeError, NotImplementedError) as error:
        raise ModelError(f"open_clip's {name} hands out no feature maps: {error}") from error
    taps: list[Tensor] = found["image_intermediates"]
    return taps


def _normalisation(open_clip: Any, name: str) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation of the pixels: of the first weights that are published for the model."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    published = open_clip.get_pretrained_cfg(name, tags[0]) if tags else {}
    return (
        published.get("mean") or open_clip.OPENAI_DATASET_MEAN,
        published.get("std") or open_clip.OPENAI_DATASET_STD,
    )


def open_clip_architecture(name: str) -> Architecture:
    """The entry for "open_clip:NAME"."""
    model = name.removeprefix(PREFIX)
    about = f"Pooled local and global taps on the image tower of open_clip's {model}."
    return borrowed_architecture(name, about, OpenClipTrunk, model)
