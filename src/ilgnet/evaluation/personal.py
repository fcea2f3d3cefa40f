"""The personalised protocol: a few pictures of one person, and how well the others are told.

For each person who rated enough pictures, some are given (the shots) and the others are asked. The
model's own order of the asked pictures is compared with its order after a ridge regression, from
the model's features and score to what the person gave. Means are over persons.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet import metrics
from ilgnet.data.partitions import shuffled
from ilgnet.data.rated import RatedSet
from ilgnet.errors import DataError
from ilgnet.metrics import Floats, Indices, Measure
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, Verdict

ASKED: Final = 20
"""Fewest pictures of a person that are asked: fewer give no correlation worth averaging."""

PENALTIES: Final = (1.0, 10.0, 100.0, 1000.0, 10000.0)
"""Of the ridge; chosen for each person by leaving out one shot at a time."""


@dataclass(frozen=True, slots=True)
class Shots:
    """What a few pictures of a person are worth.

    Attributes:
        shots: pictures given of each person.
        persons: who rated enough.
        generic: mean over persons of the SRCC of the model's own scores, with its interval (persons
            are drawn).
        personal: the same after the regression.
        gain: of the one over the other, person by person.
    """

    shots: int
    persons: int
    generic: Measure
    personal: Measure
    gain: Measure


def look(scorer: Scorer, rated: RatedSet) -> dict[str, Verdict]:
    """Score every picture, with its features; what cannot be read is left out."""
    refs = [ImageRef(image.id, image.path) for image in rated.images]
    outcomes = scorer.score_many(refs, features=True)
    return {o.path: o for o in outcomes if not isinstance(o, Failure)}


def personalised(
    rated: RatedSet,
    seen: Mapping[str, Verdict],
    shots: Sequence[int] = (10, 100),
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> tuple[Shots, ...]:
    """Measure the personalised protocol.

    Args:
        rated: with `personal` ratings, see `ilgnet.data.collections.read_persons`.
        seen: the model's verdicts with features, by id.
        shots: how many pictures of each person are given; each its own row, over the persons who
            rated that many and `ASKED` more.
        replicates: draws of persons for the intervals.
        seed: of the draws, and of which pictures are given.

    Raises:
        DataError: nobody rated enough pictures.
    """
    by_person: dict[str, dict[str, float]] = {}
    for rating in rated.personal:
        if rating.image in seen:
            by_person.setdefault(rating.person, {})[rating.image] = rating.value
    rows = [_row(by_person, seen, count, replicates, seed) for count in shots]
    found = tuple(row for row in rows if row is not None)
    if not found:
        raise DataError(
            f"{rated.name}: nobody rated {min(shots)} pictures and {ASKED} more; give fewer shots"
        )
    return found


def _row(
    by_person: Mapping[str, Mapping[str, float]],
    seen: Mapping[str, Verdict],
    shots: int,
    replicates: int,
    seed: int,
) -> Shots | None:
    pairs = np.array(
        [
            pair
            for person, ratings in sorted(by_person.items())
            if len(ratings) >= shots + ASKED
            for pair in _person(person, ratings, seen, shots, seed)
        ]
    ).reshape(-1, 2)
    if not len(pairs):
        return None

    def means(rows: Indices) -> dict[str, float]:
        generic, personal = pairs[rows].mean(axis=0)
        return {"generic": generic, "personal": personal, "gain": personal - generic}

    found = metrics.bootstrap(means, len(pairs), replicates=replicates, seed=seed)
    return Shots(shots, len(pairs), found["generic"], found["personal"], found["gain"])


def _person(
    person: str,
    ratings: Mapping[str, float],
    seen: Mapping[str, Verdict],
    shots: int,
    seed: int,
) -> Iterator[tuple[float, float]]:
    """SRCC of one person's asked pictures, before and after; nothing where it is not defined."""
    order = shuffled(ratings, seed)
    given, asked = order[:shots], order[shots:]
    truth = np.array([ratings[name] for name in asked])
    generic = np.array([seen[name].score for name in asked])
    said = _ridge(
        _columns(given, seen), np.array([ratings[name] for name in given]), _columns(asked, seen)
    )
    before, after = metrics.srcc(truth, generic), metrics.srcc(truth, said)
    if not math.isnan(before + after):
        yield before, after


def _columns(names: Sequence[str], seen: Mapping[str, Verdict]) -> Floats:
    """Features and, weighing as much as all of them together, the score: (N, D + 1)."""
    features = np.array([seen[name].features for name in names], dtype=np.float64)
    score = np.array([[seen[name].score] for name in names])
    return np.hstack([features, score])


def _ridge(given: Floats, truth: Floats, asked: Floats) -> Floats:
    """Fit a ridge on the given rows, with the penalty that leaving one out prefers; predict."""
    middle, spread = given.mean(axis=0), given.std(axis=0)
    spread[spread == 0] = 1.0
    weight = np.ones(given.shape[1])
    weight[-1] = math.sqrt(given.shape[1] - 1)
    known, other = ((rows - middle) / spread * weight for rows in (given, asked))
    gram, target = known @ known.T, truth - truth.mean()
    best, chosen = math.inf, np.zeros(len(given))
    for penalty in PENALTIES:
        inverse: NDArray[np.float64] = np.linalg.inv(gram + penalty * np.eye(len(given)))
        dual = inverse @ target
        left_out = np.square(dual / np.diag(inverse)).mean()
        if left_out < best:
            best, chosen = left_out, dual
    said: Floats = other @ (known.T @ chosen)
    return said
