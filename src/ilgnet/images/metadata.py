"""Where a file of any format keeps its EXIF and its XMP; no pixel is decoded for it.

Sources: CIPA DC-008 (EXIF), Adobe XMP part 3 (where files keep XMP), PNG third edition, the WebP
container, ISO/IEC 23008-12 (HEIC, AVIF), Adobe Photoshop File Formats.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image

from ilgnet.images import formats
from ilgnet.images.boxes import read_boxes, read_item, read_main_picture
from ilgnet.images.formats import HEAD, Format, find_format

_EXIF_IFD: Final = 0x8769
_XMP_TAG: Final = 700
_EXIF_MARK, _XMP_MARK = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_XMP_UUID: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_UUID: Final = b"JpgTiffExif->JP2"
_PHOTOSHOP_EXIF, _PHOTOSHOP_XMP = 1058, 1060
_NEARLY_TIFF: Final = (b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
"""Olympus and Panasonic: TIFF but for the first four bytes."""
_RAF: Final = b"FUJIFILMCCD-RAW "
_SEARCHED: Final = 1 << 20
"""How much of a file of unknown build is searched for EXIF."""
_MOST: Final = 1 << 24
"""A longer block is no metadata of a photograph."""
_MOST_PARTS: Final = 100_000

Tags = dict[int, object]


@dataclass(slots=True)
class Metadata:
    """What a file says beside its pixels, as far as it can be read.

    Attributes:
        main: EXIF's main directory: tag -> value.
        detail: EXIF's photographic directory.
        xmp: the XMP packet; empty where there is none.
    """

    main: Tags
    detail: Tags
    xmp: bytes = b""


def read_metadata(stream: BinaryIO) -> Metadata:
    """Read the metadata of an open picture; what is damaged is as if it were not there."""
    found = Metadata({}, {})
    try:
        stream.seek(0)
        format = find_format(stream.read(HEAD))
        _READERS.get(format, _search)(stream, found)
    except Exception:  # damaged metadata raises anything and is no reason to lose the picture
        pass
    return found


def _take(block: bytes, found: Metadata) -> None:
    """Read a TIFF block; the first that says anything counts."""
    if found.main or found.detail:
        return
    with contextlib.suppress(Exception):  # the XMP behind damaged EXIF may be sound
        _take_file(BytesIO(block.removeprefix(_EXIF_MARK)), found)


def _take_file(stream: BinaryIO, found: Metadata) -> None:
    exif = Image.Exif()
    exif.load_from_fp(stream)
    found.main = dict(exif)
    with contextlib.suppress(Exception):
        found.detail = dict(exif.get_ifd(_EXIF_IFD))


def _jpeg(stream: BinaryIO, found: Metadata) -> None:
    place = 2
    for _ in range(_MOST_PARTS):
        stream.seek(place)
        marker, length = stream.read(2), int.from_bytes(stream.read(2))
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] == 0xDA or length < 2:
            return
        if marker == b"\xff\xff":  # fill
            place += 1
            continue
        if marker == b"\xff\xe1":
            body = stream.read(length - 2)
            if body.startswith(_EXIF_MARK):
                _take(body, found)
            elif body.startswith(_XMP_MARK):
                found.xmp = found.xmp or body[len(_XMP_MARK) :]
        place += 2 + length


def _parts(
    stream: BinaryIO, place: int, header: Callable[[bytes], tuple[bytes, int, int]]
) -> Iterator[tuple[bytes, Callable[[], bytes]]]:
    """Kind, and a function that reads the content, of parts that follow one another.

    Args:
        stream: the open file.
        place: of the first.
        header: from eight bytes to kind, length of the content, and length of what follows it.
    """
    size = stream.seek(0, os.SEEK_END)
    for _ in range(_MOST_PARTS):
        if place + 8 > size:
            return
        stream.seek(place)
        kind, length, after = header(stream.read(8))

        def content(start: int = place + 8, length: int = length) -> bytes:
            stream.seek(start)
            return stream.read(length) if length <= _MOST else b""

        yield kind, content
        place += 8 + length + after


def _png(stream: BinaryIO, found: Metadata) -> None:
    chunks = _parts(stream, 8, lambda head: (head[4:], int.from_bytes(head[:4]), 4))
    for kind, content in chunks:
        if kind == b"eXIf":
            _take(content(), found)
        elif kind == b"iTXt" and (body := content()).startswith(b"XML:com.adobe.xmp\0"):
            found.xmp = _international_text(body)


def _international_text(chunk: bytes) -> bytes:
    """The text of an iTXt chunk, which may be compressed (PNG third edition, 11.3.3.4)."""
    rest = chunk.partition(b"\0")[2]
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return zlib.decompressobj().decompress(text, _MOST) if rest[:1] == b"\1" else text


def _webp(stream: BinaryIO, found: Metadata) -> None:
    def header(head: bytes) -> tuple[bytes, int, int]:
        length = int.from_bytes(head[4:], "little")
        return head[:4], length, length % 2

    for kind, content in _parts(stream, 12, header):
        if kind == b"EXIF":
            _take(content(), found)
        elif kind == b"XMP ":
            found.xmp = content()


def _heif(stream: BinaryIO, found: Metadata) -> None:
    items = read_main_picture(stream).items
    if b"mime" in items:
        found.xmp = read_item(stream, items[b"mime"])
    if b"Exif" in items:
        block = read_item(stream, items[b"Exif"])
        _take(block[4 + int.from_bytes(block[:4]) :], found)
    else:
        _search(stream, found)


def _plain_boxes(stream: BinaryIO, found: Metadata) -> None:
    """JPEG 2000 and JPEG XL; CR3 keeps its XMP in the same way."""
    for box in read_boxes(stream):
        if box.kind not in (b"Exif", b"xml ", b"uuid") or box.end - box.start > _MOST:
            continue
        stream.seek(box.start)
        body = stream.read(box.end - box.start)
        if box.kind == b"Exif":
            _take(body[4 + int.from_bytes(body[:4]) :], found)
        elif box.kind == b"xml ":
            found.xmp = found.xmp or body
        elif body.startswith(_XMP_UUID):
            found.xmp = body[16:]
        elif body.startswith(_EXIF_UUID):
            _take(body[16:], found)


def _tiff(stream: BinaryIO, found: Metadata) -> None:
    stream.seek(0)
    _take_file(stream, found)
    xmp = found.main.get(_XMP_TAG)
    found.xmp = xmp if isinstance(xmp, bytes) else b""


def _photoshop(stream: BinaryIO, found: Metadata) -> None:
    stream.seek(26)
    stream.seek(int.from_bytes(stream.read(4)), os.SEEK_CUR)
    resources = BytesIO(stream.read(min(int.from_bytes(stream.read(4)), _MOST)))
    while resources.read(4) == b"8BIM":
        number = int.from_bytes(resources.read(2))
        name = int.from_bytes(resources.read(1))
        resources.seek(name + (name + 1) % 2, os.SEEK_CUR)
        length = int.from_bytes(resources.read(4))
        body = resources.read(length + length % 2)[:length]
        if number == _PHOTOSHOP_EXIF:
            _take(body, found)
        elif number == _PHOTOSHOP_XMP:
            found.xmp = body


def _search(stream: BinaryIO, found: Metadata) -> None:
    """Camera RAW, and whatever else has its tags near its beginning.

    Canon's CR3 keeps two TIFF blocks in boxes named CMT1 and CMT2, each with one directory, and
    XMP in a box of its own; Fujifilm's RAF holds a whole JPEG, whose place and length stand in its
    header; most other RAW is TIFF itself.
    """
    stream.seek(0)
    head = stream.read(_SEARCHED)
    if head.startswith(_RAF):
        stream.seek(int.from_bytes(head[84:88]))
        _jpeg(BytesIO(stream.read(min(int.from_bytes(head[88:92]), _MOST))), found)
        if found.main or found.xmp:
            return
    if head[4:8] == b"ftyp":
        _plain_boxes(stream, found)
        first, second = head.find(b"CMT1"), head.find(b"CMT2")
        for start, tags in ((first, found.main), (second, found.detail)):
            if start >= 0:
                exif = Image.Exif()
                exif.load_from_fp(BytesIO(head[start + 4 :]))
                tags.update(exif)
        if first >= 0:
            return
    start = head.find(_EXIF_MARK)
    if start >= 0:
        _take(head[start:], found)
    elif head.startswith(_NEARLY_TIFF):
        _take((b"II*\0" if head.startswith(b"I") else b"MM\0*") + head[4:], found)
    else:
        _tiff(stream, found)


_READERS: Final[dict[Format | None, Callable[[BinaryIO, Metadata], None]]] = {
    formats.JPEG: _jpeg,
    formats.PNG: _png,
    formats.WEBP: _webp,
    formats.HEIC: _heif,
    formats.AVIF: _heif,
    formats.JPEG_2000: _plain_boxes,
    formats.JPEG_XL: _plain_boxes,
    formats.TIFF: _tiff,
    formats.PHOTOSHOP: _photoshop,
}
