"""`ilgnet evaluate`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import click

from ilgnet.cli.exits import EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.options import model_options, progress_options
from ilgnet.cli.rated_options import DATA, OpenRated, rated_options
from ilgnet.evaluation import messages
from ilgnet.evaluation.evaluation import Batches, Evaluation, EvaluationOptions
from ilgnet.evaluation.evaluation import evaluate as run_evaluation
from ilgnet.evaluation.page import render_page
from ilgnet.evaluation.record import to_json
from ilgnet.report.output import open_output
from ilgnet.report.progress import track
from ilgnet.scoring import load
from ilgnet.values import Outcome


@click.command()
@click.option(
    "--data",
    type=DATA,
    required=True,
    metavar="DATA",
    help="Rated pictures: AVA.txt, a list, a table (CSV, Parquet), a folder for each class.",
)
@rated_options
@model_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of the table.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write the JSON there.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also write an HTML page with plots, one self-contained file.",
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
    data: Path,
    open_rated: OpenRated,
    model: str,
    threads: int | None,
    as_json: bool,
    output: Path | None,
    report: Path | None,
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
    """Measure a model on rated pictures, through the path that scores users' pictures.

    \b
      ilgnet evaluate --data my-ratings.csv --scale 1..5
      ilgnet evaluate --data ratings.csv --column group=shoot --report page.html
      ilgnet evaluate --data photos/                        photos/high, photos/low
      ilgnet evaluate --data AVA1_test.txt --ratings AVA.txt --images ava/ -o ava1.json
      ilgnet evaluate --model my-model --data AVA1_val.txt.gz --images ava/ --batches 50

    Accuracy is given with the list's majority rate; every figure with its 95 % interval and the
    fingerprint of the list. A model is not measured on pictures that it was trained on, unless
    that is asked for.

    \b
    Exit codes: 0 all measured; 1 failure; 2 usage; 3 finished, but some pictures could not be
    read (they are listed, and not in the figures).
    """
    if shuffle and not batches:
        raise click.UsageError("--shuffle is for --batches; the whole list has no order.")
    protocol = EvaluationOptions(
        overlap=overlap,
        batches=Batches(batches, batch_size, shuffle) if batches else None,
        deltas=deltas,
        replicates=replicates,
        seed=seed,
    )
    show = False if quiet else progress

    def watch(outcomes: Iterable[Outcome], total: int) -> Iterable[Outcome]:
        return track(outcomes, total=total, show=show, label="Measuring")

    evaluation = run_evaluation(
        load(model, threads=threads), open_rated(data), protocol, watch=watch
    )
    text = json.dumps(to_json(evaluation), indent=2, ensure_ascii=False) + "\n"
    if output:
        with open_output(output) as stream:
            stream.write(text.encode())
    if report:
        with open_output(report) as stream:
            stream.write(render_page(evaluation, thumbnails=thumbnails).encode())
    click.echo(text if as_json else _table(evaluation), nl=False)
    return EXIT_UNREADABLE if evaluation.failures else EXIT_OK


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
