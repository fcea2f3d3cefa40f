"""Recipes: every key is known, every value checked, and what was resolved can be read again."""

from __future__ import annotations

import ast
import inspect
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from ilgnet.errors import RecipeError
from ilgnet.training import recipe as recipe_module
from ilgnet.training.recipe import Recipe, read_recipe, write_recipe
from ilgnet.training.typed_toml import build

MINIMAL = """
name = "tiny.test"
[model]
architecture = "tiny"
[loss]
emd = 1.0
[run]
epochs = 2
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_minimal_recipe_is_complete(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, MINIMAL))
    assert recipe.run.epochs == 2.0
    assert isinstance(recipe.run.epochs, float)
    assert recipe.optimizer.name == "adamw"
    assert recipe.preprocess is None


def test_the_resolved_recipe_reads_back_equal(tmp_path: Path) -> None:
    extra = '[preprocess]\nresize="warp"\nheight=256\nwidth=256\ncrop=227\nmean=[91.0, 99, 1e-7]\n'
    recipe = read_recipe(
        written(tmp_path, MINIMAL + extra), ['about=say "hi"\\n', "data.train=ü b"]
    )
    assert recipe.about == 'say "hi"\\n'
    assert build(Recipe, tomllib.loads(write_recipe(recipe))) == recipe


def test_settings_change_single_values(tmp_path: Path) -> None:
    settings = ["run.batch=16", "data.train=my ratings.csv", "optimizer.learning_rate = 1e-5"]
    recipe = read_recipe(written(tmp_path, MINIMAL), settings)
    assert recipe.run.batch == 16
    assert recipe.data.train == "my ratings.csv"
    assert recipe.optimizer.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["run.epoch=3"], r"unknown key 'run\.epoch'.*did you mean 'run\.epochs'"),
        (["lose.emd=1"], "unknown key 'lose'.*did you mean 'loss'"),
        (["run.zzzzzz=3"], "known keys: steps, epochs"),
        (["run.batch"], "key=value"),
        (["run.batch=3", "run.batch.size=3"], "'batch' is a value"),
        (["name.x=3"], "'name' is a value"),
        (["run.batch=many"], "'run.batch' must be a int, not 'many'"),
        (["run.batch=2.5"], "'run.batch' must be a int, not 2.5"),
        (["augment.mirror=1"], "'augment.mirror' must be a bool, not 1"),
        (["optimizer.learning_rate=nan"], "must be a float, not nan"),
        (["optimizer.name=adam"], "'sgd', 'adamw', not 'adam'"),
        (["run.steps=5"], "either run.steps or run.epochs"),
        (["run.epochs=0"], "either run.steps or run.epochs"),
        (["run.batch=0"], "at least 1"),
        (["loss.emd=0"], "positive loss weight"),
        (["loss.cross_entropy=1"], "two classes"),
        (["schedule.name=step"], "schedule.every"),
        (["model.architecture="], "names no network"),
        (["data.validation_share=0.9"], "between 0 and 0.5"),
        (["model=3"], "'model' must be a table"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, settings: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_recipe(written(tmp_path, MINIMAL), settings)


def test_a_missing_key_and_a_bad_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.toml.*needs 'loss'"):
        read_recipe(written(tmp_path, 'name = "x"\nmodel.architecture = "y"\nrun.steps = 1\n'))
    with pytest.raises(RecipeError, match="not valid TOML"):
        read_recipe(written(tmp_path, "name = "))
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe(tmp_path / "none.toml")


def test_every_field_is_documented() -> None:
    records = [
        value
        for value in vars(recipe_module).values()
        if isinstance(value, type)
        and is_dataclass(value)
        and value.__module__ == recipe_module.__name__
    ]
    assert len(records) == 8
    for record in records:
        body = ast.parse(inspect.getsource(record)).body[0]
        assert isinstance(body, ast.ClassDef)
        documented = {
            before.target.id
            for before, after in zip(body.body, body.body[1:], strict=False)
            if isinstance(before, ast.AnnAssign)
            and isinstance(before.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
        }
        assert documented == {field.name for field in fields(record)}, record
