"""The pictures that training sees: originals, mirrored, cropped and spoilt ones, as a fixed list.

The frozen networks are the dearest to compute, so they are run once for every view; training starts
from what they return.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from material import Material
from PIL import Image

from ilgnet.data.degradations import DEGRADATIONS, Degradation, Pixels

CLEAN = ("original", "mirrored", "cropped")
"""Views that show the same picture: they get the same votes."""
SPOILT_WAYS = 4
"""Ways in which the votes' training sees each picture spoilt, mildly and severely."""
FRAME_WAYS = 13
"""Other ways in which the training of technical quality sees it, beside those of `GEOMETRY`."""
GEOMETRY = {"tilt": 2, "keystone": 1, "sidelong": 2, "careless_crop": 2, "off_side": 2}
"""How often it sees each picture turned and cropped: the hardest to learn."""
TAUGHT = tuple(d for d in DEGRADATIONS if not d.held_out)
UNTAUGHT = tuple(d for d in DEGRADATIONS if d.held_out)
FAMILY = {kind.name: kind.family for kind in DEGRADATIONS}


@dataclass(frozen=True)
class View:
    """One way to look at a picture.

    Attributes:
        picture: its row in the material.
        kind: "original", "mirrored", "cropped", "shrunk", or the name of a degradation.
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


def frame_views(material: Material) -> list[View]:
    """What technical quality is learned from: every picture's frames, spoilt in twenty-two ways."""
    views = []
    for picture in np.flatnonzero(~material.reserved).tolist():
        views += [View(picture), View(picture, "mirrored")]
        views += [View(picture, "cropped", seed=seed) for seed in range(4)]
        views += [View(picture, "shrunk", seed=seed) for seed in range(3)]
        generator = np.random.default_rng([picture, 1])
        others = [kind.name for kind in TAUGHT if kind.name not in GEOMETRY]
        ways = [name for name, times in GEOMETRY.items() for _ in range(times)]
        ways += generator.choice(others, FRAME_WAYS, replace=False).tolist()
        for seed, name in enumerate(ways):
            mild = generator.uniform(0.1, 0.55)
            severe = min(1.0, mild + generator.uniform(0.2, 0.5))
            views += [View(picture, name, strength, seed) for strength in (mild, severe)]
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
    if view.kind == "shrunk":
        return shrunk(rgb, generator.uniform(0.5, 0.97))
    kind = next(d for d in DEGRADATIONS if d.name == view.kind)
    return kind.apply(rgb, view.strength, generator)


def _mildly_cropped(rgb: Pixels, generator: np.random.Generator) -> Pixels:
    """82 to 97 % of each side, from anywhere, mirrored half the time: still the same picture."""
    height, width = rgb.shape[:2]
    h, w = (round(side * generator.uniform(0.82, 0.97)) for side in (height, width))
    top, left = (int(generator.integers(space + 1)) for space in (height - h, width - w))
    part = rgb[top : top + h, left : left + w]
    return np.ascontiguousarray(part[:, ::-1] if generator.integers(2) else part)


def whole(material: Material, view: View) -> Pixels:
    """The unspoilt picture with as few pixels as the view has, which a crop leaves fewer of."""
    rgb = material.pixels[view.picture]
    return shrunk(rgb, (look(material, view).size / rgb.size) ** 0.5)


def shrunk(rgb: Pixels, factor: float) -> Pixels:
    """All of the picture with fewer pixels."""
    size = (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))
