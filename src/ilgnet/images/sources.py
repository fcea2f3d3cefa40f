"""Finding pictures: files, folders, globs and lists become a stream of references in stable order.

Nothing that looks like a picture is dropped: what cannot be read is passed on as a `Failure`.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from ilgnet.images.files import image_error
from ilgnet.images.formats import IMAGE_EXTENSIONS
from ilgnet.values import Failure, ImageRef

Found = ImageRef | Failure

_PIECE: Final = 1 << 16


class BinaryStream(Protocol):
    """An open file, standard input, or anything else that gives what it has."""

    def read1(self, size: int, /) -> bytes:
        """Up to `size` bytes, as soon as there are any; empty at the end."""
        ...


def find_images(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Found]:
    """Every picture under the given paths, lazily, each folder in the order of its names.

    A file that is named is taken whatever its extension. A folder is searched with all its
    sub-folders for the extensions in `IMAGE_EXTENSIONS`; hidden files and folders are passed
    over. A path that does not exist is tried as a glob pattern (`**` crosses folders).

    Args:
        paths: files, folders and glob patterns, in any mixture.

    Yields:
        A reference for each picture, or a Failure for what cannot be one.
    """
    for path in (os.fspath(given) for given in paths):
        if Path(path).is_dir():
            yield from _walk(path, seen=set())
        elif os.path.lexists(path) or not glob.has_magic(path):
            yield ImageRef(path, path)
        else:
            yield from _matches(path)


def read_paths(stream: BinaryStream) -> Iterator[str]:
    """Paths from a list: separated by NUL bytes if there are any, else one a line.

    Args:
        stream: a binary stream, such as an open list file or standard input. It is read piece by
            piece, so a list may be longer than memory.
    """
    # read1: what a slow writer has sent so far is scored now, not when the buffer is full.
    piece = rest = stream.read1(_PIECE)
    while piece and b"\0" not in rest and b"\n" not in rest:
        piece = stream.read1(_PIECE)
        rest += piece
    separator = b"\0" if b"\0" in rest else b"\n"
    while piece:
        *whole, rest = rest.split(separator)
        yield from filter(None, map(_path_name, whole))
        piece = stream.read1(_PIECE)
        rest += piece
    if name := _path_name(rest):
        yield name


def _path_name(raw: bytes) -> str:
    return os.fsdecode(raw.removesuffix(b"\r").removesuffix(b"\n"))


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture when a folder is searched."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS


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
