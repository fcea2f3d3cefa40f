"""A model goes into Hugging Face's layout and comes back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ilgnet.conversion import Options, convert
from ilgnet.errors import ModelError
from ilgnet.hugging_face import from_pretrained, save_pretrained, to_model_folder
from ilgnet.models.checkpoints import save_network
from ilgnet.models.registry import create
from ilgnet.scoring import load
from ilgnet.zoo.records import read_weights
from tests.miniature_ava import draw_picture


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_network(create("ilgnet_mobilenet_tiny"), tmp_path / "tiny.safetensors")
    convert(
        tmp_path / "tiny.safetensors",
        tmp_path / "model",
        Options(architecture="ilgnet_mobilenet_tiny", licence="Apache-2.0"),
    )
    return tmp_path / "model"


def test_there_and_back_nothing_changes(model: Path, tmp_path: Path) -> None:
    folder = save_pretrained(model, tmp_path / "hub")
    assert {path.name for path in folder.iterdir()} >= {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "ilgnet"
    assert config["ilgnet"]["preprocess"]["filter"] == "pillow-bicubic"
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlicense: apache-2.0\nlibrary_name: ilgnet\n")

    found = from_pretrained(folder)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        (again,) = (found.network(images).logits,)
    assert again.shape == (2, 10)
    back = to_model_folder(folder, tmp_path / "back")
    first, second = ({**read_weights(path).to_json(), "files": {}} for path in (model, back.folder))
    assert first == second
    picture = draw_picture(0.8, np.random.default_rng(0))
    scores = [load(path, threads=1).score(picture).score for path in (model, back.folder)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no config\.json"):
        from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(ModelError, match="no record 'ilgnet'"):
        from_pretrained(tmp_path)
