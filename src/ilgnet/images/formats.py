"""Which formats there are, which of them are read here, and which one a file is in.

A file's bytes tell its format, never its name; but most camera RAW is TIFF inside, TGA has no mark
of its own, and a folder is searched by names alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Format:
    """A picture format.

    Attributes:
        name: for people.
        extensions: lower case with the dot.
        plugin: the Pillow module and class that read it; "" where another library does.
        extra: the extra of this package that brings its reader; "" where none is needed.
    """

    name: str
    extensions: frozenset[str]
    plugin: str = ""
    extra: str = ""


def _format(name: str, extensions: str, plugin: str = "", extra: str = "") -> Format:
    return Format(name, frozenset(extensions.split()), plugin, extra)


JPEG: Final = _format("JPEG", ".jpg .jpeg .jpe .jfif .mpo", "JpegImagePlugin.JpegImageFile")
PNG: Final = _format("PNG", ".png .apng", "PngImagePlugin.PngImageFile")
WEBP: Final = _format("WebP", ".webp", "WebPImagePlugin.WebPImageFile")
AVIF: Final = _format("AVIF", ".avif .avifs", "AvifImagePlugin.AvifImageFile")
TIFF: Final = _format("TIFF", ".tif .tiff", "TiffImagePlugin.TiffImageFile")
GIF: Final = _format("GIF", ".gif", "GifImagePlugin.GifImageFile")
BMP: Final = _format("BMP", ".bmp", "BmpImagePlugin.BmpImageFile")
DIB: Final = _format("DIB", ".dib", "BmpImagePlugin.DibImageFile")
JPEG_2000: Final = _format(
    "JPEG 2000", ".jp2 .j2k .jpx .jpf .j2c .jpc", "Jpeg2KImagePlugin.Jpeg2KImageFile"
)
NETPBM: Final = _format("Netpbm", ".ppm .pgm .pbm .pnm .pfm", "PpmImagePlugin.PpmImageFile")
TGA: Final = _format("TGA", ".tga .icb .vda .vst", "TgaImagePlugin.TgaImageFile")
PHOTOSHOP: Final = _format("Photoshop", ".psd", "PsdImagePlugin.PsdImageFile")
HEIC: Final = _format("HEIC", ".heic .heif .hif .heics .heifs", extra="heif")
RAW: Final = _format(
    "camera RAW",
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef "
    ".raf .raw .rw2 .rwl .sr2 .srf .srw .x3f",
    extra="raw",
)
JPEG_XL: Final = _format("JPEG XL", ".jxl", extra="jxl")

READ: Final = (
    *(JPEG, PNG, WEBP, AVIF, TIFF, GIF, BMP, DIB, JPEG_2000, NETPBM, TGA, PHOTOSHOP),
    *(HEIC, RAW, JPEG_XL),
)
"""What is decoded here, with its extra where it needs one. Pillow knows more, but not all of that
are pictures: EPS is a program."""

UNREAD: Final = (
    _format("large Photoshop", ".psb"),
    _format("JPEG XR", ".jxr .wdp .hdp"),
    _format("OpenEXR", ".exr"),
    _format("Radiance HDR", ".hdr .rgbe"),
    _format("GIMP", ".xcf"),
    _format("Krita", ".kra"),
    _format("Affinity Photo", ".afphoto"),
    _format("Lightfield", ".lfp .lfr"),
    _format("BPG", ".bpg"),
    _format("FLIF", ".flif"),
    _format("QOI", ".qoi"),
    _format("PCX", ".pcx"),
    _format("SGI", ".sgi .rgb .rgba .bw"),
    _format("DDS", ".dds"),
    _format("DPX", ".dpx .cin"),
    _format("FITS", ".fits .fts"),
    _format("DjVu", ".djvu .djv"),
    _format("PICT", ".pct .pict"),
    _format("Photo CD", ".pcd"),
    _format("JPEG-LS", ".jls"),
    _format("icon", ".ico .icns .cur"),
    _format("SVG", ".svg .svgz"),
    _format("PostScript", ".eps"),
    _format("PAM", ".pam"),
    _format("MNG", ".mng .jng"),
    _format("Sun raster", ".ras"),
    _format("Amiga", ".iff .ilbm .lbm"),
    _format("X11", ".xbm .xpm"),
    _format("Clip Studio", ".clip"),
    _format("Procreate", ".procreate"),
    _format("Paint Shop Pro", ".psp .pspimage"),
    _format("MIFF", ".miff"),
    _format("Windows metafile", ".wmf .emf"),
)
"""Pictures, or what may be called so, that are not decoded here."""

RAW_EXTENSIONS: Final = RAW.extensions
"""Camera RAW files. Most are TIFF inside, so only the name tells them apart."""

IMAGE_EXTENSIONS: Final = frozenset().union(*(each.extensions for each in READ))
"""What is taken for a picture when a folder is searched."""

UNREAD_EXTENSIONS: Final = {ending: each.name for each in UNREAD for ending in each.extensions}
"""Extension -> the format's name, for what a search names as passed over."""

