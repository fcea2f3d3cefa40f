"""`ilgnet undo`: take back what `cull` and `stars` did."""

from __future__ import annotations

import click

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_OK
from ilgnet.cli.plan_output import failures
from ilgnet.cli.printing import named, print_json
from ilgnet.errors import amount
from ilgnet.library.changes.journal import (
    ChangeJournal,
    damaged_journals,
    find_journal,
    list_journals,
)
from ilgnet.library.changes.plan import step_words
from ilgnet.library.proposals import undo as take_back
from ilgnet.report.rows import shown


@click.command()
@click.argument("name", required=False, metavar="[RUN]")
@click.option("--list", "listing", is_flag=True, help="List the runs, the latest first.")
@click.option(
    "--dry-run/--apply", help="Only say what would be taken back, or do it.  [default: apply]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def undo(name: str | None, listing: bool, dry_run: bool, as_json: bool) -> int:
    """Take back what `ilgnet cull` or `ilgnet stars` did: the latest run, or RUN.

    It acts at once, without --apply: it only takes back what was done with that. --dry-run says
    first what it would take back.

    What was moved goes back with its changes. A copy or a sidecar that would be deleted or
    rewritten, and has changed since, stays as it is, with the reason. Runs that a crash cut off are
    tidied up first.

    \b
      ilgnet undo --list
      ilgnet undo --dry-run                say what would be taken back
      ilgnet undo                          take it back
    """
    if listing:
        return _list(as_json)
    if dry_run:
        return _say_plan(find_journal(name), as_json)
    undone = take_back(name)
    journal = undone.journal
    if as_json:
        print_json(_document(journal))
    else:
        for path, why in failures(undone, "kept"):
            click.secho(f"stays: {named(path)}: {shown(why)}", fg="yellow", err=True)
        left = journal.count("kept")
        click.echo(
            f"{journal.name}: {amount(journal.count('undone'), 'step')} taken back"
            + (f", {left} could not be" if left else ""),
            err=True,
        )
        if left:
            click.echo("Take an earlier run back by its name: ilgnet undo --list", err=True)
    return EXIT_FAILURE if journal.count("kept") else EXIT_OK


def _list(as_json: bool) -> int:
    journals = list_journals()
    if as_json:
        print_json({"runs": [_document(journal) for journal in journals]})
        return EXIT_OK
    for journal in journals:
        steps = amount(journal.count("done", "kept"), "step")
        state = "taken back" if journal.undone else steps if journal.finished else "cut off"
        click.echo(f"{journal.name}  {state}  {shown(', '.join(journal.plan.roots))}")
    for error in damaged_journals():
        click.secho(shown(str(error)), fg="yellow", err=True)
    if not journals:
        click.echo("No run is noted.", err=True)
    return EXIT_OK


def _say_plan(journal: ChangeJournal, as_json: bool) -> int:
    if as_json:
        print_json(_document(journal))
        return EXIT_OK
    verbs = {"create": "remove", "edit": "restore", "move": "move back"}
    for step, progress in reversed(list(zip(journal.plan.steps, journal.outcomes, strict=True))):
        if progress.state in ("done", "kept"):
            words = step_words(step)
            verb = verbs.get(words["how"], "remove")
            click.echo(f"{verb}  {named(words.get('target', words['path']))}")
    count = amount(journal.count("done", "kept"), "step")
    click.echo(f"{journal.name}: {count} would be taken back.", err=True)
    return EXIT_OK


def _document(journal: ChangeJournal) -> dict[str, object]:
    return {
        "run": journal.name,
        "started": journal.started,
        "roots": list(journal.plan.roots),
        "finished": journal.finished,
        "undone": journal.undone,
        "steps": [
            {**step_words(step), "state": progress.state, "why": progress.why or None}
            for step, progress in zip(journal.plan.steps, journal.outcomes, strict=True)
        ],
    }
