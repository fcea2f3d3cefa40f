"""docs/shards.md says what is so."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

from ilgnet.errors import FAILURE_CODES
from ilgnet.shards import fetch, worker
from ilgnet.shards.job import Job
from ilgnet.shards.part import part_schema
from tests.shards.collections import make_tar, planned, scored

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/shards.md").read_text()


def test_the_columns() -> None:
    schema = part_schema(Job("", "", ""))
    table = TEXT.split("| column | type | |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| (\w+) \| ([^|]+) \|", table, re.MULTILINE)
    assert listed == [(field.name, str(field.type)) for field in schema]


def test_the_failure_codes() -> None:
    table = TEXT.split("## What can go wrong")[1].split("\n## ")[0]
    for code in ("too_large", "timeout", "kills_the_reader"):
        assert f"`{code}`" in table
        assert code in FAILURE_CODES


def test_the_limits() -> None:
    assert f"twice {fetch.AHEAD_BYTES >> 20} MiB of pictures read ahead" in TEXT
    assert f"beyond {fetch.MEMBER_BYTES >> 20} MiB are refused" in TEXT.replace("\n", " ")
    assert f"after {fetch.GIVE_UP_AFTER} in a row" in TEXT
    decision = (ROOT / "docs/decisions/0141-watched-processes.md").read_text()
    assert f"After {fetch.GIVE_UP_AFTER} silences" in decision
    assert "more than ten such pictures" in decision
    assert worker.MOST_HARMFUL == 10


@pytest.fixture
def estimate() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "estimate", ROOT / "benchmarks/shards/estimate.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmarks_page_is_made_from_its_result(estimate: ModuleType) -> None:
    result = json.loads(estimate.RESULT.read_text())
    assert (ROOT / "benchmarks/shards/README.md").read_text() == estimate.page(result)


def test_the_estimate_by_hand(estimate: ModuleType) -> None:
    """100 million pictures of 36 ms are 1,000 core hours."""
    found = estimate.estimate(100_000_000, 36.0, 100.0, 5_000.0)
    assert found["core hours of scoring"] == pytest.approx(1000)
    assert found["GB of parts"] == pytest.approx(10)
    assert found["TB read"] == pytest.approx(10)
    assert found["core hours lost to harmful pictures"] == pytest.approx(10 * (60 + 180) / 3600)


def test_the_query_on_the_parts(tmp_path: Path, model: Path) -> None:
    """As the document has it, on a job of this test's."""
    (query,) = re.findall(r"`(SELECT [^`]+)`", TEXT)
    for number in range(2):
        make_tar(tmp_path / f"{number}.tar", 3, 3 * number)
    job = planned([tmp_path / "*.tar"], tmp_path / "job", model)
    scored(job)
    found = duckdb.sql(query.replace("job/", f"{job}/")).fetchall()
    assert [key for key, _ in found] == [f"{index:06d}" for index in reversed(range(6))]
