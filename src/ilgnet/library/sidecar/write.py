"""Merging our stars, label and notes into XMP, never overruling a person's unless asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

from ilgnet.library.photograph.opinion import REJECTED
from ilgnet.library.sidecar.edit import set_properties
from ilgnet.library.sidecar.inside import WINDOWS_PERCENT
from ilgnet.library.sidecar.packet import Name, Packet, parse_packet
from ilgnet.library.sidecar.xmp import (
    ACDSEE_RATING,
    DIGIKAM_COLOURS,
    DIGIKAM_LABEL,
    LABEL,
    NOTES,
    PICK_LABEL,
    PREFIXES,
    RATING,
    WINDOWS_RATINGS,
    Notes,
    Statement,
    read_packet,
)

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


def merge_notes(
    present: Statement, notes: Notes, *, overwrite: bool = False, stars_from: int = 1
) -> Merged:
    """Write a rating, a label and our notes into a packet.

    The rating and label go into `xmp:Rating` and `xmp:Label`, and where other programs' copies of
    them stand already, these are kept in step. A note of the same values but a newer date changes
    nothing, so that running twice is running once.

    Args:
        present: what is there; without a packet, or `new_sidecar`'s, for a new one.
        notes: what to write; None leaves a property as it is.
        overwrite: replace the person's own rating and label too.
        stars_from: the lowest number of stars that is the person's opinion.

    Raises:
        LibraryError: the packet holds something that cannot be edited.
    """
    packet = present.packet or empty_packet()
    kept: tuple[str, ...] = ()
    if not overwrite:
        notes, kept = _spare_users_own(present, notes, stars_from)
    values = {**_standard(packet, present, notes), **_noted(present, notes)}
    if not values:
        return Merged(packet.data, kept)
    if notes.date is not None:
        values[Name(NOTES, "Date")] = notes.date
    return Merged(set_properties(packet, values, PREFIXES), kept)


def new_sidecar(path: Path, inside: Sequence[Statement]) -> Statement:
    """What a new sidecar begins as.

    Programs that find a sidecar read it instead of what is inside the picture, so it carries that:
    the whole packet, where it is the sidecar of one picture that has one, and stars and label.

    Args:
        path: of the sidecar.
        inside: what the pictures that it belongs to say, in order of importance.
    """
    packet = inside[0].packet if len(inside) == 1 and inside[0].packet else empty_packet()
    present = read_packet(_without_padding(packet.data), path)
    values: dict[Name, str] = {}
    rating = next((said.rating for said in inside if said.rating and not said.is_ours), None)
    if rating and not present.rating and present.packet:
        values |= _rating_values(present.packet, rating)
    label = next((said.users_label for said in inside if said.users_label), None)
    if label and not present.label and present.packet:
        values |= _label_values(present.packet, label)
    if not values or present.packet is None:
        return present
    return read_packet(set_properties(present.packet, values, PREFIXES), path)


def _without_padding(data: bytes) -> bytes:
    """The space in front of a packet's end is for editing it in place, inside a picture."""
    end = data.rfind(b"<?xpacket end=")
    if end < 0:
        return data
    return data[:end].rstrip(b" \t\r\n") + b"\n" + data[end:].rstrip(b"\0")


@cache
def empty_packet() -> Packet:
    """What a new sidecar begins as."""
    from importlib.metadata import version

    text = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="ILGNet {version("ilgnet")}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:ilgnet="{NOTES}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
    return parse_packet(text.encode(), "a new sidecar")


def _spare_users_own(
    present: Statement, notes: Notes, stars_from: int
) -> tuple[Notes, tuple[str, ...]]:
    """Drop the rating and label where the person has decided, and say what differs."""
    kept = []
    own = present.persons_rating(stars_from)
    if not notes.own and (own is not None or present.rating_cleared):
        if notes.rating not in (None, own):
            kept.append(f"your own {rating_words(own or 0)}")
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


def _standard(packet: Packet, present: Statement, notes: Notes) -> dict[Name, str]:
    """`xmp:Rating`, `xmp:Label`, and the other programs' copies that are there.

    No stars is written as 0: darktable gives one star where it finds no rating.
    """
    values: dict[Name, str] = {}
    if notes.rating is not None and notes.rating != present.rating:
        values |= _rating_values(packet, notes.rating)
    if notes.label is not None and notes.label != present.label:
        values |= _label_values(packet, notes.label)
    return values


def _rating_values(packet: Packet, rating: int) -> dict[Name, str]:
    stars = max(rating, 0)
    copies = {name: str(WINDOWS_PERCENT[stars]) for name in WINDOWS_RATINGS}
    copies[ACDSEE_RATING] = str(stars)
    if rating == REJECTED:
        copies[PICK_LABEL] = "1"
    elif any(place.value == "1" for place in packet.find(PICK_LABEL)):
        copies[PICK_LABEL] = "0"
    return {RATING: str(rating), **{name: copies[name] for name in copies if packet.find(name)}}


def _label_values(packet: Packet, label: str) -> dict[Name, str]:
    values = {LABEL: label}
    colour = "Magenta" if label == "Purple" else label
    if colour in DIGIKAM_COLOURS and packet.find(DIGIKAM_LABEL):
        values[DIGIKAM_LABEL] = str(DIGIKAM_COLOURS.index(colour))
    return values


def _noted(present: Statement, notes: Notes) -> dict[Name, str]:
    """Our own properties that differ from what is noted already, but for the date."""
    values: dict[Name, str] = {}
    for attribute in ("score", "percentile", "model", "rating", "label"):
        value, noted = getattr(notes, attribute), getattr(present.notes, attribute)
        if isinstance(value, float):
            value = round(value, _DECIMALS[attribute])
        if attribute == "rating" and notes.own:
            # Not ours: where we had given just as many, that is forgotten.
            value = 0 if noted == notes.rating else None
        if value is not None and value != noted:
            values[Name(NOTES, attribute.capitalize())] = str(value)
    return values
