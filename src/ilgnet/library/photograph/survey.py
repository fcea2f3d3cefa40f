"""What lies in a library's folder: pictures, videos, and sidecars without a picture."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ilgnet.images.formats import VIDEO_EXTENSIONS, is_image_name, unread_format

_VERSION = re.compile(r"_\d\d(?=\.)")
"""darktable's second version of IMG_1.CR2 has the sidecar IMG_1_01.CR2.xmp."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The files of a folder and all below it, as catalogue paths in order; hidden ones left out.

    Attributes:
        pictures: what scoring would take.
        videos: what is passed over, because only pictures are scored.
        unread: pictures in formats that are not decoded here.
        orphans: `.xmp` sidecars that belong to no picture or video in their folder.
    """

    pictures: tuple[str, ...]
    videos: tuple[str, ...]
    unread: tuple[str, ...]
    orphans: tuple[str, ...]


def survey(root: Path) -> Survey:
    """Read the names in a folder and all below it; no file is opened."""
    pictures: list[str] = []
    videos: list[str] = []
    unread: list[str] = []
    orphans: list[str] = []
    for folder, names in _folders(root, "", set()):
        prefix = f"{folder}/" if folder else ""
        images = [name for name in names if is_image_name(name)]
        films = [name for name in names if _is_video(name)]
        pictures += [prefix + name for name in images]
        others = [name for name in names if unread_format(name)]
        videos += [prefix + name for name in films]
        unread += [prefix + name for name in others]
        orphans += [prefix + name for name in _orphans(names, images + films + others)]
    return Survey(*(tuple(sorted(paths)) for paths in (pictures, videos, unread, orphans)))


def _is_video(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_EXTENSIONS


def _orphans(names: list[str], media: list[str]) -> list[str]:
    """Sidecars whose name is neither a file's with ".xmp" behind it nor a file's stem."""
    sidecars = [name for name in names if name.lower().endswith(".xmp") and name[0] != "."]
    if not sidecars:
        return []
    known = {os.path.splitext(name)[0].lower() for name in media} | {n.lower() for n in media}
    return [name for name in sidecars if not known & _belongs_to(name)]


def _belongs_to(sidecar: str) -> set[str]:
    stem = sidecar[: -len(".xmp")].lower()
    return {stem, _VERSION.sub("", stem)}


def _folders(
    root: Path, folder: str, above: set[tuple[int, int]]
) -> Iterator[tuple[str, list[str]]]:
    """Each folder with its files' names; one that cannot be searched has none."""
    try:
        status = os.stat(root / folder)
        entries = list(os.scandir(root / folder))
    except OSError:
        return
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        return
    inside: dict[bool, list[str]] = defaultdict(list)
    for entry in entries:
        inside[_is_folder(entry)].append(entry.name)
    yield folder, inside[False]
    for name in inside[True]:
        if not name.startswith("."):
            below = f"{folder}/{name}" if folder else name
            yield from _folders(root, below, above | {identity})


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link loop
        return False
