"""From a picture's bytes to upright sRGB pixels.

JPEGs are decoded at an eighth, a quarter or half their size (the DCT gives that almost for free),
so a camera's picture is never decoded in full. Everything else goes through Pillow; HEIC and
camera RAW through extras. Every failure is an `ImageError` with a code.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from os import PathLike, fspath
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from ilgnet.errors import ImageError, MissingExtra, require
from ilgnet.images.colour import eight_bits, is_srgb, to_srgb
from ilgnet.images.files import image_error, open_image_file
from ilgnet.images.formats import PILLOW_FORMATS, container, ends_early
from ilgnet.values import ImageSource

FULL_PIXELS: Final = 120_000_000
"""The most pixels of a picture that has to be decoded in full (360 MB of RGB)."""

SCALED_PIXELS: Final = 600_000_000
"""The most pixels of a baseline JPEG that is decoded scaled down."""

ONE_AT_A_TIME_PIXELS: Final = 30_000_000
"""Full decodes beyond this wait for each other, so that memory stays bounded with many threads."""

# Pillow warns at 89 megapixels; the limits above are ours and raise a clear failure instead.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_large_picture = threading.Lock()

_TRUNCATED: Final = "the picture ends before its data does"


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


def read_image(source: ImageSource, *, min_side: int | None = None) -> Picture:
    """Decode one picture.

    Args:
        source: path, encoded bytes, a function that returns them, RGB uint8 (H, W, 3), grey uint8
            (H, W), or a Pillow image.
        min_side: neither side of the result needs to be longer than this, so the decoder may
            scale down as long as both stay at least this long; None decodes in full.

    Raises:
        ImageError: the picture cannot be read; its code says why.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        with _decoding():
            return _from_pillow(source, min_side)
    if callable(source):
        with _decoding():
            source = source()
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) == 0:
            raise ImageError("empty", "the picture has no bytes")
        return _from_stream(BytesIO(source), "", min_side)
    if isinstance(source, str | PathLike):
        with open_image_file(source) as stream:
            return _from_stream(stream, PurePath(fspath(source)).suffix.lower(), min_side)
    raise TypeError(
        f"cannot read a picture from {type(source).__name__}; give a path, bytes, a Pillow image, "
        "or uint8 pixels of shape (H, W, 3) or (H, W)"
    )


def _from_stream(stream: BinaryIO, extension: str, min_side: int | None) -> Picture:
    try:
        with _decoding():
            return _decoded(stream, extension, min_side)
    except ImageError as error:
        # Decoders have many words for a picture that was copied in part.
        if error.code in ("corrupt", "unsupported_format") and ends_early(stream):
            raise ImageError("truncated", _TRUNCATED) from error
        raise


def _decoded(stream: BinaryIO, extension: str, min_side: int | None) -> Picture:
    head = stream.read(64)
    stream.seek(0)
    match container(head, extension):
        case "jpeg":
            return _from_jpeg(stream.read(), min_side)
        case "raw":
            return _from_raw(stream, min_side)
        case "heif":
            # Once is enough, and doing it again is harmless.
            require("pillow_heif", "heif", "reading HEIC").register_heif_opener()
            return _from_pillow(_open_with_pillow(stream, head, ["HEIF"]), min_side)
    return _from_pillow(_open_with_pillow(stream, head, PILLOW_FORMATS), min_side)


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn whatever a decoder raises into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except MissingExtra as error:
        raise ImageError("unsupported_format", str(error)) from error
    except Image.DecompressionBombError as error:
        # Pillow's own limit is beyond ours, so it is met first by what is beyond both.
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise ImageError(
            "too_large", _too_many(f"more than {most / 1e6:.0f}", FULL_PIXELS)
        ) from error
    except MemoryError as error:
        raise ImageError("too_large", "not enough memory to decode the picture") from error
    except Exception as error:
        # Decoders of untrusted bytes raise anything: struct.error, SyntaxError, zlib.error, ...
        text = _words(error)
        if isinstance(error, OSError) and error.errno:
            raise image_error(error) from error
        if isinstance(error, EOFError) or "truncated" in text.lower():
            raise ImageError("truncated", _TRUNCATED) from error
        raise ImageError("corrupt", f"the picture's data is damaged: {text}") from error


def _words(error: Exception) -> str:
    """What an exception says; LibRaw's say it in bytes."""
    (said, *_) = error.args or ("",)
    text = said.decode(errors="replace") if isinstance(said, bytes) else str(error)
    return text or type(error).__name__


