"""Where a library's catalogue lies: beside the pictures, or in the user's data folder."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.images.foreign import foreign_folder
from ilgnet.user_folders import user_data_folder

FOLDER_NAME: Final = ".ilgnet"
FILE_NAME: Final = "catalogue.db"


CatalogueUse = Literal["found", "beside", "user", "none"]
"""Whether there is a catalogue: one that lies in or above the folder, if any ("found"); one in the
folder, made where there is none, but in the user's data folder for a folder of another program
("beside"); one in the user's data folder ("user"); or none."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of pictures, and where the catalogue of what is known of them lies.

    Attributes:
        root: the folder, as the user names it; every picture of the library is below it.
        file: the catalogue.
    """

    root: Path
    file: Path


def beside_pictures(root: Path) -> Place:
    """The library whose catalogue is `.ilgnet/catalogue.db` in its own folder."""
    return Place(root, root / FOLDER_NAME / FILE_NAME)


def in_user_folder(root: Path) -> Place:
    """The library whose catalogue is in the user's data folder.

    For pictures on read-only media and on network shares, where SQLite's locks do not work.
    """
    resolved = root.resolve()
    digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:12]
    folder = user_data_folder() / "libraries" / f"{resolved.name or 'root'}-{digest}"
    return Place(root, folder / FILE_NAME)


def library_of(folder: Path) -> Place | None:
    """The library that a folder belongs to: its own, or that of a folder above it."""
    for candidate in (folder, *folder.resolve().parents):
        for library in (beside_pictures(candidate), in_user_folder(candidate)):
            if library.file.is_file():
                return library
    return None


def find_library(folder: Path) -> Place:
    """As `library_of`.

    Raises:
        LibraryError: the folder is in no library.
    """
    library = library_of(folder)
    if library is None:
        raise LibraryError(
            f"{folder} is in no library: there is no {FOLDER_NAME}/{FILE_NAME} in it or above it. "
            f"Make one with: ilgnet score --library {folder}"
        )
    return library


def place_for(use: CatalogueUse | os.PathLike[str], roots: Sequence[Path]) -> Place | None:
    """Where the catalogue of some folders is, or is to be made; None for none.

    Args:
        use: see `CatalogueUse`; or the folder of the library that they are in.
        roots: the folders.

    Raises:
        LibraryError: one is to be made for several folders.
    """
    if use == "none":
        return None
    if use == "found":
        places = {library_of(root) if root.is_dir() else None for root in roots}
        return places.pop() if len(places) == 1 else None
    named = [Path(use)] if isinstance(use, os.PathLike) else roots
    if len(named) != 1:
        raise LibraryError("a catalogue is kept for one folder; several were named")
    (root,) = named
    if use == "user":
        return in_user_folder(root)
    return library_of(root) or _new_place(root)


def _new_place(root: Path) -> Place:
    """Beside the pictures; nothing is written where the folder belongs to another program."""
    beside = beside_pictures(root)
    is_foreign = foreign_folder(beside.file.resolve()) is not None
    return in_user_folder(root) if is_foreign else beside
