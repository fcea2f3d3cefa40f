"""Copies of photographs: the same one in another file, and spoilt ones in the same file.

A pair must differ in its flaw alone. A network whose spoilt pictures were compressed less often
than its good ones learns that fresh pixels are a flaw; so a spoilt copy stands beside a clean one
that was resized and saved exactly as it was, at a size and quality of chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.data.degradations import DEGRADATIONS, Pixels

TAUGHT: dict[str, list[str]] = {
    family: [kind.name for kind in DEGRADATIONS if kind.family == family and not kind.held_out]
    for family in sorted({kind.family for kind in DEGRADATIONS})
}
KINDS = {kind.name: kind for kind in DEGRADATIONS}
OTHERS = (
    "exposure",
    "exposure",
    "noise",
    "noise",
    "sharpness",
    "contrast",
    "compression",
    "exposure",
)
"""Families beside tilt and crop, as often as they are drawn."""

Form = Literal["", "JPEG", "WEBP"]


@dataclass(frozen=True)
class File:
    """How a picture is resized and saved before it is looked at.

    Attributes:
        size: of the sides, 1 is as it was.
        form: "" saves nothing.
        quality: of the form.
    """

    size: float = 1.0
    form: Form = ""
    quality: int = 0

    def save(self, rgb: Pixels) -> Pixels:
        """The pixels of the file."""
        if self.size != 1.0:
            sides = [max(1, round(side * self.size)) for side in (rgb.shape[1], rgb.shape[0])]
            rgb = np.asarray(Image.fromarray(rgb).resize(sides, Image.Resampling.LANCZOS))
        if not self.form:
            return rgb
        stream = BytesIO()
        Image.fromarray(np.ascontiguousarray(rgb)).save(stream, self.form, quality=self.quality)
        return np.asarray(Image.open(stream).convert("RGB"))


@dataclass(frozen=True)
class Copy:
    """One copy of a picture.

    Attributes:
        picture: its row.
        file: how it was saved.
        mirrored: left is right.
        crop: height, width, top and left as shares of what there is; None keeps all.
        flaw: name of a degradation; "" is none.
        strength: of the flaw.
        seed: of the flaw.
    """

    picture: int
    file: File = File()
    mirrored: bool = False
    crop: tuple[float, float, float, float] | None = None
    flaw: str = ""
    strength: float = 0.0
    seed: int = 0

    def pixels(self, rgb: Pixels) -> Pixels:
        """The copy's pixels, from the picture's."""
        if self.mirrored:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        if self.crop is not None:
            rgb = _cropped(rgb, *self.crop)
        if self.flaw:
            generator = np.random.default_rng(self.seed)
            rgb = KINDS[self.flaw].apply(rgb, self.strength, generator)
        return self.file.save(rgb)


def _cropped(rgb: Pixels, height: float, width: float, top: float, left: float) -> Pixels:
    h, w = round(rgb.shape[0] * height), round(rgb.shape[1] * width)
    y, x = round((rgb.shape[0] - h) * top), round((rgb.shape[1] - w) * left)
    return np.ascontiguousarray(rgb[y : y + h, x : x + w])


def copies(picture: int) -> list[Copy]:
    """Six: saved anew; cut and mirrored; two flaws, each mild and severe."""
    random = np.random.default_rng([picture, 5, 0])
    file = _file(random)
    resized = file.size != 1.0
    share = float(random.uniform(0.9, 0.985))
    mirrored = bool(random.random() < 0.6)
    width = float(np.clip(share + random.uniform(-0.03, 0.03), 0.88, 0.99))
    crop = (share, width, float(random.random()), float(random.random()))
    found = [Copy(picture, file), Copy(picture, mirrored=mirrored, crop=crop)]
    geometry = "tilt" if random.random() < 0.5 else "crop"
    turned = str(random.choice(TAUGHT[geometry]))
    other = str(random.choice(TAUGHT[str(random.choice(OTHERS))]))
    for flaw in (turned, other):
        found += _spoilt(picture, flaw, file, resized, random)
    return found


def _file(random: np.random.Generator) -> File:
    lot = random.random()
    jpeg = random.random() < 0.6
    quality = int(random.integers(60, 97) if jpeg else random.integers(70, 93))
    form: Form = "JPEG" if jpeg else "WEBP"
    if lot < 0.5:
        return File(1.0, form, quality)
    if lot >= 0.75:
        return File(float(random.uniform(1.15, 1.8)))
    smaller = float(random.uniform(0.5, 0.97))
    return File(smaller, form, quality) if random.random() < 0.5 else File(smaller)


def _spoilt(
    picture: int, flaw: str, file: File, resized: bool, random: np.random.Generator
) -> list[Copy]:
    """A mild and a severe copy: of cropped ones, those alone whose clean one was made smaller."""
    mild = float(random.uniform(0.1, 0.55))
    severe = min(1.0, mild + float(random.uniform(0.2, 0.5)))
    family = KINDS[flaw].family
    if family in ("tilt", "crop"):
        alike = resized and file.size < 1.0
    else:
        alike = family != "compression" and bool(random.random() < 0.7)
    seed = int(random.integers(1 << 30))
    saved = file if alike else File()
    return [Copy(picture, saved, flaw=flaw, strength=s, seed=seed) for s in (mild, severe)]


def order(pictures: Sequence[int]) -> NDArray[Any]:
    """The pictures in an order of chance, always the same."""
    return np.asarray(pictures)[np.random.default_rng(0).permutation(len(pictures))]
