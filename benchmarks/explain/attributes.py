"""Do readings follow alterations of a known amount, on real photographs?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ilgnet.explanation.attributes import measure

RGB = NDArray[np.uint8]


def blurred(rgb: RGB, sigma: float) -> RGB:
    """With a Gaussian of so many pixels."""
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(sigma)))


def smeared(rgb: RGB, length: float) -> RGB:
    """Along 30 degrees."""
    image, total = Image.fromarray(rgb), np.zeros(rgb.shape)
    steps = np.linspace(-length / 2, length / 2, 2 * round(length) + 1)
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    for step in steps:
        moved = (1, 0, step * c, 0, 1, -step * s)
        total += np.asarray(
            image.transform(image.size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)
        )
    return (total / len(steps)).round().astype(np.uint8)


def noisy(rgb: RGB, sigma: float) -> RGB:
    """With grey Gaussian noise."""
    noise = np.random.default_rng(0).normal(0, sigma, (*rgb.shape[:2], 1))
    return np.clip(rgb + noise, 0, 255).round().astype(np.uint8)


def brightened(rgb: RGB, stops: float) -> RGB:
    """In linear light, by the simple curve."""
    light = (rgb / 255.0) ** 2.2 * 2.0**stops
    return (255 * np.clip(light, 0, 1) ** (1 / 2.2)).round().astype(np.uint8)


def contrasted(rgb: RGB, factor: float) -> RGB:
    """Around middle grey."""
    return np.clip(128 + factor * (rgb.astype(float) - 128), 0, 255).round().astype(np.uint8)


def coloured(rgb: RGB, factor: float) -> RGB:
    """Saturation times a factor."""
    grey = rgb.astype(float).mean(axis=2, keepdims=True)
    return np.clip(grey + factor * (rgb - grey), 0, 255).round().astype(np.uint8)


def tinted(rgb: RGB, amount: float) -> RGB:
    """A grey copy made red by so many levels."""
    grey = np.repeat(rgb.mean(axis=2, keepdims=True) * 0.6 + 40, 3, axis=2)
    return (grey + np.array([amount, 0, -amount])).round().astype(np.uint8)


def turned(rgb: RGB, degrees: float) -> RGB:
    """Counter-clockwise; the middle that every turn leaves."""
    image = Image.fromarray(rgb).rotate(degrees, Image.Resampling.BICUBIC)
    height, width = rgb.shape[:2]
    y, x = round(0.15 * height), round(0.15 * width)
    return np.asarray(image)[y:-y, x:-x]


def softened_around(rgb: RGB, sigma: float) -> RGB:
    """All but the middle out of focus."""
    soft = blurred(rgb, sigma) if sigma else rgb
    height, width = rgb.shape[:2]
    found = soft.copy()
    y, x = height // 3, width // 3
    found[y : 2 * y, x : 2 * x] = rgb[y : 2 * y, x : 2 * x]
    return found


def mirrored(rgb: RGB, share: float) -> RGB:
    """Mixed with its mirror image."""
    return (rgb * (1 - share / 2) + rgb[:, ::-1] * (share / 2)).round().astype(np.uint8)


def moved(rgb: RGB, share: float) -> RGB:
    """A small copy on a plain ground, its middle at a share of the width."""
    height, width = rgb.shape[:2]
    ground = np.full_like(rgb, 128)
    small = np.asarray(Image.fromarray(rgb).resize((width // 5, height // 5)))
    x = round(share * width - width // 10)
    ground[2 * height // 5 : 2 * height // 5 + small.shape[0], x : x + small.shape[1]] = small
    return ground


def crowded(rgb: RGB, copies: float) -> RGB:
    """So many small copies on a plain ground."""
    height, width = rgb.shape[:2]
    ground = np.full_like(rgb, 128)
    small = np.asarray(Image.fromarray(rgb).resize((width // 4, height // 4)))
    for number in range(round(copies)):
        y, x = number // 4 * (height // 4), number % 4 * (width // 4)
        ground[y : y + small.shape[0], x : x + small.shape[1]] = small
    return ground


Alteration = tuple[str, Callable[[RGB, float], RGB], tuple[float, ...], int]

ALTERATIONS: Sequence[Alteration] = (
    ("blur", blurred, (1.0, 1.5, 2.0, 3.0), 1),
    ("subject_blur", blurred, (1.0, 1.5, 2.0, 3.0), 1),
    ("motion", smeared, (0.0, 6.0, 9.0, 14.0), 1),
    ("blur_spread", softened_around, (1.0, 2.0, 3.0, 5.0), 1),
    ("exposure", brightened, (-2.0, -1.0, 0.0, 1.0), 1),
    ("clipped_highlights", brightened, (0.0, 1.0, 2.0, 3.0), 1),
    ("clipped_shadows", brightened, (-3.0, -5.0, -7.0, -9.0), 1),
    ("noise", noisy, (2.0, 4.0, 8.0, 16.0), 1),
    ("contrast", contrasted, (0.25, 0.5, 0.75, 1.0), 1),
    ("colourfulness", coloured, (0.0, 0.33, 0.66, 1.0), 1),
    ("cast", tinted, (0.0, 10.0, 20.0, 40.0), 1),
    ("tilt", turned, (-6.0, -3.0, 3.0, 6.0), 1),
    ("symmetry", mirrored, (0.25, 0.5, 0.75, 1.0), 1),
    ("balance", moved, (0.2, 0.4, 0.6, 0.8), 1),
    ("thirds", moved, (0.34, 0.38, 0.42, 0.46), 1),
    ("crowding", crowded, (1.0, 4.0, 8.0, 16.0), 1),
)
"""Attribute, alteration, four amounts, and whether the reading must rise (1) or fall (-1)."""


def attribute_figures(pictures: Sequence[RGB]) -> dict[str, Any]:
    """For each attribute, the share of pictures whose four readings are in order.

    Where a reading is None (tilt, where few lines agree), the picture says nothing and is counted
    as silent.
    """
    found = {}
    for name, alter, amounts, sign in ALTERATIONS:
        ordered, silent, medians = 0, 0, []
        for rgb in pictures:
            readings = [getattr(measure(alter(rgb, amount)), name) for amount in amounts]
            if any(reading is None for reading in readings):
                silent += 1
                continue
            medians.append(readings)
            steps = sign * np.diff(readings)
            ordered += bool((steps >= 0).all() and steps.sum() > 0)
        found[name] = {
            "alteration": (alter.__doc__ or "").strip(),
            "amounts": list(amounts),
            "in order": ordered,
            "of": len(pictures) - silent,
            "silent": silent,
            "medians": np.median(medians, axis=0).round(2).tolist() if medians else None,
        }
    return found
