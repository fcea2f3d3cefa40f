"""The XMP packet and the EXIF stars inside a picture, found without decoding it.

Only headers are walked, from one to the next; a length that leads nowhere ends the search, and
what is found is bounded. A picture that is damaged says nothing here; scoring names the damage.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO, Final, NamedTuple

from PIL import Image

from ilgnet.errors import LibraryError
from ilgnet.images.boxes import read_boxes, read_item, read_main_picture
from ilgnet.library.sidecar.jpeg import read_blocks
from ilgnet.library.sidecar.packet import MAX_BYTES

_XMP_TAG: Final = 700
_RATING, _RATING_PERCENT = 0x4746, 0x4749
_MOST_CHUNKS: Final = 1_000_000
_MOST_OF_A_JPEG: Final = 16 << 20
_XMP_BOX: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_CANON_BOX: Final = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")

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
    """Look into an open picture: JPEG, TIFF and the RAW files that are TIFF inside (DNG, NEF, CR2,
    ARW ...), CR3, RAF, PNG, WebP, HEIC, AVIF, JPEG XL, JPEG 2000.

    Raises:
        LibraryError: there are two packets.
    """
    stream.seek(0)
    head = stream.read(16)
    try:
        return _reader(head)(stream)
    except LibraryError:
        raise
    except Exception:  # whatever damage makes of headers, Pillow's readers included
        return Inside()


def nearest_stars(percent: float) -> int:
    """Stars of Windows' percentage."""
    return min(range(6), key=lambda stars: abs(WINDOWS_PERCENT[stars] - percent))


def _reader(head: bytes) -> Callable[[BinaryIO], Inside]:
    if head.startswith(b"\xff\xd8"):
        return _in_jpeg
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _in_png
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _in_webp
    if head[4:8] in (b"ftyp", b"jP  ", b"JXL "):
        return _in_boxes
    if head.startswith(b"FUJIFILMCCD-RAW "):
        return _in_raf
    return _in_tiff


def _in_jpeg(stream: BinaryIO) -> Inside:
    blocks = read_blocks(stream)
    return Inside(blocks.xmp, _exif_stars(blocks.exif))


def _in_png(stream: BinaryIO) -> Inside:
    xmp = exif = None
    place = 8
    for _ in range(_MOST_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            break
        length = int.from_bytes(head[:4], "big")
        if head[4:] in (b"iTXt", b"eXIf") and length <= MAX_BYTES:
            content = stream.read(length)
            if head[4:] == b"eXIf":
                exif = content
            else:
                xmp = _international_text(content, b"XML:com.adobe.xmp") or xmp
        place += 12 + length
    return Inside(xmp, _exif_stars(exif))


def _international_text(chunk: bytes, wanted: bytes) -> bytes | None:
    """The text of an iTXt chunk of a keyword (PNG Specification, 11.3.3.4)."""
    keyword, _, rest = chunk.partition(b"\0")
    if keyword != wanted or len(rest) < 2:
        return None
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return zlib.decompressobj().decompress(text, MAX_BYTES) if rest[0] else text


def _in_webp(stream: BinaryIO) -> Inside:
    xmp = exif = None
    place = 12
    for _ in range(_MOST_CHUNKS):
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            break
        length = int.from_bytes(head[4:], "little")
        if head[:4] in (b"XMP ", b"EXIF") and length <= MAX_BYTES:
            content = stream.read(length)
            if head[:4] == b"EXIF":
                exif = content.removeprefix(b"Exif\0\0")
            else:
                xmp = content
        place += 8 + length + length % 2
    return Inside(xmp, _exif_stars(exif))


def _in_boxes(stream: BinaryIO) -> Inside:
    """HEIC and AVIF by their items; CR3, JPEG XL and JPEG 2000 by boxes of their own."""
    items = read_main_picture(stream).items
    xmp = read_item(stream, items[b"mime"]) if b"mime" in items else None
    exif = _behind_offset(read_item(stream, items[b"Exif"])) if b"Exif" in items else None
    for kind, content in _metadata_boxes(stream):
        if kind == b"xml ":
            xmp = content
        else:
            exif = content if kind == b"CMT1" else _behind_offset(content)
    return Inside(xmp or None, _exif_stars(exif))


def _metadata_boxes(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """XMP as `xml `, EXIF as `Exif` (JPEG XL) or `CMT1` (CR3)."""
    for box in list(read_boxes(stream)):
        name = _start(stream, box.start, 16) if box.kind == b"uuid" else b""
        size = min(box.end - box.start, MAX_BYTES)
        if name == _XMP_BOX:
            yield b"xml ", _start(stream, box.start + 16, max(size - 16, 0))
        elif box.kind in (b"xml ", b"Exif"):
            yield box.kind, _start(stream, box.start, size)
        elif box.kind == b"moov":
            for inner in list(read_boxes(stream, box.start, box.end)):
                if inner.kind == b"uuid" and _start(stream, inner.start, 16) == _CANON_BOX:
                    for part in list(read_boxes(stream, inner.start + 16, inner.end)):
                        if part.kind == b"CMT1":
                            length = min(part.end - part.start, MAX_BYTES)
                            yield b"CMT1", _start(stream, part.start, length)


def _start(stream: BinaryIO, place: int, length: int) -> bytes:
    stream.seek(place)
    return stream.read(length)


def _behind_offset(block: bytes) -> bytes:
    """EXIF in boxes begins with the distance of its TIFF header (ISO/IEC 23008-12, A.2.1)."""
    return block[4 + int.from_bytes(block[:4], "big") :]


def _in_raf(stream: BinaryIO) -> Inside:
    """Fujifilm's RAW holds a whole JPEG; its place and length are in the header."""
    stream.seek(84)
    place = int.from_bytes(stream.read(4), "big")
    length = int.from_bytes(stream.read(4), "big")
    return _in_jpeg(BytesIO(_start(stream, place, min(length, _MOST_OF_A_JPEG))))


def _in_tiff(stream: BinaryIO) -> Inside:
    stream.seek(0)
    tags = _tags(stream)
    xmp = tags.get(_XMP_TAG)
    return Inside(bytes(xmp) if isinstance(xmp, bytes | tuple) else None, _stars(tags))


def _tags(stream: BinaryIO) -> Image.Exif:
    """The first directory of a TIFF."""
    tags = Image.Exif()
    tags.load_from_fp(stream)
    return tags


def _exif_stars(block: bytes | None) -> int | None:
    """Stars of an EXIF block; one that is damaged has none."""
    if not block:
        return None
    try:
        return _stars(_tags(BytesIO(block.removeprefix(b"Exif\0\0"))))
    except Exception:  # Pillow raises anything
        return None


def _stars(tags: Image.Exif) -> int | None:
    """Rating, or where that is not there RatingPercent; 0 is how most cameras say nothing."""
    stars, percent = _number(tags.get(_RATING)), _number(tags.get(_RATING_PERCENT))
    if stars is None and percent is not None and 0 <= percent <= 100:
        stars = nearest_stars(percent)
    return stars if stars is not None and 1 <= stars <= 5 else None


def _number(value: Any) -> int | None:
    if isinstance(value, tuple) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, int) else None
