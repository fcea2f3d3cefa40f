"""The examples do what they say, run as their first lines say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import ilgnet
from ilgnet.shards.job import read_job
from ilgnet.shards.stores import Folder
from tests.shards.collections import make_parquet, make_tar, planned, rows
from tests.tiny_model import expected_score

EXAMPLES = Path(__file__).parents[2] / "examples/shards"
WITH = {
    **os.environ,
    "PYTHONPATH": str(Path(ilgnet.__file__).parents[1]),
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
}


def run(command: Sequence[str | Path], **environment: str) -> None:
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env={**WITH, **environment}
    )
    assert done.returncode == 0, done.stderr


def check(target: Path, count: int) -> None:
    table = pq.read_table(target)
    found = {row["label"]: row["score"] for row in table.to_pylist()}
    assert found == pytest.approx({i: expected_score(i) for i in range(count)}, abs=2e-4)
    assert {"votes", "error", "sha256"} <= set(table.column_names)


def test_daft(tmp_path: Path, model: Path) -> None:
    source = make_parquet(tmp_path / "train.parquet", 12)
    run([sys.executable, EXAMPLES / "daft_scores.py", source, tmp_path / "scores", model])
    check(tmp_path / "scores", 12)


def test_ray(tmp_path: Path, model: Path) -> None:
    source = make_parquet(tmp_path / "train.parquet", 12)
    run(
        [sys.executable, EXAMPLES / "ray_scores.py", source, tmp_path / "scores", model],
        RAY_worker_niceness="0",
    )
    check(tmp_path / "scores", 12)


@pytest.mark.skipif(not shutil.which("java"), reason="apt-get install default-jre-headless")
def test_spark(tmp_path: Path, model: Path) -> None:
    source = make_parquet(tmp_path / "train.parquet", 12)
    run(
        [sys.executable, EXAMPLES / "spark_scores.py", source, tmp_path / "scores", model],
        PYSPARK_PYTHON=sys.executable,
        SPARK_LOCAL_IP="127.0.0.1",
    )
    check(tmp_path / "scores", 12)


def jobs(tmp_path: Path, model: Path) -> str:
    for number in range(3):
        make_tar(tmp_path / f"{number}.tar", 3, 3 * number)
    return planned([tmp_path / "*.tar"], tmp_path / "job", model)


def test_slurm(tmp_path: Path, model: Path) -> None:
    """Each task as SLURM would run it: the script under bash, with the array's variables."""
    script = EXAMPLES / "slurm.sh"
    options = dict(
        line.removeprefix("#SBATCH --").split("=", 1)
        for line in script.read_text().splitlines()
        if line.startswith("#SBATCH --") and "=" in line
    )
    assert options["array"] == "0-15"
    job = jobs(tmp_path, model)
    for task in range(2):
        run(
            ["bash", script],
            JOB=job,
            SLURM_ARRAY_TASK_ID=str(task),
            SLURM_ARRAY_TASK_COUNT="2",
            SLURM_CPUS_PER_TASK="1",
        )
    assert len(rows(job)) == 9


def test_kubernetes(tmp_path: Path, model: Path) -> None:
    """Each pod as Kubernetes would run it: its command, with its variables."""
    said: dict[str, Any] = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text())
    assert (said["kind"], said["spec"]["completionMode"]) == ("Job", "Indexed")
    (container,) = said["spec"]["template"]["spec"]["containers"]
    named = {variable["name"]: variable["value"] for variable in container["env"]}
    assert int(named["SHARES"]) == said["spec"]["completions"]
    job = jobs(tmp_path, model)
    for index in range(2):
        run(
            [*container["command"], *container["args"]],
            **{**named, "JOB": job, "SHARES": "2", "JOB_COMPLETION_INDEX": str(index)},
        )
    assert len(rows(job)) == 9
    assert len(read_job(Folder(job))[1]) == 3
