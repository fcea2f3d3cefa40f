"""Damage, as it happens and as somebody would do it on purpose: bytes, cuts, lengths, structure.

    damaged(data, random.Random("0:17"))      always the same for the same seed

Half of the damage is blind. The other half knows the format: frame markers and segments of JPEG,
boxes, TIFF entries, PNG chunks whose checksum is made right again, and RIFF chunks.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

EXTREMES = (0, 1, 2, 7, 8, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000,
            0xFFFF_FFFF, (1 << 63) - 1, 1 << 63, (1 << 63) + 100, (1 << 64) - 1)  # fmt: skip
FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7)
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"meta", b"iprp", b"ipco", b"jp2h",
              b"dinf", b"iinf"}  # fmt: skip
KINDS = (b"ftyp", b"meta", b"mdat", b"iloc", b"ipma", b"colr", b"ispe", b"jp2c", b"free", b"Exif")

Mutation = Callable[[bytearray, random.Random], bytearray]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to four kinds of damage, one after the other."""
    file = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 4))):
        known = _STRUCTURED[_container(file)]
        choices = known if known and chance.random() < 0.5 else _BLIND
        file = chance.choice(choices)(file, chance)
    return bytes(file)


def _container(file: bytearray) -> str:
    if file.startswith(b"\xff\xd8"):
        return "jpeg"
    if file.startswith(b"\x89PNG"):
        return "png"
    if bytes(file[:4]) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if file.startswith(b"RIFF"):
        return "riff"
    return "boxes" if bytes(file[4:8]) in (b"ftyp", b"jP  ", b"JXL ") else ""


# Blind


def _flip_bits(file: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 1, 4, 32))):
        if file:
            file[_early(file, chance)] ^= 1 << chance.randrange(8)
    return file


def _set_bytes(file: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.choice((1, 2, 16))):
        if file:
            file[_early(file, chance)] = chance.choice(
                (0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256))
            )
    return file


def _set_number(file: bytearray, chance: random.Random) -> bytearray:
    size = chance.choice((2, 4, 4, 8))
    place = _early(file, chance)
    number = chance.choice(EXTREMES) & ((1 << 8 * size) - 1)
    file[place : place + size] = number.to_bytes(size, chance.choice(("little", "big")))
    return file


def _cut(file: bytearray, chance: random.Random) -> bytearray:
    return file[: chance.randrange(len(file) + 1)]


def _drop(file: bytearray, chance: random.Random) -> bytearray:
    place = _early(file, chance)
    del file[place : place + chance.choice((1, 2, 8, 64, 1024))]
    return file


def _repeat(file: bytearray, chance: random.Random) -> bytearray:
    place, length = _early(file, chance), chance.choice((1, 8, 64, 1024))
    file[place:place] = file[place : place + length] * chance.choice((1, 2, 50))
    return file


def _insert(file: bytearray, chance: random.Random) -> bytearray:
    place = _early(file, chance)
    file[place:place] = chance.randbytes(chance.choice((1, 4, 100)))
    return file


def _overwrite(file: bytearray, chance: random.Random) -> bytearray:
    place, length = _early(file, chance), chance.choice((4, 64, 512))
    length = min(length, len(file) - place)
    file[place : place + length] = chance.choice((bytes(length), chance.randbytes(length)))
    return file


def _early(file: bytearray, chance: random.Random) -> int:
    """A place, more often near the beginning, where the headers are."""
    if not file:
        return 0
    return chance.randrange(min(len(file), chance.choice((64, 512, 4096, len(file)))))


_BLIND: tuple[Mutation, ...] = (
    _flip_bits, _set_bytes, _set_number, _cut, _drop, _repeat, _insert, _overwrite,
)  # fmt: skip


# JPEG


def _segments(file: bytearray) -> list[tuple[int, int, int]]:
    """(marker, first place, last place) of each, up to the first scan."""
    found, place = [], 2
    while place + 4 <= len(file) and file[place] == 0xFF:
        end = place + 2 + int.from_bytes(file[place + 2 : place + 4])
        found.append((file[place + 1], place, end))
        if file[place + 1] == 0xDA:
            break
        place = end
    return found


