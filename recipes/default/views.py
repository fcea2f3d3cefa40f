"""The pictures that training sees: originals, mirrored, cropped and spoilt ones, as a fixed list.

The frozen networks are the dearest to compute, so they are run once for every view; training starts
from what they return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from material import Material

from ilgnet.data.degradations import DEGRADATIONS, Degradation, Pixels

CLEAN = ("original", "mirrored", "cropped")
"""Views that show the same picture: they get the same votes."""
SPOILT_WAYS = 4
"""Ways in which training sees each picture spoilt, mildly and severely."""
TAUGHT = tuple(d for d in DEGRADATIONS if not d.held_out)
UNTAUGHT = tuple(d for d in DEGRADATIONS if d.held_out)


@dataclass(frozen=True)
class View:
    """One way to look at a picture.

    Attributes:
        picture: its row in the material.
        kind: "original", "mirrored", "cropped", or the name of a degradation.
        strength: of the degradation, else 0.
        seed: of its random choices; views that differ in strength alone share it.
    """

    picture: int
    kind: str = "original"
    strength: float = 0.0
    seed: int = 0


def training_views(material: Material) -> list[View]:
    """Every picture that may be learned from, in all its views; of a reserved one the original."""
    views = []
    for picture in range(len(material.paths)):
        views.append(View(picture))
        if material.reserved[picture]:
            continue
        views.append(View(picture, "mirrored"))
        views += [View(picture, "cropped", seed=seed) for seed in (0, 1)]
        generator = np.random.default_rng(picture)
        for way in generator.permutation(len(TAUGHT))[:SPOILT_WAYS]:
            mild = generator.uniform(0.12, 0.6)
            severe = min(1.0, mild + generator.uniform(0.25, 0.5))
            views += [View(picture, TAUGHT[way].name, s, picture) for s in (mild, severe)]
    return views


def spoilt_views(
    pictures: Sequence[int], kinds: Sequence[Degradation], strengths: Sequence[float]
) -> list[View]:
    """The originals and every degradation at every strength, to measure with."""
    spoilt = [
        View(p, kind.name, strength, p)
        for p in pictures
        for kind in kinds
        for strength in strengths
    ]
    return [View(p) for p in pictures] + spoilt


def look(material: Material, view: View) -> Pixels:
    """The view's pixels."""
    rgb = material.pixels[view.picture]
    generator = np.random.default_rng([view.picture, view.seed])
    if view.kind == "original":
        return rgb
    if view.kind == "mirrored":
        return np.ascontiguousarray(rgb[:, ::-1])
    if view.kind == "cropped":
        return _mildly_cropped(rgb, generator)
    kind = next(d for d in DEGRADATIONS if d.name == view.kind)
    return kind.apply(rgb, view.strength, generator)


def _mildly_cropped(rgb: Pixels, generator: np.random.Generator) -> Pixels:
    """82 to 97 % of each side, from anywhere, mirrored half the time: still the same picture."""
    height, width = rgb.shape[:2]
    h, w = (round(side * generator.uniform(0.82, 0.97)) for side in (height, width))
    top, left = (int(generator.integers(space + 1)) for space in (height - h, width - w))
    part = rgb[top : top + h, left : left + w]
    return np.ascontiguousarray(part[:, ::-1] if generator.integers(2) else part)
