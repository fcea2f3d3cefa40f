"""Records that come from elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ilgnet.errors import ModelError
from ilgnet.zoo.records import (
    BUILTIN,
    ONNX_NAME,
    RECORD_NAME,
    Base,
    find_base,
    find_weights,
    read_weights,
    write_weights,
)
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


@pytest.mark.parametrize("name", ["../../list", "list", "0123456789abc", "0123456789AB"])
def test_nor_does_the_fingerprint_of_a_list(tmp_path: Path, name: str) -> None:
    folder = write_tiny_model(tmp_path / "model").folder
    record = json.loads((folder / RECORD_NAME).read_text())
    record["trained_on"] = [{"name": "x", "images": 1, "fingerprint": name}]
    (folder / RECORD_NAME).write_text(json.dumps(record))
    with pytest.raises(ModelError, match="no fingerprint of a list"):
        read_weights(folder)


@pytest.mark.parametrize("name", ["../models/mine", "..\\mine", "a\nb", "x" * 201])
def test_nor_does_the_name_of_a_model(tmp_path: Path, name: str) -> None:
    weights = write_tiny_model(tmp_path / "model")
    with pytest.raises(ModelError, match="not the name of a file"):
        replace(weights, name=name)


def test_a_bare_name_is_the_model_of_that_name_and_a_path_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / RECORD_NAME).write_text("{}")
    write_tiny_model(tmp_path / "default")
    write_tiny_model(tmp_path / "mine")
    record = replace(read_weights(tmp_path / "mine"), name="taste.of.mine")
    write_weights(record, tmp_path / "mine")
    builtin = find_weights()
    assert find_weights("default") == builtin == find_weights(builtin.name)
    assert builtin.folder.is_relative_to(BUILTIN)
    for path in ("./default", Path("default"), str(tmp_path / "default"), "default/"):
        assert find_weights(path).name == "tiny.test"
    assert find_weights("mine") == find_weights("./mine")
    for name in ("nowhere", "taste.of.mine"):  # what a folder here calls itself is no name of it
        with pytest.raises(ModelError, match=f"{name}.*{builtin.name}"):
            find_weights(name)


def test_nor_does_the_base_of_a_taste(tmp_path: Path) -> None:
    elsewhere = write_tiny_model(tmp_path / "elsewhere")
    for name in (str(elsewhere.folder), "../elsewhere", "elsewhere"):
        base = Base(name, elsewhere.files[ONNX_NAME])
        taste = replace(elsewhere, base=base, folder=tmp_path / "taste")
        with pytest.raises(ModelError, match="Learn it again"):
            find_base(taste)
