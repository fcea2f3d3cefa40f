"""`ilgnet score` and `ilgnet rank`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_NOTHING, EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.option_records import refuse_idle
from ilgnet.cli.options import (
    chosen_format,
    chosen_images,
    explain_option,
    frame_options,
    model_options,
    output_options,
    picture_options,
    progress_options,
)
from ilgnet.images.sources import Found, find_images
from ilgnet.images.video import open_frame, with_frames
from ilgnet.report.embeddings import open_embeddings
from ilgnet.report.gallery import write_gallery
from ilgnet.report.output import check_output, discard_output
from ilgnet.report.progress import track
from ilgnet.report.rows import best_first, with_run_percentiles
from ilgnet.report.thumbnails import FirstDecode
from ilgnet.report.writers import STREAMED, Format, Writer, open_writer
from ilgnet.scoring import Scorer, load
from ilgnet.values import Failure, Outcome, Verdict


@click.command()
@picture_options
@click.option(
    "--library",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Remember what is scored below DIR, and score only what is new or changed. "
    "Without PATH: everything in DIR.",
)
@click.option(
    "--user-catalogue",
    is_flag=True,
    help="Keep the library's catalogue in your own data folder instead of DIR/.ilgnet.",
)
@click.option(
    "--features",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Also write the model's features: .parquet, .npy with its rows beside it, or a folder as "
    "clip-retrieval reads it.",
)
@frame_options
@output_options
@explain_option
@model_options
@progress_options
def score(
    paths: tuple[str, ...],
    files_from: str | None,
    library: Path | None,
    user_catalogue: bool,
    features: Path | None,
    every: float | None,
    format: Format | None,
    output: Path | None,
    report: Path | None,
    explain: bool,
    model: str,
    threads: int | None,
    quiet: bool,
    progress: bool | None,
) -> int:
    """Score photographs: one row a picture, in a stable order, nothing dropped.

    PATH is a file, a folder (searched with all below), a pattern, or - for a list of paths on
    standard input.

    \b
      ilgnet score photos/                        a table
      ilgnet score photos/ --report page.html     and a page to look at
      ilgnet score photos/ --report page.html --explain    that says why
      ilgnet score photos/ -o scores.csv          for a spreadsheet
      ilgnet score photos/ --jsonl | jq .score    streamed, for other programs
      find . -name '*.jpg' -print0 | ilgnet score --csv -
      ilgnet score --library photos/              the second run is quick; see `ilgnet library`
      ilgnet score film.mp4 --every 1s            frames, named by their time: film.mp4#t=12.5
      ilgnet score photos/ --features vectors.npy

    \b
    Exit codes: 0 all scored; 1 failure; 2 usage; 3 finished, but some pictures could not be
    read (each has a row with the reason); 4 no picture found; 130 interrupted.
    """
    form = chosen_format(format, output)
    if report is None:
        refuse_idle("--report", "explain")
    if user_catalogue and not library:
        raise click.UsageError(
            "--user-catalogue says where a library is kept: name its folder with --library DIR."
        )
    if library and (every or features):
        raise click.UsageError("A library keeps neither films nor features for others: take one.")
    if library and not paths and files_from is None:
        paths = (os.fspath(library),)
    if form in STREAMED and output is None and sys.stdout.isatty() and progress is None:
        progress = False  # rows and a bar would write over each other on one terminal
    shown = False if quiet else progress
    images, total = _images(paths, files_from, shown, every, needed=report is not None)
    if report:
        check_output(report)
    if library:
        from ilgnet.library.open_library import open_library

        opened = open_library(
            library,
            model=model,
            catalogue="user" if user_catalogue else "beside",
            threads=threads,
            images=lambda: images,
        )
        scorer, scored = opened.scorer, opened.score(keep=False)
    else:
        scorer = load(model, threads=threads)
        scored = scorer.score_many(images, features=features is not None)
    outcomes = track(scored, total=total, show=shown)
    tally = _Tally()
    kept: list[Outcome] = []
    first = FirstDecode(total) if report and total else None
    scorer.watch = None if first is None else first.see
    with first or nullcontext():
        with (
            open_embeddings(features) if features else nullcontext(lambda _: None) as write_vector,
            _row_writer(form, output, alone=not (report or features)) as write,
        ):
            for outcome in tally.count(outcomes):
                write(outcome)
                write_vector(outcome)
                if report:
                    kept.append(_without_features(outcome))
        if report and kept:
            _write_report(kept, report, scorer, explain, shown, first)
    return tally.exit_code(quiet)


@click.command()
@picture_options
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N best.")
@click.option(
    "--fail-under",
    type=click.FloatRange(1, 10),
    metavar="SCORE",
    help="Exit with 1 if any listed picture scores less.",
)
@frame_options
@output_options
@explain_option
@model_options
@progress_options
def rank(
    paths: tuple[str, ...],
    files_from: str | None,
    top: int | None,
    fail_under: float | None,
    every: float | None,
    format: Format | None,
    output: Path | None,
    report: Path | None,
    explain: bool,
    model: str,
    threads: int | None,
    quiet: bool,
    progress: bool | None,
) -> int:
    """List photographs best first.

    \b
      ilgnet rank photos/ --top 10
      ilgnet rank photos/ --top 50 --report best.html
      ilgnet rank shop/ --fail-under 4.5           in a build: fail if one is too poor
      ilgnet rank film.mp4 --every 1s --top 5      the best moments of a film

    Rows are those of `ilgnet score`; what could not be read comes last. Exit codes are the same.
    """
    form = chosen_format(format, output)
    if report is None:
        refuse_idle("--report", "explain")
    tally = _Tally()
    shown = False if quiet else progress
    images, total = _images(paths, files_from, shown, every)
    if report:
        check_output(report)
    from ilgnet.cli.scored_input import opened as open_paths

    if every:
        scorer = load(model, threads=threads)
        scored = scorer.score_many(images)
    else:
        opened = open_paths(paths, files_from, images, model=model, threads=threads)
        scorer, scored = opened.scorer, opened.score(keep=False)
    outcomes = track(scored, total=total, show=shown)
    with _row_writer(form, output, alone=not report) as write:
        listed = _best(with_run_percentiles(tally.count(outcomes)), top)
        for outcome in listed:
            write(outcome)
    if report and listed:
        _write_report(listed, report, scorer, explain, shown)
    poor = [o for o in listed if isinstance(o, Verdict) and fail_under and o.score < fail_under]
    if poor:
        click.echo(f"{len(poor)} of {len(listed)} pictures score less than {fail_under}.", err=True)
        return EXIT_FAILURE
    return tally.exit_code(quiet)


def _write_report(
    run: list[Outcome],
    report: Path,
    scorer: Scorer,
    explain: bool,
    shown: bool | None,
    first: FirstDecode | None = None,
) -> None:
    why = None
    if explain:
        from ilgnet.explanation.panel import panel_for

        why = partial(panel_for, scorer)
    write_gallery(
        run,
        report,
        open_picture=open_frame,
        explain=why,
        threads=scorer.threads,
        show_progress=shown,
        first=first,
    )


@contextmanager
def _row_writer(form: Format, output: Path | None, *, alone: bool) -> Iterator[Writer]:
    """A writer of rows. Where the run has more to write than rows (not `alone`), a reader of the
    rows who has had enough, such as head, ends only these."""
    reading = True
    try:
        with open_writer(form, output) as write:

            def write_while_read(outcome: Outcome) -> None:
                nonlocal reading
                try:
                    if reading:
                        write(outcome)
                except BrokenPipeError:
                    if alone:
                        raise
                    reading = False

            yield write_while_read
    except BrokenPipeError:
        if alone:
            raise
        discard_output()


def _images(
    paths: tuple[str, ...],
    files_from: str | None,
    show: bool | None,
    every: float | None,
    *,
    needed: bool = False,
) -> tuple[Iterator[Found], int | None]:
    """The pictures, and how many there are where progress, or who calls, needs it and it can be
    known now."""
    images = chosen_images(paths, files_from)
    if every:
        return with_frames(images, every), None
    # A list from a pipe can be read only once.
    countable = "-" not in paths and files_from is None
    wanted = needed or (sys.stderr.isatty() if show is None else show)
    return images, sum(1 for _ in find_images(paths)) if countable and wanted else None


def _without_features(outcome: Outcome) -> Outcome:
    """What a page needs: features of a whole run would fill the memory."""
    return replace(outcome, features=None) if isinstance(outcome, Verdict) else outcome


def _best(outcomes: list[Outcome], top: int | None) -> list[Outcome]:
    ordered = best_first(outcomes)
    verdicts = [outcome for outcome in ordered if isinstance(outcome, Verdict)]
    failures = [outcome for outcome in ordered if isinstance(outcome, Failure)]
    return [*verdicts[:top], *failures]


class _Tally:
    """Counts what passes, for the last line and the exit code."""

    def __init__(self) -> None:
        self.scored = 0
        self.failed = 0

    def count(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                self.failed += 1
            else:
                self.scored += 1
            yield outcome

    def exit_code(self, quiet: bool) -> int:
        if self.scored + self.failed == 0:
            click.echo("No picture was found.", err=True)
            return EXIT_NOTHING
        if self.failed and not quiet:
            click.echo(
                f"{self.failed} of {self.scored + self.failed} pictures could not be read.",
                err=True,
            )
        return EXIT_UNREADABLE if self.failed else EXIT_OK
