"""docs/shards.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from ilgnet.errors import FAILURE_CODES
from ilgnet.shards import fetch, worker
from ilgnet.shards.job import Job
from ilgnet.shards.part import part_schema

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
    assert f"{fetch.AHEAD_BYTES >> 20} MiB of pictures read ahead" in TEXT
    assert f"beyond {fetch.MEMBER_BYTES >> 20} MiB are refused" in TEXT.replace("\n", " ")
    assert f"after {fetch.GIVE_UP_AFTER} in a row" in TEXT
    decision = (ROOT / "docs/decisions/0141-watched-processes.md").read_text()
    assert f"After {fetch.GIVE_UP_AFTER} silences" in decision
    assert "more than ten such pictures" in decision
    assert worker.MOST_HARMFUL == 10
