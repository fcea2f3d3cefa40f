"""From scored files to photographs: RAW and JPEG are one, and companions belong to them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ilgnet.library.photograph.capture import UNKNOWN, Capture, read_file_capture
from ilgnet.library.photograph.file_groups import FileGroup, Folder
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.values import Failure, Verdict


def scored_file(
    verdict: Verdict,
    capture: Capture = UNKNOWN,
    sha256: bytes | None = None,
) -> Photograph:
    """One scored file, before anyone looked what else belongs to the photograph."""
    path = Path(os.path.abspath(verdict.path))
    return Photograph(path, verdict, FileGroup((path,)), capture, sha256)


def gather(files: Iterable[Photograph]) -> list[Photograph]:
    """The photographs that scored files are; siblings that were not scored belong to them too.

    Where both files of a RAW and JPEG pair were scored, the JPEG's verdict counts. A file that is
    named twice counts once; one that is gone is left out.
    """
    folders: dict[str, tuple[Folder, bool]] = {}
    speaking: dict[str, tuple[int, Photograph]] = {}
    for file in files:
        above, name = os.path.split(file.path)
        if above not in folders:
            # The folder's own links are resolved; a picture that is a link stays where it is.
            real = os.path.realpath(above)
            folders[above] = Folder(Path(real)), real == above
        folder, is_real = folders[above]
        if not folder.holds(name):
            continue
        if is_real and folder.is_alone(name):
            speaking.setdefault(os.fspath(file.path), (0, file))
            continue
        path = folder.path / name
        group = folder.group_of(path)
        place = group.pictures.index(path)
        first = os.fspath(group.pictures[0])
        before = speaking.get(first)
        if before is None or place < before[0]:
            speaking[first] = place, replace(file, path=path, group=group)
    return [photograph for _, photograph in speaking.values()]


def with_captures(photographs: Iterable[Photograph]) -> list[Photograph]:
    """The same photographs with when and with what they were taken, read from their files."""
    return [replace(photo, capture=read_file_capture(photo.path)) for photo in photographs]


def unscored(failures: Iterable[Failure], photographs: Iterable[Photograph]) -> list[Failure]:
    """The failures that leave a photograph without a score: not the RAW beside a scored JPEG."""
    scored = {path for photo in photographs for path in photo.group.pictures}
    return [failure for failure in failures if _real(failure.path) not in scored]


def _real(path: str) -> Path:
    absolute = Path(os.path.abspath(path)) if "\0" not in path else Path(path)
    return Path(os.path.realpath(absolute.parent)) / absolute.name
