"""A test on pictures that a model was trained on does not go unnoticed."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ilgnet.data.ava import read_ava
from ilgnet.data.overlap import find_overlap, shared_pictures, write_trained_on
from ilgnet.data.partitions import ava1, ava2
from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.errors import DataError
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.records import Weights, read_weights, write_weights
from tests import miniature_ava
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 60)


def trained(folder: Path, *sets: RatedSet) -> Weights:
    make_tiny_model(folder)
    entries = tuple(write_trained_on(folder, rated) for rated in sets)
    return write_weights(replace(read_weights(folder), trained_on=entries), folder)


def test_ava_pictures_are_known_by_their_id(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    ava = read_ava(mini.ava_txt)
    everything = read_rated(mini.ava_txt)
    learned = ava1(ava, test=12).lists["train"]
    tested = ava2(ava, share=0.3, seed=5).lists["test"]
    leaked = set(learned.ids) & set(tested.ids)
    assert leaked
    weights = trained(tmp_path, everything.without(set(everything.ids) - set(learned.ids)))
    # The pictures themselves need not be there.
    test_set = everything.without(set(everything.ids) - set(tested.ids))
    found = find_overlap(weights, replace(test_set, name="elsewhere"))
    assert found.ids == leaked
    assert found.leaked == {"AVA": tuple(i for i in test_set.ids if i in leaked)}
    assert find_overlap(weights, test_set.without(leaked)).ids == frozenset()


def test_other_pictures_are_known_by_their_bytes_under_any_name(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    for folder, names in (("mine", ("a", "b", "c")), ("yours", ("x", "y"))):
        (tmp_path / folder).mkdir()
        for name, image_id in zip(names, mini.usable, strict=False):
            shutil.copy(mini.images / f"{image_id}.jpg", tmp_path / folder / f"{name}.jpg")
    shutil.copy(mini.images / f"{mini.usable[5]}.jpg", tmp_path / "yours" / "z.jpg")
    (tmp_path / "mine" / "r.csv").write_text("file,label\na.jpg,1\nb.jpg,0\nc.jpg,1\n")
    (tmp_path / "yours" / "r.csv").write_text("file,label\nx.jpg,1\ny.jpg,1\nz.jpg,1\ngone.jpg,0\n")
    mine, yours = read_rated(tmp_path / "mine/r.csv"), read_rated(tmp_path / "yours/r.csv")
    assert find_overlap(trained(tmp_path / "model", mine), yours).leaked == {
        "mine/r.csv": ("x.jpg", "y.jpg")
    }
    assert shared_pictures(yours, mine).ids == {"x.jpg", "y.jpg"}
    # An AVA list finds them too, although it goes by ids.
    assert len(find_overlap(read_weights(tmp_path / "model"), read_rated(mini.ava_txt)).ids) == 3


def test_the_note_tells_no_file_names_and_is_the_same_each_time(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    (tmp_path / "r.csv").write_text("file,label\nsecret.jpg,1\n")
    shutil.copy(mini.images / f"{mini.usable[0]}.jpg", tmp_path / "secret.jpg")
    rated = read_rated(tmp_path / "r.csv")
    entry = write_trained_on(tmp_path / "one", rated)
    assert entry == TrainedOn(rated.name, 1, rated.fingerprint)
    write_trained_on(tmp_path / "two", rated)
    notes = [next((tmp_path / n / "trained_on").iterdir()).read_bytes() for n in ("one", "two")]
    assert notes[0] == notes[1]
    assert gzip.decompress(notes[0]).startswith(b"sha256:")


def test_without_the_note_only_the_same_list_is_recognised(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    rated = read_rated(mini.ava_txt)
    weights = trained(tmp_path, rated)
    shutil.rmtree(tmp_path / "trained_on")
    assert find_overlap(weights, rated).ids == set(rated.ids)
    part = rated.without(rated.ids[:1])
    assert find_overlap(weights, part).unchecked == ("AVA",)
    assert find_overlap(weights, part).ids == frozenset()


def test_a_damaged_note_is_an_error(mini: miniature_ava.MiniatureAva, tmp_path: Path) -> None:
    rated = read_rated(mini.ava_txt)
    weights = trained(tmp_path, rated)
    (note,) = (tmp_path / "trained_on").iterdir()
    whole = note.read_bytes()
    note.write_bytes(whole[:-30])
    with pytest.raises(DataError):
        find_overlap(weights, rated)
    other = write_trained_on(tmp_path, rated.without(rated.ids[:1]))
    shutil.copy(tmp_path / "trained_on" / f"{other.fingerprint}.txt.gz", note)
    with pytest.raises(DataError, match="holds 59 pictures, but the model's record names 60"):
        find_overlap(weights, rated)
