"""`ilgnet cull`: keep, maybe or reject, with reasons, and sort accordingly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import click

from ilgnet.cli.exits import EXIT_NOTHING
from ilgnet.cli.plan_output import (
    amount,
    carry_out,
    exit_code,
    failures,
    print_json,
    say_problems,
    step_words,
)
from ilgnet.cli.scored_input import ScoredInput, scored_input, scored_input_options
from ilgnet.library.changes.journal import ChangeJournal
from ilgnet.library.changes.plan import How, Plan
from ilgnet.library.choosing.cull import DECISIONS, Candidate, Choice, Decision, Rule, choose
from ilgnet.library.choosing.plan_marks import SIDECAR_STYLES, MarkRule, SidecarStyle, plan_marks
from ilgnet.library.choosing.plan_transfers import TransferRule, is_sorted_already, plan_transfers
from ilgnet.library.photograph.photographs import Photograph, with_bursts, with_times
from ilgnet.library.sidecar.opinions import Opinion, read_opinion
from ilgnet.library.sidecar.xmp import REJECTED, Notes
from ilgnet.report.rows import shown

COLOURS = {"keep": "green", "maybe": "yellow", "reject": "red"}


@click.command()
@scored_input_options
@click.option("--above", type=click.FloatRange(1, 10), metavar="SCORE", help="Keep from SCORE up.")
@click.option("--percent", type=click.FloatRange(0, 100), metavar="P", help="Keep the best P%.")
@click.option("--top", type=click.IntRange(min=0), metavar="N", help="Keep the N best.")
@click.option(
    "--maybe",
    type=float,
    metavar="X",
    help="Set aside: from score X up, or the next X%, or the next X. The rest is rejected.  "
    "[default: 30% when nothing else is said, else none]",
)
@click.option(
    "--per",
    type=click.Choice(["all", "day", "burst"]),
    default="all",
    show_default=True,
    help="Count --percent and --top within all, each day, or each burst.",
)
@click.option(
    "--of-burst",
    type=click.IntRange(min=1),
    metavar="N",
    help="Consider only the N best of each burst, reject its others.",
)
@click.option(
    "--diverse", is_flag=True, help="The best of every burst comes before a second of any."
)
@click.option("--ignore-stars", is_flag=True, help="Do not look at your own stars and rejects.")
@click.option("--copy", "action", flag_value="copy", help="Copy into keep/ maybe/ reject/.")
@click.option("--move", "action", flag_value="move", help="Move into keep/ maybe/ reject/.")
@click.option("--hardlink", "action", flag_value="hardlink", help="Link: one file, two names.")
@click.option("--symlink", "action", flag_value="symlink", help="Link by path.")
@click.option("--mark", "action", flag_value="mark", help="Write rejects (and --label) into XMP.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="DECISION=TEXT",
    help="With --mark: a colour label, as keep=Green.",
)
@click.option(
    "--sidecar-style",
    type=click.Choice(SIDECAR_STYLES),
    default="auto",
    show_default=True,
    help="With --mark: IMG_1.xmp (adobe), IMG_1.CR2.xmp (darktable), both, or what is there.",
)
@click.option("--only", multiple=True, type=click.Choice(DECISIONS), help="Sort only these.")
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where keep/ maybe/ reject/ are made.  [default: the folder that is culled]",
)
@click.option("--flat", is_flag=True, help="No sub-folders inside keep/ maybe/ reject/.")
@click.option(
    "--dry-run/--apply",
    default=True,
    show_default=True,
    help="Only say what would be done, or do it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of the table.")
def cull(
    action: How | Literal["mark"] | None,
    labels: tuple[str, ...],
    sidecar_style: SidecarStyle,
    only: tuple[Decision, ...],
    into: Path | None,
    flat: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    ignore_stars: bool,
    above: float | None,
    percent: float | None,
    top: int | None,
    maybe: float | None,
    per: Literal["all", "day", "burst"],
    of_burst: int | None,
    diverse: bool,
    **given: Any,
) -> int:
    """Decide which photographs to keep, and sort them if asked.

    PATH is a file, a folder, or a table that `ilgnet score` wrote. Every decision has its reason.
    Nothing is moved or written without --apply, nothing is ever overwritten, sidecars and
    RAW+JPEG siblings go with their photograph, and `ilgnet undo` takes everything back. What you
    rejected yourself is rejected; what you gave stars is never rejected.

    \b
      ilgnet cull photos/                               decisions and reasons, nothing else
      ilgnet cull photos/ --top 1 --per burst           the best of every burst
      ilgnet cull photos/ --top 30 --of-burst 1 --move  what would be moved
      ilgnet cull photos/ --top 30 --of-burst 1 --move --apply
      ilgnet cull photos/ --percent 10 --per day --only keep --copy --into best/ --apply
      ilgnet cull scores.csv --above 6 --maybe 5 --mark --apply
    """
    rule = _rule(above, percent, top, maybe, per, of_burst, diverse)
    looks = diverse or of_burst is not None or per == "burst"
    found = scored_input(features=looks, quiet=quiet, **given)
    found.say_failures()
    into = into or _default_into(found, action)
    photographs = [p for p in found.photographs if not is_sorted_already(p.path, into)]
    if not photographs:
        click.echo("No scored photograph was found that is not sorted already.", err=True)
        return EXIT_NOTHING
    chosen = _choose(photographs, rule, found, looks=looks, ignore_stars=ignore_stars)
    planned = _planned(chosen, action, _Sorting(found, only, into, flat, labels, sidecar_style))
    say_problems(planned.problems)
    journal = None
    if not dry_run and planned.plan.steps:
        journal = carry_out(planned.plan, show=False if quiet else given["progress"])
    if as_json:
        print_json(_document(chosen, planned, journal))
    else:
        _print(chosen, planned, journal, quiet=quiet)
    return exit_code(journal, unreadable=bool(found.failures))


def _rule(
    above: float | None,
    percent: float | None,
    top: int | None,
    maybe: float | None,
    per: Literal["all", "day", "burst"],
    of_burst: int | None,
    diverse: bool,
) -> Rule:
    if sum(value is not None for value in (above, percent, top)) > 1:
        raise click.UsageError("Choose one of --above, --percent and --top.")
    if above is not None:
        return Rule("score", above, above if maybe is None else maybe, per, of_burst, diverse)
    if top is not None:
        return Rule("count", top, maybe or 0, per, of_burst, diverse)
    if percent is not None:
        return Rule("percent", percent, maybe or 0, per, of_burst, diverse)
    return Rule("percent", 20, 30 if maybe is None else maybe, per, of_burst, diverse)


def _default_into(found: ScoredInput, action: str | None) -> Path:
    if len(found.roots) > 1 and action not in (None, "mark"):
        raise click.UsageError("Several folders are culled: say where to sort with --into DIR.")
    return found.roots[0]


Chosen = list[tuple[Photograph, Choice]]


def _choose(
    photographs: Sequence[Photograph],
    rule: Rule,
    found: ScoredInput,
    *,
    looks: bool,
    ignore_stars: bool,
) -> Chosen:
    if looks:
        photographs = with_bursts(photographs, found.read_capture)
    elif rule.per == "day":
        photographs = with_times(photographs, found.read_capture)
    candidates = []
    for photo in photographs:
        opinion = Opinion() if ignore_stars else read_opinion(photo.group)
        say_problems(opinion.problems)
        candidates.append(
            Candidate(
                str(photo.path),
                photo.verdict.score,
                photo.day,
                photo.burst,
                opinion.rating,
                doubtful=bool(opinion.problems),
                frame_score=photo.verdict.frame_score,
            )
        )
    return list(zip(photographs, choose(candidates, rule), strict=True))


@dataclass(frozen=True, slots=True)
class _Sorting:
    """What the command line says about sorting."""

    found: ScoredInput
    only: tuple[Decision, ...]
    into: Path
    flat: bool
    labels: tuple[str, ...]
    style: SidecarStyle


@dataclass(frozen=True, slots=True)
class _Planned:
    """What will be done, and a sentence on it."""

    plan: Plan
    problems: tuple[str, ...]
    words: str


def _planned(chosen: Chosen, action: How | Literal["mark"] | None, sorting: _Sorting) -> _Planned:
    only = sorting.only or DECISIONS
    if action is None:
        return _Planned(Plan("cull", (), (), ()), (), "")
    if action == "mark":
        wanted = _marks([c for c in chosen if c[1].decision in only], sorting.labels)
        marked = plan_marks(wanted, MarkRule(sorting.style), sorting.found.roots, "cull")
        files = amount(len(marked.plan.steps), "file")
        return _Planned(marked.plan, marked.problems, f"mark {files}")
    rule = TransferRule(action, sorting.into, sorting.found.roots, only, sorting.flat)
    moved = plan_transfers(chosen, rule)
    size = f" ({moved.bytes / 1e6:,.0f} MB to write)" if moved.bytes else ""
    words = f"{action} {amount(len(moved.plan.steps), 'file')}{size} into {sorting.into}"
    return _Planned(moved.plan, moved.problems, words)


def _marks(chosen: Chosen, labels: Sequence[str]) -> list[tuple[Photograph, Notes]]:
    texts: dict[str, str] = {}
    for text in labels:
        decision, _, label = text.partition("=")
        if decision not in DECISIONS or not label:
            raise click.BadParameter(f"{text!r} is not like keep=Green", param_hint="--label")
        texts[decision] = label
    date = datetime.now().astimezone().isoformat(timespec="seconds")
    return [(p, _notes(p, choice, texts.get(choice.decision), date)) for p, choice in chosen]


def _notes(photo: Photograph, choice: Choice, label: str | None, date: str) -> Notes:
    """A reject is -1; what we rejected before and no longer do is unrated again."""
    rating = REJECTED if choice.decision == "reject" else None
    if rating is None and read_opinion(photo.group).ours == REJECTED:
        rating = 0
    verdict = photo.verdict
    return Notes(verdict.score, verdict.percentile, verdict.model, date, rating, label)


def _document(chosen: Chosen, planned: _Planned, journal: ChangeJournal | None) -> dict[str, Any]:
    return {
        "applied": journal.name if journal else None,
        "photographs": [
            {
                "path": photo.verdict.path,
                "score": round(choice.score, 4),
                "decision": choice.decision,
                "reason": choice.reason,
                "day": photo.day or None,
                "burst": photo.burst,
                "files": [str(path) for path in photo.group.files],
            }
            for photo, choice in chosen
        ],
        "steps": [step_words(step) for step in planned.plan.steps],
        "problems": list(planned.problems),
        "failed": [{"path": p, "why": why} for p, why in failures(journal)] if journal else [],
    }


def _print(
    chosen: Chosen, planned: _Planned, journal: ChangeJournal | None, *, quiet: bool
) -> None:
    for photo, choice in chosen:
        decision = click.style(f"{choice.decision:6}", fg=COLOURS[choice.decision])
        reason = shown(choice.reason)
        click.echo(f"{decision}  {choice.score:.2f}  {shown(photo.verdict.path)}  {reason}")
    if quiet:
        return
    counts = Counter(choice.decision for _, choice in chosen)
    click.echo(", ".join(f"{counts[decision]} {decision}" for decision in DECISIONS), err=True)
    if journal is not None:
        done = amount(journal.count("done"), "step")
        click.echo(f"{done} done. Take it back with: ilgnet undo {journal.name}", err=True)
    elif planned.plan.steps:
        click.echo(f"Would {planned.words}. Do it with --apply.", err=True)
    elif planned.words:
        click.echo("Nothing is left to do.", err=True)
