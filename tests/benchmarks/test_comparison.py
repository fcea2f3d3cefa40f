"""The table of our default and its baselines is made of single collections, joined."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.data.scale import AVA_SCALE
from ilgnet.evaluation.comparison_table import as_csv, as_latex
from ilgnet.evaluation.evaluation import EvaluationOptions
from ilgnet.evaluation.model_table import Contender, compare
from ilgnet.evaluation.scorers import FunctionScorer

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(FOLDER / "judgement"), *sys.path])
    for name in ("run", "page", "baselines", "collections_at_hand", "steadiness"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location("table", FOLDER / "comparison/table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made_up(name: str) -> RatedSet:
    names = [f"{name}{i}.jpg" for i in range(20)]
    return RatedSet(
        name, tuple(RatedImage(n, Path(n), mean=2 + i / 4) for i, n in enumerate(names))
    )


def test_collections_are_joined_and_a_part_is_no_choice_of_ours(table: ModuleType) -> None:
    contenders = [
        Contender(name, (FunctionScorer(said, name, scale=AVA_SCALE),))
        for name, said in (("length", len), ("last", lambda path: ord(path[-5])))
    ]
    quick = EvaluationOptions(replicates=20)
    sets = [made_up("one"), made_up("two")]
    joined = table._joined([compare(contenders, [rated], quick) for rated in sets])
    assert [row.split(",")[:2] for row in as_csv(joined).splitlines()[1:]] == [
        ["length", "one"],
        ["last", "one"],
        ["length", "two"],
        ["last", "two"],
    ]
    assert as_latex(joined).count("\\multicolumn") == 2
    page = table._page(joined, ["/somewhere/data", "--limit", "5"])
    assert "/somewhere" not in page
    assert "length less last" in page
    part = table._some(made_up("three"), 5)
    assert len(part.images) == 5
    assert part == table._some(made_up("three"), 5)
    assert len(table._some(made_up("oasis"), 5).images) == 20
