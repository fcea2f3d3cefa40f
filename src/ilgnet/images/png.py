"""PNG: metadata that are damaged or long cost no picture, and a `cICP` chunk is understood."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

from ilgnet.errors import ImageError
from ilgnet.images.boxes import Cicp
from ilgnet.images.formats import PNG
from ilgnet.images.picture import Picture, from_pillow
from ilgnet.images.plugins import open_with_pillow

_SIGNATURE: Final = 8
_PICTURE: Final = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
"""What pixels are made of."""


def read_png(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a PNG file.

    Args:
        stream: the open file.
        min_side: as for `read_image`.
    """
    cicp = _cicp(stream)
    try:
        return from_pillow(open_with_pillow(PNG, stream), min_side, cicp=cicp)
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
    return from_pillow(open_with_pillow(PNG, bare), min_side, cicp=cicp)


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


def _cicp(stream: BinaryIO) -> Cicp | None:
    """What a `cICP` chunk says (PNG, third edition); it stands before the pixels."""
    for kind, start, _ in _chunks(stream):
        if kind == b"cICP":
            stream.seek(start + 8)
            codes = stream.read(3)
            return Cicp(*codes) if len(codes) == 3 else None
        if kind == b"IDAT":
            break
    return None


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
