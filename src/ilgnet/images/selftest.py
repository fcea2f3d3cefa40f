"""Which formats can be decoded here: found out by decoding one of each, or loading its decoder."""

from __future__ import annotations

from io import BytesIO
from typing import Final

from PIL import Image

from ilgnet.errors import ImageError, MissingExtra, require
from ilgnet.images.decode import read_image

OPTIONAL_FORMATS: Final = {
    "HEIC": ("pillow_heif", "heif"),
    "camera RAW": ("rawpy", "raw"),
    "JPEG XL": ("pillow_jxl", "jxl"),
}
"""Format -> (module that decodes it, extra that brings the module)."""

_ALWAYS: Final = ("JPEG", "PNG", "WebP", "AVIF", "TIFF", "GIF", "BMP", "JPEG2000", "PPM")


def decodable_formats() -> dict[str, str]:
    """Format -> an empty string if it decodes, else what is wrong or missing."""
    found = {name: _problem(name) for name in _ALWAYS}
    for name, (module, extra) in OPTIONAL_FORMATS.items():
        try:
            require(module, extra, f"reading {name}")
            found[name] = ""
        except MissingExtra as error:
            found[name] = str(error)
    return found


def _problem(name: str) -> str:
    stream = BytesIO()
    try:
        Image.new("RGB", (32, 32), "grey").save(stream, name.upper())
        read_image(stream.getvalue())
    except (KeyError, OSError, ImageError) as error:
        return str(error)
    return ""
