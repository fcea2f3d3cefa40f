"""Which pictures to keep: scores in, choices with reasons out. No file is looked at or touched."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

from ilgnet.errors import LibraryError

Decision = Literal["keep", "maybe", "reject"]
DECISIONS: Final[tuple[Decision, ...]] = ("keep", "maybe", "reject")

_SCOPE_WORDS: Final = {"all": "", "day": " on {}"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photograph to decide on.

    Attributes:
        path: its name.
        score: mean vote, 1..10.
        day: when it was taken, as 2026-05-03; "" where that is not known.
        burst: the number of its burst; None for a picture that stands alone.
        rating: what the person gave it, -1 or 1..5; None for nothing.
        doubtful: what the person gave it could not be read, or contradicts itself.
        frame_score: what frames of its burst are ordered by; None for the score.
    """

    path: str
    score: float
    day: str = ""
    burst: int | None = None
    rating: int | None = None
    doubtful: bool = False
    frame_score: float | None = None

    @property
    def in_burst(self) -> float:
        """What it is compared by with the other frames of its burst."""
        return self.score if self.frame_score is None else self.frame_score

    @property
    def rejected(self) -> bool:
        """Whether the person rejected it, beyond doubt."""
        return self.rating == -1 and not self.doubtful


@dataclass(frozen=True, slots=True)
class Rule:
    """What is kept.

    Attributes:
        unit: "score": `keep` and `maybe` are the lowest scores, 1..10, that are kept and may be
            kept; "percent": shares of the pictures, 0..100, the best first; "count": numbers.
        keep: as `unit` says.
        maybe: as `unit` says; for shares and numbers it counts on from where `keep` ends.
        per: within what shares and numbers are counted: "all", each "day" or each "burst".
        burst_limit: at most so many of one burst are considered, the others are rejected.
        diverse: for shares and numbers: the best of every burst come first, then the second of
            every burst, and so on.
    """

    unit: Literal["score", "percent", "count"]
    keep: float
    maybe: float
    per: Literal["all", "day", "burst"] = "all"
    burst_limit: int | None = None
    diverse: bool = False

    def __post_init__(self) -> None:
        if self.unit == "score" and not 1 <= self.maybe <= self.keep <= 10:
            raise LibraryError(
                f"scores go from 1 to 10, and what may be kept is not above what is kept; "
                f"got keep {self.keep:g}, maybe {self.maybe:g}"
            )
        if self.unit == "percent" and not (min(self.keep, self.maybe) >= 0 and self.total <= 100):
            raise LibraryError(
                f"shares are 0 to 100 percent together; got keep {self.keep:g}, "
                f"maybe {self.maybe:g}"
            )
        if self.unit == "count" and min(self.keep, self.maybe) < 0:
            raise LibraryError(f"numbers start at 0; got keep {self.keep:g}, maybe {self.maybe:g}")
        if self.burst_limit is not None and self.burst_limit < 1:
            raise LibraryError(f"at least 1 of a burst is considered, not {self.burst_limit}")

    @property
    def total(self) -> float:
        """`keep` and `maybe` together, for shares and numbers."""
        return self.keep + self.maybe


@dataclass(frozen=True, slots=True)
class Choice:
    """What becomes of a photograph, and why.

    Attributes:
        path: its name.
        score: its score.
        decision: keep, maybe or reject.
        reason: in words.
    """

    path: str
    score: float
    decision: Decision
    reason: str


def choose(candidates: Iterable[Candidate], rule: Rule) -> list[Choice]:
    """Decide on every photograph.

    A person's own decisions come first: what they rejected is rejected and takes no place; what
    they gave stars, or may have given some, is never rejected. Frames of one burst are ordered by
    their frame scores, all else by scores; a higher one of both never leads to a worse decision.

    Returns:
        One choice for each candidate, in input order. Equal scores are ordered by path.
    """
    given = list(candidates)
    open_ = [candidate for candidate in given if not candidate.rejected]
    places = _burst_places(open_)
    choices = {
        choice.path: choice
        for _, scope in _grouped(open_, rule.per)
        for choice in _choose_within(scope, rule, places)
    }
    return [
        _with_own_stars(choices[candidate.path], candidate)
        if candidate.path in choices
        else Choice(candidate.path, candidate.score, "reject", "you rejected it")
        for candidate in given
    ]


@dataclass(frozen=True, slots=True)
class _BurstPlace:
    """Where a picture stands in its burst, counted from 0."""

    rank: int
    size: int
    best: Candidate
    second: Candidate | None


