"""How colours are encoded, as an AV1 stream says it of itself (AV1 specification, 5.3 and 5.5)."""

from __future__ import annotations

from typing import Final

from ilgnet.images.bits import Bits
from ilgnet.images.boxes import Cicp

_SEQUENCE_HEADER: Final = 1


def stream_colours(data: bytes) -> Cicp | None:
    """What the sequence header says of colours; None where it says nothing, or is damaged.

    Args:
        data: the beginning of a stream of open bitstream units, or what an `av1C` box has of it.
    """
    place = 0
    try:
        while place < len(data):
            header = data[place]
            place += 2 if header & 4 else 1  # with an extension
            length = len(data) - place
            if header & 2:
                length, place = _leb128(data, place)
            if header >> 3 & 15 == _SEQUENCE_HEADER:
                return _colours(Bits(data[place : place + length]))
            place += length
    except IndexError:
        pass
    return None


def _leb128(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for index in range(8):
        byte = data[place + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            break
    return value, place + index + 1


def _colours(bits: Bits) -> Cicp | None:
    """`sequence_header_obu`, up to the colours in its `color_config`."""
    profile = bits.take(3)
    bits.take(1)  # still_picture
    reduced = bits.flag()
    if reduced:
        bits.take(5)  # level
    else:
        _operating_points(bits)
    width, height = bits.take(4) + 1, bits.take(4) + 1
    bits.take(width + height)
    if not reduced and bits.flag():  # frame ids
        bits.take(4 + 3)
    bits.take(3)  # superblocks, filter_intra, intra_edge_filter
    if not reduced:
        _tools(bits)
    bits.take(3)  # superres, cdef, restoration
    deep = bits.flag()
    if profile == 2 and deep:
        bits.take(1)  # twelve bits
    if profile != 1:
        bits.take(1)  # monochrome
    return Cicp(bits.take(8), bits.take(8), bits.take(8)) if bits.flag() else None


def _operating_points(bits: Bits) -> None:
    delay = 0
    if bits.flag():  # timing_info
        bits.take(32 + 32)
        if bits.flag():
            bits.golomb()
        if bits.flag():  # decoder_model_info
            delay = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    display = bits.flag()
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)  # tier
        if delay and bits.flag():
            bits.take(2 * delay + 1)
        if display and bits.flag():
            bits.take(4)


def _tools(bits: Bits) -> None:
    bits.take(4)  # interintra_compound, masked_compound, warped_motion, dual_filter
    order_hint = bits.flag()
    if order_hint:
        bits.take(2)
    screen_content = bits.flag() or bits.flag()
    if screen_content and not bits.flag():  # integer_mv is not chosen by frame
        bits.take(1)
    if order_hint:
        bits.take(3)
