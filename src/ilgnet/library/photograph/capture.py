"""When, with which camera and in which sequence a picture was taken: EXIF and the file's name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError

_MAKE, _MODEL, _EXIF_IFD = 0x010F, 0x0110, 0x8769
_TAKEN, _SUB_SECOND, _OFFSET, _SERIAL = 0x9003, 0x9291, 0x9011, 0xA431
_HEAD: Final = 1 << 20
"""How much of a file that Pillow does not know is searched for EXIF."""


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


def read_capture(stream: BinaryIO) -> Capture:
    """Read the EXIF of an open picture; damaged or missing EXIF is an empty `Capture`.

    Tags are those of CIPA DC-008 (EXIF): DateTimeOriginal, SubSecTimeOriginal,
    OffsetTimeOriginal, Make, Model, BodySerialNumber.
    """
    try:
        main, detail = _tags(stream)
    except Exception:  # damaged EXIF raises anything and is no reason to lose the picture
        return Capture()
    names = (main.get(_MAKE), main.get(_MODEL), detail.get(_SERIAL))
    camera = " ".join(filter(None, (_text(name) for name in names)))
    taken = _time(
        _text(detail.get(_TAKEN)),
        _text(detail.get(_SUB_SECOND)),
        _text(detail.get(_OFFSET)),
    )
    return Capture(taken, camera or None)


def sequence_number(name: str) -> int | None:
    """The running number in a file's name: 1234 of IMG_1234.jpg, 17 of BURST017_COVER.jpg.

    The last run of three to nine digits, so that a copy's suffix ("IMG_1234-2") does not hide it;
    shorter ones only where there is no such run.
    """
    stem = name.rpartition(".")[0] or name
    runs: list[str] = re.findall(r"\d+", stem)
    counters = [run for run in runs if 3 <= len(run) <= 9] or [r for r in runs if len(r) < 3]
    return int(counters[-1]) if counters else None


def _tags(stream: BinaryIO) -> tuple[dict[int, object], dict[int, object]]:
    """The main and the photographic tags of a picture."""
    try:
        image = Image.open(stream)
    except UnidentifiedImageError:
        stream.seek(0)
        return _raw_tags(stream)
    if image.format == "PNG" and "exif" not in image.info:
        return {}, {}  # Pillow would decode the whole picture to look for EXIF behind it
    exif = image.getexif()
    return dict(exif), dict(exif.get_ifd(_EXIF_IFD))


def _raw_tags(stream: BinaryIO) -> tuple[dict[int, object], dict[int, object]]:
    """Tags of files that Pillow does not know: camera RAW, and HEIC without its extra.

    Canon's CR3 keeps two TIFF blocks in boxes named CMT1 and CMT2, each with one directory;
    Fujifilm's RAF and HEIC hold the usual block behind "Exif"; most other RAW is TIFF itself.
    """
    head = stream.read(_HEAD)
    first, second = head.find(b"CMT1"), head.find(b"CMT2")
    if first >= 0 and second >= 0:
        return dict(_tiff(head[first + 4 :])), dict(_tiff(head[second + 4 :]))
    start = head.find(b"Exif\0\0")
    exif = _tiff(head[start + 6 :] if start >= 0 else head)
    return dict(exif), dict(exif.get_ifd(_EXIF_IFD))


def _tiff(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load_from_fp(BytesIO(block))
    return exif


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", "ignore")
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _time(text: str, fraction: str, offset: str) -> datetime | None:
    """A moment from EXIF's three texts; a blank or impossible one is None."""
    try:
        taken = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    if fraction.isdecimal():
        taken = taken.replace(microsecond=int(fraction[:6].ljust(6, "0")))
    if match := re.fullmatch(r"([+-])(\d\d):(\d\d)", offset):
        sign, hours, minutes = match.groups()
        ahead = timedelta(hours=int(hours), minutes=int(minutes))
        if ahead < timedelta(hours=24):
            taken = taken.replace(tzinfo=timezone(-ahead if sign == "-" else ahead))
    return taken
