"""Folders that belong to a program, a disk station or the system, and not to the photographer.

Originals inside a photo library are its own, previews and thumbnails are no photographs, and what
lies in a recycle bin was thrown away. So a search passes over them, and nothing is ever moved out
of them or written there.
"""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Final

FOREIGN_NAMES: Final = frozenset(
    {
        "@eadir",  # Synology: thumbnails and metadata of every folder
        "@tmp",
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        ".@__thumb",
        "$recycle.bin",  # Windows
        "recycler",
        "recycled",
        "system volume information",
        ".trash",  # macOS and Linux
        ".trashes",
        ".dtrash",  # digiKam
        "network trash folder",
        "temporary items",
        "__macosx",
        "lost+found",
        "~snapshot",  # NetApp
        ".snapshot",
        ".zfs",
        "iphoto library",  # Apple, before it was a package
        "photo booth library",
        "nksc_param",  # Nikon NX Studio
        "silkypix_ds",
    }
)
"""Whole names, in lower case."""

FOREIGN_ENDINGS: Final = (
    ".photoslibrary",  # Apple Photos, iPhoto, Aperture, iMovie, Final Cut
    ".photolibrary",
    ".migratedphotolibrary",
    ".aplibrary",
    ".migratedaplibrary",
    ".imovielibrary",
    ".fcpbundle",
    ".theater",
    ".tvlibrary",
    ".backupdb",  # Time Machine
    ".lrdata",  # Adobe Lightroom: previews, smart previews, the cloud's library
    ".lrlibrary",
    ".lrcat-data",
    ".cocatalog",  # Capture One
)
"""What such names end in, in lower case."""

_CAPTURE_ONE: Final = "captureone"
"""Capture One's folder beside the pictures, with Cache and Settings in it."""

_TRASH: Final = ".trash-"
"""Linux: .Trash-1000 of the user 1000."""


def is_foreign(name: str, parent: str = "") -> bool:
    """Whether a folder of this name belongs to another program.

    Args:
        name: of the folder.
        parent: the name of the folder that it is in.
    """
    lower = name.lower()
    if lower in FOREIGN_NAMES or lower.startswith(_TRASH) or lower.endswith(FOREIGN_ENDINGS):
        return True
    inside = lower == "cache" or lower.startswith("settings")
    return inside and parent.lower() == _CAPTURE_ONE


def foreign_folder(path: str | os.PathLike[str], *, from_part: int = 0) -> str | None:
    """The folder above a file that belongs to another program.

    Args:
        path: of a file.
        from_part: of its parts, the first that is looked at.

    Returns:
        The path of the outermost such folder; None where there is none.
    """
    parts = PurePath(path).parts
    for end in range(from_part + 1, len(parts)):
        if is_foreign(parts[end - 1], parts[end - 2] if end > 1 else ""):
            return str(PurePath(*parts[:end]))
    return None
