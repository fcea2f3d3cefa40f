"""A test on pictures that a model was trained on does not go unnoticed."""

from __future__ import annotations

import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.data.ava import read_ava
from ilgnet.data.overlap import find_overlap, shared_pictures, write_trained_on
from ilgnet.data.partitions import ava1, ava2
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.errors import DataError
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.records import Weights, is_model, read_weights, write_weights
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


def resaved(rated: RatedSet, folder: Path) -> RatedSet:
    """Copies of the pictures under other names, as smaller JPEGs."""
    folder.mkdir()
    images = []
    for number, image in enumerate(rated.images):
        path = folder / f"copy {number}.jpg"
        with Image.open(image.path) as picture:
            smaller = picture.resize((picture.width * 2 // 3, picture.height * 2 // 3))
            smaller.convert("RGB").save(path, quality=88)
        images.append(RatedImage(path.name, path, mean=5.0))
    return RatedSet("copies", tuple(images))


def scenes(folder: Path, count: int, seed: int = 0) -> RatedSet:
    folder.mkdir()
    images = []
    for number in range(count):
        coarse = np.random.default_rng([seed, number]).integers(0, 256, (7, 9, 3), dtype=np.uint8)
        path = folder / f"{2000 + number}.png"
        Image.fromarray(coarse).resize((180, 140), Image.Resampling.BICUBIC).save(path)
        images.append(RatedImage(path.name, path, mean=5.0, collection="ava"))
    return RatedSet("scenes", tuple(images))


def test_copies_that_were_saved_again_are_found_under_any_name(tmp_path: Path) -> None:
    rated, others = scenes(tmp_path / "one", 12), scenes(tmp_path / "two", 12, seed=1)
    weights = trained(tmp_path / "model", rated)
    copies = resaved(rated, tmp_path / "copies")
    found = find_overlap(weights, copies)
    assert found.leaked == {"scenes": copies.ids}
    assert shared_pictures(copies, rated).ids == set(copies.ids)
    none = find_overlap(weights, resaved(others, tmp_path / "strangers"))
    assert none.ids == frozenset()
    assert none.compared_words() == "by the files' bytes and by what the pictures look like"


def test_a_table_of_the_files_that_a_list_named_is_found(tmp_path: Path) -> None:
    rated = scenes(tmp_path / "one", 6)
    weights = trained(tmp_path / "model", rated)
    table = replace(
        rated,
        name="table",
        images=tuple(replace(i, id=f"one/{i.id}", collection="") for i in rated.images),
    )
    assert find_overlap(weights, table).ids == set(table.ids)
    assert shared_pictures(table, rated).ids == set(table.ids)


def test_ids_are_enough_within_a_collection_and_it_says_so(tmp_path: Path) -> None:
    rated = scenes(tmp_path / "one", 6)
    gone = replace(rated, images=tuple(replace(i, path=tmp_path / "gone") for i in rated.images))
    found = shared_pictures(gone.without(gone.ids[:2]), gone)
    assert found.ids == set(rated.ids[2:])
    assert (found.compared, found.unread) == (("ids",), 0)
    # Of another collection they say nothing, and files that are not there cannot be compared.
    foreign = replace(gone, images=tuple(replace(i, collection="") for i in gone.images))
    missed = shared_pictures(foreign, rated)
    assert (missed.ids, missed.unread) == (frozenset(), 6)
    assert "6 files could not be read" in missed.compared_words()


def test_a_note_of_an_older_version_is_read_and_its_limits_are_said(tmp_path: Path) -> None:
    rated = scenes(tmp_path / "one", 3)
    mine = replace(rated, images=tuple(replace(i, collection="") for i in rated.images))
    weights = trained(tmp_path / "model", mine)
    (note,) = (tmp_path / "model" / "trained_on").iterdir()
    lines = gzip.decompress(note.read_bytes()).decode().splitlines()
    old = "".join(f"{line.split(chr(9))[0]}\n" for line in lines)
    note.write_bytes(gzip.compress(old.encode()))
    assert find_overlap(weights, mine).ids == set(mine.ids)
    copies = find_overlap(weights, resaved(mine, tmp_path / "copies"))
    assert copies.ids == frozenset()
    assert "saved again would not be noticed" in copies.compared_words()


def test_of_an_unknown_part_only_the_collection_is_known(tmp_path: Path) -> None:
    rated = scenes(tmp_path / "one", 3)
    make_tiny_model(tmp_path / "model")
    seen = (TrainedOn("their trunk", collection="ava"), TrainedOn.unknown("start.safetensors"))
    weights = replace(read_weights(tmp_path / "model"), trained_on=seen)
    found = find_overlap(weights, rated)
    assert found.possible == {"their trunk": rated.ids}
    assert found.ids == set(rated.ids)
    assert found.unchecked == ("whatever start.safetensors was trained on: unknown",)
    mine = replace(rated, images=tuple(replace(i, collection="") for i in rated.images))
    assert find_overlap(weights, mine).ids == frozenset()
    assert find_overlap(weights, mine).unchecked[0] == "their trunk: an unknown part of AVA"


def test_a_list_is_no_model_and_says_so_in_words(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("1.jpg 1\n")
    assert not is_model(str(tmp_path / "list.txt"))
