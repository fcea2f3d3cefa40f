"""Whatever a rated collection is, one call opens it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ilgnet.data.readers import read_pictures, read_rated
from ilgnet.data.scale import Scale
from ilgnet.data.tables import TableForm
from ilgnet.errors import DataError
from tests import miniature_ava


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 12)


def write_list(folder: Path, *lines: str) -> Path:
    path = folder / "list.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def test_a_list_picks_orders_and_labels(mini: miniature_ava.MiniatureAva, tmp_path: Path) -> None:
    last, first = f"{mini.ids[-1]}.jpg", f"{mini.ids[0]}.jpg"
    rated = read_rated(write_list(tmp_path, f"{last} 1", f"{first} 0"), ratings=mini.ava_txt)
    assert rated.ids == (last, first)
    assert [i.label for i in rated.images] == [True, False]
    assert rated.images[0].mean == pytest.approx(mini.means[-1])
    assert rated.images[0].path == mini.images / last


def test_a_list_of_ids_alone_takes_its_ratings_from_elsewhere(
    mini: miniature_ava.MiniatureAva,
) -> None:
    path = mini.folder / "aesthetics_image_lists" / "generic_test.jpgl"
    rated = read_rated(path, ratings=mini.ava_txt)
    assert len(rated.images) == 6
    assert all(i.label is None and i.mean is not None for i in rated.images)
    with pytest.raises(DataError, match="--ratings"):
        read_rated(path)


def test_a_labelled_list_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    rated = read_rated(write_list(tmp_path, "953619.jpg 1", "7.jpg 0"))
    assert [i.high for i in rated.images] == [True, False]
    assert rated.images[0].path == tmp_path / "images" / "953619.jpg"
    assert rated.images[0].collection == "ava"  # numbers are AVA's
    own = read_rated(write_list(tmp_path, "953619.jpg 1", "beach.jpg 0"), images=tmp_path)
    assert own.images[0].path == tmp_path / "953619.jpg"
    assert own.images[0].collection == ""


def test_a_list_and_ratings_that_do_not_belong_together(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    lines = (f"{mini.ids[0]}.jpg 1", "7.jpg 0", "8.jpg 0")
    with pytest.raises(DataError, match=r"2 of the 3 pictures .* such as 7\.jpg"):
        read_rated(write_list(tmp_path, *lines), ratings=mini.ava_txt)


def test_pictures_of_a_list_without_a_rating_are_left_out_and_counted(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    path = write_list(tmp_path, str(mini.ids[1]), "7", str(mini.ids[0]))
    rated = read_rated(path, ratings=mini.ava_txt)
    assert rated.ids == (f"{mini.ids[1]}.jpg", f"{mini.ids[0]}.jpg")
    assert [(left.reason, left.ids) for left in rated.left_out] == [
        ("not rated in AVA", ("7.jpg",))
    ]


def test_ids_alone_are_enough_where_no_rating_is_needed(tmp_path: Path) -> None:
    path = write_list(tmp_path, "953619", "7")
    pictures = read_pictures(path)
    assert pictures.ids == ("953619.jpg", "7.jpg")
    assert {image.collection for image in pictures.images} == {"ava"}
    with pytest.raises(DataError, match="--ratings"):
        read_rated(path)


def place(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    place(tmp_path / "high/a.jpg", tmp_path / "high/deep/b.png", tmp_path / "low/a.jpg")
    (tmp_path / "low" / "notes.txt").write_text("no picture")
    rated = read_rated(tmp_path)
    assert [(i.id, i.high) for i in rated.images] == [
        ("high/a.jpg", True),
        ("high/deep/b.png", True),
        ("low/a.jpg", False),
    ]


def test_a_folder_for_each_rating(tmp_path: Path) -> None:
    place(tmp_path / "1/a.jpg", tmp_path / "3/b.jpg", tmp_path / "5/c.jpg")
    with pytest.raises(DataError, match=r"folders: 1, 3, 5.*--scale"):
        read_rated(tmp_path)
    rated = read_rated(tmp_path, form=TableForm({}, Scale(1, 5)))
    assert [i.mean for i in rated.images] == [1, 5.5, 10]
    with pytest.raises(DataError, match=r"1 is not a rating on the scale 2\.\.5"):
        read_rated(tmp_path, form=TableForm({}, Scale(2, 5)))


def test_other_folders_and_nothing_at_all(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with pytest.raises(DataError, match=r"folders: holiday.*high and low"):
        read_rated(tmp_path)
    (tmp_path / "holiday").rmdir()
    with pytest.raises(DataError, match="folders: none"):
        read_rated(tmp_path)
    (tmp_path / "high").mkdir()
    with pytest.raises(DataError, match="no rated picture"):
        read_rated(tmp_path)
    with pytest.raises(DataError, match="there is no file"):
        read_rated(tmp_path / "absent.txt")
