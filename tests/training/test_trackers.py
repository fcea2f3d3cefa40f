"""Weights & Biases and MLflow, the real ones: what they keep, and that nothing is sent."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ilgnet.errors import MissingExtra, ModelError
from ilgnet.training import trackers
from ilgnet.training.folder import FOLDER, LOG
from ilgnet.training.recipe import read_recipe
from tests import miniature_ava
from tests.training.runs import write_recipe

Scalars = list[dict[str, float]]


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that both have watched, as a user of a new account gives the command."""
    folder = tmp_path_factory.mktemp("tracked")
    ava = miniature_ava.build(folder / "ava", 40, missing=0, corrupt=0)
    home = folder / "home"
    home.mkdir()
    command = [
        *(sys.executable, "-m", "ilgnet", "train", write_recipe(folder)),
        *("--data", ava.ava_txt, "--images", ava.images, "--out", folder / "run", "--threads", "1"),
        *("--set", "run.steps=4", "--set", "run.evaluate_every=2", "--set", "run.batch=8"),
        *("--set", "run.micro_batch=0", "--track", "wandb", "--track", "mlflow", "--quiet"),
        *("--cache", folder / "cache"),
    ]
    if shutil.which("strace"):
        calls = ("-f", "-e", "trace=connect,sendto,sendmmsg", "-o", folder / "calls")
        command = ["strace", *calls, *command]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environment = {**kept, "HOME": str(home), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "wandb" not in done.stdout + done.stderr
    assert "mlflow" not in done.stdout + done.stderr
    return folder


def logged(folder: Path) -> Scalars:
    lines = (folder / "run" / FOLDER / LOG).read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_mlflow_has_every_scalar_and_the_recipe(
    tracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient((tracked / "run" / FOLDER / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("ilgnet")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["run.batch"] == "8"
    assert run.data.params["model.architecture"] == "ilgnet_mobilenet_tiny"
    for name in ("loss", "validation/srcc"):
        kept = {m.step: m.value for m in client.get_metric_history(run.info.run_id, name)}
        assert kept == {e["step"]: e[name] for e in logged(tracked) if name in e}


def wandb_records(file: bytes) -> Iterator[bytes]:
    """The records of a `.wandb` file: LevelDB's log (blocks of 32 KiB) behind seven bytes."""
    block, head, place, parts = 32768, 7, 7, b""
    while place + head <= len(file):
        if block - place % block < head:
            place += block - place % block
            continue
        length, kind = struct.unpack_from("<HB", file, place + 4)
        parts += file[place + head : place + head + length]
        place += head + length
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def test_wandb_has_every_scalar(tracked: Path) -> None:
    from wandb.proto import wandb_internal_pb2

    (path,) = (tracked / "run" / FOLDER).glob("wandb/offline-run-*/run-*.wandb")
    kept: dict[str, dict[int, float]] = {}
    for data in wandb_records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        items = {"/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
        for name, value in items.items():
            kept.setdefault(name, {})[items["_step"]] = value
    for name in ("loss", "validation/srcc"):
        assert kept[name] == {e["step"]: e[name] for e in logged(tracked) if name in e}


def test_nothing_is_sent_and_the_home_stays_empty(tracked: Path) -> None:
    assert list((tracked / "home").rglob("*")) == []
    if not (tracked / "calls").is_file():
        pytest.skip("needs strace: apt-get install strace")
    calls = (tracked / "calls").read_text(errors="replace").splitlines()
    away = [c for c in calls if "AF_INET" in c and not re.search(r'"127\.0\.0\.1"|"::1"', c)]
    assert away == [], "W&B's two processes talk to each other on this machine alone"


def test_a_tracker_that_is_not_there_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    with pytest.raises(ModelError, match="no tracker 'neptune'; there are: wandb, mlflow"):
        trackers.open_trackers(["neptune"], tmp_path, recipe)
    for package in ("wandb", "mlflow", "mlflow.tracking"):
        monkeypatch.setitem(sys.modules, package, None)
    for name in ("wandb", "mlflow"):
        for variable in ("WANDB_MODE", "WANDB_CACHE_DIR", "WANDB_ERROR_REPORTING"):
            monkeypatch.setenv(variable, "offline")
        with pytest.raises(MissingExtra, match=rf"pip install 'ilgnet\[{name}\]'"):
            trackers.open_trackers([name], tmp_path, recipe)
