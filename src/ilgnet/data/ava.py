"""AVA, the data set of Murray, Marchesotti and Perronnin (CVPR 2012), read from its own files.

`AVA.txt` has one picture a line, 15 integers: index, image id, counts of the votes 1..10, two
semantic tags (0 = none), challenge. The pictures are `<image id>.jpg`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.data.lists import read_lines, read_list
from ilgnet.data.rated import RatedImage, RatedSet, refuse_repeats
from ilgnet.errors import DataError
from ilgnet.values import VOTES

COLLECTION: Final = "ava"
"""How AVA's ids are told from those of other collections."""

FIELDS: Final = 15


@dataclass(frozen=True, slots=True)
class Ava:
    """The columns of `AVA.txt`, N pictures in file order.

    Attributes:
        ids: (N,) image ids.
        votes: (N, 10) counts of the votes 1..10.
        tags: (N, 2) semantic tags, 0 where there is none.
        challenges: (N,) challenge ids.
    """

    ids: NDArray[np.int64]
    votes: NDArray[np.int64]
    tags: NDArray[np.int64]
    challenges: NDArray[np.int64]

    @property
    def means(self) -> NDArray[np.float64]:
        """(N,) mean votes, 1..10."""
        means: NDArray[np.float64] = self.votes @ VOTES / self.votes.sum(axis=1)
        return means

    @property
    def files(self) -> list[str]:
        """The pictures' file names."""
        return [f"{image_id}.jpg" for image_id in self.ids.tolist()]


@dataclass(frozen=True, slots=True)
class Styles:
    """Photographic styles by file name: one for a training picture, any number for a test one."""

    train: Mapping[str, tuple[str, ...]]
    test: Mapping[str, tuple[str, ...]]


def read_ava(path: Path) -> Ava:
    """Read `AVA.txt` (plain or gzip).

    Raises:
        DataError: names the line that is not what it should be.
    """
    rows = [_integers(line, number, path) for number, line in read_lines(path)]
    if not rows:
        raise DataError(f"{path} is empty; expected AVA's lines of {FIELDS} integers")
    table = np.array(rows, dtype=np.int64)
    ava = Ava(table[:, 1], table[:, 2:12], table[:, 12:14], table[:, 14])
    unvoted = np.flatnonzero(ava.votes.sum(axis=1) == 0)
    if unvoted.size:
        raise DataError(
            f"{path}: picture {ava.ids[unvoted[0]]} has no votes; remove its line to go on"
        )
    refuse_repeats(ava.files, str(path))
    return ava


def _integers(line: str, number: int, path: Path) -> list[int]:
    fields = line.split()
    if len(fields) != FIELDS or not all(field.isdecimal() for field in fields):
        raise DataError(
            f"{path}, line {number}: expected {FIELDS} counts (index, image id, votes 1..10, two "
            f"tags, challenge), got {len(fields)} fields: {line[:60]!r}"
        )
    return [int(field) for field in fields]


def read_names(path: Path) -> dict[int, str]:
    """Read `tags.txt`, `challenges.txt` or `styles.txt`: an id and a name a line.

    Underscores in names become spaces.
    """
    names = {}
    for number, line in read_lines(path):
        key, _, name = line.partition(" ")
        if not key.isdecimal() or not name:
            raise DataError(f"{path}, line {number}: expected '<id> <name>', got {line!r}")
        names[int(key)] = name.replace("_", " ")
    return names


def read_styles(folder: Path) -> Styles:
    """Read AVA's `style_image_lists`: `styles.txt`, `train.jpgl`/`.lab`, `test.jpgl`/`.multilab`.

    The style of a training picture is an id of `styles.txt`; the marks of a test picture are one
    0 or 1 for each line of `styles.txt`, in its order.
    """
    names = read_names(folder / "styles.txt")
    train, test = {}, {}
    for name, number, line in _aligned(folder / "train.jpgl", folder / "train.lab"):
        if not line.isdecimal() or int(line) not in names:
            raise DataError(f"{folder / 'train.lab'}, line {number}: {line!r} is not a style's id")
        train[name] = (names[int(line)],)
    for name, number, line in _aligned(folder / "test.jpgl", folder / "test.multilab"):
        marks = line.split()
        if len(marks) != len(names) or not set(marks) <= {"0", "1"}:
            raise DataError(
                f"{folder / 'test.multilab'}, line {number}: expected {len(names)} marks of 0 or "
                f"1, got {line!r}"
            )
        test[name] = tuple(n for n, mark in zip(names.values(), marks, strict=True) if mark == "1")
    return Styles(train, test)


def _aligned(pictures: Path, labels: Path) -> list[tuple[str, int, str]]:
    ids, lines = read_list(pictures).ids, list(read_lines(labels))
    if len(ids) != len(lines):
        raise DataError(
            f"{labels} has {len(lines)} lines for the {len(ids)} pictures of {pictures.name}; "
            "both must come from one release of AVA"
        )
    return [(name, number, line) for name, (number, line) in zip(ids, lines, strict=True)]


def rated_ava(path: Path, images: Path | None = None) -> RatedSet:
    """AVA as rated pictures: the challenge is the group, tags and styles are the categories.

    Args:
        path: `AVA.txt`; `tags.txt`, `challenges.txt` and `style_image_lists` beside it are used
            where they are there.
        images: the folder of the pictures; None takes `images` beside `AVA.txt`, or its folder.
    """
    ava = read_ava(path)
    folder = images or pictures_folder(path.parent)
    tags = _names_beside(path, "tags.txt")
    challenges = _names_beside(path, "challenges.txt")
    styles = _styles_beside(path)
    rows = zip(
        ava.files,
        ava.means.tolist(),
        ava.votes.tolist(),
        ava.tags.tolist(),
        ava.challenges.tolist(),
        strict=True,
    )
    return RatedSet(
        "AVA",
        tuple(
            RatedImage(
                id=name,
                path=folder / name,
                mean=mean,
                votes=tuple(votes),
                group=challenges.get(challenge, f"challenge {challenge}"),
                categories=(
                    *(tags.get(tag, f"tag {tag}") for tag in dict.fromkeys(pair) if tag),
                    *styles.get(name, ()),
                ),
                collection=COLLECTION,
            )
            for name, mean, votes, pair, challenge in rows
        ),
    )


def pictures_folder(folder: Path) -> Path:
    """Where the pictures of a list in this folder are: in `images` below it, or beside it."""
    return folder / "images" if (folder / "images").is_dir() else folder


def _names_beside(path: Path, name: str) -> dict[int, str]:
    file = path.with_name(name)
    return read_names(file) if file.is_file() else {}


def _styles_beside(path: Path) -> Mapping[str, tuple[str, ...]]:
    folder = path.with_name("style_image_lists")
    if not (folder / "styles.txt").is_file():
        return {}
    read = read_styles(folder)
    marks: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for name, styles in (*read.train.items(), *read.test.items()):
        marks[name] += tuple(f"style {style}" for style in styles)
    return marks
