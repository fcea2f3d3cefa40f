"""Which files belong to one photograph."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.library.photograph.file_groups import FileGroup, Folder, sidecar_path
from ilgnet.library.photograph.gather import gather, scored_file
from ilgnet.values import Verdict


def folder(tmp_path: Path, *names: str) -> Folder:
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    return Folder(tmp_path)


def names(group: FileGroup) -> tuple[list[str], list[str]]:
    return [p.name for p in group.pictures], sorted(p.name for p in group.companions)


def test_both_ways_of_naming(tmp_path: Path) -> None:
    picture = tmp_path / "IMG_1.CR2"
    assert sidecar_path(picture, "adobe") == tmp_path / "IMG_1.xmp"
    assert sidecar_path(picture, "darktable") == tmp_path / "IMG_1.CR2.xmp"
    group = folder(tmp_path, "IMG_1.CR2", "IMG_1.XMP", "IMG_1.CR2.xmp").group_of(picture)
    assert sorted(path.name for path in group.sidecars) == ["IMG_1.CR2.xmp", "IMG_1.XMP"]


def test_everything_of_a_pair_travels(tmp_path: Path) -> None:
    own = ["IMG_1.xmp", "IMG_1.CR2.xmp", "IMG_1.JPG.xmp", "IMG_1_01.CR2.xmp", "IMG_1.CR2.pp3"]
    own += ["IMG_1.JPG.dop", "IMG_1.AAE", "IMG_1.MOV"]
    others = ["IMG_10.xmp", "IMG_11.JPG", "IMG_1.txt", "IMG_1x.xmp", "IMG_2.CR2.xmp"]
    there = folder(tmp_path, "IMG_1.CR2", "IMG_1.JPG", *own, *others)
    group = there.group_of(tmp_path / "IMG_1.CR2")
    assert names(group) == (["IMG_1.JPG", "IMG_1.CR2"], sorted(own))
    assert there.group_of(tmp_path / "IMG_1.JPG") == group
    assert [p.name for p in group.sidecars] == [
        n for n in (p.name for p in group.companions) if n.lower().endswith(".xmp")
    ]
    assert names(there.group_of(tmp_path / "IMG_11.JPG")) == (["IMG_11.JPG"], [])


def test_a_shared_stem_goes_with_the_raw(tmp_path: Path) -> None:
    there = folder(tmp_path, "A.CR2", "A.JPG", "A.png", "A.xmp", "A.png.xmp")
    pair, alone = there.group_of(tmp_path / "A.JPG"), there.group_of(tmp_path / "A.png")
    assert names(pair) == (["A.JPG", "A.CR2"], ["A.xmp"])
    assert names(alone) == (["A.png"], ["A.png.xmp"])
    assert pair.shares_stem
    assert alone.shares_stem


@pytest.mark.parametrize(
    ("there", "styles"),
    [
        (["a.jpg"], set()),
        (["a.jpg", "a.xmp"], {"adobe"}),
        (["a.jpg", "a.jpg.xmp"], {"darktable"}),
        (["a.jpg", "a.jpg.xmp", "b.CR2", "b.XMP"], {"adobe", "darktable"}),
    ],
)
def test_the_folders_ways(tmp_path: Path, there: list[str], styles: set[str]) -> None:
    assert folder(tmp_path, *there).styles == styles


def verdict(path: Path | str, score: float) -> Verdict:
    return Verdict(str(path), score, None, 0.5, 50, None, 10, 10, "test", "")


def test_a_pair_is_one_photograph_and_its_jpeg_speaks(tmp_path: Path) -> None:
    folder(tmp_path, "A.CR2", "A.JPG", "B.CR2", "C.jpg", "C.dng")
    scored = [("A.CR2", 4), ("A.JPG", 6), ("B.CR2", 5), ("C.dng", 3), ("gone.jpg", 9)]
    found = gather(scored_file(verdict(tmp_path / name, score)) for name, score in scored)
    assert [(p.path.name, p.verdict.score, len(p.group.pictures)) for p in found] == [
        ("A.JPG", 6, 2),
        ("B.CR2", 5, 1),
        ("C.dng", 3, 2),
    ]


def test_named_twice_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, "A.JPG")
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    paths = ["A.JPG", "./A.JPG", tmp_path / "A.JPG", "link/A.JPG"]
    assert len(gather(scored_file(verdict(path, 5)) for path in paths)) == 1
