"""The rated pictures of a run: read, divided into training and validation, decoded into a cache."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from ilgnet.data.identity import all_keys, first_of_same, name_key
from ilgnet.data.loading import (
    UNVARIED,
    CachedPicture,
    PictureCache,
    RatedPictures,
    Targets,
    Variation,
)
from ilgnet.data.overlap import shared_pictures
from ilgnet.data.protocols import find_protocol, read_protocol, without_band
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.data.scale import Scale
from ilgnet.data.tables import TableForm
from ilgnet.errors import DataError, amount
from ilgnet.images.preprocess import Preprocess
from ilgnet.report.progress import track
from ilgnet.training.recipe import AugmentRecipe, DataRecipe
from ilgnet.values import Failure

FEWEST: Final = 4
"""Readable pictures in a set below which nothing can be learned or measured."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rated pictures to learn from, and those that choose the best weights."""

    train: RatedSet
    validation: RatedSet


def read_split(recipe: DataRecipe, seed: int) -> Split:
    """Read the rated pictures that a recipe names, and divide them.

    Raises:
        DataError: a list is not what it should be, or lists that must not share a picture do.
    """
    if not recipe.train:
        raise DataError("which pictures? Give them with --data, or as data.train in the recipe")
    train = _part(recipe, "train", recipe.train)
    validation = _part(recipe, "validation", recipe.validation)
    if train is None:
        raise DataError(
            f"the protocol {recipe.protocol} has no part to learn from; its pictures are a test"
        )
    if validation is not None:
        split = Split(train, validation)
        _refuse_shared(split.train, split.validation)
    else:
        split = divide(train, recipe.validation_share, seed)
    if (test := _part(recipe, "test", recipe.test)) is not None:
        _refuse_shared(split.train, test)
        _refuse_shared(split.validation, test)
    if recipe.delta:
        split = Split(without_band(split.train, recipe.delta), split.validation)
    return split


def _part(recipe: DataRecipe, part: str, source: str) -> RatedSet | None:
    """The pictures of one part; None where there is none."""
    if not recipe.protocol:
        return _read(recipe, source) if source else None
    protocol = find_protocol(recipe.protocol)
    if part not in protocol.parts:
        return None
    images = Path(recipe.images) if recipe.images else None
    return read_protocol(protocol, Path(recipe.train), part, images=images)


def _read(recipe: DataRecipe, source: str) -> RatedSet:
    columns = recipe.columns | ({"group": recipe.group} if recipe.group else {})
    scale = Scale.parse(recipe.scale) if recipe.scale else None

    def read(images: Path | None) -> RatedSet:
        return read_rated(
            Path(source),
            images=images,
            ratings=Path(recipe.ratings) if recipe.ratings else None,
            form=TableForm(columns, scale, recipe.where, recipe.collection),
        )

    rated = read(Path(recipe.images) if recipe.images else None)
    if recipe.images and not any(image.path.is_file() for image in rated.images):
        # The folder is another list's; the paths of this one may be relative to it.
        beside = read(None)
        return beside if any(image.path.is_file() for image in beside.images) else rated
    return rated


def _refuse_shared(rated: RatedSet, other: RatedSet) -> None:
    overlap = shared_pictures(other, rated)
    if overlap.ids:
        raise DataError(
            f"{rated.name} and {other.name} share {amount(len(overlap.ids), 'picture')}, "
            f"{min(overlap.ids)} for one; figures measured on them would be worthless. Take them "
            "out of one of the lists"
        )
    if overlap.unread == len(other.images):
        raise DataError(
            f"no picture of {other.name} could be read, so nobody can say whether {rated.name} has "
            f"it too; the first is {other.images[0].path}. Say where the pictures are"
        )


def divide(rated: RatedSet, share: float, seed: int) -> Split:
    """Keep a share of the pictures for validation, never dividing a group.

    Pictures of one group (a shoot, a theme) resemble each other, and copies of one file are the
    same: a network that has learned one of them knows the others.

    Args:
        rated: all pictures.
        share: of the pictures to keep, 0..1; passed by at most one group.
        seed: of the draw.
    """
    groups = _indivisible(rated.images)
    sizes = Counter(groups)
    names = np.random.default_rng(seed).permutation(sorted(sizes)).tolist()
    before = np.cumsum([0, *(sizes[name] for name in names)])[:-1]
    kept = {
        name for name, pictures in zip(names, before, strict=True) if pictures < share * len(groups)
    }
    held = {image.id for image, group in zip(rated.images, groups, strict=True) if group in kept}
    if len(held) == len(groups):
        raise DataError(
            f"{rated.name} cannot be divided into training and validation: its {len(groups)} "
            f"pictures form {len(names)} groups. Give more pictures, or a list of its own with "
            "data.validation"
        )
    return Split(rated.without(held), rated.without(set(rated.ids) - held))


