"""JPEG XL: its plugin decodes as soon as it opens a file, so the size is read beforehand."""

from __future__ import annotations

from typing import BinaryIO, Final

from ilgnet.errors import ImageError, require
from ilgnet.images.boxes import read_boxes
from ilgnet.images.formats import JPEG_XL
from ilgnet.images.picture import Picture, alone_if_large, check_pixels, from_pillow, truncated
from ilgnet.images.plugins import open_with_pillow

_CODESTREAM: Final = b"\xff\x0a"
_HEADER: Final = 16
"""More bytes than a codestream's size takes."""

_RATIOS: Final = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIZES: Final = (9, 13, 18, 30)
"""Bits of a side, by its selector (ISO/IEC 18181-1, SizeHeader)."""


def read_jxl(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a JPEG XL file.

    Args:
        stream: the open file.
        min_side: as for `read_image`.

    Raises:
        MissingExtra: pillow-jxl-plugin is not installed.
        ImageError: it is too large, cut off or damaged.
    """
    require("pillow_jxl", JPEG_XL.extra, "reading JPEG XL")
    size = read_size(_codestream(stream))
    check_pixels(*size)
    with alone_if_large(*size):
        try:
            image = open_with_pillow(JPEG_XL, stream)
        except RuntimeError as error:  # in words about how the plugin was built
            raise ImageError("corrupt", "the JPEG XL data are damaged") from error
    return from_pillow(image, min_side)


def _codestream(stream: BinaryIO) -> bytes:
    """The beginning of the codestream, which may be in a box, or in several."""
    stream.seek(0)
    head = stream.read(_HEADER)
    if head.startswith(_CODESTREAM):
        return head
    for box in read_boxes(stream):
        if box.kind in (b"jxlc", b"jxlp"):
            stream.seek(box.start + (4 if box.kind == b"jxlp" else 0))
            return stream.read(_HEADER)
    raise ImageError("corrupt", "the JPEG XL file has no picture in it")


def read_size(codestream: bytes) -> tuple[int, int]:
    """Width and height as stored.

    Raises:
        ImageError: this is no codestream, or not enough of it.
    """
    if not codestream.startswith(_CODESTREAM):
        raise ImageError("corrupt", "the JPEG XL header is damaged")
    if len(codestream) < _HEADER:
        raise truncated()
    bits, place = int.from_bytes(codestream[2:], "little"), 0

    def take(count: int) -> int:
        nonlocal place
        place += count
        return (bits >> (place - count)) & ((1 << count) - 1)

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(_SIZES[take(2)]) + 1

    height, ratio = side(), take(3)
    if ratio == 0:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height
