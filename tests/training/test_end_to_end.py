"""A miniature AVA all the way: check, partition, train, kill, go on, evaluate, convert, score."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ilgnet.training.folder import CHECKPOINT, FOLDER, LOG, RECIPE, TENSORBOARD, UNREADABLE
from ilgnet.zoo.records import read_weights
from tests import miniature_ava
from tests.training.runs import ilgnet, log_entries, write_recipe


@dataclass(frozen=True)
class Trained:
    """Two runs of one recipe: one left alone, one killed and gone on with."""

    ava: miniature_ava.MiniatureAva
    lists: Path
    whole: Path
    killed: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("miniature")
    ava = miniature_ava.build(folder / "ava", 200)
    lists = folder / "lists"
    partition = ("--test", 60, "--val", 30)
    assert ilgnet("data", "partition", "ava1", ava.ava_txt, "-o", lists, *partition) == 0
    whole, killed = folder / "whole", folder / "killed"
    arguments = [
        *("train", write_recipe(folder), "--data", lists / "AVA1_train.txt"),
        *("--ratings", ava.ava_txt, "--images", ava.images, "--cache", folder / "cache"),
        *("--set", f"data.validation={lists / 'AVA1_val.txt'}"),
        *("--set", f"data.test={lists / 'AVA1_test.txt'}", "--threads", 1, "--quiet"),
    ]
    assert ilgnet(*arguments, "--out", whole) == 0
    _kill([*map(str, arguments), "--out", str(killed)], killed / FOLDER / LOG, after=33)
    assert (killed / FOLDER / CHECKPOINT).is_file()
    assert not (killed / "model.json").exists()
    assert ilgnet(*arguments, "--out", killed) == 0
    return Trained(ava, lists, whole, killed)


def _kill(arguments: list[str], log: Path, after: int) -> None:
    """SIGKILL a run once its log shows that it is beyond a step."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ilgnet", *arguments],
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while process.poll() is None and not any(e["step"] >= after for e in log_entries(log)):
        time.sleep(0.01)  # that the run has the processor
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors


def test_check_lists_what_cannot_be_read(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ilgnet("data", "check", trained.ava.ava_txt, "--no-progress") == 3
    said = capsys.readouterr().out
    for image_id in (*trained.ava.missing, *trained.ava.corrupt):
        assert f"{image_id}.jpg" in said


def test_unreadable_pictures_are_left_out_of_training(trained: Trained) -> None:
    lost = (trained.whole / FOLDER / UNREADABLE).read_text().splitlines()[1:]
    broken = {f"{i}.jpg" for i in (*trained.ava.missing, *trained.ava.corrupt)}
    names = {line.partition(",")[0] for line in lost}
    assert names <= broken
    listed = "".join((trained.lists / f"AVA1_{part}.txt").read_text() for part in ("train", "val"))
    assert names == {name for name in broken if name in listed}


def test_the_loss_falls_and_the_network_learns(trained: Trained) -> None:
    entries = log_entries(trained.whole / FOLDER / LOG)
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]
    validated = [entry for entry in entries if "validation/srcc" in entry]
    assert [entry["step"] for entry in validated] == [11, 22, 33, 44, 55, 66, 77, 88, 90]
    best = max(validated, key=lambda entry: entry["validation/srcc"])
    assert best["validation/srcc"] > 0.7
    assert best["validation/accuracy"] > best["validation/majority_rate"] + 0.15


def test_tensorboard_shows_what_the_log_says(trained: Trained) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(trained.killed / FOLDER / TENSORBOARD))
    board.Reload()
    entries = log_entries(trained.killed / FOLDER / LOG)
    for name in ("loss", "validation/srcc"):
        shown = {event.step: event.value for event in board.Scalars(name)}
        logged = {entry["step"]: entry[name] for entry in entries if name in entry}
        assert shown == pytest.approx(logged)


def test_a_killed_run_ends_bit_for_bit_as_an_uninterrupted_one(trained: Trained) -> None:
    whole, killed = trained.whole, trained.killed
    for name in ("model.safetensors", f"{FOLDER}/best.safetensors", f"{FOLDER}/{RECIPE}"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name
    one, other = (load_file(folder / FOLDER / CHECKPOINT) for folder in (whole, killed))
    assert one.keys() == other.keys()
    assert all(one[name].equal(other[name]) for name in one)
    validations = [
        [entry for entry in log_entries(folder / FOLDER / LOG) if "validation/srcc" in entry]
        for folder in (whole, killed)
    ]
    assert validations[0] == validations[1]


def test_the_record_says_what_was_done(trained: Trained) -> None:
    record = read_weights(trained.whole)
    record.verify()
    assert record.name == "tiny.miniature"
    assert [entry.name for entry in record.trained_on] == [
        "lists/AVA1_train.txt (training)",
        "lists/AVA1_val.txt (validation)",
    ]
    (measured,) = record.metrics.values()
    srcc = measured.figure("srcc")
    assert srcc.interval is not None
    assert srcc.interval[0] < srcc.value
    assert 0.1 < record.mean_error < 1.5


def test_evaluation_on_unseen_pictures(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("--ratings", trained.ava.ava_txt, "--images", trained.ava.images, "--no-progress")
    test, train = (trained.lists / f"AVA1_{part}.txt" for part in ("test", "train"))
    code = ilgnet("evaluate", "--model", trained.whole, "--data", test, *where, "--json")
    evaluation = json.loads(capsys.readouterr().out)
    assert code in (0, 3)
    assert evaluation["overlap"]["images"] == 0
    assert evaluation["metrics"]["srcc"]["value"] > 0.6
    assert evaluation["metrics"]["accuracy"]["value"] > evaluation["majority_rate"] + 0.1

    assert ilgnet("evaluate", "--model", trained.whole, "--data", train, *where) == 1
    assert "was trained on" in capsys.readouterr().err


def test_conversion_and_scoring(trained: Trained, capsys: pytest.CaptureFixture[str]) -> None:
    converted = trained.whole.parent / "converted"
    assert ilgnet("convert", trained.whole, converted) == 0
    capsys.readouterr()
    pictures = [trained.ava.images / f"{i}.jpg" for i in trained.ava.usable[:8]]
    rows = []
    for model in (trained.whole, converted):
        assert ilgnet("score", "--model", model, *pictures, "--jsonl") == 0
        rows.append([json.loads(line) for line in capsys.readouterr().out.splitlines()])
    scores = [[row["score"] for row in part] for part in rows]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    assert len(set(scores[0])) == 8
