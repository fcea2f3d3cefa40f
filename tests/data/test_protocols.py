"""Named protocols: the pictures that papers count, from the collection's own files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ilgnet.data import protocols
from ilgnet.data.protocols import (
    PROTOCOLS,
    find_protocol,
    published_or_not,
    read_protocol,
    without_band,
)
from ilgnet.data.rated import LeftOut, RatedImage, RatedSet
from ilgnet.errors import DataError
from tests import miniature_ava


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    made = miniature_ava.build(tmp_path_factory.mktemp("ava"), 40)
    test = made.folder / "aesthetics_image_lists/generic_test.jpgl"
    test.write_text(test.read_text() + "11714\n11723\n")  # ids that AVA.txt does not have
    lists = made.folder / "lists"
    lists.mkdir()
    for name, ids in (("train", made.ids[:30]), ("val", made.ids[30:])):
        (lists / f"AVA1_{name}.txt").write_text("".join(f"{i}.jpg {i % 2}\n" for i in ids))
    return made


def test_avas_own_split_counts_what_has_votes(mini: miniature_ava.MiniatureAva) -> None:
    protocol = find_protocol("ava-official")
    test = read_protocol(protocol, mini.folder)
    train = read_protocol(protocol, mini.ava_txt, "train")  # the file stands for its folder
    assert test.ids == tuple(f"{i}.jpg" for i in mini.ids[20:])
    assert test.left_out == (LeftOut("not rated in AVA", ("11714.jpg", "11723.jpg")),)
    assert test.unrated == 2
    assert {*train.ids} == {f"{i}.jpg" for i in mini.ids[:20]}
    assert "not the published pictures (fingerprint 9c526b5049b0)" in test.protocol
    assert all(image.path.parent == mini.images for image in test.images)


def test_ilgnets_lists_bring_their_labels(mini: miniature_ava.MiniatureAva) -> None:
    test = read_protocol(find_protocol("ava1"), mini.folder)
    assert [image.high for image in test.images] == [bool(i % 2) for i in mini.ids[30:]]
    assert all(image.votes for image in test.images)
    with pytest.raises(DataError, match=r"holds no AVA2_val\.txt.*It comes from"):
        read_protocol(find_protocol("ava2"), mini.folder)


def test_the_published_fingerprint_is_recognised(
    mini: miniature_ava.MiniatureAva, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = find_protocol("ava-official")
    test = read_protocol(protocol, mini.folder)
    same = replace(protocol, published={"test": test.fingerprint})
    monkeypatch.setitem(protocols.PROTOCOLS, "ava-official", same)
    assert published_or_not(same, "test", test) == "the published pictures, by their fingerprint"
    assert published_or_not(same, "train", test) == ""


def test_a_band_is_left_out_of_training_only_by_means() -> None:
    images = tuple(RatedImage(f"{m}.jpg", Path(), mean=m) for m in (3.9, 4.0, 5.0, 6.0, 6.1))
    clear = without_band(RatedSet("five", images), 1.0)
    assert [image.mean for image in clear.images] == [3.9, 4.0, 6.1]
    labels = RatedSet("labels", (RatedImage("a.jpg", Path(), label=True),))
    with pytest.raises(DataError, match="no mean votes"):
        without_band(labels, 1.0)


def test_unknown_names_list_the_known(mini: miniature_ava.MiniatureAva) -> None:
    with pytest.raises(DataError, match="no protocol 'ava3'; there are: ava-official, ava1"):
        find_protocol("ava3")
    with pytest.raises(DataError, match=r"ava1 has no validation part; it has: train, test"):
        read_protocol(find_protocol("ava1"), mini.folder, "validation")
    assert set(PROTOCOLS) >= {"ava-official", "ava1", "ava2", "para", "koniq10k"}
