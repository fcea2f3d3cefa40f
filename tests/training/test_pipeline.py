"""Runs through the command line: over two processes, gone on from a model, refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ilgnet.errors import RecipeError
from ilgnet.training.folder import CHECKPOINT, FOLDER, LOG, RECIPE
from ilgnet.training.pipeline import resolved
from ilgnet.training.recipe import Recipe
from ilgnet.training.recipe_toml import build
from ilgnet.zoo.records import find_weights, read_weights
from tests import miniature_ava
from tests.training.runs import ilgnet, log_entries, write_recipe


@pytest.fixture(scope="module")
def ava(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    torch.set_num_threads(1)
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 60, missing=1, corrupt=1)


def arguments(ava: miniature_ava.MiniatureAva, out: Path, *settings: str) -> list[str]:
    return [
        *("train", str(write_recipe(out.parent)), "--data", str(ava.ava_txt), "--out", str(out)),
        *("--cache", str(ava.folder / "cache"), "--threads", "1", "--quiet"),
        *(part for setting in settings for part in ("--set", setting)),
    ]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )


SHORT = ("run.steps=4", "run.batch=8", "run.micro_batch=0", "run.ema=0.0", "run.evaluate_every=2")


@pytest.fixture(scope="module")
def short(ava: miniature_ava.MiniatureAva, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of four steps."""
    out = tmp_path_factory.mktemp("short") / "run"
    assert ilgnet(*arguments(ava, out, *SHORT)) == 0
    return out


