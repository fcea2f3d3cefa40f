"""From whatever colours a file holds to sRGB, 8 bits, no alpha."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import numpy as np
from PIL import Image, ImageCms

ALPHA_BACKGROUND: Final = (255, 255, 255)
"""Transparent pixels show white, as on most pages that show pictures."""


@lru_cache(maxsize=64)
def _to_srgb(profile: bytes, mode: str) -> Any | None:
    """The transform from a profile to sRGB; None where none is needed or the profile is broken."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        description = ImageCms.getProfileDescription(source)
        if mode == "RGB" and description.strip().startswith("sRGB"):
            return None
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A damaged profile, or one for other channels: viewers ignore it, so do we.
        return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit, 32-bit and float grey to 8-bit grey, from their full range."""
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F":
        values = values * 255.0 if values.max(initial=0.0) <= 1.0 else values
    elif values.max(initial=0.0) > 255.0:
        values = values / 257.0
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8), "L")


def _flatten(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on the background."""
    rgba = image.convert("RGBA")
    background = Image.new("RGBA", rgba.size, (*ALPHA_BACKGROUND, 255))
    return Image.alpha_composite(background, rgba).convert("RGB")


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert any Pillow image to mode RGB in sRGB.

    Args:
        image: a loaded picture of any mode.
        profile: the ICC profile embedded in the file, if any.
    """
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bit(image)
    if image.has_transparency_data:
        image = _flatten(image)
    if image.mode not in ("RGB", "L", "CMYK", "LAB"):
        image = image.convert("RGB")
    transform = _to_srgb(profile, image.mode) if profile else None
    if transform is not None:
        return ImageCms.applyTransform(image, transform) or image
    return image.convert("RGB")
