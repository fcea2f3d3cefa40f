"""What one file says of its photograph: stars, rejects and labels, and what we noted ourselves.

Ratings are `xmp:Rating`: -1 rejected, 0 or absent unrated, 1..5 stars (XMP Specification Part 1,
8.4). Programs that say it otherwise are understood too: digiKam's pick and colour labels,
darktable's colour labels, Windows' and ACDSee's ratings.

Our own notes are in the namespace `NOTES`. They include the rating and label that we wrote, so
that later runs can tell our stars from the person's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.opinion import REJECTED
from ilgnet.library.sidecar.inside import nearest_stars, read_inside
from ilgnet.library.sidecar.packet import Name, Packet, parse_packet

XMP: Final = "http://ns.adobe.com/xap/1.0/"
NOTES: Final = "https://github.com/ilgnet/ilgnet/ns/1.0/"
"""The namespace of our own properties: Score, Percentile, Model, Date, Rating, Label."""

PREFIXES: Final = {XMP: "xmp", NOTES: "ilgnet"}

RATING: Final = Name(XMP, "Rating")
LABEL: Final = Name(XMP, "Label")
_DIGIKAM: Final = "http://www.digikam.org/ns/1.0/"
PICK_LABEL: Final = Name(_DIGIKAM, "PickLabel")
DIGIKAM_LABEL: Final = Name(_DIGIKAM, "ColorLabel")
_DARKTABLE: Final = "http://darktable.sf.net/"
_DARKTABLE_COLOURS: Final = Name(_DARKTABLE, "colorlabels")
_DARKTABLE_CHANGED: Final = Name(_DARKTABLE, "change_timestamp")
WINDOWS_RATINGS: Final = (
    Name("http://ns.microsoft.com/photo/1.0/", "Rating"),
    Name("http://ns.microsoft.com/photo/1.0", "Rating"),
)
"""Programs do not agree on the slash at the end."""
ACDSEE_RATING: Final = Name("http://ns.acdsee.com/iptc/1.0/", "rating")

DIGIKAM_COLOURS: Final = (
    "",
    "Red",
    "Orange",
    "Yellow",
    "Green",
    "Blue",
    "Magenta",
    "Gray",
    "Black",
    "White",
)
_DARKTABLE_NAMES: Final = ("Red", "Yellow", "Green", "Blue", "Purple")


@dataclass(frozen=True, slots=True)
class Notes:
    """What we wrote about a picture ourselves.

    Attributes:
        score: mean vote, 1..10.
        percentile: share of AVA's pictures with a lower score, 0..100.
        model: name of the weights.
        date: ISO 8601, when the score was written.
        rating: the stars that we gave, -1..5; None where we gave none.
        label: the colour label that we gave.
        own: the rating to write is the person's own and is not noted as ours.
    """

    score: float | None = None
    percentile: float | None = None
    model: str | None = None
    date: str | None = None
    rating: int | None = None
    label: str | None = None
    own: bool = False


_UNDERSTOOD: Final = frozenset(
    {
        *(RATING, LABEL, PICK_LABEL, DIGIKAM_LABEL, ACDSEE_RATING, *WINDOWS_RATINGS),
        *(_DARKTABLE_COLOURS, _DARKTABLE_CHANGED),
        *(Name(NOTES, entry.name.capitalize()) for entry in fields(Notes)),
    }
)

NO_NOTES: Final = Notes()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a sidecar, or what is inside a picture, says.

    Attributes:
        path: the file that was read.
        packet: its XMP; None for a picture that has none and speaks by its EXIF.
        rating: -1 rejected, 0 unrated, 1..5 stars; None when there is none.
        label: the colour label's text; None when there is none.
        notes: our own notes.
        is_untouched: darktable wrote it when it imported the picture, and its history has not been
            changed since.
    """

    path: Path
    packet: Packet | None
    rating: int | None = None
    label: str | None = None
    notes: Notes = NO_NOTES
    is_untouched: bool = False

    def persons_rating(self, stars_from: int = 1) -> int | None:
        """The rating if a person gave it: -1, or stars from `stars_from` up; else None.

        No opinion are: no stars, our own, and the one star that darktable gives at import.
        """
        if not self.rating or self.is_ours:
            return None
        given_at_import = self.is_untouched and self.rating == 1
        counts = self.rating == REJECTED or (self.rating >= stars_from and not given_at_import)
        return self.rating if counts else None

    @property
    def is_ours(self) -> bool:
        """Whether the rating is the one that we gave."""
        return self.rating is not None and self.rating == self.notes.rating

    @property
    def users_label(self) -> str | None:
        """The label if a person gave it; None for no label and for our own."""
        return self.label if self.label != self.notes.label else None

    @property
    def rating_cleared(self) -> bool:
        """A person took away the stars that we gave."""
        return bool(self.notes.rating) and not self.rating

    @property
    def label_cleared(self) -> bool:
        """A person took away the label that we gave."""
        return self.notes.label is not None and self.label is None


