"""The page of the benchmark says what its results say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks/explain"


def test_the_page_is_made_of_the_results() -> None:
    spec = importlib.util.spec_from_file_location("explain_page", FOLDER / "page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    record = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == module.page(record)


def test_both_maps_beat_a_random_order_and_the_centre() -> None:
    """What fails this is not shipped."""
    record = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    for method in ("parts", "occlusion"):
        rows = [v for v in record[f"curves, {method}"].values() if isinstance(v, dict)]
        assert len(rows) == 4
        assert all(row[test]["low"] > 0 for row in rows for test in ("deletion", "insertion"))
