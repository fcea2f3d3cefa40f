"""Looking into folders: the one walker, for scoring and for a library's status alike."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ilgnet.images.foreign import is_foreign


@dataclass(frozen=True, slots=True)
class Met:
    """What a walk meets.

    Attributes:
        path: as the top folder was given, joined with the names below.
        name: the last part.
        kind: a "file"; a "folder" that is searched next; one that is "foreign" or "hidden" and is
            not; one that is a "loop", leading back to a folder above; one that is "closed".
        error: why a folder is closed.
    """

    path: str
    name: str
    kind: Literal["file", "folder", "foreign", "hidden", "loop", "closed"]
    error: OSError | None = None


def walk(folder: str, *, foreign: bool = False) -> Iterator[Met]:
    """Everything in a folder and all below, each folder in the order of its names.

    Args:
        folder: where to begin; it is searched whatever its name.
        foreign: search folders that belong to other programs, too.
    """
    yield from _walk(folder, os.path.basename(os.path.abspath(folder)), foreign, frozenset())


def _walk(
    folder: str, name: str, foreign: bool, above: frozenset[tuple[int, int]]
) -> Iterator[Met]:
    """One folder and all below; `above` holds the folders above, so that links cannot loop."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        yield Met(folder, name, "closed", error)
        return
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        yield Met(folder, name, "loop")
        return
    for entry in entries:
        if not _is_folder(entry):
            yield Met(entry.path, entry.name, "file")
        elif not foreign and is_foreign(entry.name, name):
            yield Met(entry.path, entry.name, "foreign")
        elif entry.name.startswith("."):
            yield Met(entry.path, entry.name, "hidden")
        else:
            yield Met(entry.path, entry.name, "folder")
            yield from _walk(entry.path, entry.name, foreign, above | {identity})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link loop: reading the file will say so
        return False
