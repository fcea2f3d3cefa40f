"""Finding pictures: files, folders, globs and lists become a stream of references in stable order.

Nothing that looks like a picture is dropped: what cannot be read is passed on as a `Failure`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TypeAlias

from ilgnet.images.files import image_error
from ilgnet.images.foreign import foreign_folder
from ilgnet.images.formats import is_image_name, unread_format
from ilgnet.images.walk import walk
from ilgnet.values import Failure, ImageRef

Found = ImageRef | Failure

Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One path, or many."""


def find_images(
    paths: Paths,
    *,
    patterns: bool = True,
    foreign: bool = False,
    passed_over: Callable[[str], object] = lambda path: None,
    unread: Callable[[str], object] = lambda path: None,
) -> Iterator[Found]:
    """Every picture under the given paths, lazily, each folder in the order of its names.

    A file that is named is taken whatever its extension. A folder is searched with all its
    sub-folders for the extensions in `IMAGE_EXTENSIONS`; hidden files and folders are passed
    over, and so are folders that belong to other programs (`ilgnet.images.foreign`). A path that
    does not exist is tried as a glob pattern (`**` crosses folders).

    Args:
        paths: one path, or many: files, folders and glob patterns, in any mixture.
        patterns: whether a path may be a pattern; what a list names is no pattern.
        foreign: search folders that belong to other programs, too.
        passed_over: called with each of those that is not searched.
        unread: called with each file found that is a picture in a format that is not decoded
            here (`ilgnet.images.formats.UNREAD`).

    Returns:
        An iterator over a reference for each picture, or a Failure for what cannot be one.

    Raises:
        TypeError: at once for bytes, which are no path here; while reading for an item that is
            no path.
    """
    if isinstance(paths, bytes | bytearray):
        raise TypeError("find_images takes paths as text; decode them with os.fsdecode")
    many = [paths] if isinstance(paths, str | os.PathLike) else paths
    search = _Search(patterns, foreign, passed_over, unread)
    return (found for path in many for found in search.under(os.fspath(path)))


def folder_of(path: str) -> Path:
    """The folder that a path or pattern names, or that holds what it names."""
    if Path(path).is_dir():
        return Path(path)
    if os.path.lexists(path) or not glob.has_magic(path):
        return Path(path).parent
    return Path(*_plain_beginning(path))


def _plain_beginning(pattern: str) -> tuple[str, ...]:
    """The parts of a pattern before the first one with a wildcard."""
    return tuple(takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts))


@dataclass(frozen=True, slots=True)
class _Search:
    """How paths are searched; see `find_images`."""

    patterns: bool
    foreign: bool
    passed_over: Callable[[str], object]
    unread: Callable[[str], object]

    def under(self, path: str) -> Iterator[Found]:
        """The pictures that a path names."""
        if Path(path).is_dir():
            yield from self._inside(path)
        elif not self.patterns or os.path.lexists(path) or not glob.has_magic(path):
            yield ImageRef(path, path)
        else:
            yield from self._matches(path)

    def _matches(self, pattern: str) -> Iterator[Found]:
        found = False
        plain = len(_plain_beginning(pattern))
        for path in sorted(glob.iglob(pattern, recursive=True)):
            found = True
            if not self.foreign and (owner := foreign_folder(path, from_part=plain)):
                self.passed_over(owner)
                continue
            if Path(path).is_dir():
                # The pattern's own ** reaches what is inside.
                if "**" not in pattern:
                    yield from self._inside(path)
            elif is_image_name(os.path.basename(path)):
                yield ImageRef(path, path)
            elif unread_format(os.path.basename(path)):
                self.unread(path)
        if not found:
            yield Failure(pattern, "not_found", "no such file, and no file matches it as a pattern")

    def _inside(self, folder: str) -> Iterator[Found]:
        """The pictures of a folder and all below."""
        for met in walk(folder, foreign=self.foreign):
            match met.kind:
                case "file" if is_image_name(met.name):
                    yield ImageRef(met.path, met.path)
                case "file" if unread_format(met.name):
                    self.unread(met.path)
                case "folder" if is_image_name(met.name):
                    yield Failure(met.path, "is_a_directory", "this is a folder, not a picture")
                case "foreign":
                    self.passed_over(met.path)
                case "loop":
                    yield Failure(
                        met.path, "link_loop", "this link leads back to a folder that contains it"
                    )
                case "closed" if met.error is not None:
                    failure = image_error(met.error)
                    message = f"the folder cannot be searched: {failure.message}"
                    yield Failure(met.path, failure.code, message)