VIDEO_EXTENSIONS: Final = frozenset(
    ".mp4 .mov .avi .mkv .m4v .mts .m2ts .3gp .webm .wmv .mpg .mpeg".split()
)
"""Recognised so that they can be passed over with a reason."""

HEAD: Final = 64
"""How many bytes of a file tell its format."""

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF8", GIF),
    (b"BM", BMP),
    (b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"\0\0\0\x0cJXL \r\n\x87\n", JPEG_XL),
    (b"\xff\x0a", JPEG_XL),
    (b"8BPS\0\x01", PHOTOSHOP),
    *((b"P" + kind + space, NETPBM) for kind in (b"1", b"2", b"3", b"4", b"5", b"6", b"f", b"F")
      for space in (b" ", b"\n", b"\r", b"\t")),
)  # fmt: skip

_UNREAD_SIGNATURES: Final = (
    (b"8BPS\0\x02", "large Photoshop"),
    (b"II\xbc", "JPEG XR"),
    (b"P7\n", "PAM"),
    (b"\x8aMNG", "MNG"),
    (b"\x8bJNG", "MNG"),
    (b"id=ImageMagick", "MIFF"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"#?RGBE", "Radiance HDR"),
    (b"gimp xcf", "GIMP"),
    (b"BPG\xfb", "BPG"),
    (b"FLIF", "FLIF"),
    (b"qoif", "QOI"),
    (b"\x01\xda", "SGI"),
    (b"DDS ", "DDS"),
    (b"SDPX", "DPX"),
    (b"XPDS", "DPX"),
    (b"SIMPLE  =", "FITS"),
    (b"AT&TFORM", "DjVu"),
    (b"\0\0\x01\0", "icon"),
    (b"\0\0\x02\0", "icon"),
    (b"icns", "icon"),
    (b"<svg", "SVG"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF", "PDF"),
    (b"\xd7\xcd\xc6\x9a", "Windows metafile"),
)

_RAW_MAGIC: Final = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\x00", b"FOVb")
_TIFF_MAGIC: Final = (b"II*\x00", b"MM\x00*")
_BIG_TIFF_MAGIC: Final = (b"II+\x00", b"MM\x00+")
_RAW_BY_NAME: Final = {".crw", ".mrw", ".x3f", ".raf", ".dcr", ".kdc"}
_HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS: Final = {b"avif", b"avis"}


def find_format(head: bytes, extension: str = "") -> Format | None:
    """The format that a file is in; None where it is none of those that are read.

    Args:
        head: the first `HEAD` bytes or more.
        extension: of the file's name, lower case with the dot, where there is one.
    """
    for signature, format in _SIGNATURES:
        if head.startswith(signature):
            return format
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        return _by_brands(head)
    if head.startswith((*_TIFF_MAGIC, *_BIG_TIFF_MAGIC)):
        of_canon = head[:4] == b"II*\x00" and head[8:10] == b"CR"
        return RAW if of_canon or extension in RAW.extensions else TIFF
    if head.startswith(_RAW_MAGIC) or extension in _RAW_BY_NAME:
        return RAW
    # Without a mark of their own; a TGA may begin as an icon does.
    return next((each for each in (TGA, DIB) if extension in each.extensions), None)


def _by_brands(head: bytes) -> Format | None:
    length = min(max(int.from_bytes(head[:4]), 16), HEAD)
    brands = {head[8:12]} | {head[i : i + 4] for i in range(16, length, 4)}
    if b"crx " in brands:
        return RAW
    if brands & _AVIF_BRANDS:
        return AVIF
    return HEIC if brands & _HEIF_BRANDS else None


def unread_name(head: bytes, extension: str = "") -> str:
    """The name of a format that is not read here; "" where it is unknown."""
    for signature, name in _UNREAD_SIGNATURES:
        if head.startswith(signature):
            return name
    return UNREAD_EXTENSIONS.get(extension, "")


def unread_format(name: str) -> str:
    """The format of a file of this name, where it is a picture that is not decoded; else ""."""
    ending = os.path.splitext(name)[1].lower()
    return "" if name.startswith(".") else UNREAD_EXTENSIONS.get(ending, "")


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for a picture when a folder is searched."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS
