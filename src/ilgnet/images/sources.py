"""Finding pictures: files, folders, globs and lists become a stream of references in stable order.

Nothing that looks like a picture is dropped: what cannot be read is passed on as a `Failure`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from ilgnet.images.files import image_error
from ilgnet.images.formats import is_image_name
from ilgnet.values import Failure, ImageRef

Found = ImageRef | Failure

Paths: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
"""One path, or many."""


def find_images(paths: Paths, *, patterns: bool = True) -> Iterator[Found]:
    """Every picture under the given paths, lazily, each folder in the order of its names.

    A file that is named is taken whatever its extension. A folder is searched with all its
    sub-folders for the extensions in `IMAGE_EXTENSIONS`; hidden files and folders are passed
    over. A path that does not exist is tried as a glob pattern (`**` crosses folders).

    Args:
        paths: one path, or many: files, folders and glob patterns, in any mixture.
        patterns: whether a path may be a pattern; what a list names is no pattern.

    Returns:
        An iterator over a reference for each picture, or a Failure for what cannot be one.

    Raises:
        TypeError: at once for bytes, which are no path here; while reading for an item that is
            no path.
    """
    if isinstance(paths, bytes | bytearray):
        raise TypeError("find_images takes paths as text; decode them with os.fsdecode")
    many = [paths] if isinstance(paths, str | os.PathLike) else paths
    return (found for path in many for found in _under(os.fspath(path), patterns))


def _under(path: str, patterns: bool) -> Iterator[Found]:
    if Path(path).is_dir():
        yield from _walk(path, seen=set())
    elif not patterns or os.path.lexists(path) or not glob.has_magic(path):
        yield ImageRef(path, path)
    else:
        yield from _matches(path)


def _matches(pattern: str) -> Iterator[Found]:
    found = False
    for path in sorted(glob.iglob(pattern, recursive=True)):
        found = True
        if Path(path).is_dir():
            # The pattern's own ** reaches what is inside.
            if "**" not in pattern:
                yield from _walk(path, seen=set())
        elif is_image_name(os.path.basename(path)):
            yield ImageRef(path, path)
    if not found:
        yield Failure(pattern, "not_found", "no such file, and no file matches it as a pattern")


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[Found]:
    """One folder and all below; `seen` holds the folders above, so that links cannot loop."""
    try:
        status = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        failure = image_error(error)
        yield Failure(folder, failure.code, f"the folder cannot be searched: {failure.message}")
        return
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        yield Failure(folder, "link_loop", "this link leads back to a folder that contains it")
        return
    for entry in entries:
        if _is_folder(entry):
            if is_image_name(entry.name):
                yield Failure(entry.path, "is_a_directory", "this is a folder, not a picture")
            if not entry.name.startswith("."):
                yield from _walk(entry.path, seen | {identity})
        elif is_image_name(entry.name):
            yield ImageRef(entry.path, entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link loop: reading the file will say so
        return False
