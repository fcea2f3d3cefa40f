"""The XMP packet and the EXIF stars inside a picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, Final, NamedTuple

from ilgnet.images.metadata import read_metadata
from ilgnet.images.overheard import overheard

_RATING, _RATING_PERCENT = 0x4746, 0x4749

WINDOWS_PERCENT: Final = (0, 1, 25, 50, 75, 99)
"""What Windows writes for 0..5 stars, in EXIF and in XMP."""


class Inside(NamedTuple):
    """What a picture holds.

    Attributes:
        xmp: its packet, as bytes.
        stars: 1..5, as EXIF has them.
    """

    xmp: bytes | None = None
    stars: int | None = None


def read_inside(stream: BinaryIO) -> Inside:
    """Look into an open picture of any format; what is damaged is as if it were not there."""
    with overheard():  # scoring speaks of odd tags
        found = read_metadata(stream)
    return Inside(found.xmp or None, _stars(found.main))


def nearest_stars(percent: float) -> int:
    """Stars of Windows' percentage."""
    return min(range(6), key=lambda stars: abs(WINDOWS_PERCENT[stars] - percent))


def _stars(tags: Mapping[int, object]) -> int | None:
    """Rating, or where that is not there RatingPercent; 0 is how most cameras say nothing."""
    stars, percent = _number(tags.get(_RATING)), _number(tags.get(_RATING_PERCENT))
    if stars is None and percent is not None and 0 <= percent <= 100:
        stars = nearest_stars(percent)
    return stars if stars is not None and 1 <= stars <= 5 else None


def _number(value: object) -> int | None:
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, int) else None