def _indivisible(images: Sequence[RatedImage]) -> list[str]:
    """The name of each picture's group; copies of one picture join the groups that they are in."""
    if all(image.collection for image in images):
        return [image.group or name_key(image) for image in images]
    keys = all_keys(images)
    first = first_of_same(keys)
    own = [image.group or key.content or image.id for image, key in zip(images, keys, strict=True)]
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while name in joined:
            name = joined[name]
        return name

    for row, other in enumerate(first):
        if root(own[row]) != root(own[other]):
            joined[root(own[row])] = root(own[other])
    return [root(name) for name in own]


@dataclass(frozen=True, slots=True)
class LoadedSplit:
    """What a run learns from and is validated on, ready for the network.

    Attributes:
        split: the pictures that can be read.
        train: them as varied network inputs.
        validation: them as scoring sees them.
        failures: pictures that cannot be read.
    """

    split: Split
    train: RatedPictures
    validation: RatedPictures
    failures: tuple[Failure, ...]

    @property
    def identity(self) -> str:
        """Twelve hex digits that change with the pictures and with what people say of them."""
        digest = hashlib.sha256()
        for rated, pictures in (
            (self.split.train, self.train),
            (self.split.validation, self.validation),
        ):
            digest.update("\0".join(rated.ids).encode(errors="surrogateescape"))
            for column in pictures.targets:
                digest.update(column.numpy().tobytes())
        return digest.hexdigest()[:12]


def load_split(
    split: Split,
    cache: Path,
    preprocess: Preprocess,
    augment: AugmentRecipe,
    *,
    seed: int,
    threads: int,
    show: bool | None,
) -> LoadedSplit:
    """Decode every picture into the cache; those that cannot be read are left out and listed.

    Args:
        split: what to decode.
        cache: the folder.
        preprocess: how a picture becomes the network's input.
        augment: how training pictures are varied.
        seed: of the variation.
        threads: pictures decoded side by side.
        show: progress on stderr, as in `ilgnet.report.progress.track`.
    """
    variation = Variation(augment.mirror, augment.crop == "random", augment.zoom)
    train, learned, failed = _load(split.train, cache, preprocess, variation, seed, threads, show)
    validation, kept, lost = _load(
        split.validation, cache, preprocess, UNVARIED, seed, threads, show
    )
    return LoadedSplit(Split(train, validation), learned, kept, (*failed, *lost))


def _load(
    rated: RatedSet,
    folder: Path,
    preprocess: Preprocess,
    variation: Variation,
    seed: int,
    threads: int,
    show: bool | None,
) -> tuple[RatedSet, RatedPictures, list[Failure]]:
    cache = PictureCache(folder, preprocess, variation.zoom)
    outcomes = list(
        track(
            cache.add_all(rated.images, threads=threads),
            total=len(rated.images),
            show=show,
            label=f"Reading {rated.name}",
        )
    )
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    pictures = [outcome for outcome in outcomes if isinstance(outcome, CachedPicture)]
    if len(pictures) < FEWEST:
        raise DataError(_too_few(rated, len(pictures), failures))
    readable = rated.without({failure.path for failure in failures}) if failures else rated
    targets = Targets.of(readable)
    return readable, RatedPictures(pictures, targets, preprocess, variation, seed), failures


def _too_few(rated: RatedSet, pictures: int, failures: list[Failure]) -> str:
    fewest = f"{FEWEST} are the fewest that mean anything"
    if not failures:
        return (
            f"{pictures} pictures of {rated.name} are left to learn from, or for validation, and "
            f"{fewest}. Rate more pictures, or change data.validation_share"
        )
    first = f"{failures[0].path}: {failures[0].message}"
    return (
        f"only {pictures} of the {pictures + len(failures)} pictures of {rated.name} can be read, "
        f"and {fewest}; the first that cannot: {first}. Say where the pictures are with --images"
    )
