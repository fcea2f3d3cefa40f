"""Which container a picture is in, told by its bytes (never by its name, but for camera RAW)."""

from __future__ import annotations

from typing import Final, Literal

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

VIDEO_EXTENSIONS: Final = frozenset(
    ".mp4 .mov .avi .mkv .m4v .mts .m2ts .3gp .webm .wmv .mpg .mpeg".split()
)
"""Recognised so that they can be passed over with a reason."""

Container = Literal["jpeg", "heif", "raw", "pillow"]

_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
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
