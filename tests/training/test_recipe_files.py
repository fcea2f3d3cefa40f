"""Every recipe that ships is read, opens with what a reader needs, and can be run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ilgnet.errors import RecipeError
from ilgnet.models.registry import architecture
from ilgnet.training.pipeline import resolved
from ilgnet.training.recipe import FINETUNE, Recipe, read_recipe
from ilgnet.zoo.records import find_weights

RECIPES = Path(__file__).parents[2] / "recipes"
FILES = [*sorted(RECIPES.glob("*.toml")), FINETUNE]
HERE = [path for path in FILES if path.stem != "foundation_ava"]
"""Those whose networks can be built without timm."""


def complete(path: Path) -> Recipe:
    recipe = read_recipe(path)
    base = find_weights(recipe.model.start) if recipe.model.start == "default" else None
    return resolved(recipe, base)


def test_there_are_recipes() -> None:
    names = {path.stem for path in FILES}
    assert {"ilgnet_v1_ava1", "ilgnet_v1_ava2", "modern_ava", "finetune"} <= names


def test_a_recipe_on_a_trunk_of_timm_is_valid_but_for_the_network() -> None:
    recipe = read_recipe(RECIPES / "foundation_ava.toml")
    assert recipe.model.architecture.startswith("timm:vit_")
    assert recipe.model.freeze == "trunk"
    assert recipe.augment.zoom == 1.0  # a frozen trunk is run once


@pytest.mark.parametrize("path", HERE, ids=lambda path: path.stem)
def test_a_recipe_is_valid_and_names_a_network_that_exists(path: Path) -> None:
    recipe = complete(path)
    entry = architecture(recipe.model.architecture)
    assert recipe.preprocess is not None
    assert recipe.preprocess.crop == entry.preprocess.crop


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recipe_opens_with_command_time_and_result(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    head = text.partition("\nname =")[0]
    assert all(line.startswith("#") or not line for line in head.splitlines())
    for title in ("Command:", "Time:", "Result:"):
        assert re.search(rf"^# {title} +\S", head, re.MULTILINE), title
    assert "ilgnet train" in head
    if path != FINETUNE:
        assert f"recipes/{path.name}" in head


@pytest.mark.parametrize(
    ("name", "rate", "every", "steps", "batch"),
    [
        ("ilgnet_v1_ava1", 1e-4, 115_000, 475_000, 50),
        ("ilgnet_v1_ava2", 1e-5, 13_325, 533_000, 48),
    ],
)
def test_the_published_recipes_are_the_published_ones(
    name: str, rate: float, every: int, steps: int, batch: int
) -> None:
    recipe = complete(RECIPES / f"{name}.toml")
    assert recipe.model.architecture == "ilgnet_inception_v1"
    assert recipe.model.output == "high_low"
    optimizer, schedule = recipe.optimizer, recipe.schedule
    assert (optimizer.name, optimizer.momentum, optimizer.weight_decay) == ("sgd", 0.9, 2e-4)
    assert (optimizer.learning_rate, optimizer.new_multiplier) == (rate, 10.0)
    assert (optimizer.bias_multiplier, optimizer.clip) == (2.0, 0.0)
    assert (schedule.name, schedule.every, schedule.gamma) == ("step", every, 0.96)
    assert (recipe.run.steps, recipe.run.batch, schedule.warmup) == (steps, batch, 0)
    assert recipe.loss.cross_entropy == 1.0
    assert recipe.preprocess is not None
    shape = recipe.preprocess.resize, recipe.preprocess.height, recipe.preprocess.crop
    assert shape == ("warp", 256, 227)
    assert recipe.augment.mirror
    assert recipe.augment.crop == "random"
    assert recipe.data.validation != recipe.data.test, "the test list never chooses"


def test_two_classes_are_not_chosen_by_the_distance_between_votes() -> None:
    recipe = read_recipe(RECIPES / "ilgnet_v1_ava1.toml", ["run.select_by=emd"])
    with pytest.raises(RecipeError, match="take srcc, accuracy or balanced_accuracy"):
        resolved(recipe, None)
