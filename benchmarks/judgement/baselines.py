"""What the default has to be better than: its parents, and ridges on what they see.

All of them look through the shipped file's own trunks, prepared as it prepares pictures: NIMA is
its MobileNet under idealo's output layer; a ridge is fitted to OASIS's mean beauty on the pooled
taps (mean and deviation of every channel), for an OASIS picture without the pictures of its fold.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.taste import tilt
from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import prepare
from ilgnet.scoring import load, usable_cores
from ilgnet.values import ImageRef, Outcome, ScoreDistribution, Verdict, probability_high
from ilgnet.zoo.ava_scale import ava_percentile
from ilgnet.zoo.records import ONNX_NAME, Weights

MOBILENET = ("block5", "block11", "block13")
LITE = ("stage3", "stage5", "stage7", "head")
RIDGE = 0.4
"""Penalty for each trunk's features, as in recipes/default/teacher.py."""
AVA_MEAN, AVA_DEVIATION, AVA_SPREAD = 5.377, 0.734, 1.43
FOLDS = 5

Floats = NDArray[np.float64]


class Known:
    """Verdicts that are known already, in the place of a scorer: `evaluate` takes either."""

    def __init__(self, weights: Weights, scores: Mapping[str, float]) -> None:
        self.weights, self.scores = weights, scores

    def score_many(self, images: Iterable[ImageRef]) -> Iterator[Outcome]:
        """The known verdict of each picture, in order."""
        spread = np.exp(-0.5 * np.square((np.arange(1.0, 11.0) - AVA_MEAN) / AVA_SPREAD))[None]
        for image in images:
            score = min(max(self.scores[image.id], 1.05), 9.95)
            votes = tilt(spread / spread.sum(), np.array([score]))[0]
            distribution = ScoreDistribution(votes)
            yield Verdict(
                path=image.id,
                score=score,
                std=distribution.std,
                p_high=probability_high(score, self.weights.mean_error),
                percentile=ava_percentile(score),
                votes=tuple(map(float, votes)),
                width=1,
                height=1,
                model=self.weights.name,
                preprocess=self.weights.preprocess.fingerprint(),
            )


def named(name: str) -> Weights:
    """A record for something that has no file: it was trained on nothing that is measured."""
    return replace(load("default").weights, name=name, trained_on=(), files={})


def pooled_taps(paths: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """Mean and deviation of every channel of every tap of the default: {tap: (N, 2 C)}."""
    weights = load("default").weights
    engine = OnnxEngine(weights.file(ONNX_NAME))
    names = [*MOBILENET, *LITE]

    def look(path: Path) -> list[NDArray[np.float32]]:
        rgb = read_image(path, min_side=weights.preprocess.decode_side).rgb
        maps = engine.fetch([f"tap:{n}" for n in names], prepare(rgb, weights.preprocess)[None])
        return [np.concatenate([m.mean((2, 3)), m.std((2, 3))], axis=1)[0] for m in maps]

    with ThreadPoolExecutor(usable_cores()) as pool:
        rows = list(pool.map(look, paths))
    return {name: np.stack([row[i] for row in rows]) for i, name in enumerate(names)}


def nima(taps: Mapping[str, NDArray[np.float32]], file: Path) -> Floats:
    """NIMA's mean votes (N,), from idealo's output layer.

    Args:
        taps: of the pictures.
        file: `nima_mobilenet_ava.safetensors`, Keras names.
    """
    from safetensors.numpy import load_file

    arrays = load_file(file)
    last = taps["block13"]
    logits = last[:, : last.shape[1] // 2] @ arrays["dense_1/kernel"] + arrays["dense_1/bias"]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    return (shares / shares.sum(axis=1, keepdims=True)) @ np.arange(1.0, 11.0)


@dataclass(frozen=True)
class Ridge:
    """Linear in standardised features, each trunk weighing the same.

    Attributes:
        trunks: the taps of each.
    """

    trunks: tuple[tuple[str, ...], ...]

    def predict(
        self,
        known: Mapping[str, NDArray[np.float32]],
        truth: Floats,
        asked: Mapping[str, NDArray[np.float32]],
    ) -> Floats:
        """Fit the ratings (N,) of known pictures, predict those of others (M,), on AVA's scale."""
        blocks = [(self._of(known, names), self._of(asked, names)) for names in self.trunks]
        inner = outer = 0.0
        for here, there in blocks:
            deviation = here.std(axis=0)
            floor = np.maximum(deviation, 0.1 * np.median(deviation) + 1e-9)
            z, other = (
                np.clip((x - here.mean(axis=0)) / floor, -6, 6) / np.sqrt(here.shape[1])
                for x in (here, there)
            )
            inner, outer = inner + z @ z.T, outer + other @ z.T
        penalty = RIDGE * len(blocks) * np.eye(len(truth))
        standing = (truth - truth.mean()) / truth.std()
        return AVA_MEAN + AVA_DEVIATION * (outer @ np.linalg.solve(inner + penalty, standing))

    @staticmethod
    def _of(taps: Mapping[str, NDArray[np.float32]], names: Sequence[str]) -> Floats:
        return np.concatenate([taps[name] for name in names], axis=1).astype(np.float64)

    def by_folds(
        self, taps: Mapping[str, NDArray[np.float32]], truth: Floats, fold: NDArray[np.int64]
    ) -> Floats:
        """Every picture by a ridge that saw nothing of its fold."""
        predicted = np.empty(len(truth))
        for number in range(FOLDS):
            test = fold == number
            predicted[test] = self.predict(
                {name: x[~test] for name, x in taps.items()},
                truth[~test],
                {name: x[test] for name, x in taps.items()},
            )
        return predicted


RIDGES = {
    "ridge on the Lite": Ridge((LITE,)),
    "ridge on NIMA's trunk": Ridge((MOBILENET,)),
    "ridge on both": Ridge((LITE, MOBILENET)),
}


def folds(ratings: Path) -> NDArray[np.int64]:
    """OASIS's own folds, grouped by theme, in the order of its table."""
    with ratings.open(newline="", encoding="utf-8") as stream:
        return np.array([int(row["fold"]) for row in csv.DictReader(stream)])
