"""Camera RAW: the embedded preview where it is good enough, else a half-size development."""

from __future__ import annotations

from typing import Any, BinaryIO, Final

import numpy as np

from ilgnet.errors import ImageError, require
from ilgnet.images.jpeg import read_jpeg
from ilgnet.images.picture import (
    FULL_PIXELS,
    Picture,
    alone_if_large,
    check_pixels,
    truncated,
)
from ilgnet.images.whole import pixels_end_early

_QUARTER_TURNS: Final = {3: 2, 5: 1, 6: 3}
"""LibRaw's flip -> quarter turns to the left that make a picture upright."""


def read_raw(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a camera RAW file.

    Args:
        stream: the open file.
        min_side: as for `read_image`.

    Raises:
        ImageError: LibRaw does not know it, it is damaged, or a part of it is missing.
        MissingExtra: rawpy is not installed.
    """
    rawpy = require("rawpy", "raw", "reading camera RAW")
    if pixels_end_early(stream):
        raise truncated()  # LibRaw would develop what is missing as black
    stream.seek(0)
    with _open(rawpy, stream) as raw:
        sizes = raw.sizes
        turned = sizes.flip in (5, 6)
        width, height = (sizes.height, sizes.width) if turned else (sizes.width, sizes.height)
        preview = _preview(rawpy, raw, min_side, tall=height > width)
        if preview is not None:
            return Picture(preview.rgb, width, height)
        check_pixels(width, height, 4 * FULL_PIXELS)  # half size is a quarter of the pixels
        with alone_if_large(width, height):
            developed = raw.postprocess(half_size=min_side is not None, use_camera_wb=True)
        if not developed.any():  # no sensor is that quiet: LibRaw makes pixels up as black
            raise ImageError("corrupt", "nothing of its pixels can be decoded")
        # Of a camera that sees no colours LibRaw develops one channel.
        return Picture(np.broadcast_to(developed, (*developed.shape[:2], 3)), width, height)


def _open(rawpy: Any, stream: BinaryIO) -> Any:
    try:
        return rawpy.imread(stream)
    except rawpy.LibRawFileUnsupportedError as error:
        raise ImageError("unsupported_format", "not a camera RAW file that LibRaw knows") from error


def _preview(rawpy: Any, raw: Any, min_side: int | None, *, tall: bool) -> Picture | None:
    """The upright preview; None where there is none that is whole and large enough."""
    try:
        thumbnail = raw.extract_thumb()
        if thumbnail.format != rawpy.ThumbFormat.JPEG:
            return None
        # LibRaw's flip is the file's; what a preview says of itself may be LibRaw's own addition.
        preview = read_jpeg(thumbnail.data, min_side, as_stored=raw.sizes.flip != 0)
    except (rawpy.LibRawError, ImageError):
        return None  # a damaged one is no loss: the pixels themselves are there
    if min(preview.width, preview.height) < (min_side or min(raw.sizes.width, raw.sizes.height)):
        return None
    turns = _QUARTER_TURNS.get(raw.sizes.flip, 0)
    if turns % 2 and tall == (preview.height > preview.width):
        turns = 0  # the camera has turned its pixels
    return Picture(np.ascontiguousarray(np.rot90(preview.rgb, turns)), 0, 0)
