"""Partitions follow their rules, and come out the same everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ilgnet.data.ava import Ava, read_ava
from ilgnet.data.lists import ImageList, read_list
from ilgnet.data.partitions import ava1, ava2, shuffled, write_partition
from ilgnet.errors import DataError
from tests import miniature_ava


@pytest.fixture(scope="module")
def ava(tmp_path_factory: pytest.TempPathFactory) -> Ava:
    return read_ava(miniature_ava.build(tmp_path_factory.mktemp("ava"), 200).ava_txt)


@pytest.fixture(scope="module")
def means(ava: Ava) -> dict[str, float]:
    return dict(zip(ava.files, ava.means.tolist(), strict=True))


def labels_of(lists: dict[str, ImageList]) -> dict[str, bool]:
    return {
        name: high
        for part in lists.values()
        for name, high in zip(part.ids, part.labels or (), strict=True)
    }


def test_pictures_are_dealt_by_a_hash_that_any_language_can_compute() -> None:
    # printf '0:1.jpg' | sha256sum begins with 5d, that of 0:2.jpg with 13, of 0:3.jpg with 57.
    assert shuffled(["1.jpg", "2.jpg", "3.jpg"], 0) == ["2.jpg", "3.jpg", "1.jpg"]
    assert shuffled(map(str, range(50)), 0) != shuffled(map(str, range(50)), 1)


def test_ava1_takes_every_picture_once(ava: Ava, means: dict[str, float]) -> None:
    lists = ava1(ava, test=40, val=20).lists
    assert [len(lists[part].ids) for part in ("train", "val", "test")] == [140, 20, 40]
    everything = [name for part in lists.values() for name in part.ids]
    assert sorted(everything) == sorted(ava.files)
    share = np.mean(ava.means > 5)
    for part in lists.values():
        assert part.labels == tuple(means[name] > 5 for name in part.ids)
        assert part.high_share == pytest.approx(share, abs=0.03)


def test_ava1_with_the_make_up_of_the_published_list(ava: Ava) -> None:
    assert ava1(ava, test=(8, 32)).lists["test"].high_share == 0.8


def test_delta_thins_the_training_list_alone(ava: Ava, means: dict[str, float]) -> None:
    plain, thinned = ava1(ava, test=40).lists, ava1(ava, test=40, delta=1).lists
    assert thinned["test"] == plain["test"]
    kept = [name for name in plain["train"].ids if means[name] > 6 or means[name] <= 4]
    assert 0 < len(kept) < len(plain["train"].ids)
    assert list(thinned["train"].ids) == kept


def test_ava2_takes_both_ends_in_two_halves(ava: Ava, means: dict[str, float]) -> None:
    lists = ava2(ava).lists
    assert len(lists["train"].ids) == len(lists["test"].ids) == 20
    assert not set(lists["train"].ids) & set(lists["test"].ids)
    label = {
        n: high
        for part in lists.values()
        for n, high in zip(part.ids, part.labels or (), strict=True)
    }
    ordered = sorted(means.values())
    assert sorted(means[n] for n, high in label.items() if not high) == ordered[:20]
    assert sorted(means[n] for n, high in label.items() if high) == ordered[-20:]


def test_with_one_seed_ava2_trains_on_nothing_that_ava1_tests(ava: Ava) -> None:
    tested = set(ava1(ava, test=40, seed=3).lists["test"].ids)
    assert not tested & set(ava2(ava, seed=3).lists["train"].ids)


def test_ties_at_the_ends_are_told_apart_by_id() -> None:
    ids = np.array([5, 3, 9, 1])
    votes = np.zeros((4, 10), dtype=np.int64)
    votes[:, 5] = 7
    lists = ava2(Ava(ids, votes, np.zeros((4, 2), int), np.zeros(4, int)), share=0.5).lists
    label = {
        n: high
        for part in lists.values()
        for n, high in zip(part.ids, part.labels or (), strict=True)
    }
    assert label == {"1.jpg": False, "3.jpg": False, "5.jpg": True, "9.jpg": True}


def test_the_same_seed_gives_the_same_lists_in_whatever_order_ava_comes(ava: Ava) -> None:
    turned = Ava(*(column[::-1] for column in (ava.ids, ava.votes, ava.tags, ava.challenges)))
    for make in (lambda a: ava1(a, test=40, val=10), lambda a: ava2(a, val=4)):
        assert make(ava) == make(turned)
    assert ava1(ava, test=40).lists["test"] != ava1(ava, test=40, seed=1).lists["test"]


def test_the_lists_of_a_seed_never_change() -> None:
    """Lists are cited by their fingerprints: another rule needs another name."""
    ids = np.arange(1, 201)
    votes = np.zeros((200, 10), dtype=np.int64)
    votes[:, 3], votes[:, 6] = ids % 17, 1 + ids % 11
    ava = Ava(ids, votes, np.zeros((200, 2), int), np.zeros(200, int))
    assert ava1(ava, test=40).lists["test"].fingerprint == "2095e780a9ad"
    assert ava2(ava).lists["test"].fingerprint == "e60c32a0c8ea"


def test_too_much_is_refused(ava: Ava) -> None:
    for wrong in (
        lambda: ava1(ava, test=(150, 10)),
        lambda: ava1(ava, test=40, val=190),
        lambda: ava1(ava, test=40, delta=-1),
        lambda: ava1(ava, test=200),
        lambda: ava2(ava, share=0.6),
        lambda: ava2(ava, val=20),
    ):
        with pytest.raises(DataError):
            wrong()


def test_lists_are_written_in_the_published_form_with_how_they_were_made(
    ava: Ava, tmp_path: Path
) -> None:
    made = ava1(ava, test=40, delta=0.5, seed=9)
    write_partition(tmp_path, made)
    record = json.loads((tmp_path / "AVA1.json").read_text())
    assert (record["delta"], record["seed"]) == (0.5, 9)
    for part in ("train", "test"):
        pictures = read_list(tmp_path / f"AVA1_{part}.txt")
        assert pictures.ids == made.lists[part].ids
        assert pictures.labels == made.lists[part].labels
        assert record["lists"][f"AVA1_{part}"]["fingerprint"] == pictures.fingerprint


def test_a_share_that_is_too_small_is_refused_never_filled_with_high_pictures(ava: Ava) -> None:
    with pytest.raises(DataError, match=r"less than half a picture of 200 at either end"):
        ava2(ava, share=0.002)
    with pytest.raises(DataError, match="1 at either end leaves only one class"):
        ava2(ava, share=0.005)
    for part in ava2(ava, share=0.1).lists.values():
        assert part.labels is not None
        assert len(set(part.labels)) == 2
