"""`ilgnet shards` as people call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ilgnet.cli.main import ilgnet
from tests.shards.collections import make_tar
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(ilgnet, ["shards", *map(str, arguments)], standalone_mode=False)


def test_from_the_plan_to_one_table(tmp_path: Path, model: Path) -> None:
    for number in range(3):
        make_tar(tmp_path / f"{number}.tar", 4, 4 * number)
    job = tmp_path / "job"
    found = run("plan", tmp_path / "*.tar", "-o", job, "--model", model)
    assert found.output == "3 shards: 3 tars\n"
    assert run("status", job).output == "0 of 3 shards finished\n"
    assert "3 of 3 shards have no part" in str(
        run("merge", job, "-o", tmp_path / "a.parquet").exception
    )
    assert "1 shard, 4 pictures, 0 failed" in run("work", job, "--shard", "1/3").stderr
    assert run("work", job, "--workers", 2, "-q").output == ""
    said = json.loads(run("status", job, "--json", "--failures").output)
    assert (said["shards"], said["finished"], said["pictures"], said["failures"]) == (3, 3, 12, {})
    assert "12 rows" in run("merge", job, "-o", tmp_path / "a.parquet").output


@pytest.mark.parametrize("share", ["3/3", "1", "a/b", "-1/3"])
def test_shares_that_are_none(share: str, tmp_path: Path) -> None:
    assert "is not I/N" in str(run("work", tmp_path, f"--shard={share}").exception)


def test_no_job_here(tmp_path: Path) -> None:
    assert "holds no job" in str(run("work", tmp_path).exception)
