"""From scored photographs to proposals: what to keep, how many stars, what is written into XMP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ilgnet.library.changes.plan import Plan
from ilgnet.library.choosing.cull import CullRule, choose
from ilgnet.library.choosing.plan_marks import CullMarks, MarkRule, notes_of, now, plan_marks
from ilgnet.library.choosing.plan_transfers import (
    TransferRule,
    is_sorted_already,
    plan_transfers,
)
from ilgnet.library.choosing.stars import StarRule, give_stars
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.proposals import CullProposal, Proposal, StarsProposal
from ilgnet.library.sidecar.statements import Statements, with_opinions


def propose_cull(
    photographs: Sequence[Photograph],
    rule: CullRule,
    action: TransferRule | CullMarks | None,
    roots: Sequence[Path],
    into: Path,
    *,
    stars_from: int | None,
) -> CullProposal:
    """Decide what to keep, and plan what is done about it.

    Args:
        photographs: with their bursts, where the rule needs them.
        rule: what is kept.
        action: how photographs are sorted or marked; None plans nothing.
        roots: the folders outside of which nothing is changed.
        into: where they are sorted; what lies there is left out.
        stars_from: the lowest number of stars that is the person's opinion; None asks for none.

    Raises:
        LibraryError: there is no room where they should go.
    """
    found = [photo for photo in photographs if not is_sorted_already(photo.path, into)]
    already = len(photographs) - len(found)
    said: dict[Path, Statements] = {}
    found = found if stars_from is None else with_opinions(found, stars_from, said=said)
    decided = tuple(choose(found, rule))
    problems = [problem for photo in found for problem in photo.opinion.problems]
    if action is None:
        return CullProposal(Plan("cull", (), (), ()), _once(problems), (), decided, already)
    if isinstance(action, CullMarks):
        only = [one for one in decided if one.decision in action.only]
        wanted = [(one.photograph, action.notes(one)) for one in only]
        marked = plan_marks(wanted, action.rule, roots, "cull", said)
        problems += marked.problems
        return CullProposal(marked.plan, _once(problems), marked.marks, decided, already)
    moved = plan_transfers(decided, action, roots)
    problems += moved.problems
    return CullProposal(moved.plan, _once(problems), (), decided, already, moved.bytes, into)


def propose_stars(
    photographs: Sequence[Photograph],
    rule: StarRule | None,
    marks: MarkRule,
    labels: Mapping[int, str],
    roots: Sequence[Path],
) -> StarsProposal:
    """Plan to write stars, labels and scores into XMP; without a rule only scores."""
    ratings = [None] * len(photographs) if rule is None else give_stars(photographs, rule)
    date = now()
    wanted = [
        (
            photo,
            notes_of(photo.verdict, date, rating, None if rating is None else labels.get(rating)),
        )
        for photo, rating in zip(photographs, ratings, strict=True)
    ]
    marked = plan_marks(wanted, marks, roots, "stars")
    scale = None if rule is None else rule.scale(len(photographs))
    return StarsProposal(marked.plan, marked.problems, marked.marks, tuple(photographs), scale)


def propose_choices(
    photographs: Sequence[Photograph], marks: MarkRule, roots: Sequence[Path]
) -> Proposal:
    """Plan to write into XMP what the person chose here, over what files say already."""
    said: dict[Path, Statements] = {}
    chosen = (photo for photo in photographs if photo.choice is not None)
    date = now()
    wanted = [
        (photo, replace(notes_of(photo.verdict, date, photo.opinion.rating or 0), own=True))
        for photo in with_opinions(chosen, said=said)
    ]
    marked = plan_marks(wanted, replace(marks, overwrite=True), roots, "choices", said)
    return Proposal(marked.plan, marked.problems, marked.marks)


def _once(problems: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problems))
