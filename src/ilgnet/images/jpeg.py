"""JPEG of every kind: decoded small where that is safe and almost free, in full elsewhere.

A frame's marker says how it is coded (ITU-T T.81, table B.1). The scaled decoder is only given what
it is made for: 8 bits, Huffman-coded DCT. Lossless and arithmetic frames go through Pillow in full,
and what nobody here decodes is named.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import nullcontext
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from ilgnet.errors import ImageError
from ilgnet.images.colour import is_srgb
from ilgnet.images.hdr import ADOBE_RGB, Encoding
from ilgnet.images.picture import (
    FULL_PIXELS,
    SCALED_PIXELS,
    Picture,
    alone_if_large,
    check_pixels,
    orientation,
    truncated,
    upright,
)

_END: Final = b"\xff\xd9"
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_BY_PILLOW: Final = {
    0xC3: "lossless",
    0xC9: "arithmetic-coded",
    0xCA: "arithmetic-coded progressive",
    0xCB: "arithmetic-coded lossless",
}
_BY_NOBODY: Final = {
    0xC5: "hierarchical",
    0xC6: "hierarchical progressive",
    0xC7: "hierarchical lossless",
    0xCD: "arithmetic-coded hierarchical",
    0xCE: "arithmetic-coded hierarchical progressive",
    0xCF: "arithmetic-coded hierarchical lossless",
    0xF7: "near-lossless (JPEG-LS)",
}
_FRAMES: Final = {_BASELINE, _EXTENDED, _PROGRESSIVE, *_BY_PILLOW, *_BY_NOBODY}
_SCAN: Final = 0xDA
_WITHOUT_LENGTH: Final = {0x01, *range(0xD0, 0xD9)}
_INTEROPERABILITY: Final = 0xA005
_DCF_OPTIONAL: Final = "R03"
_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame header.

    Attributes:
        marker: SOF0 (0xC0) to SOF15, or 0xF7 for JPEG-LS.
        bits: of a sample.
        width: in pixels.
        height: in pixels.
        components: their identifiers.
    """

    marker: int
    bits: int
    width: int
    height: int
    components: tuple[int, ...]

    @property
    def scales(self) -> bool:
        """Whether the scaled decoder is made for this kind."""
        return self.marker in (_BASELINE, _EXTENDED, _PROGRESSIVE) and self.bits == 8


def read_frame(data: bytes) -> Frame | None:
    """The first frame header of a JPEG; None where there is none before the first scan."""
    for marker, body in _segments(data):
        if marker in _FRAMES and len(body) >= 6:
            components = tuple(body[6 : 6 + 3 * body[5] : 3])
            height, width = (int.from_bytes(body[i : i + 2]) for i in (1, 3))
            return Frame(marker, body[0], width, height, components)
        if marker == _SCAN:
            return None
    return None


def read_jpeg(data: bytes, min_side: int | None, *, as_stored: bool = False) -> Picture:
    """Decode a JPEG.

    Args:
        data: the whole file.
        min_side: as for `read_image`.
        as_stored: leave it as it lies, whatever its EXIF orientation.

    Raises:
        ImageError: it is damaged, cut off, too large, or of a kind that nobody here decodes.
    """
    frame = read_frame(data)
    _check_kind(frame)
    # The plugin itself rather than Image.open: a scaled decode needs no limit at 179 megapixels.
    try:
        header = JpegImagePlugin.JpegImageFile(BytesIO(data))
    except SyntaxError as error:
        raise ImageError("corrupt", "the JPEG's header is damaged or incomplete") from error
    turn = 1 if as_stored else orientation(header)
    # A progressive JPEG keeps all its coefficients in memory however small it is decoded.
    scales = frame is not None and frame.scales
    scaled = scales and min_side and not header.info.get("progressive")
    check_pixels(*header.size, SCALED_PIXELS if scaled else FULL_PIXELS)
    with nullcontext() if scaled else alone_if_large(*header.size):
        if scales and (done := _fast(data, header, turn, min_side)):
            return done
        return _by_pillow(header, frame, turn, min_side if scales else None)


def _check_kind(frame: Frame | None) -> None:
    if frame is None:
        return
    kind = _BY_NOBODY.get(frame.marker)
    if frame.bits != 8:
        kind = f"{frame.bits}-bit {_BY_PILLOW.get(frame.marker, kind or '')}".strip()
    if kind:
        raise ImageError("unsupported_format", f"a {kind} JPEG, which cannot be decoded here")


