"""Showing plans, carrying them out, and saying what became of them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_OK, EXIT_UNREADABLE
from ilgnet.library.changes.journal import ChangeJournal, StepState
from ilgnet.library.changes.plan import Edit, Plan, Step
from ilgnet.library.changes.run import apply_plan
from ilgnet.report.progress import track
from ilgnet.report.rows import json_bytes, shown


def named(path: str | Path) -> str:
    """A path as people know it: from here where it is below, else in full; fit to print."""
    here = Path.cwd()
    full = Path(path)
    return shown(str(full.relative_to(here) if full.is_relative_to(here) else full))


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.buffer.write(json_bytes(document) + b"\n")
    sys.stdout.buffer.flush()


def step_words(step: Step) -> dict[str, str]:
    """A step for JSON: what is done to which file."""
    if isinstance(step, Edit):
        return {"how": "create" if step.before is None else "edit", "path": step.path}
    return {"how": step.how, "path": step.source, "target": step.target}


def say_problems(problems: Sequence[str]) -> None:
    """What a person should know, on stderr."""
    for problem in problems:
        click.secho(f"note: {shown(problem)}", fg="yellow", err=True)


def carry_out(plan: Plan, *, show: bool | None) -> ChangeJournal:
    """Apply a plan with progress on stderr, and name what failed."""
    ticks = iter(track(range(len(plan.steps)), total=len(plan.steps), show=show, label="Writing"))
    journal = apply_plan(plan, lambda _: next(ticks, None))
    next(ticks, None)  # the bar ends after its last item
    for path, why in failures(journal):
        click.secho(f"left alone: {named(path)}: {shown(why)}", fg="red", err=True)
    return journal


def failures(journal: ChangeJournal, *states: StepState) -> list[tuple[str, str]]:
    """The files whose step is in one of these states, and why."""
    return [
        (step_words(step)["path"], progress.why)
        for step, progress in zip(journal.plan.steps, journal.outcomes, strict=True)
        if progress.state in (states or ("failed", "kept"))
    ]


def exit_code(journal: ChangeJournal | None, *, unreadable: bool) -> int:
    """0, or 1 when a step failed, or 3 when pictures could not be read."""
    if journal is not None and journal.count("failed", "kept"):
        return EXIT_FAILURE
    return EXIT_UNREADABLE if unreadable else EXIT_OK


def amount(count: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
