"""Showing plans, carrying them out, and saying what became of them."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.printing import named
from ilgnet.errors import amount
from ilgnet.library.changes.journal import StepState
from ilgnet.library.changes.plan import step_words
from ilgnet.library.proposals import Applied, Proposal
from ilgnet.report.progress import track
from ilgnet.report.rows import shown

apply_option = click.option(
    "--apply", is_flag=True, help="Do it. Without this, only say what would be done."
)
"""The one convention of everything that writes or moves."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document instead of text."
)


def say_problems(problems: Sequence[str]) -> None:
    """What a person should know, on stderr."""
    for problem in problems:
        click.secho(f"note: {shown(problem)}", fg="yellow", err=True)


def say_notes(notes: Sequence[str]) -> None:
    """What was passed over, on stderr."""
    for note in notes:
        click.echo(shown(note), err=True)


def carry_out(proposal: Proposal, *, show: bool | None) -> Applied | None:
    """Apply a proposal with progress on stderr, and name what failed; None where nothing is."""
    steps = len(proposal.plan.steps)
    if not steps:
        return None
    ticks = iter(track(range(steps), total=steps, show=show, label="Writing"))
    applied = proposal.apply(lambda _: next(ticks, None))
    next(ticks, None)  # the bar ends after its last item
    for path, why in failures(applied):
        click.secho(f"left alone: {named(path)}: {shown(why)}", fg="red", err=True)
    return applied


def say_how_to_undo(applied: Applied, noun: str = "step") -> None:
    """What was done, and the way back, on stderr."""
    done = f"{amount(applied.done, noun)} done"
    click.echo(f"{done}. Take it back with: ilgnet undo {applied.name}", err=True)


def failures(applied: Applied, *states: StepState) -> list[tuple[str, str]]:
    """The files whose step is in one of these states, and why."""
    journal = applied.journal
    return [
        (step_words(step)["path"], progress.why)
        for step, progress in zip(journal.plan.steps, journal.outcomes, strict=True)
        if progress.state in (states or ("failed", "kept"))
    ]


def exit_code(applied: Applied | None, *, unreadable: bool) -> int:
    """0, or 1 when a step failed, or 3 when pictures could not be read."""
    if applied is not None and applied.failed:
        return EXIT_FAILURE
    return EXIT_UNREADABLE if unreadable else EXIT_OK
