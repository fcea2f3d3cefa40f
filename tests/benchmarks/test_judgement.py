"""The yardstick: its page says what its results say, and one run measures what it claims."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from ilgnet.values import ImageRef

FOLDER = Path(__file__).parents[2] / "benchmarks/judgement"
NAMES = ("collections_at_hand", "baselines", "steadiness", "page", "run")


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The benchmark's files, which import each other by their own names."""
    loaded = {}
    for name in NAMES:
        spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        loaded[name] = module
    return loaded


@pytest.fixture
def collections(tmp_path: Path) -> Path:
    """Twenty made-up pictures in the form of OASIS: the smoother, the better liked."""
    folder = tmp_path / "collections/oasis"
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    with (folder / "ratings.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(["file", *(f"count_{k}" for k in range(1, 8)), "category", "fold"])
        for number in range(20):
            rough = random.normal(0, 4 * number, (64, 64, 3))
            smooth = np.linspace(60, 200, 64)[:, None, None] + rough
            name = f"images/{number:02}.png"
            Image.fromarray(np.clip(smooth, 0, 255).astype(np.uint8)).save(folder / name)
            counts = [number, 5, 5, 5, 5, 5, 20 - number]
            table.writerow([name, *counts, "Scene" if number % 2 else "Object", number % 5])
    return tmp_path / "collections"


def test_the_page_is_that_of_the_results(modules: dict[str, ModuleType]) -> None:
    written = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert written == modules["page"].page(), "run python benchmarks/judgement/page.py"


def test_a_run_measures_every_judge(
    modules: dict[str, ModuleType],
    collections: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(modules["run"].__dict__, "REPLICATES", 20)
    results = tmp_path / "results"
    monkeypatch.setattr(sys, "argv", ["run.py", str(collections), "-o", str(results)])
    modules["run"].main()
    found = json.loads((results / "oasis.json").read_text(encoding="utf-8"))
    assert found["images"] == 20
    assert list(found["models"]) == ["default", *modules["baselines"].RIDGES]
    for name in modules["baselines"].RIDGES:
        figures = found["models"][name]["figures"]
        assert figures["srcc"]["value"] > 0.8  # folds share how rough a picture is
        assert figures["pairs_in_group"]["value"] > 0.8
    assert [row["against"] for row in found["differences"]] == list(modules["baselines"].RIDGES)
    assert "| default | " in modules["page"].page(results)


def test_known_scores_are_given_back(modules: dict[str, ModuleType]) -> None:
    baselines = modules["baselines"]
    known = baselines.from_scores("somebody", {"a": 3.25, "b": 7.5})
    verdicts = list(known.score_many([ImageRef("b", "b"), ImageRef("a", "a")]))
    assert [verdict.score for verdict in verdicts] == [7.5, 3.25]
    votes = np.array([verdict.votes for verdict in verdicts])
    np.testing.assert_allclose(votes @ np.arange(1, 11), [7.5, 3.25], atol=1e-3)


def test_what_does_not_change_does_not_move(modules: dict[str, ModuleType]) -> None:
    steadiness = modules["steadiness"]
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (60, 100, 3), dtype=np.uint8)
    for name, change in steadiness.CHANGES.items():
        changed = change(rgb, np.random.default_rng(1))
        assert changed.dtype == np.uint8, name
        assert (changed.shape == rgb.shape) == (not any(w in name for w in ("size", "cropped")))
    assert set(modules["page"].STEADY_BARS) == set(steadiness.CHANGES)
    same = steadiness._move(np.arange(30.0), np.arange(30.0))
    assert same["rms"] == 0
    assert same["spearman"] == 1
