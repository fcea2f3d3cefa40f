"""Merging our stars, label and notes into XMP, never overruling a person's unless asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from ilgnet.library.sidecar.edit import set_properties
from ilgnet.library.sidecar.packet import Name, parse_packet
from ilgnet.library.sidecar.xmp import (
    ACDSEE_RATING,
    DIGIKAM_COLOURS,
    DIGIKAM_LABEL,
    LABEL,
    NOTES,
    PICK_LABEL,
    PREFIXES,
    RATING,
    REJECTED,
    WINDOWS_PERCENT,
    WINDOWS_RATINGS,
    Notes,
    Sidecar,
    read_packet,
)

EMPTY_PACKET: Final = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="ILGNet {version("ilgnet")}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:ilgnet="{NOTES}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
""".encode()
"""What a new sidecar begins as."""

_DECIMALS: Final = {"score": 3, "percentile": 1}


@dataclass(frozen=True, slots=True)
class Merged:
    """The outcome of a merge.

    Attributes:
        data: the packet with our properties; the bytes given when there was nothing to change.
        kept: what of the person's was left as it is, in words.
    """

    data: bytes
    kept: tuple[str, ...] = ()


def merge_notes(data: bytes | None, notes: Notes, path: Path, *, overwrite: bool = False) -> Merged:
    """Write a rating, a label and our notes into a packet.

    The rating and label go into `xmp:Rating` and `xmp:Label`, and where other programs' copies of
    them stand already, these are kept in step. A note of the same values but a newer date changes
    nothing, so that running twice is running once.

    Args:
        data: the packet that is there, or None for a new sidecar.
        notes: what to write; None leaves a property as it is.
        path: where the packet is, for errors.
        overwrite: replace the person's own rating and label too.

    Raises:
        LibraryError: the packet is damaged or holds something that cannot be edited.
    """
    before = EMPTY_PACKET if data is None else data
    present = read_packet(before, path)
    kept: tuple[str, ...] = ()
    if not overwrite:
        notes, kept = _spare_users_own(present, notes)
    values = {**_standard(before, present, notes), **_noted(present, notes)}
    if not values:
        return Merged(before, kept)
    if notes.date is not None:
        values[Name(NOTES, "Date")] = notes.date
    return Merged(set_properties(before, values, PREFIXES, str(path)), kept)


def _spare_users_own(present: Sidecar, notes: Notes) -> tuple[Notes, tuple[str, ...]]:
    """Drop the rating and label where the person has decided, and say what differs."""
    kept = []
    if present.users_rating is not None or present.rating_cleared:
        if notes.rating not in (None, present.users_rating):
            kept.append(f"your own {rating_words(present.users_rating or 0)}")
        notes = replace(notes, rating=None)
    if present.users_label is not None or present.label_cleared:
        if notes.label not in (None, present.users_label):
            kept.append(f"your own label {present.users_label or '(none)'}")
        notes = replace(notes, label=None)
    return notes, tuple(kept)


def rating_words(rating: int) -> str:
    """A rating as people say it."""
    if rating == REJECTED:
        return "reject"
    return "no stars" if rating == 0 else f"{rating} star{'s' if rating > 1 else ''}"


def _standard(data: bytes, present: Sidecar, notes: Notes) -> dict[Name, str]:
    """`xmp:Rating`, `xmp:Label`, and the other programs' copies that are there."""
    values: dict[Name, str] = {}
    if notes.rating is not None and notes.rating != (present.rating or 0):
        values |= _rating_values(data, notes.rating)
    if notes.label is not None and notes.label != present.label:
        values |= _label_values(data, notes.label)
    return values


def _rating_values(data: bytes, rating: int) -> dict[Name, str]:
    packet = parse_packet(data, "")
    stars = max(rating, 0)
    copies = {name: str(WINDOWS_PERCENT[stars]) for name in WINDOWS_RATINGS}
    copies[ACDSEE_RATING] = str(stars)
    if rating == REJECTED:
        copies[PICK_LABEL] = "1"
    elif any(place.value == "1" for place in packet.find(PICK_LABEL)):
        copies[PICK_LABEL] = "0"
    return {RATING: str(rating), **{name: copies[name] for name in copies if packet.find(name)}}


def _label_values(data: bytes, label: str) -> dict[Name, str]:
    values = {LABEL: label}
    colour = "Magenta" if label == "Purple" else label
    if colour in DIGIKAM_COLOURS and parse_packet(data, "").find(DIGIKAM_LABEL):
        values[DIGIKAM_LABEL] = str(DIGIKAM_COLOURS.index(colour))
    return values


def _noted(present: Sidecar, notes: Notes) -> dict[Name, str]:
    """Our own properties that differ from what is noted already, but for the date."""
    values: dict[Name, str] = {}
    for attribute in ("score", "percentile", "model", "rating", "label"):
        value, noted = getattr(notes, attribute), getattr(present.notes, attribute)
        if isinstance(value, float):
            value = round(value, _DECIMALS[attribute])
        if value is not None and value != noted:
            values[Name(NOTES, attribute.capitalize())] = str(value)
    return values
