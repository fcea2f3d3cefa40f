"""How often random opinions pass for a taste: `learn`, from end to end.

    python benchmarks/library/chance.py [--trials 100]

Each setting: pictures, days, features, frames of a burst (like features, one rating), kind.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from ilgnet.errors import LibraryError
from ilgnet.taste.learn import Comparisons, Opinions, Ratings, learn

SETTINGS = (
    (60, 10, 40, 1, "stars"),
    (150, 12, 40, 1, "stars"),
    (300, 20, 40, 1, "stars"),
    (300, 20, 40, 5, "stars"),
    (300, 20, 40, 1, "choices"),
)


def passes(pictures: int, days: int, features: int, frames: int, kind: str, seed: int) -> bool:
    """Whether opinions that know nothing of the pictures are learnt."""
    random = np.random.default_rng(seed)
    scenes = np.maximum(random.standard_normal((pictures // frames, features)) + 0.5, 0)
    vectors = np.repeat(scenes, frames, axis=0)
    vectors = vectors + 0.05 * random.standard_normal(vectors.shape)
    baseline = 5.4 + 0.7 * vectors[:, 0] + 0.1 * random.standard_normal(len(vectors))
    rated = random.integers(1, 6, pictures // frames)
    opinions: Opinions = Ratings(np.repeat(rated, frames).astype(float))
    if kind == "choices":
        winners, losers = random.integers(0, len(vectors), (2, pictures // 2))
        opinions = Comparisons(winners[winners != losers], losers[winners != losers])
    groups = [str((index // frames) % days) for index in range(len(vectors))]
    try:
        learn(vectors.astype(np.float32), baseline, opinions, groups)
    except LibraryError:
        return False
    return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=100)
    trials = parser.parse_args().trials
    for setting in SETTINGS:
        passed = sum(passes(*setting, seed=seed) for seed in range(trials))
        print(json.dumps({"setting": setting, "trials": trials, "passed": passed}), flush=True)


if __name__ == "__main__":
    main()
