"""The page of the speed benchmark says what its results say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks/speed"


@pytest.fixture
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("speed_page", FOLDER / "page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(**changes: Any) -> dict[str, Any]:
    """One that meets every bar, but for what is changed."""
    speed = {
        "pictures a second": {"plain script": 5, "ilgnet": 40, "decode": 55, "bound": 42},
        "times the plain script": {"median": 8.0, "min": 7.5, "max": 8.5},
        "share of the bound": {"median": 0.95, "min": 0.93, "max": 0.97},
        "share of the bound with resizing": {"median": 0.97, "min": 0.96, "max": 0.98},
    }
    sizes = {"files": 24, "smallest MB": 2.5, "median MB": 3, "largest MB": 4}
    return {
        "conditions": {
            "date": "2026-01-01",
            "processor": "Abacus",
            "cores": 2,
            "load before": 0.1,
            "system": "Linux",
            "packages": {"numpy": "2"},
            "model": "m",
            "architecture": "a",
            "preprocess": "0123",
            "rounds": 5,
            "pictures": {"12MP": sizes},
        },
        "speed": {"12MP": {**speed, **changes.pop("speed", {})}},
        "scores": {"pictures": 48, "spearman": 0.9995, "largest difference in votes": 0.05},
        "first score": {"median s": 0.5, "max s": 0.6},
        "memory": {"pictures": 10000, "rows": 10000, "peak resident MB": 200.0},
        **changes,
    }


def test_the_page_is_that_of_the_results(page: ModuleType) -> None:
    written = FOLDER / "README.md"
    assert written.exists() == any((FOLDER / "results").glob("*.json"))
    if written.exists():
        assert written.read_text(encoding="utf-8") == page.page(), (
            "run python benchmarks/speed/page.py"
        )


def test_figures_and_conditions_are_on_the_page(page: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "abacus.json").write_text(json.dumps(result()), encoding="utf-8")
    text = page.page(tmp_path)
    assert "## Abacus, 2 cores" in text
    assert "| times the plain script, 12MP | at least 7 | 8.00 (7.50 to 8.50) | met |" in text
    assert "| 12MP | 5.0 | 40.0 | 55.0 | 42.0 |" in text
    assert "missed" not in text


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        (
            {"speed": {"times the plain script": {"median": 6.9, "min": 6, "max": 9}}},
            "times the plain script",
        ),
        (
            {"speed": {"share of the bound": {"median": 0.89, "min": 0.8, "max": 1}}},
            "share of the bound",
        ),
        ({"memory": {"pictures": 9, "rows": 9, "peak resident MB": 400.0}}, "memory"),
        ({"memory": {"pictures": 9, "rows": 8, "peak resident MB": 200.0}}, "memory"),
        (
            {"scores": {"pictures": 9, "spearman": 0.999, "largest difference in votes": 0.1}},
            "Spearman",
        ),
        (
            {"scores": {"pictures": 9, "spearman": 1.0, "largest difference in votes": 0.11}},
            "largest difference",
        ),
        ({"first score": {"median s": 1.5, "max s": 2}}, "first score"),
    ],
)
def test_a_bar_that_is_missed_is_said_to_be(
    page: ModuleType, changes: dict[str, Any], missed: str
) -> None:
    (what,) = [what for what, _, _, met in page.bars(result(**changes)) if not met]
    assert missed in what