def _best_first(candidates: Iterable[Candidate], *, frames: bool = False) -> list[Candidate]:
    """By falling score, or as the frames of one burst; equals by path."""

    def order(candidate: Candidate) -> tuple[float, str]:
        return -(candidate.in_burst if frames else candidate.score), candidate.path

    return sorted(candidates, key=order)


def _grouped(
    candidates: Sequence[Candidate], per: Literal["all", "day", "burst"]
) -> list[tuple[Hashable, list[Candidate]]]:
    groups: dict[Hashable, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        alone = candidate.path if candidate.burst is None else candidate.burst
        groups[{"all": "", "day": candidate.day, "burst": alone}[per]].append(candidate)
    return list(groups.items())


def _burst_places(candidates: Sequence[Candidate]) -> dict[str, _BurstPlace]:
    places = {}
    for _, burst in _grouped(candidates, "burst"):
        ordered = _best_first(burst, frames=True)
        second = ordered[1] if len(ordered) > 1 else None
        for rank, candidate in enumerate(ordered):
            places[candidate.path] = _BurstPlace(rank, len(burst), ordered[0], second)
    return places


def _choose_within(
    scope: list[Candidate], rule: Rule, places: Mapping[str, _BurstPlace]
) -> Iterable[Choice]:
    limit = rule.burst_limit or len(scope)
    for candidate in scope:
        if places[candidate.path].rank >= limit:
            yield _choice(candidate, "reject", "", places[candidate.path])
    considered = (c for c in scope if places[c.path].rank < limit)
    running = _best_first(considered, frames=rule.per == "burst")
    if rule.diverse:
        running.sort(key=lambda candidate: places[candidate.path].rank)  # stable: scores stay
    for rank, candidate in enumerate(running):
        decision = _decide(rule, rank, candidate.score, len(running))
        words = _rule_words(rule, candidate, rank, len(running), decision)
        yield _choice(candidate, decision, words, places[candidate.path])


def _places(rule: Rule, count: int) -> tuple[int, int]:
    """How many of so many are kept, and how many are kept or may be."""
    share = count / 100 if rule.unit == "percent" else 1.0
    # A share of a few pictures is rounded up: the best tenth of three is one.
    kept, considered = (math.ceil(round(number * share, 9)) for number in (rule.keep, rule.total))
    return kept, considered


def _decide(rule: Rule, rank: int, score: float, count: int) -> Decision:
    if rule.unit == "score":
        return "keep" if score >= rule.keep else "maybe" if score >= rule.maybe else "reject"
    kept, considered = _places(rule, count)
    return "keep" if rank < kept else "maybe" if rank < considered else "reject"


def _rule_words(rule: Rule, candidate: Candidate, rank: int, count: int, decision: Decision) -> str:
    if rule.unit == "score":
        cut = rule.maybe if decision == "reject" else getattr(rule, decision)
        return f"{'below' if decision == 'reject' else 'at least'} {cut:g}"
    if rule.per == "burst":
        return "alone" if count == 1 else ""
    where = _SCOPE_WORDS[rule.per].format(candidate.day or "an unknown day")
    spread = ", every burst in turn" if rule.diverse else ""
    others = "" if decision == "keep" else f" ({_places(rule, count)[0]} kept)"
    return f"{ordinal(rank + 1)} of {count}{where}{spread}{others}"


def _choice(candidate: Candidate, decision: Decision, words: str, place: _BurstPlace) -> Choice:
    reason = "; ".join(filter(None, (words, _burst_words(candidate, place))))
    return Choice(candidate.path, candidate.score, decision, reason)


def _burst_words(candidate: Candidate, place: _BurstPlace) -> str:
    if place.second is None:
        return ""
    if place.rank == 0:
        lead = candidate.in_burst - place.second.in_burst
        return f"best of {place.size} in its burst by {lead:.2f}"
    behind = place.best.in_burst - candidate.in_burst
    best = PurePath(place.best.path).name
    return (
        f"{ordinal(place.rank + 1)} of {place.size} in its burst; {best} is better by {behind:.2f}"
    )


def _with_own_stars(choice: Choice, candidate: Candidate) -> Choice:
    if choice.decision != "reject":
        return choice
    if candidate.doubtful:
        words = "what you gave it is not clear"
    elif candidate.rating is not None:
        words = f"you gave it {candidate.rating} star{'s' if candidate.rating > 1 else ''}"
    else:
        return choice
    return Choice(choice.path, choice.score, "maybe", f"{words}, so not rejected; {choice.reason}")


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
