"""Several seeds: runs beside each other, told together, measured together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ilgnet.training.folder import FOLDER, RECIPE
from ilgnet.training.recipe import read_recipe
from tests import miniature_ava
from tests.training.runs import ilgnet, write_recipe


def test_runs_of_several_seeds_stand_as_mean_and_deviation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    ava = miniature_ava.build(tmp_path / "ava", 40, missing=0, corrupt=0)
    out = tmp_path / "runs"
    train = ("train", write_recipe(tmp_path), "--data", ava.ava_txt, "--images", ava.images)
    short = ("--set", "run.steps=3", "--set", "data.validation_share=0.4", "--threads", 1, "-q")
    cache = ("--cache", tmp_path / "cache", "--out", out, "--seeds", 2)
    assert ilgnet(*train, *short, *cache) == 0
    said = capsys.readouterr().out
    assert "Over 2 seeds, mean ± standard deviation:" in said
    recipes = [read_recipe(out / f"seed-{k}" / FOLDER / RECIPE) for k in (0, 1)]
    assert [recipe.run.seed for recipe in recipes] == [0, 1]
    asked = ("--data", ava.ava_txt, "--overlap", "allow", "--replicates", 20, "-q", "--json")
    assert ilgnet("evaluate", "--model", out, *asked) == 0
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert (cell["model"], len(cell["runs"])) == ("runs", 2)
