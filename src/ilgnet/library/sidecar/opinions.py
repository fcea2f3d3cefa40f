"""What a person has said of a photograph already, in its sidecars and inside its pictures."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.files import FileGroup
from ilgnet.library.sidecar.jpeg import read_embedded
from ilgnet.library.sidecar.write import rating_words
from ilgnet.library.sidecar.xmp import Sidecar, read_packet, read_sidecar

JPEG_EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})

_WITH_XMP: Final = ("TIFF", "PNG", "WEBP", "AVIF")
"""Formats whose packet Pillow finds without decoding. TIFF is also what is inside DNG, where
Lightroom keeps stars, and most RAW files, where cameras do."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A person's decisions on a photograph.

    Attributes:
        rating: -1 or 1..5, the first that is stated; None for none.
        label: a colour label; None for none.
        ours: the rating that we gave and that still stands; None for none.
        problems: what could not be read, and what contradicts itself, in words.
    """

    rating: int | None = None
    label: str | None = None
    ours: int | None = None
    problems: tuple[str, ...] = ()


def read_opinion(group: FileGroup) -> Opinion:
    """Read the sidecars and embedded packets of a photograph."""
    records: list[Sidecar] = []
    problems: list[str] = []
    for path in (*group.sidecars, *group.pictures):
        try:
            records += _read(path)
        except (LibraryError, OSError) as error:
            problems.append(str(error))
    stated = {r.path.name: r.users_rating for r in records if r.users_rating is not None}
    if len(set(stated.values())) > 1:
        problems.append(_disagreement(group.pictures[0].parent, stated))
    return Opinion(
        rating=next(iter(stated.values()), None),
        label=next((record.users_label for record in records if record.users_label), None),
        ours=next((r.rating for r in records if r.rating and r.users_rating is None), None),
        problems=tuple(problems),
    )


def _read(path: Path) -> Iterable[Sidecar]:
    if path.suffix.lower() == ".xmp":
        return [read_sidecar(path)]
    with path.open("rb") as stream:
        is_jpeg = stream.read(2) == b"\xff\xd8"
        stream.seek(0)
        packet = read_embedded(stream, path) if is_jpeg else _other_embedded(stream)
    return [] if packet is None else [read_packet(packet, path)]


def _other_embedded(stream: BinaryIO) -> bytes | None:
    """The packet inside a picture that is no JPEG; None where there is none to be found."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd tags and sizes, which scoring speaks of
            packet = Image.open(stream, formats=_WITH_XMP).info.get("xmp")
    except Exception:  # Pillow raises anything for damaged files, which scoring names
        return None
    return packet.rstrip(b"\0") or None if isinstance(packet, bytes) else None


def _disagreement(folder: Path, stated: dict[str, int]) -> str:
    said = ", ".join(f"{name} says {rating_words(rating)}" for name, rating in stated.items())
    return f"your ratings disagree in {folder}: {said}; each stays as it is"
