"""Which container a picture is in, told by its bytes (never by its name, but for camera RAW)."""

from __future__ import annotations

import os
from typing import BinaryIO, Final, Literal

RAW_EXTENSIONS: Final = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef "
    ".raf .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)
"""Camera RAW files. Most are TIFF inside, so only the name tells them apart."""

IMAGE_EXTENSIONS: Final = RAW_EXTENSIONS | frozenset(
    ".jpg .jpeg .jpe .jfif .png .apng .webp .avif .tif .tiff .gif .bmp .dib "
    ".heic .heif .hif .jp2 .j2k .jpx .mpo".split()
)
"""What is taken for a picture when a folder is searched."""

PILLOW_FORMATS: Final = "PNG WEBP AVIF TIFF GIF BMP DIB JPEG2000 PPM".split()
"""What Pillow may decode here. It knows more, but not all are pictures: EPS is a program."""

VIDEO_EXTENSIONS: Final = frozenset(
    ".mp4 .mov .avi .mkv .m4v .mts .m2ts .3gp .webm .wmv .mpg .mpeg".split()
)
"""Recognised so that they can be passed over with a reason."""

Container = Literal["jpeg", "heif", "raw", "pillow"]

_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_MOST_BOXES: Final = 1000
_RAW_MAGIC: Final = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00", b"FOVb")


def container(head: bytes, extension: str = "") -> Container:
    """The decoder that a file needs.

    Args:
        head: the first 64 bytes or more.
        extension: of the file's name, lower case with the dot, where there is one.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[4:8] == b"ftyp":
        brands = {head[8:12]} | {head[i : i + 4] for i in range(16, 64, 4)}
        if b"crx " in brands:
            return "raw"
        return "heif" if brands & _HEIF_BRANDS and b"avif" not in brands else "pillow"
    is_tiff = head[:4] in (b"II*\x00", b"MM\x00*")
    if head.startswith(_RAW_MAGIC) or (is_tiff and extension in RAW_EXTENSIONS):
        return "raw"
    if head[:4] == b"II*\x00" and head[8:10] == b"CR":
        return "raw"
    return "raw" if extension in {".crw", ".mrw", ".x3f", ".raf", ".dcr", ".kdc"} else "pillow"


def ends_early(stream: BinaryIO) -> bool:
    """Whether a file is shorter than its own header says; False where the header says nothing.

    WebP gives its length, TIFF the place of its directory, and AVIF, HEIC and JPEG 2000 are chains
    of boxes with a length each.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(12)
    if len(head) < 12:
        return False
    if head.startswith(b"RIFF"):
        return size < 8 + int.from_bytes(head[4:8], "little")
    if head[:4] in (b"II*\x00", b"MM\x00*"):
        order: Literal["little", "big"] = "little" if head.startswith(b"I") else "big"
        return size < 2 + int.from_bytes(head[4:8], order)
    return head[4:8] in (b"ftyp", b"jP  ") and _a_box_ends_early(stream, size)


def _a_box_ends_early(stream: BinaryIO, size: int) -> bool:
    place = 0
    for _ in range(_MOST_BOXES):
        stream.seek(place)
        header = stream.read(16)
        if not header:
            return place > size
        if len(header) < 8:
            return True
        length = int.from_bytes(header[:4], "big")
        if length == 1:  # too long for four bytes
            length = int.from_bytes(header[8:], "big")
        if length < 8:  # zero: up to the end, whatever that is
            return False
        place += length
    return False
