"""What lies in a library's folder: pictures, videos, and sidecars without a picture."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ilgnet.images.formats import IMAGE_EXTENSIONS, UNREAD_EXTENSIONS, VIDEO_EXTENSIONS
from ilgnet.images.walk import walk
from ilgnet.library.photograph.companions import SIDECAR_EXTENSION, folded, owners


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of a folder and all below it, as catalogue paths in order; hidden ones left out.

    Attributes:
        pictures: what scoring would take.
        videos: what is passed over, because only pictures are scored.
        unread: pictures in formats that are not decoded here.
        orphans: `.xmp` sidecars that belong to no picture or video in their folder.
        foreign: folders that belong to other programs, which are passed over.
    """

    pictures: tuple[str, ...]
    videos: tuple[str, ...]
    unread: tuple[str, ...]
    orphans: tuple[str, ...]
    foreign: tuple[str, ...]


def scan(root: Path) -> Scan:
    """Read the names in a folder and all below it; no file is opened."""
    folders: dict[str, list[str]] = defaultdict(list)
    foreign: list[str] = []
    top = os.path.join(root, "")
    for met in walk(os.fspath(root)):
        path = met.path[len(top) :].replace(os.sep, "/")
        if met.kind == "file":
            folders[path[: len(path) - len(met.name)]].append(met.name)
        elif met.kind == "foreign":
            foreign.append(path)
    pictures: list[str] = []
    videos: list[str] = []
    unread: list[str] = []
    orphans: list[str] = []
    kinds = (IMAGE_EXTENSIONS, pictures), (VIDEO_EXTENSIONS, videos), (UNREAD_EXTENSIONS, unread)
    for prefix, names in folders.items():
        media: list[str] = []
        sidecars: list[str] = []
        for name in names:
            extension = "" if name.startswith(".") else os.path.splitext(name)[1].lower()
            if extension == SIDECAR_EXTENSION:
                sidecars.append(name)
            for extensions, kind in kinds:
                if extension in extensions:
                    media.append(name)
                    kind.append(prefix + name)
        orphans += [prefix + name for name in _orphans(sidecars, media)]
    return Scan(*(tuple(sorted(paths)) for paths in (pictures, videos, unread, orphans, foreign)))


def _orphans(sidecars: list[str], media: list[str]) -> list[str]:
    """Sidecars that are named after nothing in their folder."""
    if not sidecars:
        return []
    known = {folded(name) for whole in media for name in (whole, os.path.splitext(whole)[0])}
    return [name for name in sidecars if known.isdisjoint(set().union(*owners(name)))]
