"""The boxes of HEIC, AVIF, JPEG 2000, JPEG XL and CR3 files (ISO/IEC 14496-12 and 23008-12).

Only what decoders keep to themselves is read: whether the file is whole, how the colours of the
main picture are encoded, which part of it is meant to be seen, and where its metadata are.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

_MOST_BOXES: Final = 1000
_MOST_META: Final = 1 << 24
_MOST_ITEM: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Box:
    """One box.

    Attributes:
        kind: its four letters.
        start: of its content in the file.
        end: of it; beyond the end of the file where that was cut.
    """

    kind: bytes
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Cicp:
    """How colours are encoded, by the numbers of ITU-T H.273."""

    primaries: int
    transfer: int
    matrix: int


@dataclass(slots=True)
class MainPicture:
    """What a HEIC or AVIF file says of its main picture.

    Attributes:
        cicp: how its colours are encoded, where an `nclx` box says so.
        aperture: the eight numbers of its `clap` box: the part that is to be seen.
        items: kind -> (offset, length) pieces, for its `Exif` and its XMP (`mime`).
        exif_entries: where the file says that an item is of the kind `Exif`.
        streams: what the coded stream may say of itself: `hvcC` or `av1C`, and (offset, length)
            pieces of it; `av01` and the picture. Of a picture in tiles, its first tile's.
    """

    cicp: Cicp | None = None
    aperture: tuple[int, ...] | None = None
    items: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)
    exif_entries: list[int] = field(default_factory=list)
    streams: list[tuple[bytes, list[tuple[int, int]]]] = field(default_factory=list)


def read_boxes(stream: BinaryIO, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes between two places of a file, as far as their headers are there."""
    size = stream.seek(0, os.SEEK_END)
    stop = size if end is None else min(end, size)
    place = start
    for _ in range(_MOST_BOXES):
        if place + 8 > stop:
            return
        stream.seek(place)
        header = stream.read(16)
        if len(header) < 8:
            return
        length, kind, body = int.from_bytes(header[:4]), header[4:8], place + 8
        if length == 1:  # too long for four bytes
            length, body = int.from_bytes(header[8:16]), place + 16
        if length == 0:  # up to the end, whatever that is
            length = stop - place
        if length < body - place:
            return
        yield Box(kind, body, place + length)
        place += length


def boxes_end_early(stream: BinaryIO) -> bool:
    """Whether the file ends before its last box does, or within a box's header."""
    size = stream.seek(0, os.SEEK_END)
    end = 0
    for box in read_boxes(stream):
        end = box.end
    return end > size or 0 < size - end < 8


def read_main_picture(stream: BinaryIO) -> MainPicture:
    """What the `meta` box says; as much as can be read of it."""
    main = MainPicture()
    meta = next((box for box in read_boxes(stream) if box.kind == b"meta"), None)
    if meta is None or meta.end - meta.start > _MOST_META:
        return main
    parts = {box.kind: box for box in read_boxes(stream, meta.start + 4, meta.end)}

    def content(kind: bytes) -> bytes:
        box = parts.get(kind)
        return _bytes(stream, box) if box else b""

    try:
        wanted = _item_number(content(b"pitm"))
        tile = _first_tile(stream, parts[b"iref"], wanted) if b"iref" in parts else wanted
        if b"iprp" in parts:
            _read_properties(stream, parts[b"iprp"], wanted, tile, main)
        kinds = _item_kinds(stream, parts[b"iinf"], main) if b"iinf" in parts else {}
        for item, pieces in _places(content(b"iloc")):
            kind = kinds.get(item)
            if kind == b"av01" and item == tile:
                main.streams.append((kind, pieces))
            elif kind in (b"Exif", b"mime"):
                main.items.setdefault(kind, pieces)
    except (struct.error, IndexError):
        pass  # damaged: the decoder says so, or does not mind
    return main


def read_item(stream: BinaryIO, pieces: list[tuple[int, int]], *, most: int | None = None) -> bytes:
    """The bytes of an item, or the first of them; empty where it is unreasonably long."""
    if most is None and sum(length for _, length in pieces) > _MOST_ITEM:
        return b""
    size = stream.seek(0, os.SEEK_END)
    found = b""
    for offset, length in pieces:
        if offset < size:
            stream.seek(offset)
            found += stream.read(length if most is None else min(length, most - len(found)))
    return found


