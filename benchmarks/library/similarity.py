"""How alike are frames of a burst, and pictures that have nothing to do with each other?

    python benchmarks/library/similarity.py ../shared/data/oasis ../shared/data/photos \\
        > benchmarks/library/results/similarity.json

Any folders of photographs that are not alike will do, and any --model. Frames are imitated from
some of them: shifted, turned, lit anew, blurred, with noise. Prints quantiles of the cosine of the
model's features, the shares beyond the thresholds in use, the thresholds that the rules of
docs/decisions/0052-similarity.md give, and the pairs that are most alike, to look at: a set may
hold one scene twice. After a new default model, run the above, and change SIMILARITY in
recipes/default/make.py and `similarity` in the model's record where the rules give others.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from ilgnet.images.sources import find_images
from ilgnet.library.choosing.bursts import unit_rows
from ilgnet.scoring import Scorer, load
from ilgnet.values import Verdict
from ilgnet.zoo.records import ONNX_NAME, Similarity

MOST_ALIKE = 12


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
    left, top, right, bottom = (
        int(share * side) for share, side in zip(shares, scene.size * 2, strict=True)
    )
    shot = turned.crop((left, top, right, bottom))
    shot = ImageEnhance.Brightness(shot).enhance(random.uniform(1 - by.light, 1 + by.light))
    shot = shot.filter(ImageFilter.GaussianBlur(random.uniform(0, by.blur)))
    noisy = np.asarray(shot, float) + random.normal(0, 4, (shot.height, shot.width, 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def scored(scorer: Scorer, images: object) -> tuple[list[str], NDArray[np.float32]]:
    """Paths and unit features (N, D) of what can be read."""
    found = scorer.score_many(images, features=True)  # type: ignore[arg-type]
    verdicts = [verdict for verdict in found if isinstance(verdict, Verdict)]
    features = [v.features for v in verdicts if v.features is not None]
    return [v.path for v in verdicts], unit_rows(np.stack(features))


def figures(cosines: NDArray[np.float32], in_use: Similarity | None) -> dict[str, object]:
    """Quantiles, and shares beyond the thresholds in use."""
    levels = (0.01, 0.05, 0.5, 0.99, 0.999)
    quantiles = {str(q): round(float(np.quantile(cosines, q)), 3) for q in levels}
    used = () if in_use is None else sorted(asdict(in_use).values())
    beyond = {str(t): round(float(np.mean(cosines >= t)), 4) for t in used}
    return {
        "pairs": len(cosines),
        "quantiles": quantiles,
        "at_least": beyond,
        "highest": round(float(cosines.max()), 3),
    }


def proposed(
    unrelated: NDArray[np.float32], worst: NDArray[np.float32], in_use: Similarity | None
) -> dict[str, dict[str, float | None]]:
    """The thresholds by the rules of decision 0052, in hundredths, beside those in use."""
    values = {
        "quick": math.ceil(100 * float(np.quantile(unrelated, 0.995))) / 100,
        "burst": math.floor(100 * float(np.quantile(worst, 0.03))) / 100,
        "duplicate": math.ceil(100 * float(np.quantile(unrelated, 1 - 1e-6)) + 1) / 100,
    }
    used = {} if in_use is None else asdict(in_use)
    return {name: {"in_use": used.get(name), "by_rule": value} for name, value in values.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--model", default="default")
    parser.add_argument("--frames", type=int, default=220)
    given = parser.parse_args()
    scorer, random = load(given.model), np.random.default_rng(0)
    paths, rows = scored(scorer, find_images(given.folders))
    above = np.triu_indices(len(rows), 1)
    unrelated = (rows @ rows.T)[above]
    in_use = scorer.weights.similarity
    told: dict[str, object] = {"unrelated": figures(unrelated, in_use)}
    chosen = np.linspace(0, len(paths) - 1, min(given.frames, len(paths))).astype(int)
    scenes = [Image.open(paths[index]).convert("RGB") for index in chosen]
    made = {
        name: scored(scorer, [frame(scene, by, random) for scene in scenes])[1]
        for name, by in MOVEMENTS.items()
    }
    still = made.pop("still")
    cosines = {name: np.einsum("nd,nd->n", still, frames) for name, frames in made.items()}
    told |= {name: figures(values, in_use) for name, values in cosines.items()}
    told["thresholds"] = proposed(unrelated, cosines["far out of focus"], in_use)
    most = np.argsort(unrelated)[::-1][:MOST_ALIKE]
    told["most_alike"] = [
        [round(float(unrelated[i]), 3), *(Path(paths[side[i]]).name for side in above)]
        for i in most
    ]
    weights = scorer.weights
    named = {"model": weights.name, "sha256": weights.files[ONNX_NAME], "pictures": len(paths)}
    print(json.dumps({**named, **told}, indent=2))


if __name__ == "__main__":
    main()
