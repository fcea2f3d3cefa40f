"""What culling promises, on any photographs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.errors import LibraryError
from ilgnet.library.choosing.cull import DECISIONS, CullRule, choose, ordinal
from ilgnet.library.photograph.opinion import Opinion
from ilgnet.library.photograph.photograph import Photograph
from tests.library.made_up import photograph

SCORES = st.integers(100, 1000).map(lambda n: n / 100)


@st.composite
def shootings(draw: st.DrawFn) -> list[Photograph]:
    """Photographs of several days, some in bursts (a burst lies within a day), some rated.

    The model tells half of them how they differ from other frames of their bursts.
    """
    bursts = st.one_of(st.none(), st.integers(0, 5))
    technical = st.one_of(st.none(), st.integers(-200, 200).map(lambda n: n / 100))
    ratings = st.sampled_from([None, None, -1, 3])
    drawn = draw(st.lists(st.tuples(SCORES, bursts, ratings, technical)))
    return [
        photograph(
            f"IMG_{index:04}.jpg",
            score,
            technical=beside,
            taken=datetime(2026, 5, 1 + (index if burst is None else burst) % 3),
            burst=burst,
            opinion=Opinion(rating),
        )
        for index, (score, burst, rating, beside) in enumerate(drawn)
    ]


@st.composite
def rules(draw: st.DrawFn) -> CullRule:
    unit = draw(st.sampled_from(["score", "percent", "count"]))
    values = {"score": SCORES, "percent": st.floats(0, 50), "count": st.integers(0, 8)}[unit]
    pair = sorted(draw(st.tuples(values, values)), reverse=True)
    return CullRule(
        unit,  # type: ignore[arg-type]
        float(pair[0]),
        float(pair[1]),
        draw(st.sampled_from(["all", "day", "burst"])),
        draw(st.one_of(st.none(), st.integers(1, 3))),
        draw(st.booleans()),
    )


def rated(photos: list[Photograph], opinion: Opinion) -> list[Photograph]:
    return [replace(photo, opinion=opinion) for photo in photos]


def kept(candidates: list[Photograph], rule: CullRule) -> list[Photograph]:
    return [d.photograph for d in choose(candidates, rule) if d.decision == "keep"]


def willing(candidates: list[Photograph]) -> list[Photograph]:
    return [candidate for candidate in candidates if candidate.opinion.rating != -1]


@given(shootings(), rules())
def test_every_picture_has_one_choice_with_a_reason(
    shots: list[Photograph], rule: CullRule
) -> None:
    choices = choose(shots, rule)
    assert [choice.photograph for choice in choices] == shots
    assert all(choice.reason and choice.decision in DECISIONS for choice in choices)


@given(shootings(), st.integers(0, 20), st.integers(0, 20), st.booleans())
def test_top_n_has_n(shots: list[Photograph], keep: int, maybe: int, diverse: bool) -> None:
    choices = choose(rated(shots, Opinion()), CullRule("count", keep, maybe, diverse=diverse))
    counts = Counter(choice.decision for choice in choices)
    assert counts["keep"] == min(keep, len(shots))
    assert counts["maybe"] == min(maybe, len(shots) - counts["keep"])


@given(shootings(), st.integers(1, 4), st.sampled_from(["day", "burst"]))
def test_top_n_of_every_day_or_burst(shots: list[Photograph], keep: int, per: str) -> None:
    def scope(shot: Photograph) -> object:
        return shot.day if per == "day" else shot.path if shot.burst is None else shot.burst

    chosen = Counter(map(scope, kept(shots, CullRule("count", keep, 0, per))))  # type: ignore[arg-type]
    there = Counter(map(scope, willing(shots)))
    assert chosen == {key: min(keep, count) for key, count in there.items()}


@given(shootings(), st.integers(0, 20))
def test_the_top_is_the_top(shots: list[Photograph], keep: int) -> None:
    chosen = kept(shots, CullRule("count", keep, 0))
    others = [shot for shot in willing(shots) if shot not in chosen]
    assert not chosen or not others or min(c.score for c in chosen) >= max(o.score for o in others)


@given(shootings(), st.integers(0, 20))
def test_diversity_covers_every_burst_before_a_second_of_any(
    shots: list[Photograph], keep: int
) -> None:
    def burst(shot: Photograph) -> object:
        return shot.path if shot.burst is None else shot.burst

    chosen = Counter(map(burst, kept(shots, CullRule("count", keep, 0, diverse=True))))
    there = Counter(map(burst, willing(shots)))
    most = max(chosen.values(), default=0)
    # Whoever has fewer than the fullest burst less one has nothing left to give.
    assert all(chosen[key] >= min(there[key], most - 1) for key in there)


@given(shootings(), rules(), st.data())
def test_a_higher_score_is_never_worse(
    shots: list[Photograph], rule: CullRule, data: st.DataObject
) -> None:
    if not shots:
        return
    index = data.draw(st.integers(0, len(shots) - 1))
    shot = shots[index]
    higher = data.draw(st.floats(shot.score, 10))
    raised = replace(shot, verdict=replace(shot.verdict, score=higher))
    better = [*shots[:index], raised, *shots[index + 1 :]]
    before, after = choose(shots, rule)[index], choose(better, rule)[index]
    assert DECISIONS.index(after.decision) <= DECISIONS.index(before.decision)


@given(shootings(), rules(), st.randoms())
def test_the_order_given_does_not_matter(
    shots: list[Photograph], rule: CullRule, random: object
) -> None:
    shuffled = list(shots)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert set(choose(shots, rule)) == set(choose(shuffled, rule))


@given(shootings(), rules())
def test_the_persons_decisions_come_first(shots: list[Photograph], rule: CullRule) -> None:
    for shot, choice in zip(shots, choose(shots, rule), strict=True):
        if shot.opinion.rating == -1:
            assert (choice.decision, choice.reason) == ("reject", "you rejected it")
        if shot.opinion.rating == 3:
            assert choice.decision != "reject"


@given(shootings(), rules())
def test_what_may_have_stars_is_not_rejected(shots: list[Photograph], rule: CullRule) -> None:
    doubtful = [
        replace(shot, opinion=replace(shot.opinion, problems=("damaged",))) for shot in shots
    ]
    for shot, choice in zip(shots, choose(doubtful, rule), strict=True):
        assert choice.decision != "reject"
        if shot.opinion.rating is None and choice.decision == "maybe":
            plain = choose(rated(shots, Opinion()), rule)
            assert next(c.decision for c in plain if c.photograph.path == shot.path) != "keep"


@given(shootings(), rules(), st.integers(1, 3))
def test_no_more_of_a_burst_than_asked(shots: list[Photograph], rule: CullRule, limit: int) -> None:
    unrated = rated(shots, Opinion())
    choices = choose(unrated, replace(rule, burst_limit=limit))
    of_burst = Counter(
        shot.burst
        for shot, choice in zip(unrated, choices, strict=True)
        if choice.decision != "reject" and shot.burst is not None
    )
    assert max(of_burst.values(), default=0) <= limit


def burst_of(*scores: float) -> list[Photograph]:
    return [
        photograph(f"a/IMG_{i}.jpg", s, taken=datetime(2026, 5, 3), burst=7)
        for i, s in enumerate(scores)
    ]


def test_reasons_in_words() -> None:
    shots = [*burst_of(6.0, 6.6, 5.4), photograph("b.jpg", 4.0, taken=datetime(2026, 5, 4))]
    reasons = [c.reason for c in choose(shots, CullRule("count", 1, 0, "burst"))]
    assert reasons == [
        "2nd of 3 in its burst; IMG_1.jpg is better by 0.60",
        "best of 3 in its burst by 0.60",
        "3rd of 3 in its burst; IMG_1.jpg is better by 1.20",
        "alone",
    ]
    by_score = [c.reason for c in choose(shots[3:], CullRule("score", 6, 5))]
    assert by_score == ["below 5"]
    by_day = choose(shots, CullRule("percent", 10, 0, "day"))
    assert by_day[0].reason.startswith("2nd of 3 on 2026-05-03 (1 kept); 2nd of 3 in its burst; ")
    starred = choose(rated(shots[3:], Opinion(2)), CullRule("score", 6, 5))
    assert starred[0].reason == "you gave it 2 stars, so not rejected; below 5"


def test_a_share_of_few_is_rounded_up() -> None:
    assert len(kept(burst_of(6.0, 6.6, 5.4), CullRule("percent", 10, 0))) == 1
    assert len(kept(burst_of(*[5.0] * 10), CullRule("percent", 30, 0))) == 3


@pytest.mark.parametrize(
    "values",
    [
        ("score", 4, 5),
        ("score", 11, 5),
        ("percent", 80, 30),
        ("percent", -1, 0),
        ("count", -1, 0),
        ("count", 1, 1, "all", 0),
    ],
)
def test_impossible_rules_are_refused(values: tuple[object, ...]) -> None:
    with pytest.raises(LibraryError):
        CullRule(*values)  # type: ignore[arg-type]


def test_ordinals() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st",
        "2nd",
        "3rd",
        "4th",
        "11th",
        "12th",
        "13th",
        "21st",
        "102nd",
        "111th",
    ]


def test_frames_of_a_burst_are_ordered_by_their_frame_scores_and_nothing_else_is() -> None:
    sharp, blurred = (
        photograph("a.jpg", 6.0, burst=1, technical=0.4),
        photograph("b.jpg", 6.3, burst=1, technical=-1.2),
    )
    alone = photograph("c.jpg", 6.2, technical=-2.2)
    best = choose([sharp, blurred, alone], CullRule("count", 1, 0, "burst"))
    assert [choice.decision for choice in best] == ["keep", "reject", "keep"]
    lead = sharp.frame_score - blurred.frame_score
    assert best[1].reason == f"2nd of 2 in its burst; a.jpg is better by {lead:.2f}"
    over_all = choose([sharp, blurred, alone], CullRule("count", 2, 0))
    assert [choice.decision for choice in over_all] == ["reject", "keep", "keep"]
    one_each = choose([sharp, blurred, alone], CullRule("count", 2, 0, burst_limit=1))
    assert [choice.decision for choice in one_each] == ["keep", "reject", "keep"]