def _bytes(stream: BinaryIO, box: Box) -> bytes:
    stream.seek(box.start)
    return stream.read(box.end - box.start)


def _item_number(content: bytes) -> int:
    if not content:
        return 0
    return int.from_bytes(content[4:8] if content[0] else content[4:6])


def _read_properties(
    stream: BinaryIO, iprp: Box, wanted: int, tile: int, main: MainPicture
) -> None:
    containers = list(read_boxes(stream, iprp.start, iprp.end))
    ipco = next((box for box in containers if box.kind == b"ipco"), None)
    properties = list(read_boxes(stream, ipco.start, ipco.end)) if ipco else []
    for box in containers:
        if box.kind == b"ipma":
            content = _bytes(stream, box)
            for index in _associated(content, wanted):
                if 0 < index <= len(properties):
                    _take_property(properties[index - 1].kind, stream, properties[index - 1], main)
            for index in _associated(content, tile):
                if 0 < index <= len(properties):
                    _take_stream(properties[index - 1], main)


def _associated(content: bytes, wanted: int) -> list[int]:
    """Numbers of the properties of an item, from 1."""
    version, wide = content[0], bool(content[3] & 1)
    (entries,) = struct.unpack_from(">I", content, 4)
    place = 8
    for _ in range(min(entries, len(content))):
        size = 4 if version else 2
        item = int.from_bytes(content[place : place + size])
        count = content[place + size]
        place += size + 1
        step = 2 if wide else 1
        mask = 0x7FFF if wide else 0x7F
        numbers = [
            int.from_bytes(content[place + i * step : place + (i + 1) * step]) & mask
            for i in range(count)
        ]
        place += count * step
        if item == wanted:
            return numbers
    return []


def _take_property(kind: bytes, stream: BinaryIO, box: Box, main: MainPicture) -> None:
    if kind == b"colr":
        content = _bytes(stream, box)
        if content[:4] == b"nclx" and len(content) >= 11:
            main.cicp = Cicp(*struct.unpack_from(">HHH", content, 4))
    elif kind == b"clap":
        main.aperture = struct.unpack_from(">IIIIiIiI", _bytes(stream, box))


def _take_stream(box: Box, main: MainPicture) -> None:
    if box.kind in (b"hvcC", b"av1C"):
        main.streams.append((box.kind, [(box.start, box.end - box.start)]))


def _item_kinds(stream: BinaryIO, iinf: Box, main: MainPicture) -> dict[int, bytes]:
    """Item number -> its kind; XMP is `mime` of one content type."""
    stream.seek(iinf.start)
    start = iinf.start + (8 if stream.read(1) != b"\0" else 6)
    kinds = {}
    for box in read_boxes(stream, start, iinf.end):
        content = _bytes(stream, box)
        if box.kind == b"infe" and content[:1] in (b"\x02", b"\x03"):
            size = 2 if content[0] == 2 else 4
            kind = content[6 + size : 10 + size]
            if kind == b"Exif":
                main.exif_entries.append(box.start + 6 + size)
            if kind != b"mime" or b"application/rdf+xml" in content:
                kinds[int.from_bytes(content[4 : 4 + size])] = kind
    return kinds


def _first_tile(stream: BinaryIO, iref: Box, wanted: int) -> int:
    """The first of the pictures that a picture is put together from; itself where it is whole."""
    stream.seek(iref.start)
    size = 4 if stream.read(1) != b"\0" else 2
    for box in read_boxes(stream, iref.start + 4, iref.end):
        content = _bytes(stream, box)
        if box.kind == b"dimg" and int.from_bytes(content[:size]) == wanted:
            return int.from_bytes(content[size + 2 : 2 * size + 2])
    return wanted


def _places(content: bytes) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """The number and the pieces of every item in the file itself, from `iloc`."""
    if not content:
        return
    version = content[0]
    offset_size, length_size = content[4] >> 4, content[4] & 15
    base_size, index_size = content[5] >> 4, (content[5] & 15) if version in (1, 2) else 0
    place = 6

    def number(size: int) -> int:
        nonlocal place
        place += size
        if place > len(content):
            raise IndexError
        return int.from_bytes(content[place - size : place])

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        method = number(2) & 15 if version in (1, 2) else 0
        number(2)
        base = number(base_size)
        pieces = []
        for _ in range(number(2)):
            number(index_size)
            pieces.append((base + number(offset_size), number(length_size)))
        if method == 0:  # in the file itself
            yield item, pieces
