"""HEIC and AVIF: what libheif and libavif leave to whoever asked them for pixels."""

from __future__ import annotations

from io import BytesIO
from typing import Any, BinaryIO, Final

import numpy as np
from PIL import Image

from ilgnet.errors import require
from ilgnet.images import hdr
from ilgnet.images.av1 import stream_colours
from ilgnet.images.boxes import Cicp, MainPicture, read_item, read_main_picture
from ilgnet.images.formats import AVIF, HEIC
from ilgnet.images.hevc import configured_colours
from ilgnet.images.picture import Picture, alone_if_large, check_pixels, from_pillow, upright
from ilgnet.images.plugins import open_with_pillow

_STREAM_HEAD: Final = 1 << 16
"""A stream says early how its colours are encoded."""


def read_avif(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode an AVIF file, cropped as its `clap` box says, with the colours of its `nclx` box.

    Without that box the stream itself may say how its colours are encoded.

    Args:
        stream: the open file.
        min_side: as for `read_image`.
    """
    main = read_main_picture(stream)
    try:
        image = open_with_pillow(AVIF, stream)
    except Exception:
        # Pillow reads EXIF while it opens; damaged metadata are no reason to lose the picture.
        if not main.exif_entries:
            raise
        image = open_with_pillow(AVIF, _without_exif(stream, main))
    cicp = main.cicp or _of_its_stream(stream, main)
    return from_pillow(image, min_side, box=_aperture(main, image.size), encoding=cicp)


def _of_its_stream(stream: BinaryIO, main: MainPicture) -> Cicp | None:
    """How colours are encoded, as the coded stream says, where no box does."""
    for kind, pieces in main.streams:
        data = read_item(stream, pieces, most=_STREAM_HEAD)
        if kind == b"hvcC":
            cicp = configured_colours(data)
        else:
            cicp = stream_colours(data[4:] if kind == b"av1C" else data)
        if cicp is not None:
            return cicp
    return None


def _without_exif(stream: BinaryIO, main: MainPicture) -> BinaryIO:
    """The same file, whose EXIF is an item of no known kind."""
    stream.seek(0)
    data = bytearray(stream.read())
    for place in main.exif_entries:
        data[place : place + 4] = b"free"
    return BytesIO(data)


def read_heic(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a HEIC or HEIF file, HDR from all of its bits; its colours as for `read_avif`.

    Args:
        stream: the open file.
        min_side: as for `read_image`.

    Raises:
        MissingExtra: pillow-heif is not installed.
    """
    image = open_with_pillow(HEIC, stream)
    cicp = _cicp(image.info.get("nclx_profile")) or _of_its_stream(
        stream, read_main_picture(stream)
    )
    if not hdr.is_hdr(cicp):
        return from_pillow(image, min_side, encoding=cicp)
    assert cicp is not None
    check_pixels(*image.size)
    pillow_heif = require("pillow_heif", "heif", "reading HEIC")
    stream.seek(0)
    with alone_if_large(*image.size):
        deep = pillow_heif.open_heif(stream, convert_hdr_to_8bit=False)
        pixels = np.atleast_3d(np.asarray(deep))
        size = (pixels.shape[1], pixels.shape[0])
        colours = 3 if pixels.shape[2] >= 3 else 1  # HDR photographs are not transparent
        pixels = _smaller(pixels[..., :colours], min_side)
        rgb = hdr.to_srgb(np.broadcast_to(pixels, (*pixels.shape[:2], 3)), cicp)
    return upright(Image.fromarray(rgb), None, 1, size)


def _cicp(nclx: dict[str, Any] | None) -> Cicp | None:
    if not nclx:
        return None
    names = ("color_primaries", "transfer_characteristics", "matrix_coefficients")
    return Cicp(*(int(nclx[name]) for name in names))


def _smaller(pixels: Any, min_side: int | None) -> Any:
    """Means of whole squares, as `Image.reduce` makes of eight bits."""
    factor = min(pixels.shape[:2]) // min_side if min_side else 1
    if factor < 2:
        return pixels
    height, width = (side // factor for side in pixels.shape[:2])
    small = np.empty((height, width, pixels.shape[2]), pixels.dtype)
    for row in range(height):
        rows = pixels[row * factor : (row + 1) * factor, : width * factor]
        small[row] = np.rint(rows.reshape(factor, width, factor, -1).mean(axis=(0, 2)))
    return small


def _aperture(main: MainPicture, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """What a `clap` box leaves, as Pillow's box; None for the whole picture, or nonsense."""
    if main.aperture is None or 0 in main.aperture[1::2]:
        return None
    width, height, across, down = (main.aperture[i] / main.aperture[i + 1] for i in range(0, 8, 2))
    # The centre of the aperture is given from the centre of the picture (ISO/IEC 14496-12).
    left = round(across + (size[0] - width) / 2)
    top = round(down + (size[1] - height) / 2)
    box = left, top, left + round(width), top + round(height)
    inside = 0 <= left < box[2] <= size[0] and 0 <= top < box[3] <= size[1]
    return box if inside and box != (0, 0, *size) else None
