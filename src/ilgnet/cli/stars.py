"""`ilgnet stars`: scores become stars, labels and notes in XMP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from ilgnet.cli.exits import EXIT_NOTHING
from ilgnet.cli.plan_output import (
    amount,
    carry_out,
    exit_code,
    failures,
    named,
    print_json,
    say_problems,
    step_words,
)
from ilgnet.cli.scored_input import ScoredInput, scored_input, scored_input_options
from ilgnet.library.changes.journal import ChangeJournal
from ilgnet.library.choosing.plan_marks import (
    SIDECAR_STYLES,
    MarkPlan,
    MarkRule,
    SidecarStyle,
    plan_marks,
)
from ilgnet.library.choosing.stars import DEFAULT_CUTS, Scale, StarRule, run_percentiles
from ilgnet.library.photograph.photographs import Photograph
from ilgnet.library.sidecar.write import rating_words
from ilgnet.library.sidecar.xmp import Notes
from ilgnet.report.rows import shown


@click.command()
@scored_input_options
@click.option(
    "--by",
    type=click.Choice(["run", "ava", "score"]),
    default="run",
    show_default=True,
    help="What the cuts are measured in: percentiles of these photographs, percentiles of AVA's, "
    "or the score itself.",
)
@click.option(
    "--cuts",
    metavar="A,B,C,D,E",
    help="From where a photograph has 1, 2, 3, 4, 5 stars.  [default: 10,30,60,85,95]",
)
@click.option("--reject-below", type=float, metavar="X", help="Reject what is below.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="STARS=TEXT",
    help="Colour label for a number of stars or `reject`, in your program's own words.",
)
@click.option("--no-stars", is_flag=True, help="Only our notes: score, percentile, model, date.")
@click.option(
    "--sidecar-style",
    type=click.Choice(SIDECAR_STYLES),
    default="auto",
    show_default=True,
    help="IMG_1.xmp (adobe), IMG_1.CR2.xmp (darktable), both, or what is there already.",
)
@click.option("--embed", is_flag=True, help="Write into JPEGs themselves, not beside them.")
@click.option("--overwrite-ratings", is_flag=True, help="Replace your own stars and labels too.")
@click.option("--apply", is_flag=True, help="Do it. Without this, only say what would be done.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the table.")
def stars(
    by: Scale,
    cuts: str | None,
    reject_below: float | None,
    labels: tuple[str, ...],
    no_stars: bool,
    sidecar_style: SidecarStyle,
    embed: bool,
    overwrite_ratings: bool,
    apply: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> int:
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
    rule = StarRule(by, _cuts(cuts, by), reject_below)
    texts = _labels(labels)
    found = scored_input(features=False, quiet=quiet, **given)
    found.say_failures()
    if not found.photographs:
        click.echo("No scored photograph was found.", err=True)
        return EXIT_NOTHING
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    wanted = list(_wanted(found.photographs, None if no_stars else rule, texts, date))
    marks = MarkRule(sidecar_style, embed, overwrite_ratings)
    planned = plan_marks(wanted, marks, found.roots, "stars")
    say_problems(planned.problems)
    journal = None
    if apply and planned.plan.steps:
        journal = carry_out(planned.plan, show=False if quiet else given["progress"])
    if as_json:
        print_json(_document(planned, journal))
    else:
        _print(planned, found, journal, quiet=quiet)
    return exit_code(journal, unreadable=bool(found.failures) or _failed(planned))


def _cuts(text: str | None, by: Scale) -> tuple[float, ...]:
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


def _wanted(
    photographs: Sequence[Photograph], rule: StarRule | None, labels: dict[int, str], date: str
) -> Iterator[tuple[Photograph, Notes]]:
    scores = [photo.verdict.score for photo in photographs]
    for photo, share in zip(photographs, run_percentiles(scores), strict=True):
        verdict = photo.verdict
        scales = {"run": share, "ava": verdict.percentile, "score": verdict.score}
        rating = None if rule is None else rule.rating(scales[rule.by])
        label = None if rating is None else labels.get(rating)
        notes = Notes(verdict.score, verdict.percentile, verdict.model, date, rating, label)
        yield photo, notes


def _failed(planned: MarkPlan) -> bool:
    return any(mark.outcome == "failed" for mark in planned.marks)


def _document(planned: MarkPlan, journal: ChangeJournal | None) -> dict[str, Any]:
    return {
        "applied": journal.name if journal else None,
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
            for mark in planned.marks
        ],
        "steps": [step_words(step) for step in planned.plan.steps],
        "problems": list(planned.problems),
        "failed": [{"path": p, "why": why} for p, why in failures(journal)] if journal else [],
    }


def _print(
    planned: MarkPlan, found: ScoredInput, journal: ChangeJournal | None, *, quiet: bool
) -> None:
    for mark in planned.marks:
        rating = "" if mark.notes.rating is None else rating_words(mark.notes.rating)
        words = "; ".join(filter(None, (mark.notes.label, mark.words)))
        score = f"{mark.notes.score:.2f}"
        line = f"{mark.outcome:6}  {score}  {rating:8}  {named(mark.path)}  {shown(words)}"
        click.echo(line.rstrip())
    if quiet:
        return
    changes = amount(len(planned.plan.steps), "file")
    photographs = amount(len(found.photographs), "photograph")
    if journal is not None:
        click.echo(
            f"{photographs}: {amount(journal.count('done'), 'file')} written. "
            f"Take it back with: ilgnet undo {journal.name}",
            err=True,
        )
    elif planned.plan.steps:
        click.echo(f"{photographs}: {changes} would be written. Do it with --apply.", err=True)
    else:
        click.echo(f"{photographs}: everything is written already.", err=True)
