"""`ilgnet train`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ilgnet.cli.rated_options import pair
from ilgnet.errors import require


@click.command()
@click.argument("recipe", required=False, type=click.Path(path_type=Path), metavar="[RECIPE.toml]")
@click.option(
    "--finetune",
    type=click.Path(path_type=Path),
    metavar="RATINGS",
    help="Go on from a model with your own rated pictures; needs no recipe.",
)
@click.option(
    "--model",
    default="default",
    show_default=True,
    metavar="NAME|DIR",
    help="The model that --finetune goes on from.",
)
@click.option("--data", metavar="RATINGS", help="The rated pictures: data.train of the recipe.")
@click.option("--images", metavar="DIR", help="Folder of the pictures.  [default: beside]")
@click.option(
    "--ratings", metavar="FILE", help="For a list of pictures: AVA.txt or a table that rates them."
)
@click.option(
    "--column",
    "columns",
    type=pair,
    multiple=True,
    metavar="ROLE=NAME",
    help="What a table's column holds: picture, mean, votes (its prefix), stars, label, better, "
    "worse, group.",
)
@click.option("--scale", metavar="LOW..HIGH", help="Scale of a mean, as in 1..7.")
@click.option(
    "--where",
    type=pair,
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only the rows of a table with this value.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change one key of the recipe, as in run.batch=16; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The model's folder.  [default: runs/NAME OF THE RECIPE]",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where decoded pictures are kept.  [default: ilgnet/pictures in your cache folder]",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    help="Where to compute.  [default: a GPU if there is one]",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of the processor.  [default: the cores that others leave free]",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=2),
    metavar="N",
    help="N runs that differ in run.seed alone, in DIR/seed-0, DIR/seed-1, ...",
)
@click.option(
    "--track",
    "trackers",
    multiple=True,
    type=click.Choice(["wandb", "mlflow"]),
    help="Also hand the scalars on, to files in DIR unless their own settings say otherwise.",
)
@click.option("--restart", is_flag=True, help="Begin again where DIR holds a run or a model.")
@click.option("--keys", is_flag=True, help="Print every key of a recipe, what it means, and stop.")
@click.option("--quiet", "-q", is_flag=True, help="Only the result, and errors.")
def train(
    recipe: Path | None,
    finetune: Path | None,
    model: str,
    data: str | None,
    images: str | None,
    ratings: str | None,
    columns: tuple[tuple[str, str], ...],
    scale: str | None,
    where: tuple[tuple[str, str], ...],
    settings: tuple[str, ...],
    out: Path | None,
    cache: Path | None,
    device: str,
    threads: int | None,
    seeds: int | None,
    trackers: tuple[str, ...],
    restart: bool,
    keys: bool,
    quiet: bool,
) -> None:
    """Train a model, or teach one your own taste.

    \b
    Your own few hundred rated pictures, on a laptop, in a minute or two. CSV with the columns file
    and stars (or mean, votes, label), or better and worse; or a folder for each class:
      ilgnet train --finetune ratings.csv --out my_model
      ilgnet train --finetune ratings.csv --column mean=beauty --scale 1..7 --column group=shoot
      ilgnet score --model my_model photos/

    \b
    A recipe, with changes:
      ilgnet train recipes/modern_ava.toml --data AVA.txt --images images/
      ilgnet train recipes/modern_ava.toml --data AVA.txt --set run.batch=128 --out runs/b128

    \b
    Several GPUs:
      torchrun --nproc-per-node 4 -m ilgnet train recipes/modern_ava.toml --data AVA.txt

    A run that was killed goes on where it was: give the same command again. The folder holds the
    model, and under training/ the resolved recipe, the log, TensorBoard's files and the checkpoint.
    """
    require("torch", "train", "training")
    from ilgnet.training.keys import describe_keys
    from ilgnet.training.pipeline import Surroundings
    from ilgnet.training.pipeline import train as run_training
    from ilgnet.training.recipe import FINETUNE, read_recipe
    from ilgnet.training.seeds import over_seeds, train_seeds
    from ilgnet.training.summary import summary

    if keys:
        click.echo(describe_keys())
        return
    if (recipe is None) == (finetune is None):
        raise click.UsageError("Give a recipe, or --finetune with your rated pictures.")
    given = {
        "data.train": finetune or data,
        "data.images": images,
        "data.ratings": ratings,
        "data.scale": scale,
        "model.start": model if finetune else None,
        "name": out.resolve().name if finetune and out else None,
        **{f"data.columns.{role}": name for role, name in columns},
        **{f"data.where.{column}": value for column, value in where},
    }
    named = [f"{key}={json.dumps(str(value))}" for key, value in given.items() if value]
    chosen = read_recipe(recipe or FINETUNE, [*named, *settings])
    folder = out or Path("runs") / chosen.name
    around = Surroundings(cache, device, threads, restart, not quiet, trackers)
    runs = train_seeds(chosen, folder, seeds, around) if seeds else []
    if not seeds and (alone := run_training(chosen, folder, around)):
        runs = [alone]
    for trained in runs:
        click.echo(summary(trained))
    if seeds and runs:
        click.echo(over_seeds(runs, folder))
