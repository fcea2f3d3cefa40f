"""The directories of a TIFF, BigTIFF or TIFF-based RAW file: where each picture is, and its form.

Only numbers are read. Tags are those of TIFF 6.0 and its supplements, and of DNG.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION = 254, 255, 256, 257, 258, 259
PHOTOMETRIC, STRIPS, SAMPLES, STRIP_BYTES, PLANES = 262, 273, 277, 279, 284
TILES, TILE_BYTES, BELOW = 324, 325, 330
SAMPLE_FORMAT, LOWEST, HIGHEST = 339, 340, 341

_TYPES: Final = dict(zip((1, 3, 4, 6, 8, 9, 11, 12, 13, 16, 17, 18), "BHIbhifdIQqQ", strict=True))
"""Field type -> how its numbers are packed; 13 is IFD, from 16 on those of BigTIFF."""

_MOST_DIRECTORIES: Final = 200
_MOST_TAGS: Final = 4096
_MOST_VALUES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory.

    Attributes:
        offset: where it stands.
        tags: tag -> its numbers, for tags that hold numbers.
        entries: tag -> where its entry stands.
        below: whether another directory names it (SubIFD), not the chain.
    """

    offset: int
    tags: dict[int, tuple[float, ...]]
    entries: dict[int, int]
    below: bool = False

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        values = self.tags.get(tag)
        return int(values[0]) if values else default

    @property
    def pixels(self) -> int:
        """Of its picture; 0 where it has none."""
        return self.number(WIDTH) * self.number(HEIGHT)

    @property
    def reduced(self) -> bool:
        """Whether it is a smaller copy of another, or a mask for it."""
        kind = self.number(SUBFILE)
        return bool(kind & 0b101) or self.number(OLD_SUBFILE) == 2

    @property
    def pieces(self) -> Iterator[tuple[int, int]]:
        """Offset and length of each strip or tile; length 0 where it is not said."""
        for places, lengths in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
            offsets, counts = self.tags.get(places, ()), self.tags.get(lengths, ())
            for index, offset in enumerate(offsets):
                yield int(offset), int(counts[index]) if index < len(counts) else 0


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        head = stream.read(16)
        self.order = "<" if head[:2] == b"II" else ">"
        self.big = len(head) == 16 and head[2:4] in (b"+\0", b"\0+")
        where = head[8:16] if self.big else head[4:8]
        self.first = self.unpack("Q" if self.big else "I", where)

    def unpack(self, letter: str, data: bytes) -> int:
        size = struct.calcsize(self.order + letter)
        return int(struct.unpack(self.order + letter, data[:size])[0]) if len(data) >= size else 0

    def at(self, offset: int, length: int) -> bytes:
        if offset >= self.size:
            return b""
        self.stream.seek(offset)
        return self.stream.read(length)

    def directory(self, offset: int, below: bool) -> tuple[Directory, int] | None:
        """A directory and where the next one is; None where there is none."""
        count_letter, entry_size, place_letter = ("Q", 20, "Q") if self.big else ("H", 12, "I")
        start = 8 if self.big else 2
        count = self.unpack(count_letter, self.at(offset, start))
        if not 0 < count <= _MOST_TAGS:
            return None
        body = self.at(offset + start, count * entry_size + struct.calcsize(place_letter))
        tags: dict[int, tuple[float, ...]] = {}
        entries = {}
        for i in range(min(count, len(body) // entry_size)):
            entry = body[i * entry_size : (i + 1) * entry_size]
            tag = self.unpack("H", entry)
            entries[tag] = offset + start + i * entry_size
            values = self.values(entry)
            if values:
                tags[tag] = values
        next_one = self.unpack(place_letter, body[count * entry_size :])
        return Directory(offset, tags, entries, below), next_one

    def values(self, entry: bytes) -> tuple[float, ...]:
        letter = _TYPES.get(self.unpack("H", entry[2:]))
        count, inline = (
            (self.unpack("Q", entry[4:]), entry[12:])
            if self.big
            else (self.unpack("I", entry[4:]), entry[8:])
        )
        if letter is None or not 0 < count <= _MOST_VALUES:
            return ()
        length = count * struct.calcsize("=" + letter)
        if length > len(inline):
            inline = self.at(self.unpack("Q" if self.big else "I", inline), length)
        if len(inline) < length:
            return ()
        return struct.unpack(f"{self.order}{count}{letter}", inline[:length])


def read_directories(stream: BinaryIO) -> list[Directory]:
    """Every directory of an open file: the chain in its order, then those below them."""
    reader = _Reader(stream)
    chain: list[Directory] = []
    below: list[Directory] = []
    seen: set[int] = set()
    waiting = [(reader.first, False)]
    while waiting and len(seen) < _MOST_DIRECTORIES:
        offset, is_below = waiting.pop(0)
        if offset in seen or not offset or (found := reader.directory(offset, is_below)) is None:
            continue
        seen.add(offset)
        directory, next_one = found
        (below if is_below else chain).append(directory)
        waiting.append((next_one, is_below))
        waiting += [(int(place), True) for place in directory.tags.get(BELOW, ())]
    return chain + below
