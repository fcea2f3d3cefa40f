"""Opening a file with the one plugin of Pillow that reads its format.

`Image.open` would try others too, load all of them, and warn of or refuse large pictures in ways
that are the whole process's to set; our limits are in `picture`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, BinaryIO, Final

from PIL import Image

from ilgnet.errors import ImageError, in_words, require
from ilgnet.images.formats import HEIC, JPEG_XL, PHOTOSHOP, Format

_OTHERS: Final = {
    HEIC: ("pillow_heif", "pillow_heif.as_plugin", "HeifImageFile"),
    JPEG_XL: ("pillow_jxl", "pillow_jxl.JpegXLImagePlugin", "JXLImageFile"),
}
"""Format -> the package, and the module and class in it that is a plugin for Pillow."""

_PHOTOSHOP_MODES: Final = (
    "bitmap", "grey", "indexed", "RGB", "CMYK", "", "", "multichannel", "duotone", "Lab",
)  # fmt: skip


def open_with_pillow(format: Format, stream: BinaryIO) -> Image.Image:
    """The picture, not yet decoded.

    Args:
        format: one that has a plugin.
        stream: the open file.

    Raises:
        MissingExtra: the plugin comes with an extra that is not installed.
        ImageError: the header is damaged, or of a form that is not read.
    """
    if format is PHOTOSHOP:
        _check_photoshop(stream)
    plugin = _plugin(format)
    stream.seek(0)
    try:
        image: Image.Image = plugin(stream, "")
    except SyntaxError as error:
        words = f"the {format.name} header is damaged: {in_words(error)}"
        raise ImageError("corrupt", words) from error
    return image


def _plugin(format: Format) -> Any:
    if format in _OTHERS:
        package, module, name = _OTHERS[format]
        require(package, format.extra, f"reading {format.name}")
        return getattr(import_module(module), name)
    module, name = format.plugin.split(".")
    return getattr(import_module(f"PIL.{module}"), name)


def _check_photoshop(stream: BinaryIO) -> None:
    """Refuse what has no composite that Pillow reads (Adobe Photoshop File Formats, 2019)."""
    stream.seek(0)
    head = stream.read(26)
    if len(head) < 26:
        raise ImageError("truncated", "the picture ends within its header")
    bits, mode = int.from_bytes(head[22:24]), int.from_bytes(head[24:26])
    if bits not in (1, 8):
        name = _PHOTOSHOP_MODES[mode] if mode < len(_PHOTOSHOP_MODES) else f"mode {mode}"
        raise ImageError(
            "unsupported_format", f"a {bits}-bit {name} Photoshop document is not decoded here"
        )