def _fast(
    data: bytes, header: JpegImagePlugin.JpegImageFile, turn: int, min_side: int | None
) -> Picture | None:
    """By the scaled decoder; None where it objects to something that may be harmless.

    Raises:
        ImageError: data are missing.
    """
    inks = header.mode == "CMYK"
    side = 1 if inks else min_side or 0
    for attempt in (data, data + _END):
        try:
            pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
                attempt, "CMYK" if inks else "RGB", min_height=side, min_width=side
            )
        except ValueError as error:  # a warning or an error
            said = str(error).lower()
        else:
            if not inks:
                return _finished(pixels, header, turn)
            # Nothing is missing; the inks themselves, which some write upside down, are Pillow's.
            whole = JpegImagePlugin.JpegImageFile(BytesIO(attempt))
            return _by_pillow(whole, None, turn, min_side)
        if "premature end" not in said:
            return None
        if not ("jpeg file" in said and _has_every_scan(data)):
            break
        # Perhaps only the end marker is missing, and every pixel is there.
    raise truncated()


def _finished(
    pixels: NDArray[np.uint8], header: JpegImagePlugin.JpegImageFile, turn: int
) -> Picture:
    profile, encoding = header.info.get("icc_profile"), _encoding(header)
    if header.mode == "RGB" and turn == 1 and is_srgb(profile) and encoding is None:
        return Picture(pixels, *header.size)  # what most are: spared three copies
    image = Image.fromarray(pixels)
    image = image.getchannel(0) if header.mode == "L" else image
    return upright(image, profile, turn, header.size, encoding)


def _encoding(header: JpegImagePlugin.JpegImageFile) -> Encoding | None:
    """Adobe RGB where a camera says so as DCF 2.0 does, with "R03" and no profile."""
    exif = header.info.get("exif", b"")
    if header.mode != "RGB" or "icc_profile" in header.info or _DCF_OPTIONAL.encode() not in exif:
        return None  # what most are: spared a parser
    try:
        index = header.getexif().get_ifd(_INTEROPERABILITY).get(1)
    except Exception:  # damaged EXIF raises anything and is no reason to lose the picture
        return None
    return ADOBE_RGB if str(index).startswith(_DCF_OPTIONAL) else None


def _by_pillow(
    header: JpegImagePlugin.JpegImageFile, frame: Frame | None, turn: int, min_side: int | None
) -> Picture:
    size, profile = header.size, header.info.get("icc_profile")
    encoding = _encoding(header)
    if min_side:
        header.draft(None, (min_side, min_side))
    try:
        header.load()
    except OSError as error:
        kind = _BY_PILLOW.get(frame.marker) if frame else None
        if kind is None or "truncated" in str(error):
            raise
        raise ImageError(
            "unsupported_format",
            f"a {kind} JPEG that is damaged or that this Pillow cannot decode",
        ) from error
    return upright(header, profile, turn, size, encoding)


def _has_every_scan(data: bytes) -> bool:
    """Whether the scans that have begun give every coefficient of every component in full."""
    frame = read_frame(data)
    if frame is None:
        return False
    given: dict[int, set[int]] = defaultdict(set)
    for marker, body in _segments(data, beyond_scan=True):
        if marker == _SCAN and body and len(body) >= 4 + 2 * body[0]:
            first, last, approximation = body[1 + 2 * body[0] :][:3]
            if approximation & 15 == 0:  # nothing is left to refine
                for component in body[1 : 1 + 2 * body[0] : 2]:
                    given[component].update(range(first, last + 1))
    return all(len(given[component]) == 64 for component in frame.components)


def _segments(data: bytes, *, beyond_scan: bool = False) -> list[tuple[int, bytes]]:
    """Markers with their parameters, as far as they are whole; those up to the first scan."""
    found = []
    place = 2
    while match := _MARKER.search(data, place):
        marker = match[1][0]
        place = match.end()
        if marker in _WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[place : place + 2])
        if length < 2 or place + length > len(data):
            break
        found.append((marker, data[place + 2 : place + length]))
        if marker == _SCAN and not beyond_scan:
            break
        place += length
    return found