def read_sidecar(path: Path) -> Statement:
    """Read a sidecar.

    Raises:
        LibraryError: it is damaged, is not XMP, or holds an impossible rating.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}") from error
    return read_packet(data, path)


def read_picture(path: Path) -> Statement:
    """Read what is inside a picture; XMP that states a rating counts before EXIF.

    Raises:
        LibraryError: the picture cannot be opened, or its XMP cannot be read.
    """
    try:
        with path.open("rb") as stream:
            inside = read_inside(stream)
    except OSError as error:
        raise LibraryError(f"{path} cannot be read: {error.strerror}") from error
    if inside.xmp is None:
        return Statement(path, None, inside.stars)
    said = read_packet(inside.xmp, path)
    return said if said.rating is not None else replace(said, rating=inside.stars)


def read_packet(data: bytes, path: Path) -> Statement:
    """Read a packet's bytes; `path` is where they came from."""
    packet = parse_packet(data, str(path))
    packet.forget_all_but(_UNDERSTOOD)
    try:
        return Statement(
            path,
            packet,
            _rating(packet),
            _label(packet),
            _notes(packet),
            _text(packet, _DARKTABLE_CHANGED) == "-1",
        )
    except ValueError as error:
        raise LibraryError(f"unreadable XMP: {path} was not touched: {error}") from error


def _text(packet: Packet, name: Name) -> str | None:
    return next((place.value for place in packet.find(name) if place.value), None)


def _number(packet: Packet, name: Name) -> float | None:
    if any(place.value is None for place in packet.find(name)):
        raise ValueError(f"its {name.local} is not a simple value but has structure inside")
    text = _text(packet, name)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"its {name.local} is {text!r}, which is not a number")
    return value


def _stars(packet: Packet, name: Name) -> int | None:
    value = _number(packet, name)
    if value is None:
        return None
    if not REJECTED <= value <= 5:
        raise ValueError(f"its {name.local} is {value:g}; ratings are -1 (rejected) and 0 to 5")
    return round(value)


def _rating(packet: Packet) -> int | None:
    """A reject wins, then the first rating that is not zero."""
    if _text(packet, PICK_LABEL) == "1":
        return REJECTED
    stated = [_stars(packet, name) for name in (RATING, ACDSEE_RATING)]
    stated += [_windows_stars(packet, name) for name in WINDOWS_RATINGS]
    ratings = [rating for rating in stated if rating is not None]
    return next((rating for rating in ratings if rating), 0 if ratings else None)


def _windows_stars(packet: Packet, name: Name) -> int | None:
    percent = _number(packet, name)
    return None if percent is None else nearest_stars(percent)


def _label(packet: Packet) -> str | None:
    return (
        _text(packet, LABEL)
        or _digikam_label(_text(packet, DIGIKAM_LABEL))
        or _darktable_label(packet)
    )


def _digikam_label(text: str | None) -> str | None:
    known = text is not None and text.isdecimal() and int(text) < len(DIGIKAM_COLOURS)
    return (DIGIKAM_COLOURS[int(text or 0)] or None) if known else None


def _darktable_label(packet: Packet) -> str | None:
    numbers = [item for place in packet.find(_DARKTABLE_COLOURS) for item in place.items]
    known = [int(item) for item in numbers if item.isdecimal()]
    return next((_DARKTABLE_NAMES[n] for n in known if n < len(_DARKTABLE_NAMES)), None)


def _notes(packet: Packet) -> Notes:
    return Notes(
        score=_number(packet, Name(NOTES, "Score")),
        percentile=_number(packet, Name(NOTES, "Percentile")),
        model=_text(packet, Name(NOTES, "Model")),
        date=_text(packet, Name(NOTES, "Date")),
        rating=_stars(packet, Name(NOTES, "Rating")),
        label=_text(packet, Name(NOTES, "Label")),
    )
