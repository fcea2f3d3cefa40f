"""Models that the user keeps by a name: tastes that were learnt.

`models` in the user's data folder has an entry for each: the model's folder itself, or a file
`NAME.folder` that holds the path of a folder elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from ilgnet.atomic import write_whole
from ilgnet.user_folders import user_data_folder

SUFFIX: Final = ".folder"


def kept_folders() -> dict[str, Path]:
    """The folder of every model that the user keeps, by its name; it may be gone since."""
    return {
        path.stem if path.suffix == SUFFIX else path.name: _leads_to(path)
        for path in sorted(_home().glob("*"))
        if not path.name.startswith(".") and (path.suffix == SUFFIX or path.is_dir())
    }


def own_folder(name: str) -> Path:
    """Where a model of this name lies when the user gives it no folder of their own."""
    return _home() / name


def keep_by_name(name: str, folder: Path) -> None:
    """Let a name mean a folder from now on."""
    note = _home() / f"{name}{SUFFIX}"
    if folder.resolve() == own_folder(name).resolve():
        note.unlink(missing_ok=True)
    else:
        write_whole(note, os.fsencode(folder.resolve()))


def _home() -> Path:
    return user_data_folder() / "models"


def _leads_to(path: Path) -> Path:
    return Path(os.fsdecode(path.read_bytes())) if path.suffix == SUFFIX else path
