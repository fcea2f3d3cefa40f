"""How alike are frames of a burst, and pictures that have nothing to do with each other?

    python benchmarks/library/similarity.py FOLDER [--model default] [--frames 200]

FOLDER holds photographs that are not alike. Frames are imitated from some of them: shifted, turned,
lit anew, blurred, with noise. Prints quantiles of the cosine of the model's features, and the
shares beyond the thresholds in use; see docs/decisions/0052-similarity.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from ilgnet.images.sources import find_images
from ilgnet.library.bursts import USUAL, unit_rows
from ilgnet.library.near_duplicates import NEAR_DUPLICATE
from ilgnet.scoring import Scorer, load
from ilgnet.values import Verdict

THRESHOLDS = (USUAL.quick_similarity, USUAL.similarity, NEAR_DUPLICATE)


@dataclass(frozen=True)
class Movement:
    """How far a frame may be from the scene: shares, degrees, shares, pixels."""

    shift: float
    turn: float
    light: float
    blur: float


MOVEMENTS = {
    "still": Movement(0.01, 0.5, 0.05, 0.5),
    "a hand's movement": Movement(0.02, 1.0, 0.08, 1.0),
    "moved and lit differently": Movement(0.06, 3.0, 0.15, 1.5),
    "far out of focus": Movement(0.12, 5.0, 0.25, 2.0),
}


def frame(scene: Image.Image, by: Movement, random: np.random.Generator) -> Image.Image:
    """One imitated frame."""
    dx, dy = random.uniform(-by.shift, by.shift, 2)
    margin = max(by.shift, 0.02) + 0.02
    turned = scene.rotate(random.uniform(-by.turn, by.turn), resample=Image.Resampling.BICUBIC)
    shares = (margin + dx, margin + dy, 1 - margin + dx, 1 - margin + dy)
    shot = turned.crop(tuple(int(s * n) for s, n in zip(shares, scene.size * 2, strict=True)))
    shot = ImageEnhance.Brightness(shot).enhance(random.uniform(1 - by.light, 1 + by.light))
    shot = shot.filter(ImageFilter.GaussianBlur(random.uniform(0, by.blur)))
    noisy = np.asarray(shot, float) + random.normal(0, 4, (shot.height, shot.width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def unit_features(scorer: Scorer, images: object) -> NDArray[np.float32]:
    """Unit features (N, D) of what can be read."""
    found = scorer.score_many(images, features=True)  # type: ignore[arg-type]
    return unit_rows(np.stack([v.features for v in found if isinstance(v, Verdict)]))


def figures(cosines: NDArray[np.float32]) -> dict[str, object]:
    """Quantiles, and shares beyond the thresholds."""
    quantiles = {str(q): round(float(np.quantile(cosines, q)), 3) for q in (0.01, 0.05, 0.5, 0.99)}
    beyond = {str(t): round(float(np.mean(cosines >= t)), 4) for t in THRESHOLDS}
    return {
        "pairs": len(cosines),
        "quantiles": quantiles,
        "at_least": beyond,
        "highest": round(float(cosines.max()), 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=200)
    given = parser.parse_args()
    scorer, random = load(given.model), np.random.default_rng(0)
    images = list(find_images([given.folder]))
    unrelated = unit_features(scorer, images)
    told = {"unrelated": figures((unrelated @ unrelated.T)[np.triu_indices(len(unrelated), 1)])}
    scenes = [Image.open(image.source).convert("RGB") for image in images[: given.frames]]
    made = {
        name: unit_features(scorer, [frame(scene, by, random) for scene in scenes])
        for name, by in MOVEMENTS.items()
    }
    still = made.pop("still")
    for name, rows in made.items():
        told[name] = figures(np.einsum("nd,nd->n", still, rows))
    print(json.dumps({"model": scorer.weights.name, **told}, indent=2))


if __name__ == "__main__":
    main()
