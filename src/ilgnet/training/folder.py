"""The folder that a run writes.

- OUT/model.json, model.onnx, model.safetensors: the model, ready for `ilgnet score --model OUT`
- OUT/trained_on/: which pictures it has seen
- OUT/training/recipe.toml: the recipe, every key resolved
- OUT/training/checkpoint.safetensors: where a killed run goes on
- OUT/training/best.safetensors: the best weights so far
- OUT/training/log.jsonl, tensorboard/: the scalars
- OUT/training/mean.binaryproto: the mean image before the crop, where the network subtracts one
- OUT/training/unreadable.csv: pictures that were left out, and why
"""

from __future__ import annotations

import csv
import io
import shutil
import tomllib
from pathlib import Path
from typing import Final

from ilgnet.atomic import write_whole
from ilgnet.errors import RecipeError, in_words
from ilgnet.training.recipe import Recipe, write_recipe
from ilgnet.training.recipe_toml import build
from ilgnet.values import Failure
from ilgnet.zoo.records import RECORD_NAME

FOLDER: Final = "training"
MEAN_FILE: Final = f"{FOLDER}/mean.binaryproto"
RECIPE: Final = "recipe.toml"
CHECKPOINT: Final = "checkpoint.safetensors"
BEST: Final = "best.safetensors"
LOG: Final = "log.jsonl"
TENSORBOARD: Final = "tensorboard"
UNREADABLE: Final = "unreadable.csv"


def claim(out: Path, recipe: Recipe, *, restart: bool) -> None:
    """Make the folder this run's own, or stop before anything of another run is touched."""
    folder, text = out / FOLDER, write_recipe(recipe)
    if restart:
        _remove_run(out)
    written = folder / RECIPE
    if written.is_file():
        changed = _differences(_read(written), tomllib.loads(text))
        if changed:
            raise RecipeError(
                f"{out} holds a run of another recipe, which differs in {', '.join(changed)}. "
                "Choose another folder with --out, or begin again with --restart"
            )
    elif (out / RECORD_NAME).is_file():
        raise RecipeError(
            f"{out} holds a model already. Choose another folder with --out, or replace the model "
            "with --restart"
        )
    write_whole(written, text.encode())


def _read(written: Path) -> dict[str, object]:
    """The keys of a run's recipe; those that it is too old to name have their defaults."""
    try:
        table = tomllib.loads(written.read_text("utf-8"))
        return tomllib.loads(write_recipe(build(Recipe, table)))
    except RecipeError:
        return table  # of another version's recipe; what differs is named
    except ValueError as error:
        raise RecipeError(
            f"{written} is damaged ({in_words(error)}), so nobody can tell whose run this is. "
            "Choose another folder with --out, or begin again with --restart"
        ) from error


def _remove_run(out: Path) -> None:
    (out / RECORD_NAME).unlink(missing_ok=True)
    for name in (CHECKPOINT, BEST, LOG, RECIPE, UNREADABLE):
        (out / FOLDER / name).unlink(missing_ok=True)
    shutil.rmtree(out / FOLDER / TENSORBOARD, ignore_errors=True)


def _differences(one: dict[str, object], other: dict[str, object], where: str = "") -> list[str]:
    """Dotted names of the keys that differ."""
    found = []
    for key in {**one, **other}:
        left, right = one.get(key), other.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            found += _differences(left, right, f"{where}{key}.")
        elif left != right:
            found.append(f"{where}{key}")
    return found


def report_unreadable(folder: Path, failures: tuple[Failure, ...]) -> None:
    """List the pictures that were left out, if there are any."""
    if not failures:
        return
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("picture", "code", "message"))
    rows.writerows((failure.path, failure.code, failure.message) for failure in failures)
    write_whole(folder / UNREADABLE, text.getvalue().encode(errors="surrogateescape"))
