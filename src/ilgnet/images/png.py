"""PNG: long texts are passed over, and a `cICP` chunk is understood."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

from ilgnet.images.boxes import Cicp
from ilgnet.images.formats import PNG
from ilgnet.images.picture import Picture, from_pillow
from ilgnet.images.plugins import open_with_pillow

_SIGNATURE: Final = 8
_TEXTS: Final = {b"tEXt", b"zTXt", b"iTXt"}


def read_png(stream: BinaryIO, min_side: int | None) -> Picture:
    """Decode a PNG file.

    Args:
        stream: the open file.
        min_side: as for `read_image`.
    """
    cicp = _cicp(stream)
    try:
        return from_pillow(open_with_pillow(PNG, stream), min_side, cicp=cicp)
    except ValueError as error:
        # Pillow refuses a megabyte of text, which photo editors leave.
        if "MAX_TEXT" not in str(error):
            raise
    return from_pillow(open_with_pillow(PNG, _without_texts(stream)), min_side, cicp=cicp)


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


def _without_texts(stream: BinaryIO) -> BinaryIO:
    stream.seek(0)
    kept = [stream.read(_SIGNATURE)]
    for kind, start, end in list(_chunks(stream)):
        if kind not in _TEXTS:
            stream.seek(start)
            kept.append(stream.read(end - start))
    return BytesIO(b"".join(kept))
