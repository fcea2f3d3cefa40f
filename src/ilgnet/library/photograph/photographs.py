"""Scored photographs: what was scored, with all the files that belong to it and its burst."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.rows import Entry
from ilgnet.library.choosing.bursts import find_bursts
from ilgnet.library.photograph.capture import Capture, read_capture, sequence_number
from ilgnet.library.photograph.files import FileGroup, Folder, Style
from ilgnet.library.photograph.shots import Shot
from ilgnet.values import Failure, Verdict

CaptureReader = Callable[[Path], Capture]


@dataclass(frozen=True, slots=True)
class Photograph:
    """One photograph, however many files it has.

    Attributes:
        path: absolute path of the file that speaks for it: the camera's JPEG or HEIC of a pair.
        verdict: what the model said of that file.
        group: all its files.
        styles: the ways in which sidecars in its folder are named.
        taken: the camera's wall clock.
        burst: the number of its burst; None for one that stands alone.
    """

    path: Path
    verdict: Verdict
    group: FileGroup
    styles: frozenset[Style] = frozenset()
    taken: datetime | None = None
    burst: int | None = None

    @property
    def day(self) -> str:
        """When it was taken, as 2026-05-03; "" where that is not known."""
        return self.taken.date().isoformat() if self.taken else ""


def gather(verdicts: Iterable[Verdict]) -> list[Photograph]:
    """The photographs that scored files are; siblings that were not scored belong to them too.

    Where both files of a RAW and JPEG pair were scored, the JPEG's verdict counts. A file that is
    named twice counts once; one that is gone is left out.
    """
    folders: dict[Path, Folder] = {}
    speaking: dict[Path, tuple[int, Photograph]] = {}
    for verdict in verdicts:
        if not os.path.isfile(verdict.path):
            continue
        path = _real(verdict.path)
        folder = folders.get(path.parent) or folders.setdefault(path.parent, Folder(path.parent))
        group = folder.group_of(path)
        place = group.pictures.index(path)
        before = speaking.get(group.pictures[0])
        if before is None or place < before[0]:
            photograph = Photograph(path, verdict, group, folder.styles)
            speaking[group.pictures[0]] = place, photograph
    return [photograph for _, photograph in speaking.values()]


def unscored(failures: Iterable[Failure], photographs: Iterable[Photograph]) -> list[Failure]:
    """The failures that leave a photograph without a score: not the RAW beside a scored JPEG."""
    scored = {path for photo in photographs for path in photo.group.pictures}
    return [f for f in failures if not (os.path.isfile(f.path) and _real(f.path) in scored)]


def _real(path: str) -> Path:
    """The folder's own links are resolved; a picture that is a link stays where it is."""
    absolute = Path(os.path.abspath(path))
    return absolute.parent.resolve() / absolute.name


def read_file_capture(path: Path) -> Capture:
    """When a picture was taken; an unreadable file says nothing."""
    try:
        with path.open("rb") as stream:
            return read_capture(stream)
    except OSError:
        return Capture()


def with_times(
    photographs: Sequence[Photograph], read: CaptureReader = read_file_capture
) -> list[Photograph]:
    """The same photographs with the time that each was taken."""
    return [replace(photo, taken=read(photo.path).taken) for photo in photographs]


def with_bursts(
    photographs: Sequence[Photograph], read: CaptureReader = read_file_capture
) -> list[Photograph]:
    """The same photographs with their times and bursts.

    Raises:
        LibraryError: the verdicts hold no features; time alone would stack what does not look
            alike.
    """
    if not photographs:
        return []
    vectors = [photo.verdict.features for photo in photographs]
    features = [vector for vector in vectors if vector is not None]
    if len(features) < len(vectors):
        raise LibraryError(
            "bursts are found by what pictures look like, which a table of scores does not tell. "
            "Name the folder instead, with --library if it was scored with that"
        )
    captures = [read(photo.path) for photo in photographs]
    shots = [_shot(photo, capture) for photo, capture in zip(photographs, captures, strict=True)]
    numbers = {
        shot.path: number
        for number, group in enumerate(find_bursts(shots, np.stack(features)))
        for shot in group.shots
    }
    return [
        replace(photo, taken=capture.taken, burst=numbers.get(shot.path))
        for photo, capture, shot in zip(photographs, captures, shots, strict=True)
    ]


def _shot(photo: Photograph, capture: Capture) -> Shot:
    entry = Entry(
        path=photo.path.as_posix(),
        sha256=b"",
        verdict=photo.verdict,
        taken=capture.taken,
        camera=capture.camera,
        sequence=sequence_number(photo.path.name),
    )
    return Shot(entry, tuple(path.as_posix() for path in photo.group.pictures))
