"""The recipes that the automatic tests could not train before: foundation trunks, and the second
network of 2016. Each goes from the recipe that ships, on a miniature AVA, to `ilgnet score`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ilgnet.errors import RecipeError
from ilgnet.models.registry import create
from ilgnet.models.trunks.borrowed import beside_torchvision
from ilgnet.training import frozen, memory
from ilgnet.training.recipe import read_recipe
from ilgnet.zoo.records import read_weights
from tests import miniature_ava
from tests.training.runs import ilgnet, log_entries

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(scope="module")
def ava(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    torch.set_num_threads(1)
    ava = miniature_ava.build(tmp_path_factory.mktemp("ava"), 60, missing=1, corrupt=1)
    lists = ava.folder / "lists"
    partition = ("--test", 12, "--val", 16)
    assert ilgnet("data", "partition", "ava1", ava.ava_txt, "-o", lists, *partition) == 0
    return ava


def trained(ava: miniature_ava.MiniatureAva, name: str, out: Path, *settings: str) -> Path:
    lists = {part: ava.folder / "lists" / f"AVA1_{part}.txt" for part in ("train", "val", "test")}
    code = ilgnet(
        *("train", RECIPES / f"{name}.toml", "--ratings", ava.ava_txt, "--images", ava.images),
        *("--out", out, "--cache", ava.folder / "cache", "--threads", 1, "--quiet"),
        *("--set", f"data.train={lists['train']}", "--set", f"data.validation={lists['val']}"),
        *("--set", f"data.test={lists['test']}"),
        *(part for setting in settings for part in ("--set", setting)),
    )
    assert code == 0
    return out


def scores(model: Path, ava: miniature_ava.MiniatureAva, capsys: pytest.CaptureFixture[str]) -> set:
    pictures = [ava.images / f"{number}.jpg" for number in ava.usable[:6]]
    capsys.readouterr()
    assert ilgnet("score", "--model", model, *pictures, "--jsonl") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {row["score"] for row in rows}


def test_a_frozen_transformer_of_timm(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    timm = beside_torchvision("timm", "timm", "this test")
    torch.manual_seed(0)
    hub = tmp_path / "hub"
    hub.mkdir()
    whole = timm.create_model("test_vit", pretrained=False)
    save_file(whole.state_dict(), hub / "model.safetensors")
    (hub / "config.json").write_text('{"architecture": "test_vit"}')
    out = trained(
        *(ava, "foundation_ava", tmp_path / "run", "model.architecture=timm:test_vit"),
        *(f"model.start={hub}", "run.epochs=40", "run.batch=16", "schedule.warmup=5"),
        *("optimizer.learning_rate=5e-3", "run.ema=0.9"),
    )
    losses = [e["loss"] for e in log_entries(out / "training/log.jsonl") if "loss" in e]
    assert losses[-1] < 0.8 * losses[0], "the head learns"
    record = read_weights(out)
    assert record.trained_on[0].name == "whatever model.safetensors was trained on"
    assert "unknown" in record.about
    kept = load_file(out / "model.safetensors")
    given = whole.state_dict()
    for name in ("pos_embed", "blocks.0.attn.qkv.weight", "norm.weight"):
        assert torch.equal(kept[f"trunk.model.{name}"], given[name]), "the trunk stays"
    assert len(scores(out, ava, capsys)) == 6


def test_a_transformer_of_open_clip_in_low_rank(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a file for pictures of another size to plain weights."""
    open_clip = beside_torchvision("open_clip", "open-clip", "this test")
    torch.manual_seed(0)
    start = tmp_path / "open_clip_model.safetensors"
    whole = open_clip.create_model("ViT-S-32", force_image_size=96)
    save_file(whole.state_dict(), start)
    settings = (
        *("model.architecture=open_clip:ViT-S-32@64", f"model.start={start}", "model.low_rank=2"),
        *("run.epochs=0", "run.batch=8", "schedule.warmup=0", "run.ema=0", "augment.zoom=1"),
        *("run.checkpoint_every=2", "run.evaluate_every=2"),
    )
    out = trained(ava, "foundation_low_rank_ava", tmp_path / "run", *settings, "run.steps=6")
    kept, given = load_file(out / "model.safetensors"), whole.state_dict()
    assert kept.keys() == create("open_clip:ViT-S-32@64").state_dict().keys(), "a plain network"
    own = {name.removeprefix("trunk.model."): x for name, x in kept.items() if "trunk." in name}
    moved = {
        name: torch.linalg.matrix_rank(x - given[f"visual.{name}"], rtol=1e-3).item()
        for name, x in own.items()
        if x.ndim == 2 and x.shape == given[f"visual.{name}"].shape
    }
    tuned = {name: rank for name, rank in moved.items() if ".weight" in name or "proj" in name}
    assert set(tuned.values()) == {2}, "every fully connected layer, by its rank and no more"
    assert len(tuned) == 12 * 4
    unmoved = [name for name, x in own.items() if x.ndim == 1 or name == "conv1.weight"]
    for name in unmoved:
        assert torch.equal(own[name], given[f"visual.{name}"]), name
    assert len(scores(out, ava, capsys)) > 1


def test_the_second_network_of_2016(
    ava: miniature_ava.MiniatureAva, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("run.steps=4", "run.batch=4", "run.evaluate_every=2", "run.checkpoint_every=2")
    out = trained(ava, "mini_inception_ava1", tmp_path / "run", *settings)
    record = read_weights(out)
    assert record.architecture == "mini_inception_residual"
    assert record.output == "high_low"
    assert (record.preprocess.height, record.preprocess.crop) == (256, 224)
    losses = [e["loss"] for e in log_entries(out / "training/log.jsonl") if "loss" in e]
    assert losses
    assert len(scores(out, ava, capsys)) > 1


def test_all_of_ava_fits_the_memory_that_the_recipe_names(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_recipe(RECIPES / "foundation_ava.toml")
    sides, pictures, channels = 2 if recipe.augment.mirror else 1, 235_599, 384
    needed = 4 * sides * pictures * 3 * 2 * channels
    named = 8 << 30
    assert "8 GB" in (RECIPES / "foundation_ava.toml").read_text()
    assert needed < frozen.MOST_OF_MEMORY * named
    assert memory.memory_size() > 1 << 28
    monkeypatch.setattr(memory.os, "sysconf", lambda _: (_ for _ in ()).throw(ValueError()))
    assert memory.memory_size() == memory.USUAL_MEMORY


def test_two_ways_to_keep_a_trunk_are_not_mixed() -> None:
    with pytest.raises(RecipeError, match=r"model\.low_rank tunes .* leave one of them out"):
        read_recipe(RECIPES / "foundation_ava.toml", ["model.low_rank=4"])
