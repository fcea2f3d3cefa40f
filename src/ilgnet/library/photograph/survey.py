"""What lies in a library's folder: pictures, videos, and sidecars without a picture."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from ilgnet.images.formats import VIDEO_EXTENSIONS, is_image_name, unread_format
from ilgnet.images.walk import walk
from ilgnet.library.photograph.companions import SIDECAR_EXTENSION, owners


@dataclass(frozen=True, slots=True)
class Survey:
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


def survey(root: Path) -> Survey:
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
    for prefix, names in folders.items():
        images = [name for name in names if is_image_name(name)]
        films = [name for name in names if _is_video(name)]
        pictures += [prefix + name for name in images]
        others = [name for name in names if unread_format(name)]
        videos += [prefix + name for name in films]
        unread += [prefix + name for name in others]
        orphans += [prefix + name for name in _orphans(names, images + films + others)]
    return Survey(*(tuple(sorted(paths)) for paths in (pictures, videos, unread, orphans, foreign)))


def _is_video(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in VIDEO_EXTENSIONS


def _orphans(names: list[str], media: list[str]) -> list[str]:
    """Sidecars that are named after nothing in their folder."""
    sidecars = [n for n in names if n.lower().endswith(SIDECAR_EXTENSION) and n[0] != "."]
    if not sidecars:
        return []
    known = {os.path.splitext(name)[0].lower() for name in media} | {n.lower() for n in media}
    return [name for name in sidecars if known.isdisjoint(set().union(*owners(name)))]
