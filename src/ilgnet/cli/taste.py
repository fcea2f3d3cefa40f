"""`ilgnet taste`: learn what a person likes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ilgnet.cli.exits import EXIT_OK
from ilgnet.cli.library_options import library_argument, stars_from_option
from ilgnet.cli.records import refuse_idle
from ilgnet.library.catalogue.place import find_library
from ilgnet.library.open_library import open_library
from ilgnet.report.rows import shown
from ilgnet.taste.learnt import Learnt
from ilgnet.zoo.records import DEFAULT_MODEL, Weights

LISTED = 5
TABLE: Any = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def taste() -> None:
    """Your own taste, learnt from what you have rated already.

    \b
      ilgnet score --library photos/
      ilgnet taste learn photos/ -o my-taste
      ilgnet score photos/new --model my-taste
    """


@taste.command()
@library_argument
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="FOLDER",
    help="Where to save the taste; give the folder to --model afterwards.",
)
@click.option("--csv", "ratings", type=TABLE, metavar="FILE", help="Ratings: columns path, rating.")
@click.option("--pairs", type=TABLE, metavar="FILE", help="Choices: columns winner, loser.")
@stars_from_option
@click.option(
    "--model",
    default=DEFAULT_MODEL,
    show_default=True,
    metavar="NAME|DIR",
    help="The model to learn on; it must have scored the library.",
)
@click.option("--name", help="How results call the taste.  [default: taste.FOLDER]")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def learn(
    folder: Path,
    output: Path,
    ratings: Path | None,
    pairs: Path | None,
    stars_from: int,
    model: str,
    name: str | None,
    as_json: bool,
) -> int:
    """Learn a taste from your stars and rejects: in sidecars, in pictures, or given here.

    \b
      ilgnet taste learn photos/ -o my-taste
      ilgnet taste learn photos/ -o my-taste --csv ratings.csv      columns path, rating
      ilgnet taste learn photos/ -o my-taste --pairs choices.csv    columns winner, loser

    It takes seconds, on what the catalogue holds; no picture is read. It says how often the taste
    agrees with you on days that it was not learnt from. It saves nothing if that is not above
    chance, or not clearly more than what the base model agrees: the 95 % interval of the gain
    must lie above 0. A taste of pure chance passes about once in forty times. Stars that
    `ilgnet stars` gave do not count as yours.
    """
    if ratings and pairs:
        raise click.UsageError("Learn from --csv or from --pairs, not from both.")
    if ratings or pairs:
        refuse_idle("stars: a table is learnt from instead", "stars_from")
    find_library(folder)
    learnt = open_library(folder, model=model, stars_from=stars_from).learn_taste(
        output, name=name or "", ratings=ratings, pairs=pairs
    )
    _say_left_out(learnt.left_out)
    if as_json:
        metrics = learnt.weights.to_json()["metrics"]
        click.echo(json.dumps({"name": learnt.weights.name, **metrics}, indent=2))
    else:
        _say(learnt.figures, learnt.weights)
    return EXIT_OK


def _say_left_out(left_out: Sequence[str]) -> None:
    for problem in left_out[:LISTED]:
        click.echo(f"Left out: {shown(problem)}", err=True)
    if len(left_out) > LISTED:
        click.echo(f"... and {len(left_out) - LISTED} more left out", err=True)


def _say(learnt: Learnt, saved: Weights) -> None:
    click.echo(f"Learnt from {learnt.pictures} pictures of {learnt.groups} days or outings.")
    click.echo("On days that it was not learnt from, pictures are ordered as you order them:")
    click.echo(f"  your taste   {learnt.agreement}{_rank_words(learnt.spearman)}")
    click.echo(f"  base model   {learnt.baseline}{_rank_words(learnt.baseline_spearman)}")
    gain = learnt.gain
    click.echo(
        f"  gain         {gain.value:+.1%} (95 % interval {gain.low:+.1%} to {gain.high:+.1%})"
    )
    click.echo(f"Blend: {learnt.blend:.0%} taste, {1 - learnt.blend:.0%} base model.")
    click.echo(f"Saved: {saved.folder}. Use it with: ilgnet score --model {saved.folder} ...")


def _rank_words(correlation: float | None) -> str:
    return "" if correlation is None else f", Spearman {correlation:.2f}"
