"""Records that come from elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ilgnet.data.overlap import find_overlap
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.errors import ModelError
from ilgnet.zoo.records import RECORD_NAME, read_weights
from tests.library.tiny_model import write_tiny_model

OUTSIDE = ["../secret.onnx", "/etc/passwd", "..", "a/b.onnx", "..\\secret.onnx", "C:model.onnx", ""]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    folder = write_tiny_model(tmp_path / "model").folder
    (tmp_path / "secret.onnx").write_bytes(b"of somebody else")
    record = json.loads((folder / RECORD_NAME).read_text())
    record["files"][name] = "0" * 64
    (folder / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(ModelError, match="not the name of a file"):
        read_weights(folder).verify()


def test_nor_does_the_name_of_a_list(tmp_path: Path) -> None:
    weights = write_tiny_model(tmp_path / "model")
    seen = {"name": "x", "images": 1, "fingerprint": "../../list"}
    rated = RatedSet("mine", (RatedImage("a", tmp_path / "a.jpg", mean=5.0),))
    with pytest.raises(ModelError, match="not the name of a file"):
        find_overlap(replace(weights, trained_on=(seen,)), rated)
