"""From whatever colours a file holds to sRGB, 8 bits, no alpha."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ilgnet.errors import ImageError
from ilgnet.images import hdr
from ilgnet.images.boxes import Cicp

ALPHA_BACKGROUND: Final = (255, 255, 255)
"""Transparent pixels show white, as on most pages that show pictures."""

SAME_COLOUR: Final = 2
"""Steps of 255 by which two ways to write sRGB may differ."""

_ROWS: Final = 256


@lru_cache(maxsize=64)
def _to_srgb(profile: bytes, mode: str) -> Any | None:
    """The transform from a profile to sRGB; None where none is needed or the profile is broken."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        return None if mode == "RGB" and _changes_nothing(transform) else transform
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A damaged profile, or one for other channels: viewers ignore it, so do we.
        return None


def _changes_nothing(transform: Any) -> bool:
    """Whether a transform leaves colours as they are, whatever its profile is called.

    Tried on greys and on colours from the whole cube; different tables of sRGB's own curve differ
    by a step or two in the shadows.
    """
    steps = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    colours = np.concatenate([cube, greys])[None]
    after = np.asarray(ImageCms.applyTransform(Image.fromarray(colours), transform))
    return int(np.abs(after.astype(int) - colours).max()) <= SAME_COLOUR


def is_srgb(profile: bytes | None) -> bool:
    """Whether RGB pixels under this profile are sRGB as they stand."""
    if not profile:
        return True
    return _profile_cicp(profile) is None and _to_srgb(profile, "RGB") is None


def _profile_cicp(profile: bytes) -> Cicp | None:
    """What the `cicp` tag of an HDR profile says (ICC.1:2022, 9.2.17); its tables do without."""
    count = int.from_bytes(profile[128:132])
    for place in range(132, min(132 + 12 * count, len(profile) - 11), 12):
        if profile[place : place + 4] == b"cicp":
            start = int.from_bytes(profile[place + 4 : place + 8]) + 8
            codes = profile[start : start + 3]
            cicp = Cicp(*codes) if len(codes) == 3 else None
            return cicp if hdr.is_hdr(cicp) else None
    return None


def eight_bits(image: Image.Image, white: float | None = None) -> Image.Image:
    """Deep grey as 8-bit grey, a palette's colours as themselves; other pictures as they are.

    Args:
        image: a loaded picture of any mode.
        white: what white is in deep grey, where the file says so.

    Raises:
        ImageError: nothing tells what white is.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _eight_bit_grey(image, white)
    if image.mode in ("P", "PA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _eight_bit_grey(image: Image.Image, white: float | None) -> Image.Image:
    """16-bit, 32-bit and float grey to 8-bit grey, from their full range."""
    values = np.asarray(image)
    scale = 255 / (white or _white(image.mode, values))
    grey = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS):  # a large picture is never held in floats
        rows = np.nan_to_num(values[top : top + _ROWS].astype(np.float64)) * scale
        grey[top : top + _ROWS] = np.clip(np.rint(rows), 0, 255)
    return Image.fromarray(grey)


def _white(mode: str, values: NDArray[Any]) -> float:
    """What white is: floats have 0..1, or whole numbers up to 255; 32 bits may hold 8 or 16.

    Raises:
        ImageError: the values fit none of these, so any guess might score a black picture.
    """
    if mode.startswith("I;16"):
        return 65535
    most = float(np.fmax.reduce(values, axis=None, initial=0))  # whatever is not a number aside
    if mode == "F":
        if most <= 1:
            return 1
        if most <= 255 and _are_whole(values):
            return 255
        kind = "floating-point"
    else:
        if values.min(initial=0) >= 0 and most <= 65535:
            return 255 if most <= 255 else 65535
        kind = "32-bit"
    raise ImageError(
        "unsupported_format",
        f"{kind} grey with values from {values.min():.4g} to {most:.4g}: nothing tells which of "
        "them is white",
    )


def _are_whole(values: NDArray[Any]) -> bool:
    tops = range(0, len(values), _ROWS)
    return all(np.all(np.mod(values[top : top + _ROWS], 1) == 0) for top in tops)


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on the background."""
    rgba = image.convert("RGBA")
    background = Image.new("RGBA", rgba.size, (*ALPHA_BACKGROUND, 255))
    return Image.alpha_composite(background, rgba).convert("RGB")


def to_srgb(
    image: Image.Image, profile: bytes | None, encoding: hdr.Encoding | None = None
) -> Image.Image:
    """Convert any Pillow image to mode RGB in sRGB.

    Args:
        image: a loaded picture of any mode.
        profile: the ICC profile embedded in the file, if any.
        encoding: of its colours, if the file says it by numbers. They go before the profile if
            they say PQ or HLG, which profiles have no words for.
    """
    image = eight_bits(image)
    if profile and not hdr.is_hdr(encoding):
        encoding = _profile_cicp(profile)
    if encoding is not None and not hdr.is_srgb_encoding(encoding):
        rgb = np.asarray(_flatten(image) if image.has_transparency_data else image.convert("RGB"))
        return Image.fromarray(hdr.to_srgb(rgb, encoding))
    if image.has_transparency_data:
        image = _flatten(image)
    if image.mode not in ("RGB", "L", "CMYK", "LAB"):
        image = image.convert("RGB")
    transform = _to_srgb(profile, image.mode) if profile else None
    if transform is not None:
        return ImageCms.applyTransform(image, transform) or image
    return image if image.mode == "RGB" else image.convert("RGB")
