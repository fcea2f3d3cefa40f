"""`ilgnet stars`: scores become stars, labels and notes in XMP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from ilgnet.cli.exits import EXIT_NOTHING
from ilgnet.cli.option_records import as_record, refuse_idle
from ilgnet.cli.plan_output import (
    apply_option,
    carry_out,
    exit_code,
    failures,
    json_option,
    say_how_to_undo,
    say_problems,
)
from ilgnet.cli.printing import named, print_json
from ilgnet.cli.scored_input import Source, scored_input_options
from ilgnet.errors import amount
from ilgnet.library.changes.plan import step_words
from ilgnet.library.choosing.plan_marks import SIDECAR_STYLES, MarkRule
from ilgnet.library.choosing.stars import DEFAULT_CUTS, FEWEST_FOR_RANKS, StarRule, StarScale
from ilgnet.library.proposals import Applied, StarsProposal
from ilgnet.library.sidecar.write import rating_words
from ilgnet.report.rows import shown


@dataclass(frozen=True, slots=True)
class Stars:
    """What is written: stars by a rule, or None for only our notes, and labels for them."""

    rule: StarRule | None
    labels: dict[int, str]


def _stars(
    by: StarScale | None,
    cuts: str | None,
    reject_below: float | None,
    labels: tuple[str, ...],
    no_stars: bool,
) -> Stars:
    if no_stars:
        names = ("by", "cuts", "reject_below", "labels", "overwrite")
        refuse_idle("stars: --no-stars writes none", *names)
        return Stars(None, {})
    return Stars(StarRule(by, _cuts(cuts, by), reject_below), _labels(labels))


def _cuts(text: str | None, by: StarScale | None) -> tuple[float, ...]:
    if text is None:
        if by == "score":
            raise click.UsageError("By score, say where the cuts are: --cuts 4,4.8,5.4,6,6.6")
        return DEFAULT_CUTS
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise click.BadParameter("five numbers with commas", param_hint="--cuts") from error


def _labels(given: Sequence[str]) -> dict[int, str]:
    names = {"reject": -1, **{str(number): number for number in range(6)}}
    labels = {}
    for text in given:
        stars, _, label = text.partition("=")
        if stars not in names or not label:
            raise click.BadParameter(f"{text!r} is not like 5=Green", param_hint="--label")
        labels[names[stars]] = label
    return labels


stars_options = as_record(
    "given",
    _stars,
    click.option(
        "--by",
        type=click.Choice(["run", "ava", "score"]),
        help="What the cuts are measured in: percentiles of these photographs, percentiles of "
        f"AVA's, or the score itself.  [default: run; ava for fewer than {FEWEST_FOR_RANKS}]",
    ),
    click.option(
        "--cuts",
        metavar="A,B,C,D,E",
        help="From where a photograph has 1, 2, 3, 4, 5 stars.  [default: 10,30,60,85,95]",
    ),
    click.option("--reject-below", type=float, metavar="X", help="Reject what is below."),
    click.option(
        "--label",
        "labels",
        multiple=True,
        metavar="STARS=TEXT",
        help="Colour label for a number of stars or `reject`, in your program's own words.",
    ),
    click.option(
        "--no-stars", is_flag=True, help="Only our notes: score, percentile, model, date."
    ),
)
"""How many stars a score is worth."""

mark_options = as_record(
    "marks",
    MarkRule,
    click.option(
        "--sidecar-style",
        "style",
        type=click.Choice(SIDECAR_STYLES),
        default="auto",
        show_default=True,
        help="IMG_1.xmp (adobe), IMG_1.CR2.xmp (darktable), both, or what is there already.",
    ),
    click.option("--embed", is_flag=True, help="Write into JPEGs themselves, not beside them."),
    click.option(
        "--overwrite-ratings",
        "overwrite",
        is_flag=True,
        help="Replace your own stars and labels too.",
    ),
)
"""Where they are written."""


@click.command()
@scored_input_options
@stars_options
@mark_options
@apply_option
@json_option
def stars(source: Source, given: Stars, marks: MarkRule, apply: bool, as_json: bool) -> int:
    """Write stars, labels and scores where Lightroom, darktable and digiKam read them.

    PATH is a file, a folder, or a table that `ilgnet score` wrote. Nothing is written without
    --apply, your own stars and labels stay, and `ilgnet undo` takes everything back. Close the
    photo program first; it reads sidecars when it imports, or when told to.

    \b
      ilgnet stars photos/                              what would be written
      ilgnet stars photos/ --apply                      write it
      ilgnet stars scores.csv --by score --cuts 4,4.8,5.4,6,6.6
      ilgnet stars photos/ --reject-below 5 --label 5=Green --label reject=Red
      ilgnet stars photos/ --no-stars --apply           only our score, in our own namespace
      ilgnet stars jpegs/ --embed --apply               into the JPEGs themselves

    A RAW and JPEG pair is one photograph and gets one rating.
    """
    library = source.open()
    source.score(library, features=False)
    proposal = library.stars(given.rule, marks, labels=given.labels)
    if not proposal.photographs:
        click.echo("No photograph was scored.", err=True)
        return EXIT_NOTHING
    say_problems(proposal.problems)
    applied = carry_out(proposal, show=source.show) if apply else None
    if as_json:
        print_json(_document(proposal, applied))
    else:
        _print(proposal, applied, quiet=source.quiet)
    if given.rule and given.rule.by is None and proposal.scale == "ava" and not source.quiet:
        click.echo(
            f"Stars by AVA's percentiles: among fewer than {FEWEST_FOR_RANKS} photographs, ranks "
            "say little (--by run for those).",
            err=True,
        )
    unreadable = bool(library.failures()) or _failed(proposal)
    return exit_code(applied, unreadable=unreadable)


def _failed(proposal: StarsProposal) -> bool:
    return any(mark.outcome == "failed" for mark in proposal.marks)


def _document(proposal: StarsProposal, applied: Applied | None) -> dict[str, Any]:
    return {
        "applied": applied.name if applied else None,
        "files": [
            {
                "path": str(mark.path),
                "picture": str(mark.picture),
                "outcome": mark.outcome,
                "rating": mark.notes.rating,
                "label": mark.notes.label,
                "score": mark.notes.score,
                "words": mark.words or None,
            }
            for mark in proposal.marks
        ],
        "steps": [step_words(step) for step in proposal.plan.steps],
        "problems": list(proposal.problems),
        "failed": [{"path": p, "why": why} for p, why in failures(applied)] if applied else [],
    }


def _print(proposal: StarsProposal, applied: Applied | None, *, quiet: bool) -> None:
    for mark in proposal.marks:
        rating = "" if mark.notes.rating is None else rating_words(mark.notes.rating)
        words = "; ".join(filter(None, (mark.notes.label, mark.words)))
        score = f"{mark.notes.score:.2f}"
        line = f"{mark.outcome:6}  {score}  {rating:8}  {named(mark.path)}  {shown(words)}"
        click.echo(line.rstrip())
    if quiet:
        return
    changes = amount(len(proposal.plan.steps), "file")
    photographs = amount(len(proposal.photographs), "photograph")
    if applied is not None:
        click.echo(f"{photographs}: ", err=True, nl=False)
        say_how_to_undo(applied, "file")
    elif proposal.plan.steps:
        click.echo(f"{photographs}: {changes} would be written. Do it with --apply.", err=True)
    else:
        click.echo(f"{photographs}: everything is written already.", err=True)
