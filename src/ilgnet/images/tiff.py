"""TIFF: which of its pictures is the photograph, and samples as they lie.

Pillow reads most forms. Where it would give other pixels than the file holds it is helped, and what
nobody here reads is named.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Final, Literal

from PIL import Image, ImageOps, ImagePalette, TiffImagePlugin
from PIL.ImageFile import _Tile

from ilgnet.errors import ImageError
from ilgnet.images.colour import eight_bits
from ilgnet.images.picture import (
    Picture,
    alone_if_large,
    check_pixels,
    orientation,
    smaller,
    upright,
)
from ilgnet.images.tiff_directories import (
    BITS,
    COMPRESSION,
    HIGHEST,
    LOWEST,
    PHOTOMETRIC,
    PLANES,
    SAMPLE_FORMAT,
    SAMPLES,
    Directory,
    read_directories,
)

_WHITE_IS_ZERO, _BLACK_IS_ZERO = 0, 1
_COLOUR_MAP: Final = 320
_COLOURS: Final = {
    0: "grey",
    1: "grey",
    2: "RGB",
    3: "palette",
    5: "CMYK",
    6: "YCbCr",
    8: "CIE L*a*b*",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "colour filter array",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear RAW",
}
_COMMON: Final = {1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946}
_COMPRESSIONS: Final = {
    1: "",
    34661: "JBIG",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_SAMPLES: Final = {2: "signed-integer", 3: "floating-point", 5: "complex", 6: "complex"}


class _Tiff(TiffImagePlugin.TiffImageFile):
    """Pillow's reader with our limit of pixels, and with planes of 16 bits as they lie."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        super().load_prepare()

    def _setup(self) -> None:
        super()._setup()
        colours = self.tag_v2.get(_COLOUR_MAP, ())
        if self.mode in ("P", "PA") and max(colours, default=256) < 256:
            # Old programs wrote a palette in bytes; libtiff knows it by this, too.
            self.palette = ImagePalette.raw("RGB;L", bytes(colours))
        bits, planes = self.tag_v2.get(BITS, (1,)), self.tag_v2.get(PLANES, 1)
        if planes == 2 and bits[0] == 16 and not self.use_load_libtiff:
            # Pillow would read them as if they had eight bits. libtiff puts the planes together,
            # and gives samples in this machine's order.
            self.use_load_libtiff = True
            raw_mode = f"{self.mode};16N"
            args = (raw_mode, False, self.tag_v2.offset)
            self.tile = [_Tile("libtiff", (0, 0, *self._tile_size), 0, args)]


class _Patched:
    """An open file in which a few bytes read otherwise."""

    def __init__(self, stream: BinaryIO, patches: dict[int, bytes]) -> None:
        self._stream = stream
        self._patches = patches

    def read(self, size: int = -1) -> bytes:
        start = self._stream.tell()
        data = bytearray(self._stream.read(size))
        for place, patch in self._patches.items():
            first, last = max(place, start), min(place + len(patch), start + len(data))
            if first < last:
                data[first - start : last - start] = patch[first - place : last - place]
        return bytes(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def read_tiff(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode the photograph in a TIFF file.

    Args:
        stream: the open file.
        min_side: as for `read_image`.

    Raises:
        ImageError: it is of a form that is not read here, too large, or has no picture.
    """
    directories = read_directories(stream)
    page = choose_page(directories)
    if page is None:
        raise ImageError("corrupt", "the TIFF's directory is damaged: it names no picture")
    _check_form(page)
    try:
        image = _open(stream, page, directories[0])
    except (SyntaxError, KeyError) as error:
        raise _unsupported(page) from error
    check_pixels(*image.size)
    with alone_if_large(*image.size):
        try:
            image.load()
        except OSError as error:
            if page.number(COMPRESSION, 1) in _COMMON or "truncated" in str(error):
                raise
            raise _unsupported(page) from error
        turn, size = orientation(image), image.size
        profile = image.info.get("icc_profile")
        grey = image.mode == "F" or image.mode.startswith("I")
        image = smaller(eight_bits(image, _white(page)), min_side)
        if grey and page.number(PHOTOMETRIC) == _WHITE_IS_ZERO:
            image = ImageOps.invert(image)  # which Pillow does for eight bits and less
        return upright(image, profile, turn, size)


def choose_page(directories: list[Directory]) -> Directory | None:
    """The first full picture of a file; the largest where all are reduced copies or masks.

    Args:
        directories: those of the file, those of the chain first.
    """
    pictures = [each for each in directories if each.pixels]
    full = [each for each in pictures if not each.reduced]
    chain = [each for each in full if not each.below]
    return next(iter(chain or full), max(pictures, key=lambda each: each.pixels, default=None))


def _white(page: Directory) -> float | None:
    """What white is in deep grey, where the file says so."""
    bits = page.number(BITS, 1)
    if bits < 32:
        return float((1 << bits) - 1)
    lowest, highest = page.tags.get(LOWEST, (0,)), page.tags.get(HIGHEST, (0,))
    return max(highest) if min(lowest) == 0 and max(highest) > 0 else None


def _check_form(page: Directory) -> None:
    kind = page.number(SAMPLE_FORMAT, 1)
    grey = page.number(PHOTOMETRIC) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO)
    one = page.number(SAMPLES, 1) == 1
    readable = kind in (1, 4) or (kind == 3 and grey and one and page.number(BITS, 1) == 32)
    if not readable:
        raise _unsupported(page)


def _unsupported(page: Directory) -> ImageError:
    """The failure that names the form of a picture."""
    bits = "/".join(str(int(b)) for b in dict.fromkeys(page.tags.get(BITS, (1,))))
    words = [f"{bits}-bit", _SAMPLES.get(page.number(SAMPLE_FORMAT, 1), "")]
    photometric = page.number(PHOTOMETRIC)
    words.append(_COLOURS.get(photometric, f"photometric {photometric}"))
    if page.number(PLANES, 1) == 2:
        words.append("planar")
    code = page.number(COMPRESSION, 1)
    inside = "" if code in _COMMON else _COMPRESSIONS.get(code, f"compression {code}")
    form = " ".join(filter(None, words))
    what = f"{inside} inside TIFF ({form})" if inside else f"{form} TIFF"
    return ImageError("unsupported_format", f"{what} is not decoded here")


def _open(stream: BinaryIO, page: Directory, first: Directory) -> Image.Image:
    """The page as Pillow's image."""
    patches: dict[int, bytes] = {}
    stream.seek(0)
    head = stream.read(4)
    order: Literal["little", "big"] = "little" if head.startswith(b"I") else "big"
    if head == b"MM\0+":
        raise ImageError("unsupported_format", "big-endian BigTIFF is not decoded here")
    if page is not first:
        big = head[2:4] in (b"+\0", b"\0+")
        patches[8 if big else 4] = page.offset.to_bytes(8 if big else 4, order)
    if page.number(PHOTOMETRIC) == _WHITE_IS_ZERO and page.number(BITS, 1) == 16:
        # Pillow knows this only in one byte order, and turns it round in none.
        value = page.entries[PHOTOMETRIC] + (12 if head[2:4] in (b"+\0", b"\0+") else 8)
        patches[value] = _BLACK_IS_ZERO.to_bytes(2, order)
    stream.seek(0)
    source: Any = _Patched(stream, patches) if patches else stream
    return _Tiff(source, "")
