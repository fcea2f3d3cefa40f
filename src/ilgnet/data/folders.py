"""Rated pictures from folders: one folder for each class, or for each rating."""

from __future__ import annotations

import re
from pathlib import Path

from ilgnet.data.lists import set_name
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.data.scale import Scale
from ilgnet.data.tables import LABELS
from ilgnet.errors import DataError
from ilgnet.images.sources import find_images
from ilgnet.values import ImageRef

_NUMBER = re.compile(r"\d+(\.\d+)?")


def read_folders(folder: Path, scale: Scale | None = None) -> RatedSet:
    """Read `high/` and `low/` (or `good/` and `bad/`), or folders named by a rating on a scale.

    Args:
        folder: holds one folder for each class, with its pictures at any depth.
        scale: where the folders' names are ratings, such as 1, 2, 3, 4, 5.

    Raises:
        DataError: says which folders were found and which are understood.
    """
    classes = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    names = [f.name for f in classes]
    rated_by_number = scale is not None and all(map(_NUMBER.fullmatch, names))
    if not classes or not (rated_by_number or all(name.lower() in LABELS for name in names)):
        raise DataError(
            f"{folder} has the folders: {', '.join(names) or 'none'}. Name them high and low, "
            "or by a rating (1, 2, 3, 4, 5) and say its scale, as in --scale 1..5"
        )
    images: list[RatedImage] = []
    for place in classes:
        mean = label = None
        if rated_by_number and scale is not None:
            mean = _mean(place, scale)
        else:
            label = LABELS[place.name.lower()]
        for path in _pictures(place):
            name = path.relative_to(folder).as_posix()
            images.append(RatedImage(name, path, mean=mean, label=label))
    return RatedSet(
        set_name(folder), tuple(images), scale=str(scale) if rated_by_number else "high or low"
    )


def _mean(place: Path, scale: Scale) -> float:
    value = float(place.name)
    if value not in scale:
        raise DataError(f"the folder {place} is not a rating on the scale {scale}; rename it")
    return scale.to_ten(value)


def _pictures(place: Path) -> list[Path]:
    """The pictures of one class; what cannot be read is found by reading, not here."""
    return [Path(ref.id) for ref in find_images([place]) if isinstance(ref, ImageRef)]
