"""Protocol Buffers on the wire: just enough for files that are almost all numbers.

A general decoder would turn 600 MB of packed floats into objects or copies. Here a field is a view
into the file, and what is written goes out piece by piece.
See https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ilgnet.errors import ModelError

VARINT: Final = 0
FIXED64: Final = 1
DELIMITED: Final = 2
FIXED32: Final = 5

Value = int | memoryview


def fields(message: memoryview) -> Iterator[tuple[int, Value]]:
    """The fields of a message in file order: (number, value).

    A number stored as a varint comes as an int; everything else as a view of its bytes.
    """
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        if kind == DELIMITED:
            length, position = _varint(message, position)
        elif kind in (FIXED32, FIXED64):
            length = 4 if kind == FIXED32 else 8
        else:
            raise ModelError("it is not a protocol buffer, or it is damaged")
        if position + length > len(message):
            raise ModelError("it ends in the middle; the file is incomplete or damaged")
        yield number, message[position : position + length]
        position += length


def varints(packed: memoryview) -> list[int]:
    """The numbers of a packed repeated varint field."""
    numbers = []
    position = 0
    while position < len(packed):
        number, position = _varint(packed, position)
        numbers.append(number)
    return numbers


def varint(number: int) -> bytes:
    """A number as a varint."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def delimited_head(number: int, length: int) -> bytes:
    """What precedes the `length` bytes of a string, message or packed field."""
    return varint(number << 3 | DELIMITED) + varint(length)


def delimited(number: int, payload: bytes) -> bytes:
    """A whole string, message or packed field."""
    return delimited_head(number, len(payload)) + payload


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ModelError("it ends in the middle; the file is incomplete or damaged")
        byte = message[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
    raise ModelError("it is not a protocol buffer, or it is damaged")
