"""Folders that belong to other programs are passed over, once, and can be read if asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.images.foreign import foreign_folder, is_foreign
from ilgnet.images.sources import find_images
from ilgnet.values import Failure

FOREIGN = [
    "Photos Library.photoslibrary/originals/A/A1.jpeg",
    "Catalog Previews.lrdata/0/x.jpg",
    "@eaDir/mine.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "#recycle/old.jpg",
    "$RECYCLE.BIN/old.jpg",
    "System Volume Information/x.jpg",
    "@Recycle/x.jpg",
    "deep/er/#snapshot/daily/x.jpg",
    "Old.APLIBRARY/Masters/x.jpg",
    "Backups.backupdb/Mac/2024-05-01/x.jpg",
    "Network Trash Folder/x.jpg",
    "__MACOSX/x.jpg",
    "shoot/CaptureOne/Cache/Thumbnails/x.jpg",
    "shoot/CaptureOne/Settings153/x.jpg",
]
OWN = [
    "mine.jpg",
    "recycle/a.jpg",
    "backups/a.jpg",
    "snapshots/a.jpg",
    "eaDir/a.jpg",
    "CaptureOne/a.jpg",
    "cache/a.jpg",
    "photoslibrary/a.jpg",
    "my.lrdata.jpg",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (*FOREIGN, *OWN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(root: Path, found: object) -> list[str]:
    return sorted(Path(one.id).relative_to(root).as_posix() for one in found)  # type: ignore[attr-defined]


def test_only_ones_own_pictures(root: Path) -> None:
    passed_over: list[str] = []
    found = list(find_images(root, passed_over=passed_over.append))
    assert not any(isinstance(one, Failure) for one in found)  # nor @eaDir/mine.jpg, a folder
    assert names(root, found) == sorted(OWN)
    assert len(passed_over) == len(FOREIGN)
    assert passed_over == sorted(passed_over, key=lambda path: path.split("/"))


def test_a_flag_reads_them(root: Path) -> None:
    found = [one for one in find_images(root, foreign=True) if not isinstance(one, Failure)]
    assert names(root, found) == sorted([*OWN, *FOREIGN])


def test_one_that_is_named_is_read(root: Path) -> None:
    (found,) = find_images(root / "Photos Library.photoslibrary" / "originals")
    assert names(root, [found]) == [FOREIGN[0]]


def test_a_pattern_does_not_reach_into_them(root: Path) -> None:
    passed_over: list[str] = []
    found = find_images(f"{root}/**/*.jp*g", passed_over=passed_over.append)
    assert names(root, found) == sorted(OWN)
    assert passed_over
    (inside,) = find_images(f"{root}/#recycle/*.jpg")
    assert names(root, [inside]) == ["#recycle/old.jpg"]


@pytest.mark.parametrize("path", FOREIGN)
def test_whose_a_file_is(path: str) -> None:
    owner = foreign_folder(f"photos/{path}")
    assert owner is not None
    assert f"photos/{path}".startswith(owner)


@pytest.mark.parametrize("path", OWN)
def test_whose_a_file_is_not(path: str) -> None:
    assert foreign_folder(f"photos/{path}") is None
    assert not is_foreign(path.partition("/")[0])
