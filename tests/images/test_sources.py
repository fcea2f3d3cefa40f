"""Finding pictures: nothing dropped, nothing twice, the same order every time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ilgnet.images.sources import find_images
from ilgnet.values import Failure, ImageRef
from tests.worst_folder import failures, oddities


def names(paths: list[str], below: Path) -> list[str]:
    return [
        str(Path(found.id).relative_to(below))
        for found in find_images(paths)
        if isinstance(found, ImageRef)
    ]


def path_of(found: ImageRef | Failure) -> str:
    return found.id if isinstance(found, ImageRef) else found.path


def test_a_folder_is_searched_in_order_with_all_below(tmp_path: Path) -> None:
    for name in (
        "b/2.jpg",
        "b/1.JPEG",
        "a.png",
        "c.txt",
        "d.nef",
        ".hidden.jpg",
        ".ilgnet/x.jpg",
        "e/notes.md",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert names([str(tmp_path)], tmp_path) == ["a.png", "b/1.JPEG", "b/2.jpg", "d.nef"]


def test_a_named_file_is_taken_whatever_its_extension(tmp_path: Path) -> None:
    odd = tmp_path / "no extension"
    odd.touch()
    missing = str(tmp_path / "missing.jpg")
    found = list(find_images([odd, missing]))
    assert [item.id for item in found] == [str(odd), missing]


def test_glob_patterns(tmp_path: Path) -> None:
    for name in ("x/1.jpg", "x/2.png", "x/y/3.jpg", "z[1].jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert names([f"{tmp_path}/x/*.jpg"], tmp_path) == ["x/1.jpg"]
    assert names([f"{tmp_path}/**/*.jpg"], tmp_path) == ["x/1.jpg", "x/y/3.jpg", "z[1].jpg"]
    assert names([f"{tmp_path}/**"], tmp_path) == ["x/1.jpg", "x/2.png", "x/y/3.jpg", "z[1].jpg"]
    assert names([f"{tmp_path}/x*"], tmp_path) == ["x/1.jpg", "x/2.png", "x/y/3.jpg"]
    assert names([f"{tmp_path}/z[1].jpg"], tmp_path) == ["z[1].jpg"], (
        "a file may look like a pattern"
    )
    (nothing,) = find_images([f"{tmp_path}/*.tiff"])
    assert isinstance(nothing, Failure)
    assert nothing.code == "not_found"


def test_the_worst_folder_ends_and_every_trap_has_its_row(tmp_path: Path) -> None:
    expected = failures(tmp_path) | dict.fromkeys(oddities(tmp_path), "")
    found = list(find_images([tmp_path]))
    relative = [os.path.relpath(path_of(item), tmp_path) for item in found]
    assert sorted(relative) == sorted(expected)
    by_name = dict(zip(relative, found, strict=True))
    for name in ("folder.jpg", "below/up"):
        failure = by_name[name]
        assert isinstance(failure, Failure)
        assert failure.code == expected[name]


def test_a_folder_reached_by_a_link_is_searched(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "1.jpg").touch()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "link").symlink_to(tmp_path / "real")
    assert names([str(tmp_path / "photos")], tmp_path) == ["photos/link/1.jpg"]


@pytest.mark.parametrize("form", [str, Path])
def test_one_path_is_as_good_as_many(form: type, tmp_path: Path) -> None:
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / name).touch()
    assert list(find_images(form(tmp_path))) == list(find_images([tmp_path]))
    assert len(list(find_images(form(tmp_path)))) == 2


def test_bytes_are_no_paths() -> None:
    with pytest.raises(TypeError, match="fsdecode"):
        find_images(b"photos")  # type: ignore[arg-type]


def test_what_a_list_names_is_no_pattern(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    pattern = f"{tmp_path}/*.jpg"
    assert [path_of(found) for found in find_images([pattern], patterns=False)] == [pattern]
