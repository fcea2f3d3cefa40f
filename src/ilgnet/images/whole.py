"""Whether a file is as long as it says of itself: decoders have many words for one that is not."""

from __future__ import annotations

import os
from typing import BinaryIO, Final, Literal

from ilgnet.images.boxes import boxes_end_early
from ilgnet.images.tiff_directories import STRIP_BYTES, STRIPS, read_directories

_TIFF: Final = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_OLYMPUS: Final = (b"IIRO", b"IIRS", b"MMOR")
_PANASONIC: Final = b"IIU\0"
_PANASONIC_PIXELS: Final = 0x118
"""The tag of the place of the pixels, where StripOffsets does not say it."""
_FUJI: Final = b"FUJIFILMCCD-RAW"
_FUJI_PIXELS: Final = 100
"""Where a RAF's header has the offset and the length of the pixels."""

_WORTH_MISSING: Final = 100
"""A hundredth of a strip may be missing: some cameras count a few bytes too many."""


def ends_early(stream: BinaryIO) -> bool:
    """Whether a file is shorter than its own header says; False where the header says nothing.

    WebP gives its length, TIFF the place of its directory, and AVIF, HEIC, JPEG 2000, JPEG XL and
    CR3 are chains of boxes with a length each.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(12)
    if len(head) < 12:
        return False
    if head.startswith(b"RIFF"):
        return size < 8 + int.from_bytes(head[4:8], "little")
    if head.startswith(_TIFF[:2]):
        order: Literal["little", "big"] = "little" if head.startswith(b"I") else "big"
        return size < 2 + int.from_bytes(head[4:8], order)
    return head[4:8] in (b"ftyp", b"jP  ", b"JXL ") and boxes_end_early(stream)


def pixels_end_early(stream: BinaryIO) -> bool:
    """Whether the pixels of a camera RAW file lie, or end, behind the end of the file.

    LibRaw develops what is missing as black. Reduced copies do not count: the pixels can be
    developed without them.
    """
    if ends_early(stream):
        return True
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(_FUJI_PIXELS + 8)
    if head.startswith(_FUJI):
        offset, length = (int.from_bytes(head[i : i + 4]) for i in (_FUJI_PIXELS, _FUJI_PIXELS + 4))
        return _is_missing(offset, length, size)
    if head.startswith(_PANASONIC):
        return any(
            _is_missing(directory.number(place), directory.number(STRIP_BYTES), size)
            for directory in read_directories(stream)[:1]
            for place in (STRIPS, _PANASONIC_PIXELS)
        )
    if not head.startswith((*_TIFF, *_OLYMPUS)):
        return False
    return any(
        _is_missing(offset, length, size)
        for directory in read_directories(stream)
        if directory.pixels and not directory.reduced
        for offset, length in directory.pieces
    )


def _is_missing(offset: int, length: int, size: int) -> bool:
    if offset in (0, 0xFFFFFFFF):  # said elsewhere
        return False
    return offset >= size or (offset + length - size) * _WORTH_MISSING > length
