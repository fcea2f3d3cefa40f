"""When, with which camera and in which sequence a picture was taken."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import BinaryIO, Final
from xml.etree import ElementTree

from ilgnet.errors import ImageError
from ilgnet.images.files import open_image_file
from ilgnet.images.metadata import Metadata, read_metadata
from ilgnet.images.overheard import overheard

_MAKE, _MODEL, _SERIAL = 0x010F, 0x0110, 0xA431
_ORIGINAL: Final = (0x9003, 0x9291, 0x9011)
_DIGITIZED: Final = (0x9004, 0x9292, 0x9012)
_CHANGED: Final = (0x0132, 0x9290, 0x9010)
"""DateTimeOriginal, DateTimeDigitized and DateTime, each with its fraction and its zone."""

_XMP_DATES: Final = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
    "{http://ns.adobe.com/exif/1.0/}DateTimeDigitized",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
"""What XMP calls these, the most certain first."""

_MOMENT: Final = re.compile(
    r"\s*(\d{4})[:/.-](\s?\d{1,2})[:/.-](\s?\d{1,2})"
    r"(?:[T\s]\s*(\d{1,2}):(\s?\d{1,2})(?::(\s?\d{1,2})(?:[.,](\d+))?)?"
    r"\s*(Z|[+-]\d\d:?\d\d)?)?\s*",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Capture:
    """What the camera wrote of the moment.

    Attributes:
        taken: the camera's wall clock with fractions of a second, aware of the time zone only
            where the camera recorded the offset; None where there is no time.
        camera: maker, model and serial number as far as they are there.
    """

    taken: datetime | None = None
    camera: str | None = None


UNKNOWN: Final = Capture()
"""Where nobody looked, or nothing is written."""


def read_capture(stream: BinaryIO) -> Capture:
    """Read the metadata of an open picture; damaged or missing ones are an empty `Capture`.

    Tags are those of CIPA DC-008 (EXIF): DateTimeOriginal, else DateTimeDigitized, each with its
    fraction and zone; else what XMP says; else DateTime, which programs set when they save.
    """
    with overheard():  # of no use here: decoding will say what is wrong with the picture
        found = read_metadata(stream)
    names = (found.main.get(_MAKE), found.main.get(_MODEL), found.detail.get(_SERIAL))
    camera = " ".join(filter(None, (_text(name) for name in names)))
    return Capture(next(_moments(found), None), camera or None)


def read_file_capture(path: str | os.PathLike[str]) -> Capture:
    """When a picture was taken; an unreadable file says nothing."""
    try:
        with open_image_file(path) as stream:
            return read_capture(stream)
    except (OSError, ImageError):
        return Capture()


def sequence_number(name: str) -> int | None:
    """The running number in a file's name: 1234 of IMG_1234.jpg, 17 of BURST017_COVER.jpg.

    The last run of three to nine digits, so that a copy's suffix ("IMG_1234-2") does not hide it;
    shorter ones only where there is no such run.
    """
    stem = name.rpartition(".")[0] or name
    runs: list[str] = re.findall(r"\d+", stem)
    counters = [run for run in runs if 3 <= len(run) <= 9] or [r for r in runs if len(r) < 3]
    return int(counters[-1]) if counters else None


def _moments(found: Metadata) -> Iterator[datetime]:
    """What may be the time it was taken, the most certain first."""
    tags = {**found.main, **found.detail}
    for names in (_ORIGINAL, _DIGITIZED):
        if moment := _moment(*(_text(tags.get(name)) for name in names)):
            yield moment
    for text in _xmp_dates(found.xmp):
        if moment := _moment(text):
            yield moment
    if moment := _moment(*(_text(tags.get(name)) for name in _CHANGED)):
        yield moment


def _xmp_dates(packet: bytes) -> Iterator[str]:
    """The dates of an XMP packet, as attributes or as elements."""
    try:
        root = ElementTree.fromstring(packet.strip(b"\0 \t\r\n"))
    except (ElementTree.ParseError, ValueError, LookupError):  # damaged, or of unknown encoding
        return
    elements = list(root.iter())
    for name in _XMP_DATES:
        for element in elements:
            yield element.get(name, "")
            if element.tag == name:
                yield element.text or ""


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "ignore")
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _moment(text: str, fraction: str = "", zone: str = "") -> datetime | None:
    """A moment as cameras, phones and programs spell it; a blank or impossible one is None.

    Hour 24 is midnight of the same day, as the phones that write it mean it. A date alone is its
    beginning.
    """
    match = _MOMENT.fullmatch(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        taken = datetime(year, month, day, 0 if hour == 24 else hour, minute, second)
    except ValueError:
        return None
    digits = match[7] or fraction
    if digits.isdecimal():
        taken = taken.replace(microsecond=int(digits[:6].ljust(6, "0")))
    return taken.replace(tzinfo=_zone(match[8] or zone))


def _zone(text: str) -> timezone | None:
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", "+00:00" if text == "Z" else text)
    if not match:
        return None
    sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours), minutes=int(minutes))
    if ahead >= timedelta(hours=24):
        return None
    return timezone(-ahead if sign == "-" else ahead)
