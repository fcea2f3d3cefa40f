"""What a model was trained on, kept so that a test on the same pictures is noticed.

Beside a model's record lies `trained_on/<fingerprint>.txt.gz` for each collection that the record
names: the sorted keys of its pictures, one a line. A key is `<collection>:<id>` for pictures of a
published collection (`ava:953619`), else `sha256:<16 hex digits>` of the file's bytes. The second
kind is found again under any name and in any folder, and tells nobody what the files are called.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ilgnet.atomic import write_whole
from ilgnet.data.lists import read_lines
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.errors import DataError
from ilgnet.hashing import file_hash
from ilgnet.zoo.records import Weights, plain_name

FOLDER: Final = "trained_on"
BYTES: Final = "sha256:"
"""How keys by content begin."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pictures of a test list that the model has learned from.

    Attributes:
        leaked: name of the training collection -> ids of the test list that are in it.
        unchecked: training collections of which only the name is known.
    """

    leaked: dict[str, tuple[str, ...]]
    unchecked: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every leaked id."""
        return frozenset(name for names in self.leaked.values() for name in names)


def name_key(image: RatedImage) -> str | None:
    """The key of a picture that a published collection names; None for others."""
    return f"{image.collection}:{Path(image.id).stem}" if image.collection else None


def content_key(path: Path) -> str | None:
    """The key of a picture by its bytes; None where the file cannot be read."""
    try:
        return BYTES + file_hash(path)[:16]
    except OSError:
        return None


def picture_keys(images: Iterable[RatedImage]) -> list[str | None]:
    """One key for each picture: by name where a collection names it, else by content."""
    images = list(images)
    if all(image.collection for image in images):
        return [name_key(image) for image in images]
    with ThreadPoolExecutor(thread_name_prefix="ilgnet-keys") as pool:
        return list(pool.map(lambda image: name_key(image) or content_key(image.path), images))


def write_trained_on(folder: Path, rated: RatedSet) -> dict[str, Any]:
    """Note beside a model what it was trained on.

    Args:
        folder: the model's folder.
        rated: everything that its weights or the choice of them has seen: training pictures, and
            in a second call the validation pictures.

    Returns:
        The entry for `Weights.trained_on`: {"name", "images", "fingerprint"}.
    """
    keys = sorted({key for key in picture_keys(rated.images) if key})
    text = "".join(f"{key}\n" for key in keys)
    # No time stamp: the same pictures give the same file.
    write_whole(_keys_file(folder, rated.fingerprint), gzip.compress(text.encode(), mtime=0))
    return {"name": rated.name, "images": len(keys), "fingerprint": rated.fingerprint}


def find_overlap(weights: Weights, rated: RatedSet) -> Overlap:
    """Which pictures of a list a model was trained on.

    Raises:
        DataError: the note beside the model is damaged.
    """
    seen: dict[str, frozenset[str]] = {}
    unchecked = []
    for entry in weights.trained_on:
        path = _keys_file(weights.folder, entry["fingerprint"])
        if path.is_file():
            seen[entry["name"]] = _read_keys(path, entry["images"])
        elif entry["fingerprint"] == rated.fingerprint:
            return Overlap({entry["name"]: rated.ids})
        else:
            unchecked.append(entry["name"])
    return Overlap(_shared(rated, seen), tuple(unchecked))


def shared_pictures(rated: RatedSet, other: RatedSet) -> Overlap:
    """Which pictures of one list are in another."""
    keys = frozenset(key for key in picture_keys(other.images) if key)
    return Overlap(_shared(rated, {other.name: keys}))


def _shared(rated: RatedSet, seen: dict[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    names = [name_key(image) for image in rated.images]
    contents: list[str | None] = [None] * len(names)
    if any(key.startswith(BYTES) for keys in seen.values() for key in keys):
        with ThreadPoolExecutor(thread_name_prefix="ilgnet-keys") as pool:
            contents = list(pool.map(content_key, (image.path for image in rated.images)))
    leaked = {
        name: tuple(
            image.id
            for image, by_name, by_content in zip(rated.images, names, contents, strict=True)
            if by_name in keys or by_content in keys
        )
        for name, keys in seen.items()
    }
    return {name: ids for name, ids in leaked.items() if ids}


def _keys_file(folder: Path, fingerprint: str) -> Path:
    return folder / FOLDER / plain_name(f"{fingerprint}.txt.gz", folder)


def _read_keys(path: Path, count: int) -> frozenset[str]:
    keys = frozenset(line for _, line in read_lines(path))
    if len(keys) != count:
        raise DataError(
            f"{path} holds {len(keys)} pictures, but the model's record names {count}; "
            "the model's folder is damaged, install it again"
        )
    return keys
