"""How colours are encoded, as an HEVC stream says it of itself (ITU-T H.265, 7.3 and annex E)."""

from __future__ import annotations

from typing import Final

from ilgnet.images.bits import Bits
from ilgnet.images.boxes import Cicp

_SEQUENCE_PARAMETERS: Final = 33
_MOST_SETS: Final = 64
"""Reference picture sets; more are not allowed."""


def configured_colours(content: bytes) -> Cicp | None:
    """What an `hvcC` box says of colours (ISO/IEC 14496-15, 8.3.3); None where it says nothing."""
    place = 23
    try:
        for _ in range(content[22]):
            kind, count = content[place] & 63, int.from_bytes(content[place + 1 : place + 3])
            place += 3
            for _ in range(count):
                length = int.from_bytes(content[place : place + 2])
                unit = content[place + 2 : place + 2 + length]
                place += 2 + length
                if kind == _SEQUENCE_PARAMETERS:
                    # Without the bytes that keep its content from looking like a start code.
                    return _colours(Bits(unit[2:].replace(b"\0\0\3", b"\0\0")))
    except IndexError:
        pass  # damaged: the decoder says so, or does not mind
    return None


def _colours(bits: Bits) -> Cicp | None:
    """`seq_parameter_set_rbsp`, up to the colours in its `vui_parameters`."""
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    _profile(bits, layers)
    bits.golomb()
    if bits.golomb() == 3:
        bits.take(1)  # planes by themselves
    _numbers(bits, 2)  # width, height
    if bits.flag():
        _numbers(bits, 4)  # the part that is to be seen
    _numbers(bits, 2)  # depths
    counter = bits.golomb() + 4
    _numbers(bits, 3 * (layers + 1 if bits.flag() else 1))
    _numbers(bits, 6)  # sizes and depths of blocks
    if bits.flag() and bits.flag():
        _scaling_lists(bits)
    bits.take(2)  # amp, sao
    if bits.flag():  # pcm
        bits.take(8)
        _numbers(bits, 2)
        bits.take(1)
    _reference_sets(bits)
    if bits.flag():  # long-term references
        for _ in range(min(bits.golomb(), _MOST_SETS)):
            bits.take(counter + 1)
    bits.take(2)  # temporal_mvp, strong_intra_smoothing
    return _usability(bits) if bits.flag() else None


def _usability(bits: Bits) -> Cicp | None:
    if bits.flag() and bits.take(8) == 255:  # the shape of a pixel
        bits.take(32)
    if bits.flag():
        bits.take(1)  # overscan
    if not bits.flag():
        return None
    bits.take(4)  # kind of video, range
    return Cicp(bits.take(8), bits.take(8), bits.take(8)) if bits.flag() else None


def _profile(bits: Bits, layers: int) -> None:
    """`profile_tier_level`."""
    bits.take(88 + 8)
    there = [(bits.flag(), bits.flag()) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in there:
        bits.take(88 * profile + 8 * level)


def _scaling_lists(bits: Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.flag():
                bits.golomb()  # as another list
            else:
                _numbers(bits, (size > 1) + min(64, 16 << 2 * size))


def _reference_sets(bits: Bits) -> None:
    pictures = 0
    for index in range(min(bits.golomb(), _MOST_SETS)):
        if index and bits.flag():  # as the set before it, with changes
            bits.take(1)
            bits.golomb()
            kept = sum(bits.flag() or bits.flag() for _ in range(pictures + 1))
            pictures = kept
        else:
            pictures = bits.golomb() + bits.golomb()
            for _ in range(min(pictures, _MOST_SETS)):
                bits.golomb()
                bits.take(1)


def _numbers(bits: Bits, count: int) -> None:
    for _ in range(count):
        bits.golomb()
