"""`ilgnet library`: what the catalogue knows, whether it is true, what to export and forget."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_NOTHING, EXIT_OK
from ilgnet.cli.library_options import library_argument
from ilgnet.cli.options import chosen_format, output_options, progress_options
from ilgnet.errors import amount
from ilgnet.library.catalogue.catalogue import Catalogue, named_model
from ilgnet.library.catalogue.place import find_library
from ilgnet.library.catalogue.rows import Filter
from ilgnet.library.catalogue.upkeep import (
    Status,
    Verified,
    check_files,
    check_structure,
    to_forget,
)
from ilgnet.library.catalogue.upkeep import (
    status as library_status,
)
from ilgnet.report.rows import shown, with_run_percentiles
from ilgnet.report.writers import Format, open_writer
from ilgnet.values import Outcome

LISTED = 5
"""Paths named in a summary; --json has them all."""

json_option = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


@click.group()
def library() -> None:
    """The catalogue of a folder of photographs.

    It is made and kept up to date by `ilgnet score --library DIR`. DIR is the library's folder or
    one below it; without it, the current folder.

    \b
      ilgnet library status photos/
      ilgnet library export photos/ --min-score 6 --since 2026-05-01 --csv
      ilgnet library verify photos/
      ilgnet library forget photos/ --missing
    """


@library.command()
@library_argument
@json_option
def status(folder: Path, as_json: bool) -> int:
    """Say what the catalogue holds, and what in the folder it does not.

    \b
      ilgnet library status photos/
      ilgnet library status photos/ --json | jq -r .orphans[]
    """
    with Catalogue(find_library(folder), "read") as catalogue:
        found = library_status(catalogue)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return EXIT_OK
    click.echo(f"{catalogue.place.file}: {found.catalogue_bytes / 1e6:.1f} MB")
    _say_status(found)
    return EXIT_OK


def _say_status(found: Status) -> None:
    click.echo(f"{amount(found.pictures, 'picture')} in the catalogue")
    for scored in found.scored:
        click.echo(f"  {scored.pictures} scored by {scored.model}, last on {scored.last_used[:10]}")
    for code, count in found.failures.items():
        click.echo(f"  {count} could not be read: {code}")
    if found.without_time:
        click.echo(f"  {found.without_time} do not say when they were taken")
    if found.pairs:
        pairs = amount(found.pairs, "RAW and JPEG pair")
        click.echo(f"  {pairs}, each counted as one photograph by bursts and cull")
    _say_paths("new in the folder: run ilgnet score --library", found.new)
    _say_paths("no longer in the folder: see ilgnet library forget --missing", found.missing)
    _say_moves("moved, which ilgnet score --library notes without scoring again", found.moved)
    _say_moves("moved out of the library by ilgnet cull; ilgnet undo brings them back", found.away)
    _say_paths("passed over, because only pictures are scored: videos", found.videos)
    _say_paths("passed over, because their format is not decoded here", found.unread)
    _say_paths("sidecars without a picture", found.orphans)
    _say_paths("passed over, because they belong to other programs: folders", found.foreign)


def _say_moves(what: str, moves: Sequence[tuple[str, str]]) -> None:
    _say_paths(what, [f"{source} -> {target}" for source, target in moves])


def _say_paths(what: str, paths: Sequence[str]) -> None:
    if not paths:
        return
    click.echo(f"{len(paths)} {what}")
    for path in paths[:LISTED]:
        click.echo(f"    {shown(path)}")
    if len(paths) > LISTED:
        click.echo(f"    ... and {len(paths) - LISTED} more")


@library.command()
@library_argument
@click.option("--quick", is_flag=True, help="Trust time and length; do not read the pictures.")
@json_option
@progress_options
def verify(folder: Path, quick: bool, as_json: bool, quiet: bool, progress: bool | None) -> int:
    """Check the catalogue, and every picture against the hash that was noted.

    A picture with another time or length was changed, as by an edit. One whose bytes changed under
    the same time and length was damaged, as by a failing disk: fetch it from a backup.

    Exit code 1 if the catalogue or a picture is damaged or cannot be read.
    """
    from ilgnet.report.progress import track

    verified = Verified()
    with Catalogue(find_library(folder), "read") as catalogue:
        verified.structure = check_structure(catalogue)
        total = library_status(catalogue)
        checks = check_files(catalogue, read=not quick)
        show = False if quiet else progress
        for checked in track(checks, total=total.pictures, show=show, label="Checking"):
            verified.add(checked)
    if as_json:
        record = {**asdict(verified), "sound": verified.sound, "orphans": total.orphans}
        click.echo(json.dumps(record, indent=2))
    else:
        _say_verified(verified, total, quick)
    return EXIT_OK if verified.sound else EXIT_FAILURE


def _say_verified(verified: Verified, total: Status, quick: bool) -> None:
    for problem in verified.structure:
        click.echo(f"catalogue: {problem}")
    how = "by time and length" if quick else "by their contents"
    click.echo(f"{amount(verified.checked, 'picture')} checked {how}")
    words = {
        "damaged": "DAMAGED: other bytes under the same time and length; fetch them from a backup",
        "unreadable": "could not be read",
        "changed": "changed since they were scored: run ilgnet score --library",
        "missing": "no longer in the folder",
    }
    for state, paths in verified.paths.items():
        _say_paths(words[state], paths)
    _say_paths("sidecars without a picture", total.orphans)


def _day(context: click.Context, parameter: click.Parameter, value: datetime | None) -> str | None:
    return None if value is None else value.date().isoformat()


DAY = click.DateTime(["%Y-%m-%d"])


@library.command()
@library_argument
@click.option("--min-score", type=float, metavar="SCORE", help="Only pictures with at least this.")
@click.option("--max-score", type=float, metavar="SCORE", help="Only pictures with at most this.")
@click.option("--since", type=DAY, callback=_day, help="Only pictures taken on this day or later.")
@click.option("--until", type=DAY, callback=_day, help="Only pictures taken until this day.")
@click.option("--folder", "part", metavar="SUB", help="Only pictures below DIR/SUB.")
@click.option("--model", metavar="NAME", help="What this model said.  [default: the last used]")
@output_options
def export(
    folder: Path,
    min_score: float | None,
    max_score: float | None,
    since: str | None,
    until: str | None,
    part: str | None,
    model: str | None,
    format: Format | None,
    output: Path | None,
    report: Path | None,
) -> int:
    """Write what is known without scoring: the rows of `ilgnet score`, as CSV if nothing is said.

    \b
      ilgnet library export photos/ --min-score 6 -o good.csv
      ilgnet library export photos/ --since 2026-05-01 --until 2026-05-31 --jsonl
      ilgnet library export photos/ --folder weddings --report weddings.html

    Pictures that could not be read are rows too, unless pictures are chosen by score or day.
    """
    form = chosen_format(format or (None if output else "csv"), output)
    which = Filter(min_score, max_score, since, until, part)
    with Catalogue(find_library(folder), "read") as catalogue, ExitStack() as stack:
        verdicts = catalogue.verdicts(named_model(catalogue, model), which)
        outcomes: list[Outcome] = list(verdicts)
        if which == Filter(folder=part):
            outcomes = sorted([*outcomes, *catalogue.failures(part)], key=lambda o: o.path)
        write = stack.enter_context(open_writer(form, output))
        for outcome in outcomes:
            write(outcome)
    if report and outcomes:
        from ilgnet.report.gallery import write_gallery

        write_gallery(with_run_percentiles(outcomes), report)
    if not outcomes:
        click.echo("No picture of the catalogue is like that.", err=True)
        return EXIT_NOTHING
    return EXIT_OK


@library.command()
@library_argument
@click.option("--missing", is_flag=True, help="Pictures that are no longer in the folder.")
@click.option("--folder", "part", metavar="SUB", help="Pictures below DIR/SUB.")
@click.option("--model", metavar="NAME", help="Everything that this model said.")
@click.option("--all", "everything", is_flag=True, help="All pictures.")
@click.option("--apply", is_flag=True, help="Do it; without, only say what would be forgotten.")
def forget(
    folder: Path, missing: bool, part: str | None, model: str | None, everything: bool, apply: bool
) -> int:
    """Forget what the catalogue knows. Pictures and sidecars are never touched.

    \b
      ilgnet library forget photos/ --missing           what would go
      ilgnet library forget photos/ --missing --apply   let it go

    A picture that only seems to have moved is left out. What is forgotten is scored again when
    `ilgnet score --library` meets it.
    """
    if not (missing or part or model or everything):
        raise click.UsageError("Forget what? Say --missing, --folder, --model or --all.")
    if model and (missing or part or everything):
        raise click.UsageError("--model forgets all that a model said: give it alone.")
    with Catalogue(find_library(folder), "write" if apply else "read") as catalogue:
        if model:
            doomed = named_model(catalogue, model)
            count = sum(1 for _ in catalogue.verdicts(doomed))
            what = f"what {doomed.name} ({doomed.digest}) said of {amount(count, 'picture')}"
            if apply:
                catalogue.forget_model(doomed)
        else:
            found = to_forget(catalogue, missing=missing, folder=part)
            what = f"{amount(len(found.paths), 'picture')} with their scores"
            _say_paths("pictures to forget", [] if apply else found.paths)
            _say_paths("left out: moved, run ilgnet score --library", found.moved)
            if found.chosen:
                what += f", and what you chose here for {found.chosen} of them"
            if apply:
                catalogue.forget(found.paths)
    click.echo(f"Forgotten: {what}." if apply else f"Would forget {what}. Do it with --apply.")
    return EXIT_OK
