"""`ilgnet evaluate`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import click

from ilgnet.cli.exits import EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.options import progress_options, threads_option
from ilgnet.cli.rated_options import OpenRated, rated_options, scale
from ilgnet.data.collections import read_persons
from ilgnet.data.overlap import find_overlap
from ilgnet.data.protocols import PROTOCOLS
from ilgnet.data.rated import RatedSet
from ilgnet.data.scale import Scale
from ilgnet.evaluation import comparison_table, messages, predictions
from ilgnet.evaluation.evaluation import (
    Batches,
    Evaluation,
    EvaluationOptions,
    without_overlap,
)
from ilgnet.evaluation.evaluation import evaluate as run_evaluation
from ilgnet.evaluation.model_table import Contender, compare
from ilgnet.evaluation.page import render_page
from ilgnet.evaluation.personal import look, personalised
from ilgnet.evaluation.record import to_json
from ilgnet.evaluation.scorers import ImageScorer, open_scorer, runs_of, subject_of
from ilgnet.report.output import check_output, open_output
from ilgnet.report.progress import track
from ilgnet.scoring import Scorer, load
from ilgnet.zoo.records import DEFAULT_MODEL


@click.command()
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="[PROTOCOL=]DATA",
    help="Rated pictures: AVA.txt, a list, a table, a folder for each class; or a protocol and its "
    "collection's folder. May be repeated.",
)
@rated_options
@click.option(
    "--model",
    "-m",
    "models",
    multiple=True,
    default=(DEFAULT_MODEL,),
    show_default=True,
    metavar="MODEL",
    help="A model's name or folder; a folder of runs (seed-0, seed-1, ...); a table of "
    "predictions; python:MODULE:FUNCTION; pyiqa:METRIC. May be repeated.",
)
@click.option(
    "--model-scale",
    type=scale,
    metavar="LOW..HIGH",
    help="Scale of the scores of what is none of our models.",
)
@threads_option
@click.option("--json", "as_json", is_flag=True, help="JSON instead of the table.")
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write there: .json everything, .csv or .parquet every prediction. May be repeated.",
)
@click.option(
    "--table",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the table of models by collections: .csv or .tex (LaTeX).",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write an HTML page with plots, one self-contained file.",
)
@click.option(
    "--personal",
    "shots",
    type=click.IntRange(min=3),
    multiple=True,
    metavar="SHOTS",
    help="The personalised protocol: give so many pictures of each person, ask the others. DATA is "
    "PROTOCOL=FOLDER of a collection that tells people apart, or a table with a column person.",
)
@click.option("--thumbnails", is_flag=True, help="Embed small copies of the misses in the page.")
@click.option(
    "--overlap",
    type=click.Choice(["refuse", "remove", "allow"]),
    default="refuse",
    show_default=True,
    help="What to do with pictures that the model was trained on.",
)
@click.option(
    "--batches",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only the first N batches in list order, as `caffe test` counts.",
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="B",
    help="Pictures in each of those batches.",
)
@click.option(
    "--shuffle",
    is_flag=True,
    help="Shuffle the list (by --seed) before those batches are taken.",
)
@click.option(
    "--delta",
    "deltas",
    type=click.FloatRange(0, 5),
    multiple=True,
    default=(0.5, 1.0),
    show_default=True,
    metavar="D",
    help="Confusion without the pictures within D of 5; may be repeated.",
)
@click.option(
    "--replicates",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    metavar="N",
    help="Bootstrap draws for the intervals.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the draws, and of --shuffle."
)
@progress_options
def evaluate(
    sources: tuple[str, ...],
    open_rated: OpenRated,
    models: tuple[str, ...],
    model_scale: Scale | None,
    threads: int | None,
    as_json: bool,
    outputs: tuple[Path, ...],
    table: Path | None,
    report: Path | None,
    shots: tuple[int, ...],
    thumbnails: bool,
    overlap: Literal["refuse", "remove", "allow"],
    batches: int | None,
    batch_size: int,
    shuffle: bool,
    deltas: tuple[float, ...],
    replicates: int,
    seed: int,
    quiet: bool,
    progress: bool | None,
) -> int:
    """Measure models on rated pictures, through the path that scores users' pictures.

    \b
      ilgnet evaluate --data my-ratings.csv --scale 1..5
      ilgnet evaluate --data ratings.csv --column group=shoot --report page.html
      ilgnet evaluate --protocol ava-official --data ava/ -o ava.json -o predictions.parquet
      ilgnet evaluate --data AVA1_test.txt --ratings AVA.txt --images ava/ -o ava1.json
      ilgnet evaluate --model my-model --data AVA1_val.txt.gz --images ava/ --batches 50

    Accuracy is given with the list's majority rate; every figure with its 95 % interval and the
    fingerprint of the list. A model is not measured on pictures that it was trained on, unless
    that is asked for.

    Several models, or several collections, give a table: paired tests on the same pictures (the
    bootstrap of the difference, Steiger's and McNemar's tests), and beside every cell what the
    model has seen. Several runs of one recipe stand as their mean and deviation.

    \b
      ilgnet evaluate --model default --model runs/mine --model others.csv --data ratings.csv
      ilgnet evaluate -m default -m runs/mine --data ava-official=ava/ --data koniq10k=koniq/
          --table table.tex --report table.html

    Where a collection tells people apart, --personal 10 gives ten pictures of each person and asks
    the others, before and after a regression on what the person gave.

    \b
      ilgnet evaluate --data para=PARA/ --personal 10 --personal 100

    \b
    Exit codes: 0 all measured; 1 failure; 2 usage; 3 finished, but some pictures could not be
    read (they are listed, and not in the figures).
    """
    if shuffle and not batches:
        raise click.UsageError("--shuffle is for --batches; the whole list has no order.")
    options = EvaluationOptions(
        overlap=overlap,
        batches=Batches(batches, batch_size, shuffle) if batches else None,
        deltas=deltas,
        replicates=replicates,
        seed=seed,
    )
    for path in outputs:
        if path.suffix.lower() not in (".json", *predictions.SUFFIXES):
            raise click.UsageError(
                f"-o {path}: .json takes everything, .csv or .parquet every prediction."
            )
    if table and table.suffix.lower() not in TABLES:
        raise click.UsageError(f"--table {table}: the table is written as .csv or .tex.")
    for target in (*outputs, table, report):
        if target:
            check_output(target)
    show = False if quiet else progress

    def watch(outcomes: Iterable[Any], total: int) -> Iterable[Any]:
        return track(outcomes, total=total, show=show, label="Measuring")

    def opened(name: str) -> ImageScorer | Scorer:
        return open_scorer(name, threads=threads, scale=model_scale)

    if shots:
        return _personal(sources, open_rated, models, threads, shots, options)
    names = [(name, runs_of(name)) for name in models]
    rated = [_open(source, open_rated) for source in sources]
    if len(rated) == 1 and len(names) == 1 and len(names[0][1]) == 1 and not table:
        evaluation = run_evaluation(opened(names[0][1][0]), rated[0], options, watch=watch)
        evaluations: tuple[Evaluation, ...] = (evaluation,)
        record, text = to_json(evaluation), _table(evaluation)
        page = render_page(evaluation, thumbnails=thumbnails) if report else ""
    else:
        contenders = [_contender(name, [opened(run) for run in runs]) for name, runs in names]
        comparison = compare(_told_apart(contenders), rated, options, watch=watch)
        evaluations = tuple(run for cell in comparison.cells for run in cell.evaluations)
        record, text = comparison_table.to_json(comparison), comparison_table.as_text(comparison)
        page = comparison_table.as_page(comparison) if report else ""
        if table:
            _write(table, TABLES[table.suffix.lower()](comparison).encode())
    document = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    for path in outputs:
        asked_json = path.suffix.lower() == ".json"
        _write(path, document.encode() if asked_json else predictions.encoded(evaluations, path))
    if report:
        _write(report, page.encode())
    click.echo(document if as_json else text, nl=False)
    return EXIT_UNREADABLE if any(e.failures for e in evaluations) else EXIT_OK


def _personal(
    sources: tuple[str, ...],
    open_rated: OpenRated,
    models: tuple[str, ...],
    threads: int | None,
    shots: tuple[int, ...],
    options: EvaluationOptions,
) -> int:
    """The personalised protocol, as a table."""
    for source in sources:
        name, equals, folder = source.partition("=")
        if equals and name in PROTOCOLS:
            rated = read_persons(PROTOCOLS[name].collection, Path(folder))
        else:
            rated = _open(source, open_rated)
        click.echo(
            f"{rated.name}: {len(rated.images):,} pictures, fingerprint {rated.fingerprint}; SRCC, "
            "mean over persons with 95 % interval"
        )
        for model in models:
            scorer = load(model, threads=threads)
            overlap = find_overlap(scorer.weights, rated)
            kept = without_overlap(rated, overlap, options)
            seen = look(scorer, kept)
            unread = len(kept.images) - len(seen)
            lost = f"; {unread:,} could not be read" if unread else ""
            click.echo(
                f"  {scorer.weights.name}: {len(seen):,} pictures measured{lost}; "
                f"seen in training: {messages.seen_in_training(overlap, options)}"
            )
            found = personalised(
                kept,
                seen,
                shots,
                replicates=options.replicates,
                seed=options.seed,
            )
            for row in found:
                said = ", ".join(
                    f"{what} {value.value:.3f} ({messages.interval('srcc', value)})"
                    for what, value in (
                        ("as it is", row.generic),
                        ("after", row.personal),
                        ("gain", row.gain),
                    )
                )
                click.echo(
                    f"    {row.shots} pictures given of each of {row.persons} persons (drawn with "
                    f"seed {options.seed}): {said}"
                )
    return EXIT_OK


TABLES: Final = {".csv": comparison_table.as_csv, ".tex": comparison_table.as_latex}


def _write(path: Path, data: bytes) -> None:
    with open_output(path) as stream:
        stream.write(data)


def _open(source: str, open_rated: OpenRated) -> RatedSet:
    """A rated set by its path, or as PROTOCOL=FOLDER."""
    name, equals, folder = source.partition("=")
    if equals and name in PROTOCOLS:
        return open_rated(Path(folder), protocol=name)
    if not Path(source).exists():
        raise click.BadParameter(
            f"there is no {source}; a named protocol is written NAME=FOLDER, and "
            "`ilgnet data protocols` lists the names",
            param_hint="--data",
        )
    return open_rated(Path(source))


def _contender(name: str, runs: list[ImageScorer | Scorer]) -> Contender:
    """A row of the table, called as its model calls itself, or as its folder of runs."""
    if len(runs) > 1:
        return Contender(Path(name).name, tuple(runs))
    return Contender(subject_of(runs[0]).name, tuple(runs))


def _told_apart(contenders: list[Contender]) -> list[Contender]:
    """Rows of one name get a number behind it."""
    names = Counter(contender.name for contender in contenders)
    seen: Counter[str] = Counter()
    told = []
    for contender in contenders:
        seen[contender.name] += 1
        number = f" ({seen[contender.name]})" if names[contender.name] > 1 else ""
        told.append(replace(contender, name=f"{contender.name}{number}"))
    return told


def _table(evaluation: Evaluation) -> str:
    """Conditions, figures, categories and failures as text."""
    lines = [f"{name + ':':<18}{text}" for name, text in messages.conditions(evaluation)]
    lines.append("")
    for name, measure in messages.shown(evaluation.figures):
        value = messages.number(name, measure.value)
        lines.append(f"{messages.NAMES[name]:<22}{value:>9}   {messages.interval(name, measure)}")
    for name, table in (
        ("probability", evaluation.calibration_of_high),
        ("score", evaluation.calibration_of_mean),
    ):
        if table:
            lines.append(f"{'Calibration gap':<22}{table.error:>9.3f}   of the {name}")
    for confusion in evaluation.confusions[1:]:
        accuracy = messages.number("accuracy", confusion.accuracy)
        majority = messages.number("accuracy", confusion.majority_rate)
        label = f"Accuracy, 5 ± {confusion.delta:g} out"
        lines.append(
            f"{label:<22}{accuracy:>9}   of {confusion.images:,} pictures, majority {majority}"
        )
    lines += _categories(evaluation)
    if evaluation.failures:
        lines += ["", f"Could not be read: {len(evaluation.failures):,}"]
        lines += [f"  {f.path}: {f.message}" for f in evaluation.failures[:20]]
        if len(evaluation.failures) > 20:
            lines.append("  ... all of them are in the JSON (-o FILE)")
    return "\n".join(lines) + "\n"


def _categories(evaluation: Evaluation) -> list[str]:
    if not evaluation.categories:
        return []
    names = [n for n in ("accuracy", "srcc", "plcc") if n in evaluation.figures]
    head = "".join(f"{messages.NAMES[n]:>11}" for n in names)
    width = 1 + max(21, *(len(row.name) for row in evaluation.categories))
    lines = ["", f"{'':<{width}}{'Pictures':>9}{'Majority':>11}{head}"]
    for row in evaluation.categories:
        majority = "–" if row.majority_rate is None else f"{100 * row.majority_rate:.2f} %"
        cells = "".join(f"{messages.number(n, row.figures[n].value):>11}" for n in names)
        lines.append(f"{row.name:<{width}}{row.images:>9,}{majority:>11}{cells}")
    return lines
