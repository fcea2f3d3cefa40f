"""Which files belong to one photograph: RAW and JPEG siblings, sidecars, and other companions.

Two programs' ways of naming sidecars are known: Adobe's `IMG_1.xmp`, one for all files of that
stem, and darktable's `IMG_1.CR2.xmp`, one for each file (digiKam's way too).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final, Literal, NamedTuple

from ilgnet.images.formats import IMAGE_EXTENSIONS, RAW_EXTENSIONS
from ilgnet.library.photograph.companions import (
    SIDECAR_EXTENSION,
    beginning,
    folded,
    owners,
    pair_name,
)

Style = Literal["adobe", "darktable"]

DEVELOPED_EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".jpe", ".heic", ".heif", ".hif"})
"""What a camera writes beside its RAW files."""


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
        styles: the ways in which sidecars in its folder are named.
        strangers: files that are named like it and that no program is known to write; they stay.
    """

    pictures: tuple[Path, ...]
    companions: tuple[Path, ...] = ()
    shares_stem: bool = False
    styles: frozenset[Style] = frozenset()
    strangers: tuple[Path, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All that travel together."""
        return self.pictures + self.companions

    @property
    def sidecars(self) -> tuple[Path, ...]:
        """The XMP sidecars that exist."""
        return tuple(p for p in self.companions if p.suffix.lower() == SIDECAR_EXTENSION)

    @property
    def has_raw(self) -> bool:
        """Whether one of the pictures is a camera RAW file."""
        return any(path.suffix.lower() in RAW_EXTENSIONS for path in self.pictures)

    @property
    def common_name(self) -> str:
        """What the names of its pictures begin with."""
        first = self.pictures[0].name
        return beginning(first, pair_name(first)) or first


class _Names(NamedTuple):
    """The names of a photograph's files, as the attributes of `FileGroup`."""

    pictures: tuple[str, ...]
    companions: tuple[str, ...]
    shares_stem: bool
    strangers: tuple[str, ...]


class Folder:
    """The files in one folder, looked at once; none where it cannot be searched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with os.scandir(path) as entries:
                names = sorted(entry.name for entry in entries if _is_file(entry))
        except OSError:
            names = []
        self._pictures = [name for name in names if _extension(name) in IMAGE_EXTENSIONS]
        known = frozenset(self._pictures)
        self._others = [name for name in names if name not in known]
        self._known = known.union(self._others)

    def holds(self, name: str) -> bool:
        """Whether there is a file of this name, by the file system's own idea of names."""
        return name in self._known or (self.path / name).is_file()

    def is_alone(self, name: str) -> bool:
        """Whether a picture is all that there is of its photograph, as most are."""
        return not self._others and name not in self._groups

    def group_of(self, picture: Path) -> FileGroup:
        """The group that a picture of this folder belongs to."""
        names = self._groups.get(picture.name)
        if names is None:
            return FileGroup((picture,), styles=self.styles)
        pictures = (picture,) if len(names.pictures) == 1 else self._paths(names.pictures)
        companions, strangers = self._paths(names.companions), self._paths(names.strangers)
        return FileGroup(pictures, companions, names.shares_stem, self.styles, strangers)

    def _paths(self, names: tuple[str, ...]) -> tuple[Path, ...]:
        return tuple(self.path / name for name in names)

    @cached_property
    def styles(self) -> frozenset[Style]:
        """The ways in which sidecars in this folder are named."""
        files = {folded(name) for name in self._known}
        others = (os.path.splitext(folded(name)) for name in self._others)
        stems = {stem for stem, extension in others if extension == SIDECAR_EXTENSION}
        found: set[Style] = {"darktable" if stem in files else "adobe" for stem in stems}
        return frozenset(found)

    @cached_property
    def _groups(self) -> dict[str, _Names]:
        """The name of every picture that is not alone -> the names of its group."""
        companions, strangers = self._companions(), self._strangers()
        groups: dict[str, _Names] = {}
        for common, same_stem in _by_common_name(self._pictures).items():
            # What is named after the stem goes with the photograph that has the RAW, or the first.
            if not self._others and len(same_stem) == len(same_stem[0]) == 1:
                continue
            same_stem.sort(key=len, reverse=True)
            taken: set[str] = set()
            for pictures in same_stem:
                own, others = [], list[str]()
                if self._others:
                    stems = [_stem(name) for name in pictures]
                    keys = dict.fromkeys([*map(folded, pictures), *stems, common])
                    found = dict.fromkeys(name for key in keys for name in companions.get(key, ()))
                    own = [name for name in found if name not in taken]
                    taken.update(own)
                    near = dict.fromkeys(n for stem in stems for n in strangers.get(stem, ()))
                    others = [name for name in near if name not in own]
                names = _Names(pictures, tuple(own), len(same_stem) > 1, tuple(others))
                groups.update(dict.fromkeys(pictures, names))
        return groups

    def _companions(self) -> dict[str, list[str]]:
        """A picture's name or a stem, folded -> what is named after it."""
        pictures = set(map(folded, self._pictures)) if self._others else set()
        found: dict[str, list[str]] = {}
        for name in self._others:
            files, stems = owners(name)
            for owner in (files & pictures) or stems:
                found.setdefault(owner, []).append(name)
        return found

    def _strangers(self) -> dict[str, list[str]]:
        """A folded stem -> files that are no pictures and are named after it."""
        found: dict[str, list[str]] = {}
        for name in self._others:
            stem = _stem(name)
            while stem:
                found.setdefault(stem, []).append(name)
                stem = stem.rpartition(".")[0]
        return found


def group_files(paths: Iterable[str]) -> list[tuple[str, ...]]:
    """Files that are one photograph: same folder, same stem, one of them RAW and one developed.

    Returns:
        Groups in the order of their first file, the developed file first in each.
    """
    return [group for groups in _by_common_name(paths).values() for group in groups]


def _by_common_name(paths: Iterable[str]) -> dict[str, list[tuple[str, ...]]]:
    """A folder and what the names of a pair have in common -> the files that are called so."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder, slash, name = path.rpartition("/")
        found[folder + slash + pair_name(name)].append(path)
    return {common: _pair(files) for common, files in found.items()}


def _pair(files: list[str]) -> list[tuple[str, ...]]:
    if len(files) == 1:
        return [(files[0],)]
    raw = [path for path in files if _extension(path) in RAW_EXTENSIONS]
    developed = [path for path in files if _extension(path) in DEVELOPED_EXTENSIONS]
    if not raw or not developed:
        return [(path,) for path in files]
    others = [path for path in files if path not in raw and path not in developed]
    return [(*developed, *raw), *((path,) for path in others)]


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link that leads back to itself
        return False


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _stem(name: str) -> str:
    return folded(os.path.splitext(name)[0])
