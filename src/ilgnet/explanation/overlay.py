"""A heat map over its picture, as pixels: gold raises, blue lowers, grey does neither."""

from __future__ import annotations

from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ilgnet.explanation.attributes import Box
from ilgnet.explanation.heat_map import PLACES, HeatMap
from ilgnet.explanation.sentences import TARGET_WORDS
from ilgnet.explanation.targets import UNITS

RAISES: Final = (240, 165, 30)
LOWERS: Final = (30, 100, 230)

LEAST_SCALE: Final = 0.05
"""Units of the target at which colours are full at the earliest: noise is not painted as if it
were much."""

_STRONGEST: Final = 0.62
"""How opaque the strongest place is."""

_LEGEND: Final = 64
"""Height of the strip that says what the colours mean, at a width of 1000 pixels."""


def scale_of(heat: HeatMap) -> float:
    """What a place, a 49th of the picture, adds to the target where colours are full."""
    return max(LEAST_SCALE, float(np.abs(_per_place(heat)).max()))


def _per_place(heat: HeatMap) -> NDArray[np.float32]:
    """The map for each 49th of the picture, whatever its grid; a fine one made calmer."""
    values = heat.values * np.float32(heat.values.size / PLACES**2)
    if min(values.shape) <= 2 * PLACES:
        return values
    size = (2 * PLACES, 2 * PLACES)
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BOX))


def scale_words(heat: HeatMap) -> tuple[str, str, str]:
    """What the colours say: at the end that lowers, at the one that raises, and of what."""
    scale, target = scale_of(heat), heat.target
    words = f"what a 49th of the picture adds to {TARGET_WORDS[target]}, in {UNITS[target]}"
    return f"lowers -{scale:.2f}", f"+{scale:.2f} raises", words


def overlay(
    rgb: NDArray[np.uint8],
    heat: HeatMap,
    *,
    side: int = 1280,
    crop: Box | None = None,
    legend: bool = True,
) -> Image.Image:
    """Paint a map over its picture.

    Args:
        rgb: the upright picture, uint8 (H, W, 3).
        heat: its map.
        side: the result's long side in pixels at most.
        crop: a box to draw, left, top, right, bottom, 0..1.
        legend: whether a strip below says what the colours mean.
    """
    image = Image.fromarray(rgb)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    grey = np.asarray(image.convert("L"), dtype=np.float32)[:, :, None]
    # Most colour is taken out of the picture, so that the map's two are seen.
    ground = 0.15 * np.asarray(image, dtype=np.float32) + 0.85 * (0.85 * grey + 20)
    colour, opaque = _colours(heat, image.size)
    painted = Image.fromarray((ground * (1 - opaque) + colour * opaque).round().astype(np.uint8))
    if crop is not None:
        _draw_box(painted, crop)
    return _with_legend(painted, heat) if legend else painted


def layer(heat: HeatMap, size: tuple[int, int], crop: Box | None = None) -> Image.Image:
    """A map to lay over its picture, RGBA of a size (width, height): clear where it says nothing.

    Args:
        heat: the map.
        size: of the layer; the picture's shape.
        crop: a box to draw, left, top, right, bottom, 0..1.
    """
    colour, opaque = _colours(heat, size)
    pixels = np.concatenate([colour, 255 * opaque], axis=2).round().astype(np.uint8)
    image = Image.fromarray(pixels)
    if crop is not None:
        _draw_box(image, crop)
    return image


def _colours(
    heat: HeatMap, size: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The map's colours (h, w, 3) 0..255, and how opaque they are (h, w, 1) 0..1."""
    strength = _stretched(heat, size)[:, :, None] / np.float32(scale_of(heat))
    colour = np.where(strength > 0, RAISES, LOWERS).astype(np.float32)
    return colour, np.float32(_STRONGEST) * np.clip(np.abs(strength), 0, 1) ** np.float32(0.8)


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    """The picture as a file's bytes: "PNG", or "WEBP" for a page."""
    data = BytesIO()
    if form == "WEBP":
        image.save(data, form, quality=80, method=2)
    else:
        image.save(data, form)
    return data.getvalue()


def _stretched(heat: HeatMap, size: tuple[int, int]) -> NDArray[np.float32]:
    """The map at the picture's size, smooth; 0 where the network does not look."""
    width, height = size
    left, top, right, bottom = (
        round(side * length) for side, length in zip(heat.area, (width, height) * 2, strict=True)
    )
    inner = Image.fromarray(_per_place(heat)).resize(
        (max(1, right - left), max(1, bottom - top)), Image.Resampling.BICUBIC
    )
    whole = np.zeros((height, width), np.float32)
    whole[top : top + inner.height, left : left + inner.width] = np.asarray(inner)
    return whole


def _draw_box(image: Image.Image, box: Box) -> None:
    corners = [round(side * (length - 1)) for side, length in zip(box, image.size * 2, strict=True)]
    draw = ImageDraw.Draw(image)
    line = max(2, round(max(image.size) / 500))
    draw.rectangle(corners, outline=(20, 20, 20), width=2 * line)
    inner = [corners[0] + line, corners[1] + line, corners[2] - line, corners[3] - line]
    if inner[2] > inner[0] and inner[3] > inner[1]:
        draw.rectangle(inner, outline=(255, 255, 255), width=line)


def _with_legend(image: Image.Image, heat: HeatMap) -> Image.Image:
    """A strip below: a bar from blue to gold, what its ends mean, and of what."""
    unit = max(0.6, image.width / 1000)
    height = round(_LEGEND * unit)
    strip = Image.new("RGB", (image.width, height), (24, 24, 23))
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(size=round(19 * unit))
    low, high, words = scale_words(heat)
    margin, middle = round(14 * unit), 22 * unit
    draw.text((margin, middle), low, (150, 180, 240), font, anchor="lm")
    draw.text((image.width - margin, middle), high, (240, 190, 100), font, anchor="rm")
    begin = margin + draw.textlength(low, font) + margin
    end = image.width - 2 * margin - draw.textlength(high, font)
    for x in range(round(begin), max(round(begin), round(end))):
        at = 2 * (x - begin) / max(1, end - begin) - 1
        colour = np.array(RAISES if at > 0 else LOWERS) * abs(at) + 90 * (1 - abs(at))
        draw.line((x, middle - 4 * unit, x, middle + 4 * unit), tuple(colour.round().astype(int)))
    small = ImageFont.load_default(size=round(15 * unit))
    draw.text((image.width / 2, height - 18 * unit), words, (170, 168, 162), small, anchor="mm")
    framed = Image.new("RGB", (image.width, image.height + height))
    framed.paste(image, (0, 0))
    framed.paste(strip, (0, image.height))
    return framed