def _frame_kind(file: bytearray, chance: random.Random) -> bytearray:
    for marker, start, end in _segments(file):
        if marker in FRAMES and end <= len(file):
            file[start + 1] = chance.choice(FRAMES)
            if chance.random() < 0.3:
                file[start + 4] = chance.choice((2, 8, 12, 16))
    return file


def _frame_size(file: bytearray, chance: random.Random) -> bytearray:
    for marker, start, end in _segments(file):
        if marker in FRAMES and end <= len(file):
            place = start + chance.choice((5, 7))
            side = chance.choice((0, 1, 7, 8, 17, 500, 4000, 20_000, 65_535))
            file[place : place + 2] = side.to_bytes(2)
    return file


def _frame_components(file: bytearray, chance: random.Random) -> bytearray:
    for marker, start, end in _segments(file):
        if marker in FRAMES and end <= len(file) and end > start + 10:
            file[chance.randrange(start + 9, end)] = chance.choice(
                (0, 1, 2, 4, 0x11, 0x14, 0x41, 0xFF)
            )
    return file


def _segment(file: bytearray, chance: random.Random) -> bytearray:
    segments = _segments(file)
    if not segments:
        return file
    _, start, end = chance.choice(segments)
    match chance.randrange(4):
        case 0:
            del file[start:end]
        case 1:
            file[end:end] = file[start:end]
        case 2:
            file[start + 2 : start + 4] = chance.choice((0, 1, 2, 3, 0x7FFF, 0xFFFF)).to_bytes(2)
        case 3:
            file[start + 1] = chance.randrange(0xC0, 0xFF)
    return file


# Boxes


def _boxes(file: bytearray, start: int, end: int, depth: int = 0) -> list[tuple[int, int]]:
    found = []
    while start + 8 <= end:
        length = int.from_bytes(file[start : start + 4])
        stop = end if length == 0 else start + length
        if length and length < 8:
            break
        found.append((start, min(stop, end)))
        kind = bytes(file[start + 4 : start + 8])
        if kind in CONTAINERS and depth < 6:
            skip = {b"meta": 12, b"iinf": 14}.get(kind, 8)
            found += _boxes(file, start + skip, min(stop, end), depth + 1)
        start = stop
    return found


def _box(file: bytearray, chance: random.Random) -> bytearray:
    boxes = _boxes(file, 0, len(file))
    if not boxes:
        return file
    start, end = chance.choice(boxes)
    match chance.randrange(6):
        case 0:
            number = chance.choice(EXTREMES) & 0xFFFF_FFFF
            file[start : start + 4] = number.to_bytes(4)
        case 1:  # a length of 64 bits
            kind = file[start + 4 : start + 8]
            long = (1).to_bytes(4) + kind + chance.choice(EXTREMES).to_bytes(8)
            file[start : start + 8] = long
        case 2:
            file[start + 4 : start + 8] = chance.choice(KINDS)
        case 3:
            del file[start:end]
        case 4:
            file[end:end] = file[start:end]
        case 5:
            place = chance.randrange(start + 8, max(end, start + 9))
            size = chance.choice((1, 2, 4, 8))
            number = chance.choice(EXTREMES) & ((1 << 8 * size) - 1)
            file[place : place + size] = number.to_bytes(size)
    return file


# TIFF