def _check_pixels(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        size = f"{width} x {height} is {width * height / 1e6:.0f}"
        raise ImageError("too_large", _too_many(size, limit))


def _too_many(size: str, limit: int) -> str:
    return f"{size} megapixels; the limit for this format is {limit / 1e6:.0f}"


def _from_array(rgb: NDArray[Any]) -> Picture:
    if rgb.dtype != np.uint8 or rgb.ndim not in (2, 3) or (rgb.ndim == 3 and rgb.shape[2] != 3):
        raise ImageError(
            "unsupported_format",
            f"pixels must be uint8 of shape (H, W, 3) or (H, W), got {rgb.dtype} {rgb.shape}",
        )
    if rgb.size == 0:
        raise ImageError("empty", f"there are no pixels in an array of shape {rgb.shape}")
    if rgb.ndim == 2:
        rgb = np.repeat(rgb[:, :, None], 3, axis=2)
    return Picture(np.ascontiguousarray(rgb), rgb.shape[1], rgb.shape[0])


def _from_jpeg(data: bytes, min_side: int | None) -> Picture:
    # The plugin itself rather than Image.open: a scaled decode needs no limit at 179 megapixels.
    try:
        header = JpegImagePlugin.JpegImageFile(BytesIO(data))
    except SyntaxError as error:
        raise ImageError("corrupt", "the JPEG's header is damaged or incomplete") from error
    width, height = header.size
    # A progressive JPEG keeps all its coefficients in memory however small it is decoded.
    scaled = min_side and not header.info.get("progressive")
    _check_pixels(width, height, SCALED_PIXELS if scaled else FULL_PIXELS)
    with nullcontext() if scaled else _alone_if_large(width, height):
        return _jpeg_pixels(data, header, min_side)


def _jpeg_pixels(
    data: bytes, header: JpegImagePlugin.JpegImageFile, min_side: int | None
) -> Picture:
    size, profile, orientation = header.size, header.info.get("icc_profile"), _orientation(header)
    if header.mode in ("RGB", "L"):
        try:
            pixels = simplejpeg.decode_jpeg(
                data, "RGB", min_height=min_side or 0, min_width=min_side or 0
            )
        except ValueError:
            pass  # a warning or an error: Pillow tells harmless oddities from missing data
        else:
            if header.mode == "RGB" and orientation == 1 and is_srgb(profile):
                return Picture(pixels, *size)  # what most are: spared three copies
            image = Image.fromarray(pixels)
            if header.mode == "L":
                image = image.getchannel(0)
            return _upright(image, profile, orientation, size)
    if min_side:
        header.draft(None, (min_side, min_side))
    header.load()
    return _upright(header, profile, orientation, size)


def _open_with_pillow(stream: BinaryIO, head: bytes, formats: list[str]) -> Image.Image:
    try:
        return Image.open(stream, formats=formats)
    except UnidentifiedImageError as error:
        raise ImageError(
            "unsupported_format",
            f"not a picture that can be decoded (it starts with {head[:12]!r})",
        ) from error


def _from_pillow(image: Image.Image, min_side: int | None) -> Picture:
    width, height = image.size
    _check_pixels(width, height, FULL_PIXELS)
    with _alone_if_large(width, height):
        image.load()
        # Read after loading: Pillow turns some formats upright by itself and clears the tag.
        orientation, size = _orientation(image), image.size
        profile = image.info.get("icc_profile")
        image = eight_bits(image)
        factor = min(size) // min_side if min_side else 1
        if factor > 1:
            image = image.reduce(factor)
        return _upright(image, profile, orientation, size)


def _alone_if_large(width: int, height: int) -> AbstractContextManager[object]:
    return _large_picture if width * height > ONE_AT_A_TIME_PIXELS else nullcontext()


def _from_raw(stream: BinaryIO, min_side: int | None) -> Picture:
    """The embedded preview where it is large enough, else a half-size development."""
    rawpy = require("rawpy", "raw", "reading camera RAW")
    with _open_raw(rawpy, stream) as raw:
        sizes = raw.sizes
        turned = sizes.flip in (5, 6)
        width, height = (sizes.height, sizes.width) if turned else (sizes.width, sizes.height)
        preview = _raw_preview(rawpy, raw, min_side)
        if preview is None:
            _check_pixels(width, height, 4 * FULL_PIXELS)  # half size is a quarter of the pixels
            with _large_picture:
                developed = raw.postprocess(half_size=min_side is not None, use_camera_wb=True)
            preview = Picture(developed, width, height)
    return Picture(preview.rgb, width, height)


def _open_raw(rawpy: Any, stream: BinaryIO) -> Any:
    try:
        return rawpy.imread(stream)
    except rawpy.LibRawFileUnsupportedError as error:
        raise ImageError("unsupported_format", "not a camera RAW file that LibRaw knows") from error


def _raw_preview(rawpy: Any, raw: Any, min_side: int | None) -> Picture | None:
    try:
        thumbnail = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return None
    if thumbnail.format != rawpy.ThumbFormat.JPEG:
        return None
    preview = _from_jpeg(thumbnail.data, min_side)
    if min(preview.width, preview.height) < (min_side or min(raw.sizes.width, raw.sizes.height)):
        return None
    upright_is_tall = (raw.sizes.height > raw.sizes.width) != (raw.sizes.flip in (5, 6))
    if upright_is_tall != (preview.height > preview.width):
        # The preview carries no orientation of its own: LibRaw's flip tells it.
        turns = {5: 1, 6: 3}.get(raw.sizes.flip, 0)
        return Picture(np.ascontiguousarray(np.rot90(preview.rgb, turns)), 0, 0)
    return preview


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1..8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF raises anything and is no reason to lose the picture
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(
    image: Image.Image, profile: bytes | None, orientation: int, size: tuple[int, int]
) -> Picture:
    image = to_srgb(image, profile)
    if orientation in _TURNS:
        image = image.transpose(_TURNS[orientation])
    width, height = size if orientation < 5 else size[::-1]
    return Picture(np.asarray(image), width, height)