def test_two_processes_learn_what_one_learns(
    ava: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    # A network without norms, and without dropout its gradient is the mean over the pictures,
    # whichever process they are in.
    script = tmp_path / "without_dropout.py"
    script.write_text(
        "import sys\nimport torch\nfrom ilgnet.cli.main import main\n"
        "torch.nn.Dropout.forward = lambda self, x: x\nmain(sys.argv[1:])\n",
        encoding="utf-8",
    )
    settings = (
        *("model.architecture=ilgnet_inception_v1_tiny", "augment.zoom=1.0", "run.steps=5"),
        *("loss.emd=0.0", "loss.ranking=0.0", "loss.cross_entropy=1.0", "run.select_by=accuracy"),
        *("optimizer.name=sgd", "optimizer.learning_rate=1e-6", "run.ema=0.0", "run.batch=7"),
        *("run.micro_batch=3", "run.evaluate_every=0"),
    )
    alone = python(str(script), *arguments(ava, tmp_path / "one", *settings))
    assert alone.returncode == 0, alone.stderr
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    together = python(*torchrun, str(script), *arguments(ava, tmp_path / "two", *settings))
    assert together.returncode == 0, together.stderr
    one, two = (load_file(tmp_path / name / FOLDER / CHECKPOINT) for name in ("one", "two"))
    assert all(one[name].allclose(two[name], rtol=1e-4, atol=1e-6) for name in one)
    assert one["optimizer.output.weight.momentum_buffer"].abs().max() > 0
    assert together.stdout == alone.stdout.replace(str(tmp_path / "one"), str(tmp_path / "two"))


def test_a_finished_run_is_left_as_it_is(short: Path, ava: miniature_ava.MiniatureAva) -> None:
    before = (short / "model.json").read_bytes()
    assert ilgnet(*arguments(ava, short, *SHORT)) == 0
    assert (short / "model.json").read_bytes() == before


def test_another_recipe_or_a_foreign_model_is_not_overwritten(
    short: Path,
    ava: miniature_ava.MiniatureAva,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = (short / "model.json").read_bytes()
    assert ilgnet(*arguments(ava, short, *SHORT, "run.seed=1", "loss.mean=0.5")) == 1
    assert "differs in loss.mean, run.seed" in capsys.readouterr().err
    assert (short / "model.json").read_bytes() == before

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text("{}")
    assert ilgnet(*arguments(ava, tmp_path / "model", *SHORT)) == 1
    assert "holds a model already" in capsys.readouterr().err
    assert (tmp_path / "model" / "model.json").read_text() == "{}"


def test_fine_tuning_goes_on_from_a_model_and_says_what_it_gained(
    short: Path,
    ava: miniature_ava.MiniatureAva,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ratings = tmp_path / "ratings.csv"
    rows = [
        f"{ava.images / f'{i}.jpg'},{1 + round(4 * (mean - 1) / 9)}\n"
        for i, mean in zip(ava.ids, ava.means, strict=True)
    ]
    ratings.write_text("file,stars\n" + "".join(rows), encoding="utf-8")
    out = tmp_path / "mine"
    finetune = ("train", "--finetune", ratings, "--model", short, "--out", out)
    more = ("--cache", tmp_path / "cache", "--threads", 1, "--quiet")
    assert ilgnet(*finetune, *more, "--set", "optimizer.learning_rate=1e-2") == 0
    said = capsys.readouterr().out
    assert "before:" in said
    # The baseline model had learned from these very files, as AVA's, under other names.
    assert "had learned from all of these pictures before" in said or "Measured on" in said
    assert f"ilgnet score --model {out}" in said

    record = read_weights(out)
    assert record.name == "mine", "results call it as its folder is called"
    assert record.architecture == "ilgnet_mobilenet_tiny"
    assert len(record.trained_on) == 4, "the baseline model's pictures are remembered"
    inherited = read_weights(short).trained_on
    assert record.trained_on[:2] == inherited
    assert all(
        (out / "trained_on" / f"{entry.fingerprint}.txt.gz").is_file()
        for entry in record.trained_on
    )
    assert 'freeze = "trunk"' in (out / FOLDER / RECIPE).read_text()
    # The trunk is the baseline model's to the bit.
    old, new = (load_file(folder / "model.safetensors") for folder in (short, out))
    frozen = [name for name in old if name.startswith("trunk.")]
    assert all(old[name].equal(new[name]) for name in frozen)
    assert not old["output.weight"].equal(new["output.weight"])


def test_choices_teach_a_model_too(
    short: Path,
    ava: miniature_ava.MiniatureAva,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mean = dict(zip(ava.ids, ava.means, strict=True))
    pairs = [sorted(pair, key=mean.__getitem__) for pair in combinations(ava.usable, 2)][::5]
    path = ava.images / "choices.csv"
    rows = "".join(f"{better}.jpg,{worse}.jpg\n" for worse, better in pairs)
    path.write_text("better,worse\n" + rows, encoding="utf-8")
    out = tmp_path / "chosen"
    finetune = ("train", "--finetune", path, "--model", short, "--out", out)
    more = ("--cache", tmp_path / "cache", "--threads", 1, "--quiet")
    assert ilgnet(*finetune, *more, "--set", "optimizer.learning_rate=1e-2") == 0
    said = capsys.readouterr().out
    assert re.search(r"^  choices: \d\.\d+ \[.*; before: \d\.\d+ \[", said, re.MULTILINE), said
    assert "says nothing of which is better" in said, "the baseline model had seen them"


def test_bfloat16_is_for_arithmetic_and_not_for_weights(
    ava: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        # So slow that the runs do not part: what differs is the rounding, in norms over few pixels.
        slow = ("optimizer.learning_rate=1e-6", f"run.precision={precision}")
        assert ilgnet(*arguments(ava, tmp_path / precision, *SHORT, *slow)) == 0
        entries = log_entries(tmp_path / precision / FOLDER / LOG)
        losses[precision] = [entry["loss"] for entry in entries if "loss" in entry]
    assert losses["bfloat16"] != losses["float32"]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.1)
    kept = load_file(tmp_path / "bfloat16" / FOLDER / CHECKPOINT).values()
    assert not any(value.dtype == torch.bfloat16 for value in kept)


def test_ctrl_c_says_how_to_go_on(
    ava: miniature_ava.MiniatureAva,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("ilgnet.training.loop.Training._step", interrupted)
        assert ilgnet(*arguments(ava, tmp_path / "x", *SHORT)) == 130
    assert "Give the same command again to go on" in capsys.readouterr().err
    assert ilgnet(*arguments(ava, tmp_path / "x", *SHORT)) == 0


def test_only_the_rows_asked_for_are_learned_from(
    ava: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    ratings = tmp_path / "ratings.csv"
    rows = (
        f"{i}.jpg,{mean},{index % 2}\n"
        for index, (i, mean) in enumerate(zip(ava.ids, ava.means, strict=True))
    )
    ratings.write_text("file,mean,fold\n" + "".join(rows), encoding="utf-8")
    table = ("--data", ratings, "--images", ava.images, "--scale", "1..10", "--where", "fold=1")
    settings = (*SHORT, "loss.emd=0.0", "data.validation_share=0.3")
    assert ilgnet(*arguments(ava, tmp_path / "x", *settings), *table) == 0
    seen = sum(entry.images or 0 for entry in read_weights(tmp_path / "x").trained_on)
    asked = {i for index, i in enumerate(ava.ids) if index % 2}
    assert seen == len(asked & set(ava.usable))


@pytest.mark.parametrize(
    ("safetensors", "remedy"),
    [(True, "run/model.safetensors"), (False, "`ilgnet convert default copy`")],
)
def test_another_network_than_the_models_is_refused_with_a_way(
    short: Path, safetensors: bool, remedy: str
) -> None:
    base = find_weights(short if safetensors else "default")
    recipe = build(
        Recipe,
        {
            "name": "x",
            "model": {"architecture": "ilgnet_inception_v1", "start": "default"},
            "loss": {"ranking": 1.0},
            "run": {"epochs": 1.0},
        },
    )
    with pytest.raises(RecipeError, match=remedy):
        resolved(recipe, base)


def test_a_run_without_gains_stops_early(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    idle = ("optimizer.learning_rate=1e-30", "model.freeze=norms", "run.patience=2")
    assert ilgnet(*arguments(ava, tmp_path / "x", *SHORT, "run.steps=40", *idle)) == 0
    steps = [
        entry["step"]
        for entry in log_entries(tmp_path / "x" / FOLDER / LOG)
        if "validation/srcc" in entry
    ]
    assert steps == [2, 4, 6]
    assert capsys.readouterr().err == ""


def test_two_classes_on_a_network_of_ten_votes_is_refused(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    losses = ("loss.emd=0.0", "loss.ranking=0.0", "loss.cross_entropy=1.0")
    assert ilgnet(*arguments(ava, tmp_path / "x", *losses)) == 1
    assert 'set model.output = "high_low"' in capsys.readouterr().err


def test_a_loss_that_is_not_finite_stops_the_run(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wild = ("optimizer.learning_rate=1e30", "optimizer.name=sgd", "schedule.warmup=0")
    assert ilgnet(*arguments(ava, tmp_path / "x", *SHORT, *wild)) == 1
    assert "the learning rate is too high" in capsys.readouterr().err
    assert not (tmp_path / "x" / FOLDER / CHECKPOINT).exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_named(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ilgnet(*arguments(ava, tmp_path / "x", *SHORT), "--device", "cuda") == 1
    assert "PyTorch finds no GPU" in capsys.readouterr().err


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert ilgnet("train", "--keys") == 0
    said = capsys.readouterr().out
    assert "run.micro_batch = 0" in said
    assert "Pictures that one process takes at once" in said
    assert ilgnet("train") == 2
    assert "Give a recipe, or --finetune" in capsys.readouterr().err
