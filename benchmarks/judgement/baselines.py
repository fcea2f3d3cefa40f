"""What the default has to be better than: its parents, and ridges on what they see.

All of them look through the shipped file's own trunks, prepared as it prepares pictures: NIMA is
its MobileNet under idealo's output layer; a ridge is fitted to OASIS's mean beauty on the pooled
taps (mean and deviation of every channel), for an OASIS picture without the pictures of its fold.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ilgnet.data.rated import RatedSet
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.protocol import EngineOutput
from ilgnet.engines.taste import tilt
from ilgnet.errors import DataError
from ilgnet.scoring import Scorer, load
from ilgnet.values import (
    Failure,
    ImageRef,
    Outcome,
    ScoreDistribution,
    Verdict,
    probability_high,
)
from ilgnet.zoo.ava_scale import ava_percentile
from ilgnet.zoo.records import ONNX_NAME, Weights

MOBILENET = ("block5", "block11", "block13")
LITE = ("stage3", "stage5", "stage7", "head")
TAPS = ("block5", "block11", "stage3", "stage5", "stage7", "block13", "head")
"""In the order in which the network concatenates them."""
RIDGE = 0.4
"""Penalty for each trunk's features, as in recipes/default/teacher.py."""
AVA_MEAN, AVA_DEVIATION, AVA_SPREAD = 5.377, 0.734, 1.43
FOLDS = 5

Floats = NDArray[np.float64]


class Known:
    """Verdicts that are known already, in the place of a scorer: `evaluate` takes either."""

    def __init__(self, weights: Weights, outcomes: Mapping[str, Outcome]) -> None:
        self.weights, self.outcomes = weights, outcomes

    def score_many(self, images: Iterable[ImageRef]) -> Iterator[Outcome]:
        """The known verdict of each picture, in order."""
        return (self.outcomes[image.id] for image in images)


def from_scores(name: str, scores: Mapping[str, float], weights: Weights | None = None) -> Known:
    """Verdicts of something whose mean votes are known.

    Args:
        name: for the table.
        scores: mean votes by the picture's id.
        weights: its record; None where it has no file: it was trained on nothing that is measured.
    """
    weights = weights or replace(load("default").weights, name=name, trained_on=(), files={})
    spread = np.exp(-0.5 * np.square((np.arange(1.0, 11.0) - AVA_MEAN) / AVA_SPREAD))[None]
    means = np.clip(np.array(list(scores.values())), 1.05, 9.95)
    votes = tilt(np.repeat(spread / spread.sum(), len(means), axis=0), means)
    return Known(
        weights,
        {
            path: Verdict(
                path=path,
                score=float(mean),
                std=ScoreDistribution(vote).std,
                p_high=probability_high(float(mean), weights.mean_error),
                percentile=ava_percentile(float(mean)),
                votes=tuple(map(float, vote)),
                width=1,
                height=1,
                model=name,
                preprocess=weights.preprocess.fingerprint(),
            )
            for path, mean, vote in zip(scores, means, votes, strict=True)
        },
    )


class TapsEngine:
    """The default's engine, whose features are every tap's means and deviations side by side."""

    def __init__(self, engine: OnnxEngine) -> None:
        self.engine = engine

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        output = self.engine.run(batch)
        if not features:
            return output
        maps = self.engine.fetch([f"tap:{name}" for name in TAPS], batch)
        pooled = [np.concatenate([m.mean((2, 3)), m.std((2, 3))], axis=1) for m in maps]
        return replace(output, features=np.concatenate(pooled, axis=1))


@dataclass(frozen=True)
class Seen:
    """What the default says of N pictures, and what its taps see.

    Attributes:
        scores: (N,) mean votes.
        taps: {tap: (N, 2 C)}.
    """

    scores: Floats
    taps: Mapping[str, NDArray[np.float32]]


def look(rated: RatedSet, keep: Path | None = None) -> Seen:
    """Score pictures with the default as users do, and keep its pooled taps.

    Args:
        rated: the pictures.
        keep: a folder that keeps what was seen, which takes long, and where it is looked up for
            the same pictures and the same file of weights.

    Raises:
        DataError: a picture cannot be read; a collection is measured whole.
    """
    weights = load("default").weights
    engine = OnnxEngine(weights.file(ONNX_NAME))
    shapes = [m.shape[1] for m in engine.fetch([f"tap:{n}" for n in TAPS], _blank(weights))]
    asked = f"{rated.fingerprint}-{weights.files[ONNX_NAME][:12]}.npz"
    if keep is not None and (keep / asked).is_file():
        kept = np.load(keep / asked)
        scores, pooled = kept["scores"], kept["pooled"]
    else:
        scores, pooled = _seen(rated, Scorer(weights, TapsEngine(engine)))
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            np.savez(keep / asked, scores=scores, pooled=pooled.astype(np.float16))
    parts = np.split(pooled, np.cumsum([2 * channels for channels in shapes])[:-1], axis=1)
    return Seen(scores, dict(zip(TAPS, parts, strict=True)))


def _seen(rated: RatedSet, scorer: Scorer) -> tuple[Floats, NDArray[np.float32]]:
    images = [ImageRef(image.id, image.path) for image in rated.images]
    outcomes = list(scorer.score_many(images, features=True))
    verdicts = [outcome for outcome in outcomes if isinstance(outcome, Verdict)]
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            raise DataError(f"{rated.name}: {outcome.path} cannot be read: {outcome.message}")
    features = [v.features for v in verdicts if v.features is not None]
    return np.array([v.score for v in verdicts]), np.stack(features)


def _blank(weights: Weights) -> NDArray[np.float32]:
    side = weights.preprocess
    return np.zeros((1, 3, side.height, side.width), np.float32)


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
