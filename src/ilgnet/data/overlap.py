"""What a model was trained on, kept so that a test on the same pictures is noticed.

Beside a model's record lies `trained_on/<fingerprint>.txt.gz` for each list that the record names:
one line for each picture, with what it is recognised by (`ilgnet.data.identity`), sorted. It is
found again under any name and in any folder, and nobody is told what the files are called.
"""

from __future__ import annotations

import gzip
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ilgnet.atomic import write_whole
from ilgnet.data.identity import KnownPictures, PictureKeys, all_keys, name_key
from ilgnet.data.lists import read_lines
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.errors import DataError, amount
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.records import Weights

FOLDER: Final = "trained_on"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Pictures of a test list that the model has learned from.

    Attributes:
        leaked: name of the training list -> ids of the test list that are in it.
        possible: name of what was learned from, where that is an unknown part of a collection ->
            ids of the test list that are of this collection.
        unchecked: what was learned from, where the test list cannot be compared with it.
        compared: by what the pictures were compared: "ids", "bytes", "looks".
        unread: pictures of the test list whose files had to be read and could not.
    """

    leaked: dict[str, tuple[str, ...]]
    possible: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unchecked: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    unread: int = 0

    @property
    def ids(self) -> frozenset[str]:
        """Every id that the model has, or may have, learned from."""
        lists = (*self.leaked.values(), *self.possible.values())
        return frozenset(name for names in lists for name in names)

    def compared_words(self) -> str:
        """By what the pictures were compared, in words; "" where nothing could be."""
        words = [COMPARED[each] for each in self.compared]
        limits = []
        if self.compared and "looks" not in self.compared:
            limits.append("a file that was saved again would not be noticed")
        if self.unread:
            limits.append(f"{amount(self.unread, 'file')} could not be read")
        return " and ".join(words) + (f"; {'; '.join(limits)}" if limits else "")


COMPARED: Final = {
    "ids": "by the collection's ids",
    "bytes": "by the files' bytes",
    "looks": "by what the pictures look like",
}


def listed(rated: RatedSet) -> TrainedOn:
    """The entry for `Weights.trained_on` of a list, before its note is written."""
    return TrainedOn(rated.name, len(rated.images), rated.fingerprint)


def write_trained_on(folder: Path, rated: RatedSet) -> TrainedOn:
    """Note beside a model what it was trained on; the pictures' files are read.

    Args:
        folder: the model's folder.
        rated: everything that its weights or the choice of them has seen: training pictures, and
            in a second call the validation pictures.

    Returns:
        The entry for `Weights.trained_on`.
    """
    return write_note(folder, rated.name, rated.fingerprint, all_keys(rated.images))


def write_note(
    folder: Path, name: str, fingerprint: str, pictures: Iterable[PictureKeys]
) -> TrainedOn:
    """Write `trained_on/<fingerprint>.txt.gz`; returns the entry for `Weights.trained_on`."""
    lines = sorted({str(keys) for keys in pictures} - {""})
    text = "".join(f"{line}\n" for line in lines)
    # No time stamp: the same pictures give the same file.
    write_whole(_note(folder, fingerprint), gzip.compress(text.encode(), mtime=0))
    return TrainedOn(name, len(lines), fingerprint)


def carry_notes(source: Path, target: Path, entries: Iterable[TrainedOn]) -> None:
    """Copy the notes of what was trained on from one model's folder to another's."""
    for entry in entries:
        note = _note(source, entry.fingerprint)
        copy = _note(target, entry.fingerprint)
        if entry.known and note.is_file() and not copy.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(note, copy)


def find_overlap(weights: Weights, rated: RatedSet) -> Overlap:
    """Which pictures of a list a model was trained on, or may have been.

    Raises:
        DataError: a note beside the model is damaged.
    """
    seen: dict[str, list[PictureKeys]] = defaultdict(list)
    leaked: dict[str, tuple[str, ...]] = {}
    possible: dict[str, tuple[str, ...]] = {}
    unchecked = []
    for entry in weights.trained_on:
        note = _note(weights.folder, entry.fingerprint)
        if entry.known and note.is_file():
            seen[entry.name] += _read_note(note, entry.images or 0)
        elif entry.known and entry.fingerprint == rated.fingerprint:
            leaked[entry.name] = rated.ids
        elif entry.collection:
            of_it = [image.id for image in rated.images if image.collection == entry.collection]
            if of_it:
                possible[entry.name] = tuple(of_it)
            if len(of_it) < len(rated.images):
                unchecked.append(str(entry))
        else:
            unchecked.append(entry.name if entry.known else str(entry))
    found = _compare(rated, seen)
    return Overlap(found.leaked | leaked, possible, tuple(unchecked), found.compared, found.unread)


def shared_pictures(rated: RatedSet, other: RatedSet) -> Overlap:
    """Which pictures of one list are in another."""
    collections = {image.collection for image in (*rated.images, *other.images)}
    # Within one collection ids are enough, and no picture need be there.
    enough = len(collections) == 1 and "" not in collections
    keys = (
        [PictureKeys(name_key(image)) for image in other.images]
        if enough
        else all_keys(other.images)
    )
    return _compare(rated, {other.name: keys})


def _compare(rated: RatedSet, seen: dict[str, list[PictureKeys]]) -> Overlap:
    known = {name: KnownPictures(keys) for name, keys in seen.items()}
    reading = any(pictures.needs_files(rated.images) for pictures in known.values())
    keys = all_keys(rated.images) if reading else _named(rated.images)
    leaked = {
        name: tuple(
            image.id
            for image, inside in zip(rated.images, pictures.contain(keys), strict=True)
            if inside
        )
        for name, pictures in known.items()
    }
    by_name = any(k.name for k in keys) and any(pictures.names for pictures in known.values())
    compared = {
        "ids": by_name,
        "bytes": reading and any(pictures.contents for pictures in known.values()),
        "looks": reading and any(pictures.looks for pictures in known.values()),
    }
    return Overlap(
        {name: ids for name, ids in leaked.items() if ids},
        compared=tuple(name for name, done in compared.items() if done),
        unread=sum(not k.content for k in keys) if reading else 0,
    )


def _named(images: Sequence[RatedImage]) -> list[PictureKeys]:
    return [PictureKeys(name_key(image)) for image in images]


def _note(folder: Path, fingerprint: str) -> Path:
    return folder / FOLDER / f"{fingerprint}.txt.gz"


def _read_note(path: Path, count: int) -> list[PictureKeys]:
    pictures = [PictureKeys.parse(line) for line in {line for _, line in read_lines(path)}]
    if len(pictures) != count:
        raise DataError(
            f"{path} holds {len(pictures)} pictures, but the model's record names {count}; "
            "the model's folder is damaged, install it again"
        )
    return pictures
