"""The XMP packet inside a JPEG, replaced without touching another byte.

The packet is the APP1 segment that begins with the XMP namespace (XMP Specification Part 3,
1.1.3). The parts of an extended packet are segments of their own, named by a digest of their
contents; they stay as they are.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ilgnet.errors import LibraryError
from ilgnet.library.sidecar.packet import Span

_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_EXIF: Final = b"Exif\0"
_MULTI_PICTURE: Final = b"MPF\0"
_APP0, _APP1, _APP2, _SCAN, _END = 0xE0, 0xE1, 0xE2, 0xDA, 0xD9
_STANDALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_LARGEST: Final = 0xFFFF - 2
_HEADER: Final = len(_XMP)
_PACKET_END: Final = b"<?xpacket end="


class _Segment(NamedTuple):
    """A marker segment: its marker byte, how it begins, the whole of it, and its contents."""

    marker: int
    head: bytes
    whole: Span
    contents: Span

    def begins(self, marker: int, head: bytes) -> bool:
        """Whether it is of a kind."""
        return self.marker == marker and self.head.startswith(head)


def replace_embedded(data: bytes, old: bytes | None, new: bytes, path: Path) -> bytes:
    """Replace the packet inside a JPEG's bytes; every other segment and byte stays.

    The packet's padding takes up the change where it can, so that nothing moves.

    Args:
        data: the JPEG.
        old: the packet that it has, or None.
        new: the packet that it gets.
        path: for errors.

    Raises:
        LibraryError: the JPEG cannot be followed up to its picture data, or has two packets or
            not the old one; or the packet does not fit into a segment; or offsets to a second
            picture in the same file (MPF) would no longer be true.
    """
    stream = BytesIO(data)
    try:
        segments = list(_segments(stream))
        place = _packet(segments)
    except (_BrokenError, LibraryError) as error:
        raise LibraryError(f"{path} was not touched: {error}. Use a sidecar.") from error
    found = _contents(stream, place)[len(_XMP) :] if place else b""
    if found != (old or b""):
        raise LibraryError(f"{path} was not touched: it has changed since it was read")
    if old is not None:
        new = _fit(new, len(old))
    if len(new) + len(_XMP) > _LARGEST:
        raise LibraryError(
            f"{path} was not touched: its XMP would have {len(new)} bytes, more than the "
            f"{_LARGEST - len(_XMP)} that a JPEG segment holds. Use a sidecar (without --embed)."
        )
    span = place.whole if place is not None else _insertion(segments)
    segment = struct.pack(">BBH", 0xFF, _APP1, len(_XMP) + len(new) + 2) + _XMP + new
    if len(segment) != span.end - span.start and _has_multi_picture(segments):
        raise LibraryError(
            f"{path} was not touched: it holds a second picture (MPF), which would no longer be "
            "found if the XMP grew. Use a sidecar (without --embed)."
        )
    return data[: span.start] + segment + data[span.end :]


class _BrokenError(Exception):
    """The segments of a file cannot be followed."""


def _contents(stream: BinaryIO, segment: _Segment) -> bytes:
    stream.seek(segment.contents.start)
    return stream.read(segment.contents.end - segment.contents.start)


def _fit(packet: bytes, size: int) -> bytes:
    """Take from the padding, or add to it, so that the packet has its former size if possible."""
    end = packet.rfind(_PACKET_END)
    if end < 0:
        return packet
    body = packet[:end].rstrip(b" \t\r\n")
    room = size - len(body) - (len(packet) - end)
    if room < 1:
        return packet
    padding = packet[len(body) : end]
    padding = padding[-room:] if len(padding) > room else padding.rjust(room, b" ")
    return body + padding + packet[end:]


def _segments(stream: BinaryIO) -> Iterator[_Segment]:
    """The marker segments in front of the picture's data."""
    stream.seek(0)
    if stream.read(2) != b"\xff\xd8":
        raise _BrokenError("it is not a JPEG, and only JPEGs can take --embed")
    position = 2
    while True:
        stream.seek(position)
        head = stream.read(4 + _HEADER)
        if head[:2] == b"\xff\xff":  # a fill byte
            position += 1
        elif head[:1] == b"\xff" and head[1:2] and head[1] in _STANDALONE:
            position += 2
        elif head[:1] == b"\xff" and head[1:2] and head[1] in (_SCAN, _END):
            return
        else:
            length = int.from_bytes(head[2:4], "big")
            end = position + 2 + length
            if head[:1] != b"\xff" or length < 2 or stream.seek(0, os.SEEK_END) < end:
                raise _BrokenError(f"its segments end at byte {position}, before the picture")
            contents = head[4 : 2 + length]
            yield _Segment(head[1], contents, Span(position, end), Span(position + 4, end))
            position = end


def _packet(segments: Sequence[_Segment]) -> _Segment | None:
    found = [segment for segment in segments if segment.begins(_APP1, _XMP)]
    if len(found) > 1:
        raise LibraryError(f"it has {len(found)} XMP packets, not one")
    return found[0] if found else None


def _insertion(segments: Sequence[_Segment]) -> Span:
    """Behind the JFIF and Exif segments, which readers expect first."""
    place = 2
    for segment in segments:
        if segment.marker != _APP0 and not segment.begins(_APP1, _EXIF):
            break
        place = segment.whole.end
    return Span(place, place)


def _has_multi_picture(segments: Sequence[_Segment]) -> bool:
    return any(segment.begins(_APP2, _MULTI_PICTURE) for segment in segments)
