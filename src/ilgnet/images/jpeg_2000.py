"""JPEG 2000, with the profile that its header holds and Pillow passes over."""

from __future__ import annotations

from typing import BinaryIO, Final

from ilgnet.images.boxes import read_boxes
from ilgnet.images.formats import JPEG_2000
from ilgnet.images.picture import JPEG_2000_PIXELS, Picture, check_pixels, from_pillow
from ilgnet.images.plugins import open_with_pillow

_PROFILE_METHODS: Final = (2, 3)
"""A `colr` box holds a restricted profile, or any (ISO 15444-1, I.5.3.3, and 15444-2, M.11.7)."""

_MOST: Final = 16 * 2**20


def read_jpeg_2000(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a JPEG 2000 file or codestream.

    Args:
        stream: the open file.
        min_side: as for `read_image`.
    """
    profile = _profile(stream)
    image = open_with_pillow(JPEG_2000, stream)
    check_pixels(*image.size, JPEG_2000_PIXELS)
    if profile:
        image.info["icc_profile"] = profile
    return from_pillow(image, min_side)


def _profile(stream: BinaryIO) -> bytes:
    """The ICC profile of the first `colr` box that has one; b"" where none has."""
    header = next((box for box in read_boxes(stream) if box.kind == b"jp2h"), None)
    if header is None:
        return b""
    for box in read_boxes(stream, header.start, header.end):
        if box.kind == b"colr" and 3 < box.end - box.start < _MOST:
            stream.seek(box.start)
            body = stream.read(box.end - box.start)
            if body[0] in _PROFILE_METHODS:
                return body[3:]
    return b""
