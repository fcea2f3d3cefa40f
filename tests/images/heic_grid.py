"""HEIC files of any size, from one coded tile that stands at every place of a grid."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from ilgnet.images.boxes import read_main_picture


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4) + kind + body


def _number(*values: int, size: int = 2) -> bytes:
    return b"".join(value.to_bytes(size) for value in values)


def heic_grid(tile: Image.Image, columns: int, rows: int) -> bytes:
    """A HEIC whose picture is a tile, repeated (ISO/IEC 23008-12, 6.6.2.3.2).

    Args:
        tile: square, its side a multiple of 64.
        columns: of the grid.
        rows: of the grid.
    """
    import pillow_heif

    pillow_heif.register_heif_opener()
    stream = io.BytesIO()
    saved: Any = tile.convert("RGB")
    saved.save(stream, "HEIF", quality=40)
    data = stream.getvalue()
    ((_, ((start, length),)),) = read_main_picture(stream).streams
    configuration = _box(b"hvcC", data[start : start + length])
    coded = data[data.index(b"mdat") + 4 :]

    side, count = tile.width, columns * rows
    tiles = range(2, 2 + count)
    zero = bytes(4)
    size = _number(columns * side, rows * side, size=4)
    idat = b"\0\1" + bytes([rows - 1, columns - 1]) + size
    kinds = [(1, b"grid", zero), *((n, b"hvc1", b"\0\0\0\1") for n in tiles)]
    entries = [
        _box(b"infe", b"\2" + flags[1:], _number(item, 0), kind, b"\0")
        for item, kind, flags in kinds
    ]
    properties = _box(
        b"iprp",
        _box(
            b"ipco",
            _box(b"ispe", zero, size),
            _box(b"ispe", zero, _number(side, side, size=4)),
            configuration,
        ),
        _box(
            b"ipma",
            zero,
            _number(1 + count, size=4),
            _number(1) + b"\1\1",
            *(_number(n) + b"\2\2\x83" for n in tiles),
        ),
    )

    def whole(place: int) -> bytes:
        """The file, if the coded tile stands there."""
        places = [_number(1, 1, 0, 1) + _number(0, len(idat), size=4)]
        places += [_number(n, 0, 0, 1) + _number(place, len(coded), size=4) for n in tiles]
        meta = _box(
            b"meta",
            zero,
            _box(b"hdlr", zero, zero, b"pict", bytes(13)),
            _box(b"pitm", zero, _number(1)),
            _box(b"iinf", zero, _number(1 + count), *entries),
            _box(b"iref", zero, _box(b"dimg", _number(1, count, *tiles))),
            properties,
            _box(b"iloc", b"\1\0\0\0\x44\0", _number(1 + count), *places),
            _box(b"idat", idat),
        )
        head = _box(b"ftyp", b"heic", zero, b"mif1heic") + meta
        return head + _box(b"mdat", coded)

    return whole(len(whole(0)) - len(coded))
