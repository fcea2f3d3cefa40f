"""PNG: metadata that are damaged or long cost no picture; `cICP`, `gAMA`, `cHRM` are understood."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

from ilgnet.errors import ImageError
from ilgnet.images.boxes import Cicp
from ilgnet.images.formats import PNG
from ilgnet.images.hdr import BT709, Encoding, Gamma, Primaries
from ilgnet.images.picture import Picture, from_pillow
from ilgnet.images.plugins import open_with_pillow

_SIGNATURE: Final = 8
_PICTURE: Final = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""What pixels are made of."""

_ENCODINGS: Final = {b"cICP", b"sRGB", b"gAMA", b"cHRM"}
_LONGEST: Final = 64
_UNIT: Final = 100_000
_GAMMAS: Final = (0.2, 1.5)
"""What programs write; anything else is nonsense that viewers ignore."""
_THIN: Final = 0.01


def read_png(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a PNG file.

    Args:
        stream: the open file.
        min_side: as for `read_image`.
    """
    encoding = _encoding(stream)
    try:
        return from_pillow(open_with_pillow(PNG, stream), min_side, encoding=encoding)
    except (MemoryError, ImageError) as error:
        if not isinstance(error, ImageError) or error.code != "corrupt":
            raise
        failure: Exception = error
    except Exception as error:
        failure = error
    # Pillow minds a wrong checksum of a text, and a megabyte of it, which photo editors leave.
    bare = _without_metadata(stream)
    if bare is None:
        raise failure
    return from_pillow(open_with_pillow(PNG, bare), min_side, encoding=encoding)


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, and first and last place of each chunk, as far as the file goes."""
    size = stream.seek(0, os.SEEK_END)
    place = _SIGNATURE
    while place + 12 <= size:
        stream.seek(place)
        header = stream.read(8)
        end = place + 12 + int.from_bytes(header[:4])
        yield header[4:], place, end
        place = end


def _encoding(stream: BinaryIO) -> Encoding | None:
    """What the chunks before the pixels say of the colours (PNG, third edition, 4.3).

    `cICP` counts before `sRGB`, and that before `gAMA` with `cHRM`.
    """
    found: dict[bytes, bytes] = {}
    for kind, start, end in _chunks(stream):
        if kind == b"IDAT":
            break
        if kind in _ENCODINGS and end - start <= _LONGEST:
            stream.seek(start + 8)
            found[kind] = stream.read(end - start - 12)
    if len(codes := found.get(b"cICP", b"")) >= 3:
        return Cicp(*codes[:3])
    if b"sRGB" in found or len(found.get(b"gAMA", b"")) != 4:
        return None
    gamma = int.from_bytes(found[b"gAMA"]) / _UNIT
    if not _GAMMAS[0] <= gamma <= _GAMMAS[1]:
        return None
    return Gamma(1 / gamma, _primaries(found.get(b"cHRM", b"")))


def _primaries(body: bytes) -> Primaries:
    """Of a `cHRM` chunk; sRGB's where there is none, or no triangle around its white."""
    if len(body) != 32:
        return BT709
    white, *colours = ((x / _UNIT, y / _UNIT) for x, y in struct.iter_unpack(">II", body))
    red, green, blue = colours
    sides = ((red, green), (green, blue), (blue, red))
    turns = [
        (b[0] - a[0]) * (white[1] - a[1]) - (b[1] - a[1]) * (white[0] - a[0]) for a, b in sides
    ]
    sound = all(y > 0 and x + y <= 1 for x, y in (white, *colours)) and min(turns) > _THIN
    return (red, green, blue, white) if sound else BT709


def _without_metadata(stream: BinaryIO) -> BinaryIO | None:
    """The same picture and its profile, if that is sound; None where nothing else is in it."""
    chunks = list(_chunks(stream))
    if all(kind in _PICTURE for kind, _, _ in chunks):
        return None
    stream.seek(0)
    kept = [stream.read(_SIGNATURE)]
    for kind, start, end in chunks:
        if kind in _PICTURE or kind == b"iCCP":
            stream.seek(start)
            chunk = stream.read(end - start)
            if kind in _PICTURE or zlib.crc32(chunk[4:-4]).to_bytes(4) == chunk[-4:]:
                kept.append(chunk)
    return BytesIO(b"".join(kept))
