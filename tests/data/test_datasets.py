"""Rated pictures as PyTorch datasets, and loaders in the shape that frameworks know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from ilgnet.data.datasets import RatedDataModule, RatedDataset, protocol_dataset
from ilgnet.data.loading import Variation
from ilgnet.data.readers import read_rated
from ilgnet.errors import DataError
from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import Preprocess, prepare
from tests import miniature_ava

SMALL = Preprocess("warp", 32, 32)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 24, missing=1, corrupt=1)


def test_items_are_what_scoring_sees_and_what_people_said(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    rated = read_rated(mini.ava_txt)
    dataset = RatedDataset(rated, SMALL, tmp_path)
    assert len(dataset) == 22
    assert len(dataset.failures) == 2
    item = dataset[3]
    image = dataset.rated.images[3]
    seen = prepare(read_image(image.path, min_side=SMALL.decode_side).rgb, SMALL)
    assert torch.equal(item["image"], torch.from_numpy(seen))
    assert item["mean"].item() == pytest.approx(image.mean)
    assert item["votes"].sum().item() == pytest.approx(1)
    assert item["high"].item() == float(image.high is True)


def test_loaders_in_the_shape_of_a_data_module(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    parts = {
        part: protocol_dataset(
            "ava-official", mini.folder, part, SMALL, tmp_path, variation=Variation()
        )
        for part in ("train", "test")
    }
    module = RatedDataModule(parts, batch=5)
    module.setup("fit")
    batches = list(module.train_dataloader())
    assert batches[0]["image"].shape == (5, 3, 32, 32)
    assert sum(len(batch["index"]) for batch in batches) == len(parts["train"])
    order = torch.cat([batch["index"] for batch in module.test_dataloader()])
    assert order.tolist() == list(range(len(parts["test"])))
    with pytest.raises(DataError, match="there is no validation part; there are: train, test"):
        module.val_dataloader()
    before = parts["train"][0]["image"]
    assert torch.equal(before, parts["train"][0]["image"])
    changed = False
    for epoch in range(1, 6):
        parts["train"].set_epoch(epoch)
        changed |= not torch.equal(before, parts["train"][0]["image"])
    assert changed, "another epoch, another variation"


def test_the_example_of_the_documents_runs(
    mini: miniature_ava.MiniatureAva, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2] / "docs/training.md"
    block = re.search(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    (tmp_path / "ava").symlink_to(mini.folder)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(block[1], names)
    assert names["output"].logits.shape[1] == 10
