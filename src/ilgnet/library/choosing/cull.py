"""Which photographs to keep: decisions with reasons. No file is looked at or touched."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.library.choosing.bursts import order_best_first
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.sidecar.write import rating_words

Decision = Literal["keep", "maybe", "reject"]
DECISIONS: Final[tuple[Decision, ...]] = ("keep", "maybe", "reject")

_SCOPE_WORDS: Final = {"all": "", "day": " on {}"}


@dataclass(frozen=True, slots=True)
class CullRule:
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

    unit: Literal["score", "percent", "count"] = "percent"
    keep: float = 20.0
    maybe: float = 30.0
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
    def needs_bursts(self) -> bool:
        """Whether it asks which photographs look alike."""
        return self.diverse or self.burst_limit is not None or self.per == "burst"

    @property
    def total(self) -> float:
        """`keep` and `maybe` together, for shares and numbers."""
        return self.keep + self.maybe


@dataclass(frozen=True, slots=True)
class Decided:
    """What becomes of a photograph, and why.

    Attributes:
        photograph: what was decided on.
        decision: keep, maybe or reject.
        reason: in words.
    """

    photograph: Photograph
    decision: Decision
    reason: str


def choose(photographs: Iterable[Photograph], rule: CullRule) -> list[Decided]:
    """Decide on every photograph.

    A person's own decisions come first: what they rejected is rejected and takes no place; what
    they picked is kept; what they gave stars, or may have given some, is never rejected. Frames of
    one burst are ordered by their frame scores, all else by scores; a higher one of both never
    leads to a worse decision.

    Returns:
        One decision for each photograph, in input order. Equal scores are ordered by path.
    """
    given = list(photographs)
    open_ = [photo for photo in given if not photo.opinion.is_reject]
    ranks = _burst_ranks(open_)
    decided = {
        decision.photograph.path: decision
        for _, scope in _grouped(open_, rule.per)
        for decision in _choose_within(scope, rule, ranks)
    }
    return [
        _with_own_opinion(decided[photo.path])
        if photo.path in decided
        else Decided(photo, "reject", "you rejected it")
        for photo in given
    ]


@dataclass(frozen=True, slots=True)
class _BurstRank:
    """Where a picture stands in its burst, counted from 0."""

    rank: int
    size: int
    best: Photograph
    second: Photograph | None


def _grouped(
    photographs: Sequence[Photograph], per: Literal["all", "day", "burst"]
) -> list[tuple[Hashable, list[Photograph]]]:
    groups: dict[Hashable, list[Photograph]] = defaultdict(list)
    for photo in photographs:
        alone = photo.path if photo.burst is None else photo.burst
        groups[{"all": "", "day": photo.day, "burst": alone}[per]].append(photo)
    return list(groups.items())


def _burst_ranks(photographs: Sequence[Photograph]) -> dict[Path, _BurstRank]:
    ranks = {}
    for _, burst in _grouped(photographs, "burst"):
        ordered = order_best_first(burst)
        second = ordered[1] if len(ordered) > 1 else None
        for rank, photo in enumerate(ordered):
            ranks[photo.path] = _BurstRank(rank, len(burst), ordered[0], second)
    return ranks


def _choose_within(
    scope: list[Photograph], rule: CullRule, ranks: Mapping[Path, _BurstRank]
) -> Iterable[Decided]:
    limit = rule.burst_limit or len(scope)
    for photo in scope:
        if ranks[photo.path].rank >= limit:
            yield _decided(photo, "reject", "", ranks[photo.path])
    running = [photo for photo in scope if ranks[photo.path].rank < limit]
    running.sort(key=lambda photo: (-photo.score, str(photo.path)))
    if rule.diverse or rule.per == "burst":
        running.sort(key=lambda photo: ranks[photo.path].rank)  # stable: scores stay
    for rank, photo in enumerate(running):
        decision = _decide(rule, rank, photo.score, len(running))
        words = _rule_words(rule, photo, rank, len(running), decision)
        yield _decided(photo, decision, words, ranks[photo.path])


def _counts(rule: CullRule, count: int) -> tuple[int, int]:
    """How many of so many are kept, and how many are kept or may be."""
    share = count / 100 if rule.unit == "percent" else 1.0
    # A share of a few pictures is rounded up: the best tenth of three is one.
    kept, considered = (math.ceil(round(number * share, 9)) for number in (rule.keep, rule.total))
    return kept, considered


def _decide(rule: CullRule, rank: int, score: float, count: int) -> Decision:
    if rule.unit == "score":
        return "keep" if score >= rule.keep else "maybe" if score >= rule.maybe else "reject"
    kept, considered = _counts(rule, count)
    return "keep" if rank < kept else "maybe" if rank < considered else "reject"


def _rule_words(
    rule: CullRule, photo: Photograph, rank: int, count: int, decision: Decision
) -> str:
    if rule.unit == "score":
        cut = rule.maybe if decision == "reject" else getattr(rule, decision)
        return f"{'below' if decision == 'reject' else 'at least'} {cut:g}"
    if rule.per == "burst":
        return "alone" if count == 1 else ""
    where = _SCOPE_WORDS[rule.per].format(photo.day or "an unknown day")
    spread = ", every burst in turn" if rule.diverse else ""
    others = "" if decision == "keep" else f" ({_counts(rule, count)[0]} kept)"
    return f"{ordinal(rank + 1)} of {count}{where}{spread}{others}"


def _decided(photo: Photograph, decision: Decision, words: str, in_burst: _BurstRank) -> Decided:
    reason = "; ".join(filter(None, (words, _burst_words(photo, in_burst))))
    return Decided(photo, decision, reason)


def _burst_words(photo: Photograph, in_burst: _BurstRank) -> str:
    if in_burst.second is None:
        return ""
    if in_burst.rank == 0:
        lead = photo.frame_score - in_burst.second.frame_score
        return f"best of {in_burst.size} in its burst by {lead:.2f}"
    behind = in_burst.best.frame_score - photo.frame_score
    best = in_burst.best.name
    face = f" ({photo.blurred_face.words})" if photo.blurred_face else ""
    return (
        f"{ordinal(in_burst.rank + 1)} of {in_burst.size} in its burst; {best} is better by "
        f"{behind:.2f}{face}"
    )


def _with_own_opinion(decided: Decided) -> Decided:
    opinion = decided.photograph.opinion
    if opinion.picked:
        return replace(decided, decision="keep", reason="you picked it")
    if decided.decision != "reject":
        return decided
    if opinion.is_doubtful:
        words = "what you gave it is not clear"
    elif opinion.rating is not None:
        words = f"you gave it {rating_words(opinion.rating)}"
    else:
        return decided
    reason = f"{words}, so not rejected; {decided.reason}"
    return Decided(decided.photograph, "maybe", reason)


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