def _entry(file: bytearray, chance: random.Random) -> bytearray:
    order = "<" if file.startswith(b"I") else ">"
    if len(file) < 16 or file[2] == 43 or file[3] == 43:
        return _set_number(file, chance)
    offsets: list[int] = []
    place = struct.unpack_from(order + "I", file, 4)[0]
    while place and place + 2 <= len(file) and len(offsets) < 8 and place not in offsets:
        offsets.append(place)
        count = struct.unpack_from(order + "H", file, place)[0]
        link = place + 2 + 12 * count
        place = struct.unpack_from(order + "I", file, link)[0] if link + 4 <= len(file) else 0
    if not offsets:
        return file
    directory = chance.choice(offsets)
    count = struct.unpack_from(order + "H", file, directory)[0]
    entry = directory + 2 + 12 * chance.randrange(max(count, 1))
    if entry + 12 > len(file):
        return file
    match chance.randrange(5):
        case 0:
            known = (
                254,
                256,
                257,
                258,
                259,
                262,
                273,
                277,
                278,
                279,
                284,
                320,
                322,
                330,
                338,
                339,
                347,
            )
            struct.pack_into(order + "H", file, entry, chance.choice(known))
        case 1:
            struct.pack_into(order + "H", file, entry + 2, chance.randrange(20))
        case 2:
            struct.pack_into(order + "I", file, entry + 4, chance.choice(EXTREMES) & 0xFFFF_FFFF)
        case 3:
            value = chance.choice((*EXTREMES, 3, 4, 5, 6, 16, 32, 32773, 32803, 34892, 50001, 1000))
            struct.pack_into(order + "I", file, entry + 8, value & 0xFFFF_FFFF)
        case 4:
            value = chance.choice((0, 1, 2, 3, 5, 6, 7, 8, 12, 16, 32, 64, 32946, 50000, 50001))
            struct.pack_into(order + "H", file, entry + 8, value)
    return file


# PNG


def _chunk(file: bytearray, chance: random.Random) -> bytearray:
    chunks, place = [], 8
    while place + 12 <= len(file):
        end = place + 12 + int.from_bytes(file[place : place + 4])
        if end > len(file):
            break
        chunks.append((place, end))
        place = end
    if not chunks:
        return file
    start, end = chance.choice(chunks[: chance.choice((1, 4, len(chunks)))])
    match chance.randrange(5):
        case 0:
            del file[start:end]
        case 1:
            file[end:end] = file[start:end] * chance.choice((1, 20))
        case 2:
            file[start : start + 4] = (chance.choice(EXTREMES) & 0xFFFF_FFFF).to_bytes(4)
        case 3:
            kinds = (
                b"IDAT",
                b"PLTE",
                b"tRNS",
                b"iCCP",
                b"eXIf",
                b"cICP",
                b"fdAT",
                b"acTL",
                b"iTXt",
            )
            file[start + 4 : start + 8] = chance.choice(kinds)
        case 4:
            for _ in range(chance.choice((1, 3))):
                if end - 4 > start + 8:
                    file[chance.randrange(start + 8, end - 4)] = chance.choice((0, 1, 8, 16, 255))
    if end <= len(file) and chance.random() < 0.9:  # or the reader would see no further
        file[end - 4 : end] = zlib.crc32(file[start + 4 : end - 4]).to_bytes(4)
    return file


# RIFF


def _riff_chunk(file: bytearray, chance: random.Random) -> bytearray:
    chunks, place = [], 12
    while place + 8 <= len(file):
        length = int.from_bytes(file[place + 4 : place + 8], "little")
        chunks.append((place, min(place + 8 + length + length % 2, len(file))))
        place += 8 + length + length % 2
    if not chunks:
        return file
    start, end = chance.choice(chunks)
    match chance.randrange(4):
        case 0:
            number = chance.choice(EXTREMES) & 0xFFFF_FFFF
            file[start + 4 : start + 8] = number.to_bytes(4, "little")
        case 1:
            del file[start:end]
        case 2:
            file[end:end] = file[start:end]
        case 3:
            file[start : start + 4] = chance.choice(
                (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANMF", b"EXIF")
            )
    if chance.random() < 0.7:
        file[4:8] = (len(file) - 8).to_bytes(4, "little")
    return file


_STRUCTURED: dict[str, tuple[Mutation, ...]] = {
    "jpeg": (_frame_kind, _frame_kind, _frame_size, _frame_components, _segment),
    "boxes": (_box,),
    "tiff": (_entry,),
    "png": (_chunk,),
    "riff": (_riff_chunk,),
    "": (),
}
