"""Which files belong to one photograph: RAW and JPEG siblings, sidecars, and other companions.

Two programs' ways of naming sidecars are known: Adobe's `IMG_1.xmp`, one for all files of that
stem, and darktable's `IMG_1.CR2.xmp`, one for each file (digiKam's way too).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from ilgnet.images.formats import IMAGE_EXTENSIONS, RAW_EXTENSIONS, VIDEO_EXTENSIONS
from ilgnet.library.photograph.shots import group_files

Style = Literal["adobe", "darktable"]
SIDECAR_EXTENSION: Final = ".xmp"

_BESIDE_A_FILE: Final = frozenset({SIDECAR_EXTENSION, ".pp3", ".dop"})
"""Written behind a file's whole name: XMP, RawTherapee, DxO."""

_BESIDE_A_STEM: Final = frozenset({SIDECAR_EXTENSION, ".aae"}) | VIDEO_EXTENSIONS
"""Written in place of the extension: XMP, Apple's edits, the film of a live photo."""


def sidecar_path(picture: Path, style: Style) -> Path:
    """Where a program would look for this picture's sidecar; the file need not exist."""
    name = picture.stem if style == "adobe" else picture.name
    return picture.with_name(name + SIDECAR_EXTENSION)


@dataclass(frozen=True, slots=True)
class FileGroup:
    """The files of one photograph.

    Attributes:
        pictures: its picture files, the camera's JPEG or HEIC before the RAW.
        companions: sidecars and the like that travel with it.
        shares_stem: other photographs in the folder have the same stem, so Adobe's sidecar name
            does not tell them apart.
    """

    pictures: tuple[Path, ...]
    companions: tuple[Path, ...]
    shares_stem: bool = False

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return self.pictures + self.companions

    @property
    def sidecars(self) -> tuple[Path, ...]:
        """The XMP sidecars that exist."""
        return tuple(p for p in self.companions if p.suffix.lower() == SIDECAR_EXTENSION)

    @property
    def has_raw(self) -> bool:
        """Whether one of the pictures is a camera RAW file."""
        return any(path.suffix.lower() in RAW_EXTENSIONS for path in self.pictures)


@dataclass
class Folder:
    """The files in one folder, looked at once."""

    path: Path
    _names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with os.scandir(self.path) as entries:
            self._names = sorted(entry.name for entry in entries if entry.is_file())

    def group_of(self, picture: Path) -> FileGroup:
        """The group that a picture of this folder belongs to; alone if it has no usual name."""
        return self._groups.get(picture.name, FileGroup((picture,), ()))

    @cached_property
    def styles(self) -> frozenset[Style]:
        """The ways in which sidecars in this folder are named."""
        files = {name.lower() for name in self._names}
        sidecars = [os.path.splitext(name)[0].lower() for name in self._by_extension("xmp")]
        found: set[Style] = {"darktable" if stem in files else "adobe" for stem in sidecars}
        return frozenset(found)

    def _by_extension(self, extension: str) -> list[str]:
        return [name for name in self._names if name.lower().endswith(f".{extension}")]

    @cached_property
    def _groups(self) -> dict[str, FileGroup]:
        """Every picture's name -> its group."""
        names = [n for n in self._names if os.path.splitext(n)[1].lower() in IMAGE_EXTENSIONS]
        stems: dict[str, list[tuple[str, ...]]] = {}
        for pictures in group_files(names):
            stems.setdefault(_stem(pictures[0]), []).append(pictures)
        companions = self._companions()
        groups: dict[str, FileGroup] = {}
        for stem, same_stem in stems.items():
            # What is named after the stem goes with the photograph that has the RAW, or the first.
            same_stem.sort(key=len, reverse=True)
            for position, pictures in enumerate(same_stem):
                own = [name for picture in pictures for name in companions.get(picture.lower(), ())]
                own += companions.get(stem, ()) if position == 0 else ()
                group = self._group(pictures, own, shares_stem=len(same_stem) > 1)
                groups.update(dict.fromkeys(pictures, group))
        return groups

    def _group(self, pictures: tuple[str, ...], own: list[str], *, shares_stem: bool) -> FileGroup:
        return FileGroup(
            tuple(self.path / name for name in pictures),
            tuple(self.path / name for name in own),
            shares_stem,
        )

    def _companions(self) -> dict[str, list[str]]:
        """What a companion is named after, a file's name or a stem, in lower case -> companions."""
        pictures = {name.lower() for name in self._names}
        found: dict[str, list[str]] = {}
        for name in self._names:
            owner, extension = os.path.splitext(name.lower())
            unversioned = _unversioned(owner)
            if extension in _BESIDE_A_FILE and {owner, unversioned} & pictures:
                found.setdefault(owner if owner in pictures else unversioned, []).append(name)
            elif extension in _BESIDE_A_STEM:
                found.setdefault(owner, []).append(name)
        return found


def _stem(name: str) -> str:
    return os.path.splitext(name)[0].lower()


def _unversioned(name: str) -> str:
    """IMG_1.CR2 of IMG_1_01.CR2, which is how darktable names the sidecar of a second version."""
    stem, extension = os.path.splitext(name)
    base, underscore, number = stem.rpartition("_")
    versioned = underscore and len(number) == 2 and number.isdecimal()
    return base + extension if versioned else name
