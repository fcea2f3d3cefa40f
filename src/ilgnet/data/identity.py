"""Which pictures are the same: by the id of a published collection, by bytes, by what they show."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from ilgnet.data.rated import RatedImage
from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from ilgnet.images.perceptual_hash import SIDE, first_same, perceptual_hash, same_picture

CONTENT: Final = "sha256:"
LOOK: Final = "look:"
"""How keys by content and by look begin; all others are ids."""


@dataclass(frozen=True, slots=True)
class PictureKeys:
    """What one picture can be recognised by; "" where that is not known.

    Attributes:
        name: `<collection>:<id>` in a published collection, as `ava:953619`.
        content: `sha256:` and 16 hex digits of the file's bytes.
        look: `look:` and the perceptual hash in hex (see `ilgnet.images.perceptual_hash`).
    """

    name: str = ""
    content: str = ""
    look: str = ""

    def __str__(self) -> str:
        """One line of a note; nothing in it tells what somebody's files are called."""
        return "\t".join(filter(None, (self.name, self.content, self.look)))

    @classmethod
    def parse(cls, line: str) -> Self:
        """From a line of a note."""
        found = {"name": "", "content": "", "look": ""}
        for key in line.split("\t"):
            kind = "content" if key.startswith(CONTENT) else "look"
            found[kind if key.startswith((CONTENT, LOOK)) else "name"] = key
        return cls(**found)


def name_key(image: RatedImage) -> str:
    """The key of a picture that a published collection names; "" for others."""
    return f"{image.collection}:{Path(image.id).stem}" if image.collection else ""


def all_keys(images: Sequence[RatedImage]) -> list[PictureKeys]:
    """The keys of pictures, their files read; those that cannot be read have a name at most."""
    with ThreadPoolExecutor(thread_name_prefix="ilgnet-keys") as pool:
        read = list(pool.map(_keys_of_file, (image.path for image in images)))
    return [PictureKeys(name_key(image), *keys) for image, keys in zip(images, read, strict=True)]


def _keys_of_file(path: Path) -> tuple[str, str]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return "", ""
    return _read_keys(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1 << 20)
def _read_keys(path: Path, _modified: int, _bytes: int) -> tuple[str, str]:
    """Content and look of a file as it was then; a run asks for the same files several times."""
    try:
        data = path.read_bytes()
    except OSError:
        return "", ""
    content = CONTENT + hashlib.sha256(data).hexdigest()[:16]
    try:
        look = perceptual_hash(read_image(data, min_side=SIDE).rgb)
    except ImageError:
        look = None
    return content, "" if look is None else LOOK + look.hex()


class KnownPictures:
    """Pictures that others are compared with.

    Args:
        keys: of the pictures.
    """

    def __init__(self, keys: Iterable[PictureKeys]) -> None:
        known = list(keys)
        self.names = frozenset(k.name for k in known if k.name)
        self.contents = frozenset(k.content for k in known if k.content)
        self._looks = _hashes(k.look for k in known)
        self._named = bool(known) and all(k.name for k in known)
        self._collections = frozenset(name.partition(":")[0] for name in self.names)

    @property
    def looks(self) -> bool:
        """Whether it is known what any of them looks like."""
        return len(self._looks) > 0

    def needs_files(self, images: Iterable[RatedImage]) -> bool:
        """Whether ids do not suffice: a picture on either side has none, or another collection's.

        Downloads of one collection differ in their bytes, their ids do not.
        """
        if not (self.contents or self.looks):
            return False
        if not self._named or len(self._collections) > 1:
            return True
        return any(image.collection not in self._collections for image in images)

    def contain(self, keys: Sequence[PictureKeys]) -> NDArray[np.bool_]:
        """Whether each of N pictures is among them: (N,)."""
        found = np.array([k.name in self.names or k.content in self.contents for k in keys], bool)
        unsure = [row for row, k in enumerate(keys) if k.look and not found[row]]
        if unsure and self.looks:
            found[unsure] = same_picture(_hashes(keys[row].look for row in unsure), self._looks)
        return found


def first_of_same(keys: Sequence[PictureKeys]) -> list[int]:
    """For each picture the row of the first that is the same; its own where it is the first."""
    first = list(range(len(keys)))
    seen: dict[str, int] = {}
    rows = [row for row, k in enumerate(keys) if k.look]
    nearest = first_same(_hashes(keys[row].look for row in rows))
    alike = {row: rows[other] for row, other in zip(rows, nearest, strict=True)}
    for row, k in enumerate(keys):
        candidates = [seen.setdefault(key, row) for key in (k.name, k.content) if key]
        first[row] = min([*candidates, alike.get(row, row)])
    return first


def _hashes(looks: Iterable[str]) -> NDArray[np.uint8]:
    """Perceptual hashes (N, 32) of the keys that are not empty."""
    data = b"".join(bytes.fromhex(look.removeprefix(LOOK)) for look in looks if look)
    return np.frombuffer(data, np.uint8).reshape(-1, 32)
