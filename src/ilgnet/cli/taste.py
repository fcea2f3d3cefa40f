"""`ilgnet taste`: learn what a person likes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ilgnet.cli.exits import EXIT_OK
from ilgnet.cli.library_options import library_argument, stars_from_option
from ilgnet.cli.option_records import refuse_idle
from ilgnet.library.catalogue.place import find_library
from ilgnet.library.open_library import open_library
from ilgnet.report.rows import shown
from ilgnet.taste.learnt import TasteLearnt
from ilgnet.zoo.records import DEFAULT_MODEL

LISTED = 5
TABLE: Any = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def taste() -> None:
    """Your own taste, learnt from what you have rated already.

    \b
      ilgnet score --library photos/
      ilgnet taste learn photos/ --name mine
      ilgnet score photos/new --model mine
    """


@taste.command()
@library_argument
@click.option("--name", default="", help="What --model takes.  [default: the name of FOLDER]")
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="A folder for the taste, to pass it on.  [default: in your own data folder]",
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
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
def learn(
    folder: Path,
    name: str,
    output: Path | None,
    ratings: Path | None,
    pairs: Path | None,
    stars_from: int,
    model: str,
    as_json: bool,
) -> int:
    """Learn a taste from your stars and rejects: in sidecars, in pictures, or given here.

    \b
      ilgnet taste learn photos/ --name mine
      ilgnet taste learn photos/ --name mine --csv ratings.csv      columns path, rating
      ilgnet taste learn photos/ --name mine --pairs choices.csv    columns winner, loser
      ilgnet taste learn photos/ -o tastes/mine                     in a folder of your choice

    Afterwards every --model takes the name, wherever you are, and `ilgnet models` lists it.

    It takes seconds, on what the catalogue holds; no picture is read. It says how often the taste
    agrees with you on days that it was not learnt from. It saves nothing if that is not above
    chance, or not clearly more than what the base model agrees: the 95 % interval of the gain
    must lie above 0. A taste of pure chance passes about once in forty times. Stars that
    `ilgnet stars` gave do not count as yours.
    """
    if not name and not output:
        raise click.UsageError("What shall the taste be called? Say --name NAME, or -o FOLDER.")
    if ratings and pairs:
        raise click.UsageError("Learn from --csv or from --pairs, not from both.")
    if ratings or pairs:
        refuse_idle("stars: a table is learnt from instead", "stars_from")
    find_library(folder)
    learnt = open_library(folder, model=model, stars_from=stars_from).learn_taste(
        output, name=name, ratings=ratings, pairs=pairs
    )
    _say_left_out(learnt.left_out)
    if as_json:
        metrics = learnt.weights.to_json()["metrics"]
        click.echo(json.dumps({"name": learnt.weights.name, **metrics}, indent=2))
    else:
        _say(learnt)
    return EXIT_OK


def _say_left_out(left_out: Sequence[str]) -> None:
    for problem in left_out[:LISTED]:
        click.echo(f"Left out: {shown(problem)}", err=True)
    if len(left_out) > LISTED:
        click.echo(f"... and {len(left_out) - LISTED} more left out", err=True)


def _say(saved: TasteLearnt) -> None:
    learnt = saved.figures
    click.echo(f"Learnt from {learnt.pictures} pictures of {learnt.groups} days or outings.")
    click.echo("On days that it was not learnt from, pictures are ordered as you order them:")
    click.echo(f"  your taste   {learnt.agreement}{_rank_words(learnt.spearman)}")
    click.echo(f"  base model   {learnt.baseline}{_rank_words(learnt.baseline_spearman)}")
    gain = learnt.gain
    click.echo(
        f"  gain         {gain.value:+.1%} (95 % interval {gain.low:+.1%} to {gain.high:+.1%})"
    )
    click.echo(f"Blend: {learnt.blend:.0%} taste, {1 - learnt.blend:.0%} base model.")
    click.echo(f"Saved: {saved.weights.folder}. Use it with: ilgnet score --model {saved.key} ...")


def _rank_words(correlation: float | None) -> str:
    return "" if correlation is None else f", Spearman {correlation:.2f}"
