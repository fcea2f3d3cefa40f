"""What goes wrong with photographs, done to them on purpose: pairs with a known better side.

Each degradation takes RGB uint8 (H, W, 3), a strength from 0 (nothing) to 1 (severe) and a random
generator, and returns RGB uint8; the same generator state and a higher strength give the same flaw,
only worse. Sizes are relative to the short side, so a flaw looks alike at any resolution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from math import ceil, cos, pi, radians, sin
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]
Family = Literal["sharpness", "noise", "compression", "exposure", "contrast", "tilt", "crop"]


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way to degrade a photograph.

    Attributes:
        name: of this way.
        family: what suffers.
        apply: (rgb, strength 0..1, generator) -> rgb; a crop returns fewer pixels.
        held_out: never shown in training, so that it can measure what was learned.
    """

    name: str
    family: Family
    apply: Callable[[Pixels, float, np.random.Generator], Pixels]
    held_out: bool = False


def defocus(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """The circle of confusion of a wrong focus: the average over a disk, up to 1/40 in radius."""
    del generator
    radius = strength * min(rgb.shape[:2]) / 40
    reach = ceil(radius)
    steps = range(-reach, reach + 1)
    disk = [(y, x) for y in steps for x in steps if y * y + x * x <= radius * radius]
    return _average_of_shifts(rgb, disk)


def motion(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Camera shake: the average along a straight path in any direction, up to 1/14 in length."""
    angle = generator.uniform(0, pi)
    length = strength * min(rgb.shape[:2]) / 14
    places = np.linspace(-length / 2, length / 2, max(2, ceil(length) + 1))
    path = [(round(p * sin(angle)), round(p * cos(angle))) for p in places]
    return _average_of_shifts(rgb, path)


def soft(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """A soft lens: a Gaussian of up to 1/60 of the short side."""
    del generator
    radius = strength * min(rgb.shape[:2]) / 60
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(radius)))


def low_resolution(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """A thumbnail enlarged again, from as little as a sixth of the size."""
    del generator
    height, width = rgb.shape[:2]
    factor = 1 + 5 * strength
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    image = Image.fromarray(rgb).resize(small, Image.Resampling.BOX)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def sensor_noise(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Independent noise in every channel, as of a high sensitivity; deviation up to 50 of 255."""
    return _bytes(rgb + generator.normal(0, 1, rgb.shape) * 50 * strength)


def grain(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Coarse grey grain, as of a pushed film; its deviation is up to 45 of 255."""
    grains = np.clip(generator.normal(128, 40, rgb.shape[:2]), 0, 255).astype(np.uint8)
    radius = min(rgb.shape[:2]) / 400
    smooth = np.asarray(Image.fromarray(grains).filter(ImageFilter.GaussianBlur(radius)), float)
    return _bytes(
        rgb + ((smooth - smooth.mean()) / max(smooth.std(), 1) * 45 * strength)[:, :, None]
    )


def dead_pixels(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Black and white specks, on up to 12 % of the pixels."""
    lot = generator.random(rgb.shape[:2])[:, :, None]
    share = 0.06 * strength
    return np.where(lot < share, 0, np.where(lot > 1 - share, 255, rgb)).astype(np.uint8)


def shot_noise(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Grey noise that grows with the square root of the light, as of too few photons."""
    grains = generator.normal(0, 1, (*rgb.shape[:2], 1))
    return _bytes(rgb + grains * np.sqrt(rgb.astype(np.float32) + 1) * 4 * strength)


def jpeg(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Blocks and ringing of JPEG, down to quality 4."""
    del generator
    return _reencoded(rgb, "JPEG", quality=round(44 - 40 * strength))


def jpeg2000(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Smears of JPEG 2000, down to a 250th of the size."""
    del generator
    return _reencoded(
        rgb,
        "JPEG2000",
        quality_mode="rates",
        quality_layers=[30 + 220 * strength],
        irreversible=True,
    )


def posterised(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Bands instead of gradients: from 24 down to 3 levels a channel."""
    del generator
    steps = 23 - 21 * strength
    return _bytes(np.rint(rgb / np.float32(255) * steps) * 255 / steps)


def webp(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Smears of WebP on a picture of half the size, down to quality 0."""
    del generator
    height, width = rgb.shape[:2]
    half = Image.fromarray(rgb).resize((max(1, width // 2), max(1, height // 2)))
    smeared = _reencoded(np.asarray(half), "WEBP", quality=round(40 * (1 - strength)))
    return np.asarray(Image.fromarray(smeared).resize((width, height), Image.Resampling.BICUBIC))


def overexposure(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Up to three stops too much light, cut off at white."""
    del generator
    return _exposed(rgb, 3.0 * strength)


def underexposure(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Up to four stops too little light."""
    del generator
    return _exposed(rgb, -4.0 * strength)


def dim(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Every value lowered by the same factor, down to a fifth: white turns grey."""
    del generator
    return _bytes(rgb * np.float32(1 - 0.8 * strength))


def glaring(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """The same light added everywhere, up to 140 of 255, cut off at white."""
    del generator
    return _bytes(rgb + np.float32(140 * strength))


def vignette(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Corners that get as little as a tenth of the light."""
    del generator
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in rgb.shape[:2])
    distance = (np.square(y)[:, None] + np.square(x)[None, :]) / 2
    return _bytes(rgb * (1 - 0.9 * strength * distance)[:, :, None])


def sunken(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Middle tones pulled down by a parabola that spares black and white."""
    del generator
    light = rgb / np.float32(255)
    return _bytes(255 * (light - 0.95 * strength * light * (1 - light)))


def lifted(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Middle tones pulled up by a parabola that spares black and white."""
    del generator
    light = rgb / np.float32(255)
    return _bytes(255 * (light + 0.95 * strength * light * (1 - light)))


def shaded(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Light that falls off across the picture, in any direction, to as little as a tenth."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in rgb.shape[:2])
    angle = generator.uniform(0, 2 * pi)
    across = np.clip((sin(angle) * y[:, None] + cos(angle) * x[None, :] + 1) / 2, 0, 1)
    return _bytes(rgb * (1 - 0.9 * strength * across)[:, :, None])


def washed_out(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Brightened by a curve that spares black and white: everything turns pale."""
    del generator
    return _bytes(255 * (rgb / np.float32(255)) ** (1 - 0.75 * strength))


def murky(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Darkened by a curve that spares black and white: the shadows close."""
    del generator
    return _bytes(255 * (rgb / np.float32(255)) ** (1 + 2.5 * strength))


def flat(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Little contrast: everything moves towards the picture's mean grey."""
    del generator
    return _bytes(rgb + (rgb.mean() - rgb.astype(np.float32)) * 0.85 * strength)


def clipped(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Too much contrast: shadows and lights are cut off."""
    del generator
    middle = np.float32(rgb.mean())
    return _bytes(middle + (rgb - middle) * (1 + 3 * strength))


def faded(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Shadows turned grey, as of an old print; what is lighter than 150 stays."""
    del generator
    return _bytes(rgb + np.maximum(np.float32(150) - rgb, 0) * 0.9 * strength)


def harsh(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Too steep an S-curve about the middle grey: lights and shadows lose their drawing."""
    del generator
    gain = 1 + 14 * strength
    middle = np.float32(np.median(rgb) / 255)
    curve = 1 / (1 + np.exp(-gain * (rgb / np.float32(255) - middle)))
    black, white = 1 / (1 + np.exp(gain * middle)), 1 / (1 + np.exp(-gain * (1 - middle)))
    return _bytes(255 * (curve - black) / (white - black))


def haze(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """A light grey veil over everything, as of a dirty or flaring lens."""
    del generator
    return _bytes(rgb + (np.float32(215) - rgb) * 0.8 * strength)


def tilt(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """A slanted horizon: turned by up to 15 degrees, the largest upright part kept."""
    angle = 15 * strength * generator.choice((-1, 1))
    height, width = rgb.shape[:2]
    tangent = abs(sin(radians(angle)))
    flattened = cos(radians(angle))
    keep = 1 / (flattened + max(width / height, height / width) * tangent)
    turned = Image.fromarray(rgb).rotate(angle, Image.Resampling.BICUBIC)
    w, h = max(1, int(width * keep)), max(1, int(height * keep))
    left, top = (width - w) // 2, (height - h) // 2
    return np.asarray(turned.crop((left, top, left + w, top + h)))


def keystone(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Converging lines on one side, which is stretched by up to 1 / 0.6; nothing empty kept."""
    height, width = rgb.shape[:2]
    inset = 0.2 * strength * width
    above, below = (inset, 0.0) if generator.integers(2) else (0.0, inset)
    corners = (above, 0, below, height, width - below, height, width - above, 0)
    size = (max(1, round(width - inset)), height)
    image = Image.fromarray(rgb)
    return np.asarray(
        image.transform(size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    )


def sidelong(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Level lines converge to one side, as of a wall that was not faced; nothing empty kept."""
    turned = np.ascontiguousarray(rgb.transpose(1, 0, 2))
    return np.ascontiguousarray(keystone(turned, strength, generator).transpose(1, 0, 2))


def skewed(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """A slanted horizon with upright verticals: sheared by up to a quarter, nothing empty kept."""
    height, width = rgb.shape[:2]
    slope = 0.25 * strength * generator.choice((-1, 1))
    lost = ceil(abs(slope) * width)
    keep = max(height - lost, height // 3, 1)
    shift = -slope * width / 2 + (height - keep) / 2
    transform = (1, 0, 0, slope, 1, shift)
    image = Image.fromarray(rgb).transform(
        (width, keep), Image.Transform.AFFINE, transform, Image.Resampling.BICUBIC
    )
    return np.asarray(image)


def careless_crop(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Framed past the subject: a part from one of the corners, down to 45 % of each side."""
    height, width = rgb.shape[:2]
    keep = 1 - 0.55 * strength
    h, w = max(1, round(height * keep)), max(1, round(width * keep))
    top = (height - h) * int(generator.integers(2))
    left = (width - w) * int(generator.integers(2))
    return rgb[top : top + h, left : left + w]


def off_side(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """Pointed elsewhere: a part that touches one side, down to 45 % of width and height."""
    height, width = rgb.shape[:2]
    keep = 1 - 0.55 * strength
    h, w = max(1, round(height * keep)), max(1, round(width * keep))
    side, along = generator.integers(2), generator.random()
    down, right = (side, along) if generator.integers(2) else (along, side)
    top, left = round((height - h) * down), round((width - w) * right)
    return rgb[top : top + h, left : left + w]


def cut_off(rgb: Pixels, strength: float, generator: np.random.Generator) -> Pixels:
    """One side is missing: up to 60 % of the width or the height."""
    keep = 1 - 0.6 * strength
    turned = rgb if generator.integers(2) else rgb.transpose(1, 0, 2)
    kept = max(1, round(len(turned) * keep))
    part = turned[:kept] if generator.integers(2) else turned[len(turned) - kept :]
    return part if turned is rgb else part.transpose(1, 0, 2)


DEGRADATIONS: Final = (
    Degradation("defocus", "sharpness", defocus),
    Degradation("motion", "sharpness", motion),
    Degradation("soft", "sharpness", soft),
    Degradation("low_resolution", "sharpness", low_resolution, held_out=True),
    Degradation("sensor_noise", "noise", sensor_noise),
    Degradation("grain", "noise", grain),
    Degradation("dead_pixels", "noise", dead_pixels),
    Degradation("shot_noise", "noise", shot_noise, held_out=True),
    Degradation("jpeg", "compression", jpeg),
    Degradation("jpeg2000", "compression", jpeg2000),
    Degradation("posterised", "compression", posterised),
    Degradation("webp", "compression", webp, held_out=True),
    Degradation("overexposure", "exposure", overexposure),
    Degradation("underexposure", "exposure", underexposure),
    Degradation("dim", "exposure", dim),
    Degradation("glaring", "exposure", glaring),
    Degradation("vignette", "exposure", vignette),
    Degradation("sunken", "exposure", sunken),
    Degradation("lifted", "exposure", lifted),
    Degradation("shaded", "exposure", shaded),
    Degradation("washed_out", "exposure", washed_out, held_out=True),
    Degradation("murky", "exposure", murky, held_out=True),
    Degradation("flat", "contrast", flat),
    Degradation("clipped", "contrast", clipped),
    Degradation("faded", "contrast", faded),
    Degradation("harsh", "contrast", harsh),
    Degradation("haze", "contrast", haze, held_out=True),
    Degradation("tilt", "tilt", tilt),
    Degradation("keystone", "tilt", keystone),
    Degradation("sidelong", "tilt", sidelong),
    Degradation("skewed", "tilt", skewed, held_out=True),
    Degradation("careless_crop", "crop", careless_crop),
    Degradation("off_side", "crop", off_side),
    Degradation("cut_off", "crop", cut_off, held_out=True),
)
"""All of them; those held out differ in kind from those that a model may be trained on."""


def _bytes(values: NDArray[np.floating]) -> Pixels:
    whole: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return whole


def _average_of_shifts(rgb: Pixels, offsets: list[tuple[int, int]]) -> Pixels:
    """The mean of copies moved by (dy, dx), the border repeated outwards."""
    reach = max(max(abs(y), abs(x)) for y, x in offsets)
    padded = np.pad(rgb, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    height, width = rgb.shape[:2]
    total = np.zeros(rgb.shape, np.uint32)
    for y, x in offsets:
        total += padded[reach + y : reach + y + height, reach + x : reach + x + width]
    return _bytes(total / len(offsets))


def _exposed(rgb: Pixels, stops: float) -> Pixels:
    """More or less light, in linear light (a pure 2.2 curve stands in for sRGB's)."""
    linear = (rgb / np.float32(255)) ** 2.2 * 2.0**stops
    return _bytes(255 * np.minimum(linear, 1) ** (1 / 2.2))


def _reencoded(rgb: Pixels, codec: str, **options: Any) -> Pixels:
    stream = BytesIO()
    Image.fromarray(rgb).save(stream, codec, **options)
    return np.asarray(Image.open(stream).convert("RGB"))
