"""Outcomes as a real run gives them, with the names that files really have."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ilgnet.values import Failure, Outcome, ScoreDistribution, Verdict, probability_high


def votes_around(mean: float, spread: float = 1.4) -> tuple[float, ...]:
    weight = np.exp(-0.5 * ((np.arange(1, 11) - mean) / spread) ** 2)
    return tuple(weight / weight.sum())


def make_verdict(path: str, mean: float = 5.5, width: int = 1200, height: int = 800) -> Verdict:
    votes = votes_around(mean)
    distribution = ScoreDistribution(np.array(votes))
    return Verdict(
        path=path,
        score=distribution.mean,
        std=distribution.std,
        p_high=probability_high(distribution.mean, 0.5),
        percentile=float(np.clip((distribution.mean - 3.5) / 3.8 * 100, 0, 100)),
        votes=votes,
        width=width,
        height=height,
        model="ilgnet-test.generated",
        preprocess="0123456789ab",
    )


HOSTILE_NAMES = [
    "plain.jpg",
    'with space, comma and "quotes".jpg',
    "two\nlines\r\nand\ttab.jpg",
    os.fsdecode(b"caf\xe9 latin-1.jpg"),
    "漢字 und Umläute 🌄.jpg",
    "line\u2028separator\x85.jpg",
    "\x1b[31mred\x1b[0m [bold]markup[/bold] :smile:.jpg",
    "\u202egpj.exe",
    "=1+1.jpg",
    "back\\slash \\xe9.jpg",
    "</script><img src=x onerror=alert(1)>.jpg",
]


@pytest.fixture
def outcomes() -> list[Outcome]:
    verdicts = [make_verdict(name, 4.0 + 0.3 * i) for i, name in enumerate(HOSTILE_NAMES)]
    failures = [
        Failure("broken.jpg", "truncated", "the picture ends before its data does"),
        Failure(os.fsdecode(b"gone\xff.jpg"), "not_found", os.fsdecode(b"no file gone\xff.jpg")),
    ]
    return [*verdicts[:5], failures[0], *verdicts[5:], failures[1]]
