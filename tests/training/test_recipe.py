"""Recipes: every key is known, every value checked, and what was resolved can be read again."""

from __future__ import annotations

import ast
import inspect
import tomllib
from dataclasses import fields, is_dataclass, make_dataclass, replace
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ilgnet.errors import RecipeError
from ilgnet.training import recipe as recipe_module
from ilgnet.training.recipe import Recipe, read_recipe, write_recipe
from ilgnet.training.recipe_toml import build, dump

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


FINITE = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@cache
def unchecked(kind: type) -> type:
    """A record with the same fields, all needed, without its checks of values: writing and reading
    must not depend on them."""
    fields_of = [(name, _unchecked(inner)) for name, inner in get_type_hints(kind).items()]
    return make_dataclass(kind.__name__, fields_of, frozen=True)


def _unchecked(kind: Any) -> Any:
    if isinstance(kind, type) and is_dataclass(kind):
        return unchecked(kind)
    if isinstance(kind, UnionType):
        return reduce(or_, map(_unchecked, get_args(kind)))
    return kind


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a type."""
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if get_origin(kind) is dict:
        return st.dictionaries(TEXT, TEXT)
    if get_origin(kind) is tuple:
        return st.tuples(*map(any_of, get_args(kind)))
    if isinstance(kind, UnionType):
        return st.one_of(*map(any_of, get_args(kind)))
    if isinstance(kind, type) and is_dataclass(kind):
        return st.builds(kind, **{n: any_of(inner) for n, inner in get_type_hints(kind).items()})
    number = st.integers(-(2**63), 2**63 - 1)
    return {bool: st.booleans(), int: number, float: FINITE, str: TEXT, NoneType: st.none()}[kind]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_of(unchecked(Recipe)))
def test_every_field_survives_toml_both_ways(recipe: Any) -> None:
    """What is written is TOML, and holds every value of every field; None is what it leaves out."""
    table = tomllib.loads(dump(recipe))
    if recipe.preprocess is None:
        table["preprocess"] = None
    elif recipe.preprocess.crop is None:
        table["preprocess"]["crop"] = None
    assert build(type(recipe), table) == recipe


def test_a_text_that_is_no_unicode_is_named(tmp_path: Path) -> None:
    recipe = read_recipe(written(tmp_path, MINIMAL))
    odd = replace(recipe, data=replace(recipe.data, train="b\udcffd.csv"))
    with pytest.raises(RecipeError, match="not Unicode"):
        write_recipe(odd)


def test_settings_change_single_values(tmp_path: Path) -> None:
    changes = ["run.batch=16", "data.train=my ratings.csv", "optimizer.learning_rate = 1e-5"]
    recipe = read_recipe(written(tmp_path, MINIMAL), changes)
    assert recipe.run.batch == 16
    assert recipe.data.train == "my ratings.csv"
    assert recipe.optimizer.learning_rate == 1e-5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["run.epoch=3"], r"unknown key 'run\.epoch'.*did you mean 'run\.epochs'"),
        (["lose.emd=1"], "unknown key 'lose'.*did you mean 'loss'"),
        (["run.zzzzzz=3"], "known keys: steps, epochs"),
        (["run.batch"], "key=value"),
        (["run.batch=3", "run.batch.size=3"], "'batch' is a value"),
        (["name.x=3"], "'name' is a value"),
        (["run.batch=many"], "'run.batch' must be of the type int, not 'many'"),
        (["run.batch=2.5"], "'run.batch' must be of the type int, not 2.5"),
        (["augment.mirror=1"], "'augment.mirror' must be of the type bool, not 1"),
        (["optimizer.learning_rate=nan"], "must be a finite number, not nan"),
        (["optimizer.name=adam"], "'sgd', 'adamw', not 'adam'"),
        (["run.steps=5"], "either run.steps or run.epochs"),
        (["run.epochs=0"], "either run.steps or run.epochs"),
        (["run.batch=0"], "at least 1"),
        (["loss.emd=0"], "positive loss weight"),
        (["loss.cross_entropy=1"], "two classes"),
        (["schedule.name=step"], "schedule.every"),
        (["model.architecture="], "names no network"),
        (["data.validation_share=0.9"], "between 0 and 0.5"),
        (["model=3"], "'model' must be of the type table, not 3"),
        (["preprocess.mean=[1, 2]"], r"'preprocess.mean'.* length 3"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, changes: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        read_recipe(written(tmp_path, MINIMAL), changes)


def test_a_missing_key_and_a_bad_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"recipe\.toml.*needs 'loss'"):
        read_recipe(written(tmp_path, 'name = "x"\nmodel.architecture = "y"\nrun.steps = 1\n'))
    with pytest.raises(RecipeError, match="not valid TOML"):
        read_recipe(written(tmp_path, "name = "))
    with pytest.raises(RecipeError, match="No such file"):
        read_recipe(tmp_path / "none.toml")


def recipe_records() -> list[type]:
    """The dataclasses of a recipe."""
    return [
        value
        for value in vars(recipe_module).values()
        if isinstance(value, type)
        and is_dataclass(value)
        and value.__module__ == recipe_module.__name__
    ]


def test_every_field_is_documented() -> None:
    records = recipe_records()
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
