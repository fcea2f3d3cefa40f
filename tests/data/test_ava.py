"""AVA's files in their real format."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.data.ava import rated_ava, read_ava, read_names, read_styles
from ilgnet.data.readers import is_ava, read_rated
from ilgnet.errors import DataError
from tests import miniature_ava

LINE = "1 953619 0 1 5 17 38 36 15 6 5 1 1 22 1396\n"


def test_one_line_worked_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "AVA.txt"
    path.write_text(LINE)
    (tmp_path / "tags.txt").write_text("1 Abstract\n22 Black_and_White\n")
    (tmp_path / "challenges.txt").write_text("1396 100_Meters\n")
    (picture,) = rated_ava(path).images
    assert picture.id == "953619.jpg"
    assert picture.path == tmp_path / "953619.jpg"
    assert picture.mean == pytest.approx(699 / 124)
    assert sum(picture.votes or ()) == 124
    assert picture.categories == ("Abstract", "Black and White")
    assert picture.group == "100 Meters"
    assert picture.collection == "ava"
    assert is_ava(path)


@pytest.mark.parametrize(
    ("votes", "high"),
    [
        ("0 0 0 0 9 0 0 0 0 0", False),  # a mean of exactly 5 is low
        ("0 0 0 5 0 5 0 0 0 0", False),
        ("0 0 0 0 9 1 0 0 0 0", True),
        ("1 0 0 0 9 0 0 0 0 0", False),
    ],
)
def test_high_is_strictly_greater_than_five(tmp_path: Path, votes: str, high: bool) -> None:
    path = tmp_path / "AVA.txt"
    path.write_text(f"1 10 {votes} 0 0 1\n")
    (picture,) = read_rated(path).images
    assert picture.high is high
    assert picture.categories == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LINE + "2 953620 0 1\n", "line 2.*4 fields"),
        (LINE + LINE.replace("38", "many"), "line 2"),
        (LINE + LINE, "more than once"),
        ("1 7 0 0 0 0 0 0 0 0 0 0 0 0 1\n", "7 has no votes"),
        ("\n", "empty"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "AVA.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_ava(path)
    assert "AVA.txt" in str(caught.value)


def test_the_miniature_as_a_whole(tmp_path: Path) -> None:
    mini = miniature_ava.build(tmp_path, 30)
    rated = read_rated(mini.ava_txt)
    assert rated.ids == tuple(f"{i}.jpg" for i in mini.ids)
    assert [i.mean for i in rated.images] == pytest.approx(mini.means.tolist())
    assert {i.group for i in rated.images} <= {"Shadows", "Free Study", "100 Meters"}
    assert all(i.path.parent == mini.images for i in rated.images)
    styles = read_styles(tmp_path / "style_image_lists")
    for image in rated.images:
        marked = {name[6:] for name in image.categories if name.startswith("style ")}
        assert marked == {*styles.train.get(image.id, ()), *styles.test.get(image.id, ())}


def test_styles_line_up_with_their_lists(tmp_path: Path) -> None:
    (tmp_path / "styles.txt").write_text("1 Complementary_Colors\n2 Duotones\n3 HDR\n")
    (tmp_path / "train.jpgl").write_text("615485\n615595\n")
    (tmp_path / "train.lab").write_text("3\n1\n")
    (tmp_path / "test.jpgl").write_text("615561\n")
    (tmp_path / "test.multilab").write_text("1 0 1\n")
    styles = read_styles(tmp_path)
    assert styles.train == {"615485.jpg": ("HDR",), "615595.jpg": ("Complementary Colors",)}
    assert styles.test == {"615561.jpg": ("Complementary Colors", "HDR")}

    (tmp_path / "train.lab").write_text("3\n")
    with pytest.raises(DataError, match=r"train\.lab has 1 lines for the 2 pictures"):
        read_styles(tmp_path)
    (tmp_path / "train.lab").write_text("3\n4\n")
    with pytest.raises(DataError, match="line 2: '4' is not a style"):
        read_styles(tmp_path)
    (tmp_path / "train.lab").write_text("3\n1\n")
    (tmp_path / "test.multilab").write_text("1 0\n")
    with pytest.raises(DataError, match="3 marks"):
        read_styles(tmp_path)


def test_names_must_have_an_id(tmp_path: Path) -> None:
    path = tmp_path / "tags.txt"
    path.write_text("1 Abstract\nAction\n")
    with pytest.raises(DataError, match="line 2"):
        read_names(path)
