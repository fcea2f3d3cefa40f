"""From a picture's bytes to upright sRGB pixels.

JPEGs are decoded at an eighth, a quarter or half their size (the DCT gives that almost for free),
so a camera's picture is never decoded in full. Everything else goes through Pillow; HEIC and
camera RAW through extras. Every failure is an `ImageError` with a code.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from os import PathLike, fspath
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import ImageError, MissingExtra, in_words
from ilgnet.images import formats
from ilgnet.images.files import image_error, open_image_file
from ilgnet.images.formats import HEAD, VIDEO_EXTENSIONS, find_format, unread_name
from ilgnet.images.heif import read_avif, read_heic
from ilgnet.images.jpeg import read_jpeg
from ilgnet.images.jpeg_2000 import read_jpeg_2000
from ilgnet.images.jxl import read_jxl
from ilgnet.images.overheard import overheard
from ilgnet.images.picture import (
    Picture,
    from_pillow,
    truncated,
)
from ilgnet.images.plugins import open_with_pillow
from ilgnet.images.png import read_png
from ilgnet.images.raw import read_raw
from ilgnet.images.tiff import read_tiff
from ilgnet.images.whole import ends_early
from ilgnet.values import ImageSource

_SOURCES: Final = (str, PathLike, bytes, bytearray, memoryview, np.ndarray, Image.Image)
_NO_FAULT_OF_THE_DISK: Final = (None, 0, errno.EINVAL, errno.EOVERFLOW)
"""What comes of following a damaged offset."""

_RUST: Final = "pyo3_runtime"
"""Where a decoder in Rust (JPEG XL) has its PanicException, which is no Exception."""

_UNSUPPORTED: Final = re.compile(
    "unsupported|not (yet )?(supported|implemented)|cannot handle|unknown pixel", re.IGNORECASE
)


def read_image(source: ImageSource, *, min_side: int | None = None, name: str = "") -> Picture:
    """Decode one picture.

    Args:
        source: path, encoded bytes, a function that returns them, RGB uint8 (H, W, 3), grey uint8
            (H, W), or a Pillow image.
        min_side: neither side of the result needs to be longer than this, so the decoder may
            scale down as long as both stay at least this long; None decodes in full.
        name: what bytes are called: camera RAW is told from TIFF by the extension.

    Raises:
        ImageError: the picture cannot be read; its code says why. No other error comes from a
            picture, however damaged.
        TypeError: `source` is none of these.
    """
    if not (isinstance(source, _SOURCES) or callable(source)):
        raise TypeError(
            f"cannot read a picture from {type(source).__name__}; give a path, bytes, a Pillow "
            "image, or uint8 pixels of shape (H, W, 3) or (H, W)"
        )
    with _decoding():
        return _read(source, min_side, name)


def _read(source: ImageSource, min_side: int | None, name: str) -> Picture:
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return from_pillow(source, min_side)
    if callable(source):
        source = source()
    if isinstance(source, str | PathLike):
        with open_image_file(source) as stream:
            return _from_stream(stream, PurePath(fspath(source)).suffix.lower(), min_side)
    if len(source) == 0:
        raise ImageError("empty", "the picture has no bytes")
    return _from_stream(BytesIO(source), PurePath(name).suffix.lower(), min_side)


def _from_stream(stream: BinaryIO, extension: str, min_side: int | None) -> Picture:
    for alone in (False, True):
        with overheard(alone=alone) as said:
            try:
                return _tried(stream, extension, min_side)
            except ImageError as error:
                failure, words = error, said()
        if not words:
            raise failure
        # Another picture may have been meant: what is said when it is decoded alone is about it.
        stream.seek(0)
    raise ImageError(failure.code, f"{failure.message} ({words})") from failure


def _tried(stream: BinaryIO, extension: str, min_side: int | None) -> Picture:
    try:
        with _decoding():
            return _decoded(stream, extension, min_side)
    except ImageError as error:
        # Decoders have many words for a picture that was copied in part.
        if error.code in ("corrupt", "unsupported_format") and ends_early(stream):
            raise truncated() from error
        raise


def _decoded(stream: BinaryIO, extension: str, min_side: int | None) -> Picture:
    head = stream.read(HEAD)
    stream.seek(0)
    match find_format(head, extension):
        case formats.JPEG:
            return read_jpeg(stream.read(), min_side)
        case formats.TIFF:
            return read_tiff(stream, min_side)
        case formats.RAW:
            return read_raw(stream, min_side)
        case formats.PNG:
            return read_png(stream, min_side)
        case formats.HEIC:
            return read_heic(stream, min_side)
        case formats.AVIF:
            return read_avif(stream, min_side)
        case formats.JPEG_XL:
            return read_jxl(stream, min_side)
        case formats.JPEG_2000:
            return read_jpeg_2000(stream, min_side)
        case formats.NETPBM:
            image = open_with_pillow(formats.NETPBM, stream)
            # Pillow stretches what is deeper than eight bits to sixteen.
            white = 65535 if image.mode == "I" else None
            return from_pillow(image, min_side, white=white)
        case None if extension in VIDEO_EXTENSIONS:
            raise ImageError(
                "unsupported_format",
                "a film, not a picture; `ilgnet score FILM --every 1s` takes pictures out of it",
            )
        case None:
            name = unread_name(head, extension)
            raise ImageError(
                "unsupported_format",
                f"{name} pictures are not decoded here"
                if name
                else f"not a picture that can be decoded (it starts with {_shown(head[:12])})",
            )
        case format:
            return from_pillow(open_with_pillow(format, stream), min_side)


def _shown(head: bytes) -> str:
    """First bytes for people: as text where they are some, else in hexadecimal."""
    text = head.decode("latin-1").strip()
    return f'"{text}"' if text.isascii() and text.isprintable() else f"the bytes {head.hex(' ')}"


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn whatever a decoder, or a check of ours, raises into an ImageError."""
    try:
        yield
    except ImageError:
        raise
    except MissingExtra as error:
        raise ImageError("unsupported_format", str(error)) from error
    except Image.DecompressionBombError as error:
        # Pillow's own limit for the few formats where it cannot be avoided.
        raise ImageError("too_large", f"more pixels than Pillow decodes: {error}") from error
    except MemoryError as error:
        raise ImageError("too_large", "not enough memory to decode the picture") from error
    except Exception as error:
        # Decoders of untrusted bytes raise anything: struct.error, SyntaxError, zlib.error, ...
        text = _words(error)
        if isinstance(error, OSError) and error.errno not in _NO_FAULT_OF_THE_DISK:
            raise image_error(error) from error
        if isinstance(error, EOFError) or "truncated" in text.lower():
            raise truncated() from error
        if _UNSUPPORTED.search(text):
            raise ImageError("unsupported_format", f"it is not decoded here: {text}") from error
        raise ImageError("corrupt", f"the picture's data is damaged: {text}") from error
    except BaseException as error:
        if type(error).__module__ != _RUST:
            raise
        raise ImageError("corrupt", f"the picture's data is damaged: {error}") from error


def _words(error: Exception) -> str:
    """What an exception says; LibRaw's say it in bytes."""
    (said, *_) = error.args or ("",)
    return said.decode(errors="replace") if isinstance(said, bytes) else in_words(error)


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
