from __future__ import annotations

import pickle

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ilgnet.errors import ModelError
from ilgnet.models.checkpoints import load_network, save_network
from tests.models.networks import lively

NAME = "ilgnet_inception_v4_tiny"


@pytest.fixture
def stored(tmp_path):
    save_network(lively(NAME), tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_missing_unknown_and_mis_shaped_names_are_all_listed(stored):
    tensors = load_file(stored)
    del tensors["output.bias"]
    tensors["extra"] = torch.zeros(1)
    tensors["output.weight"] = torch.zeros(3, 5)
    save_file(tensors, stored)
    network = lively(NAME, seed=1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with pytest.raises(ModelError) as raised:
        load_network(network, stored)
    message = str(raised.value)
    assert "missing: output.bias" in message
    assert "unknown: extra" in message
    assert "of another shape: output.weight (3 x 5 instead of 2 x 64)" in message
    assert all(torch.equal(v, before[n]) for n, v in network.state_dict().items())


def test_pickles_are_not_read(stored):
    stored.write_bytes(pickle.dumps({"output.bias": [1.0]}))
    with pytest.raises(ModelError, match="cannot be read as safetensors"):
        load_network(lively(NAME), stored)


def test_a_file_that_is_cut_is_not_read(stored):
    stored.write_bytes(stored.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cannot be read as safetensors"):
        load_network(lively(NAME), stored)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ModelError, match=f"there is no file {tmp_path / 'none.safetensors'}"):
        load_network(lively(NAME), tmp_path / "none.safetensors")


def test_a_failed_write_leaves_the_old_file(stored, monkeypatch):
    before = stored.read_bytes()

    def fail(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr("ilgnet.models.checkpoints.save_file", fail)
    with pytest.raises(OSError, match="no space left"):
        save_network(lively(NAME, seed=1), stored)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["model.safetensors"]


def test_a_full_disk_is_said_in_words(stored, monkeypatch):
    def fail(tensors, path, metadata):
        raise SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr("ilgnet.models.checkpoints.save_file", fail)
    with pytest.raises(ModelError, match=r"model\.safetensors cannot be written: No space left"):
        save_network(lively(NAME, seed=1), stored)


def test_the_file_is_as_readable_as_any_other(stored):
    (stored.parent / "other").touch()
    assert stored.stat().st_mode == (stored.parent / "other").stat().st_mode
