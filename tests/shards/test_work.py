"""Real processes: stopped, killed, doubled, out of disk; no row is lost and none comes twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ilgnet.errors import IlgnetError
from ilgnet.shards.job import METADATA, SCHEMA, read_job
from ilgnet.shards.parts import merge, status
from ilgnet.shards.stores import Folder
from ilgnet.shards.work import Share, unfinished
from tests.shards.collections import (
    make_tar,
    multiset,
    planned,
    rows,
    scored,
    worked,
)
from tests.tiny_model import make_tiny_model


@pytest.fixture
def tars(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in range(6):
        make_tar(folder / f"{number:02d}.tar", 10, 10 * number)
    return folder


def command(job: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "ilgnet", "shards", "work", job, "--workers", "1", *more]


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    """Until it holds, or the process has ended."""
    while process.poll() is None and not condition():
        time.sleep(0.01)


def child_of(process: int) -> int:
    """The process that one has started; Linux keeps them by thread."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return int(" ".join(path.read_text() for path in tasks).split()[0])


def once(tars: Path, tmp_path: Path, model: Path) -> list[dict[str, object]]:
    """What a single process makes of it."""
    job = planned([tars], tmp_path / "single", model)
    scored(job)
    return rows(job)


def test_a_pool_and_one_process_write_the_same_bytes(
    tars: Path, tmp_path: Path, model: Path
) -> None:
    one, many = planned([tars], tmp_path / "one", model), planned([tars], tmp_path / "many", model)
    scored(one)
    assert len(worked(many, workers=2)) == 6
    for part in Folder(one).names("parts"):
        name = f"parts/{part}"
        assert Folder(one).read(name) == Folder(many).read(name)


def test_a_part_says_what_it_is(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars / "00.tar"], tmp_path / "job", model, features=True)
    scored(job)
    _, (shard,) = read_job(Folder(job))
    file = pq.ParquetFile(tmp_path / "job" / shard.part)
    said = json.loads(file.schema_arrow.metadata[METADATA])
    assert said["schema"] == SCHEMA
    assert said["model"] == str(model)
    assert len(said["preprocess"]) == 12
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert [len(row["features"]) for row in rows(job)] == [3] * 10
    assert [len(row["votes"]) for row in rows(job)] == [10] * 10


def test_shares_are_disjoint_and_complete(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars], tmp_path / "job", model)
    names = [{s.name for s in unfinished(Folder(job), Share(i, 4))} for i in range(4)]
    assert sum(map(len, names)) == len(set().union(*names)) == 6


def test_kill_9_then_again(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars], tmp_path / "job", model)
    process = subprocess.Popen(command(job), start_new_session=True)
    parts = tmp_path / "job/parts"
    wait_for(lambda: parts.is_dir() and len(os.listdir(parts)) >= 2, process)
    os.killpg(process.pid, signal.SIGKILL)  # the worker and its child, in the middle
    process.wait()
    assert len(unfinished(Folder(job))) > 0
    worked(job)
    assert multiset(rows(job)) == multiset(once(tars, tmp_path, model))


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def test_the_watcher_alone_is_killed(tars: Path, tmp_path: Path, model: Path) -> None:
    """Its child leaves too, and writes no part that nobody waits for."""
    job = planned([tars], tmp_path / "job", model)
    process = subprocess.Popen(command(job))
    parts = tmp_path / "job/parts"
    wait_for(lambda: parts.is_dir() and os.listdir(parts), process)
    child = child_of(process.pid)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 60
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not alive(child)
    worked(job)
    assert len(rows(job)) == 60


def test_the_child_alone_is_killed(tars: Path, tmp_path: Path, model: Path) -> None:
    """The worker starts another, and no picture is blamed for one death."""
    job = planned([tars], tmp_path / "job", model)
    process = subprocess.Popen(command(job))
    parts = tmp_path / "job/parts"
    wait_for(lambda: parts.is_dir() and os.listdir(parts), process)
    os.kill(child_of(process.pid), signal.SIGKILL)
    assert process.wait() == 0
    assert multiset(rows(job)) == multiset(once(tars, tmp_path, model))


def test_the_same_share_twice_at_once(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars], tmp_path / "job", model)
    twins = [subprocess.Popen(command(job, "--shard", "0/1")) for _ in range(2)]
    assert [twin.wait() for twin in twins] == [0, 0]
    assert multiset(rows(job)) == multiset(once(tars, tmp_path, model))


def test_a_full_disk(tars: Path, tmp_path: Path, model: Path) -> None:
    """No part is written in half; once there is room, the job goes on."""
    job = planned([tars], tmp_path / "job", model)
    limited = ["bash", "-c", 'ulimit -f 2; exec "$@"', "limited", *command(job)]
    process = subprocess.run(limited, capture_output=True, text=True)
    assert process.returncode == 1
    assert "File too large" in process.stderr
    assert Folder(job).names("parts") == []
    assert list((tmp_path / "job/parts").iterdir()) == []
    worked(job)
    assert multiset(rows(job)) == multiset(once(tars, tmp_path, model))


def test_planning_again_keeps_what_still_holds(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars], tmp_path / "job", model)
    scored(job)
    assert unfinished(Folder(job)) == []
    make_tar(tars / "00.tar", 3)
    make_tar(tars / "06.tar", 10, 60)
    planned([tars], tmp_path / "job", model)
    assert sorted(Path(s.address).name for s in unfinished(Folder(job))) == ["00.tar", "06.tar"]
    planned([tars], tmp_path / "job", model, features=True)
    assert len(unfinished(Folder(job))) == 7


def test_merge_and_status(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars], tmp_path / "job", model)
    scored(job)
    assert merge(job, tmp_path / "all.parquet") == 60
    assert pq.read_table(tmp_path / "all.parquet").to_pylist() == rows(job)
    found = status(job, failures=True)
    assert (found.shards, found.finished, found.pictures, found.failed) == (6, 6, 60, 0)
    assert found.peak_memory > 0
    assert found.failures == {}


def test_merging_while_others_work(tars: Path, tmp_path: Path, model: Path) -> None:
    """What is there is whole: a merge of parts takes those that are, and no half one."""
    job = planned([tars], tmp_path / "job", model)
    process = subprocess.Popen(command(job))
    counts = []
    parts = tmp_path / "job/parts"
    while process.poll() is None:
        if parts.is_dir() and os.listdir(parts):
            counts.append(merge(job, tmp_path / "all.parquet", partial=True))
    assert process.returncode == 0
    assert all(count % 10 == 0 for count in counts)
    assert merge(job, tmp_path / "all.parquet") == 60


def test_a_model_that_has_changed_since_the_plan(tars: Path, tmp_path: Path, model: Path) -> None:
    other = make_tiny_model(tmp_path / "other")
    record = json.loads((other / "model.json").read_text())
    record["mean_error"] = 0.123
    (other / "model.json").write_text(json.dumps(record))
    job = planned([tars], tmp_path / "job", model)
    with pytest.raises(IlgnetError, match="is not here what it was when this job was planned"):
        worked(job, model=str(other))
    assert Folder(job).names("parts") == []


def test_a_place_that_cannot_be_written_to(tars: Path, tmp_path: Path, model: Path) -> None:
    job = planned([tars], tmp_path / "job", model)
    (tmp_path / "job/parts").write_text("in the way")
    done = subprocess.run(command(job), capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: {tmp_path}/job/parts: File exists"
    with pytest.raises(IlgnetError, match="cannot be written"):
        merge(job, tmp_path / "nowhere/all.parquet", partial=True)
