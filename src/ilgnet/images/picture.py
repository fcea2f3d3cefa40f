"""What decoding gives, and what every decoder shares: limits, orientation, the last steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import ImageError
from ilgnet.images.colour import eight_bits, to_srgb
from ilgnet.images.hdr import Encoding

FULL_PIXELS: Final = 256_000_000
"""The most pixels of a picture that has to be decoded in full (768 MB of RGB)."""

SCALED_PIXELS: Final = 600_000_000
"""The most pixels of a baseline JPEG that is decoded scaled down."""

JPEG_2000_PIXELS: Final = 150_000_000
"""The most pixels of a JPEG 2000, whose decoder takes 18 bytes for each."""

ONE_AT_A_TIME_PIXELS: Final = 30_000_000
"""Full decodes beyond this wait for each other, so that memory stays bounded with many threads."""

TRUNCATED: Final = "the picture ends before its data does"

_large_picture = threading.Lock()
_at_most: ContextVar[int | None] = ContextVar("at_most", default=None)


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels ready for preprocessing.

    Attributes:
        rgb: uint8 (H, W, 3), sRGB, upright; may be smaller than the original.
        width: of the upright original in pixels.
        height: of the upright original in pixels.
    """

    rgb: NDArray[np.uint8]
    width: int
    height: int


def truncated() -> ImageError:
    """The failure of a picture of which a part is missing."""
    return ImageError("truncated", TRUNCATED)


@contextmanager
def at_most(pixels: int | None) -> Iterator[None]:
    """Within it, this thread refuses pictures of more pixels than that, whatever their format."""
    token = _at_most.set(pixels)
    try:
        yield
    finally:
        _at_most.reset(token)


def check_pixels(width: int, height: int, limit: int = FULL_PIXELS) -> None:
    """Refuse a picture before memory is taken for it.

    Raises:
        ImageError: it has more pixels than the limit of its format, or of `at_most`.
    """
    own, whose = _at_most.get(), "for this format"
    if own is not None and own < limit:
        limit, whose = own, "here"
    if width * height > limit:
        raise ImageError(
            "too_large",
            f"{width} x {height} is {_megapixels(width * height)} megapixels; "
            f"the limit {whose} is {_megapixels(limit)}",
        )


def _megapixels(pixels: int) -> str:
    return f"{pixels / 1e6:.0f}" if pixels >= 10_000_000 else f"{pixels / 1e6:.2g}"


def alone_if_large(width: int, height: int) -> AbstractContextManager[object]:
    """Waits for the other large pictures, if this is one."""
    return _large_picture if width * height > ONE_AT_A_TIME_PIXELS else nullcontext()


def from_pillow(
    image: Image.Image,
    min_side: int | None,
    *,
    box: tuple[int, int, int, int] | None = None,
    encoding: Encoding | None = None,
    white: float | None = None,
) -> Picture:
    """Load a picture that Pillow has opened, and finish it.

    Args:
        image: not yet decoded.
        min_side: as for `read_image`.
        box: the part of it that is to be seen, as stored: left, top, right, bottom.
        encoding: of its colours, where the file says it by numbers.
        white: the value of white in deep grey, where the format says so.

    Raises:
        ImageError: it is too large, or nothing tells what white is.
    """
    width, height = image.size
    check_pixels(width, height)
    with alone_if_large(width, height):
        image.load()
        # Read after loading: Pillow turns some formats upright by itself and clears the tag.
        turn, size = orientation(image), image.size
        if box is not None:
            size = (box[2] - box[0], box[3] - box[1])
        profile = image.info.get("icc_profile")
        small = smaller(eight_bits(image, white), min_side, box)
        return upright(small, profile, turn, size, encoding)


def smaller(
    image: Image.Image, min_side: int | None, box: tuple[int, int, int, int] | None = None
) -> Image.Image:
    """A picture, or a part of it, made small by a whole factor.

    Args:
        image: 8 bits.
        min_side: neither side becomes shorter than this; None leaves it as large as it is.
        box: the part.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    factor = max(1, min(right - left, bottom - top) // min_side) if min_side else 1
    return image.reduce(factor, box) if factor > 1 or box else image


def orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF raises anything and is no reason to lose the picture
        return 1
    if isinstance(value, bytes) and len(value) == 1:  # some write it as a byte
        value = value[0]
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright, by its EXIF orientation."""


def upright(
    image: Image.Image,
    profile: bytes | None,
    turn: int,
    size: tuple[int, int],
    encoding: Encoding | None = None,
) -> Picture:
    """Colours to sRGB, and the right side up.

    Args:
        image: 8 bits, of any mode, possibly smaller than the original.
        profile: its ICC profile.
        turn: its EXIF orientation.
        size: (width, height) of the original as stored.
        encoding: of its colours, where the file says it by numbers.
    """
    image = to_srgb(image, profile, encoding)
    if turn in TURNS:
        image = image.transpose(TURNS[turn])
    width, height = size if turn < 5 else size[::-1]
    return Picture(np.asarray(image), width, height)
