"""What belongs to a photograph goes where it goes, and what only looks alike is named."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from ilgnet.library.choosing.cull import Decided
from ilgnet.library.choosing.plan_marks import MarkRule, plan_marks
from ilgnet.library.choosing.plan_transfers import TransferRule, plan_transfers
from ilgnet.library.photograph.companions import COMPANIONS, owners, pair_name, renamed
from ilgnet.library.photograph.file_groups import Folder
from ilgnet.library.photograph.gather import gather, scored_file
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.proposals import Proposal
from ilgnet.library.sidecar.xmp import Notes
from ilgnet.values import Verdict
from tests.library.folders import tree

COMPOSED, DECOMPOSED = (normalize(form, "Gr\u00fcn") for form in ("NFC", "NFD"))


def files(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return root


def photos(root: Path, *names: str) -> list[Photograph]:
    verdicts = [Verdict(str(root / n), 5, None, 0.5, 50, None, 8, 8, "test", "") for n in names]
    return gather(map(scored_file, verdicts))


def companions(root: Path, name: str) -> set[str]:
    return {path.name for path in Folder(root).group_of(root / name).companions}


@pytest.mark.parametrize("kind", COMPANIONS, ids=lambda kind: kind.extension)
def test_every_kind_goes_with_its_picture_and_no_other(tmp_path: Path, kind: object) -> None:
    extension, after = kind.extension, kind.after  # type: ignore[attr-defined]
    own = [f"IMG_0001.JPG{extension}"] if after in ("file", "either") else []
    own += [f"IMG_0001{extension.upper()}"] if after in ("stem", "either") else []
    others = [f"IMG_0002.JPG{extension}", f"IMG_0002{extension}", f"IMG_00010{extension}"]
    files(tmp_path, "IMG_0001.JPG", "IMG_0002.JPG", *own, *others)
    assert companions(tmp_path, "IMG_0001.JPG") == set(own)


@pytest.mark.parametrize(
    ("picture", "companion"),
    [
        ("IMG_0001.HEIC", "IMG_0001_HEVC.MOV"),
        ("IMG_0001.HEIC", "IMG_O0001.AAE"),
        ("IMG_0001.JPG", "IMG_0001.JPG.supplemental-metadata.json"),
        ("a_very_long_name_20250101_1.jpg", "a_very_long_name_20250101_1.jpg.supplemental-m.json"),
        ("IMG_0001.JPG", "IMG_0001.JPG.su.json"),
        ("PXL_1.MP.jpg", "PXL_1.MP"),
        ("PXL_1.MP.jpg", "PXL_1.MP.mp4"),
        ("A.CR2", "A_01.CR2.xmp"),
        ("IMG_1(1).JPG", "IMG_1.JPG(1).json"),
        ("IMG_1(12).JPG", "IMG_1.JPG.supplemental-metadata(12).json"),
        ("a.b(1).jpg", "a.b.jpg.su(1).json"),
        ("A.jpg", "A.jpg.out.pp3"),
        (f"{COMPOSED}.jpg", f"{DECOMPOSED}.XMP"),  # as Macs write it
        (f"{DECOMPOSED}.jpg", f"{COMPOSED}.jpg.xmp"),
    ],
)
def test_names_that_are_written_otherwise(tmp_path: Path, picture: str, companion: str) -> None:
    files(tmp_path, picture, companion, "IMG_0002.JPG")
    assert companions(tmp_path, picture) == {companion}
    assert companions(tmp_path, "IMG_0002.JPG") == set()


def test_what_looks_alike_stays_and_is_named(tmp_path: Path) -> None:
    names = ("A.JPG", "A.txt", "A.JPG.bak", "AB.txt", "A.psd", "B.JPG")
    root = files(tmp_path / "root", *names)
    (photo, _) = photos(root, "A.JPG", "B.JPG")
    decided = [Decided(photo, "keep", "why")]
    planned = plan_transfers(decided, TransferRule("move", root), [root])
    assert [Path(step.source).name for step in planned.plan.steps] == ["A.JPG"]  # type: ignore[union-attr]
    named = sorted(Path(problem.partition(" stays")[0]).name for problem in planned.problems)
    assert named == ["A.JPG.bak", "A.txt"]  # A.psd is a picture of its own


@pytest.mark.parametrize(
    "pair",
    [
        ("PXL_1.RAW-01.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng"),
        ("PXL_1.RAW-01.MP.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng"),
        ("WP_1_Raw.jpg", "WP_1_Raw__highres.dng"),
        ("IMG_1.JPG", "img_1.dng"),
        ("DSC1.HIF", "DSC1.ARW"),
        (f"{COMPOSED}.jpg", f"{DECOMPOSED}.CR2"),
    ],
)
def test_pairs_are_one_photograph_however_they_are_named(
    tmp_path: Path, pair: tuple[str, str]
) -> None:
    root = files(tmp_path, *pair, "PXL_2.jpg")
    found = photos(root, pair[0], pair[1], "PXL_2.jpg")
    assert [[path.name for path in p.group.pictures] for p in found] == [[*pair], ["PXL_2.jpg"]]
    assert [len(p.group.pictures) for p in photos(root, pair[0])] == [2]  # only one was named
    assert pair_name(pair[0]) == pair_name(pair[1])


def test_a_number_keeps_the_files_of_a_photograph_together(tmp_path: Path) -> None:
    names = ["PXL_1.RAW-01.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-01.COVER.xmp"]
    root = files(tmp_path / "root", *names, "keep/PXL_1.RAW-01.COVER.jpg")
    before = tree(root)
    decided = [Decided(photo, "keep", "why") for photo in photos(root, names[0])]
    planned = plan_transfers(decided, TransferRule("move", root, flat=True), [root])
    run = Proposal(planned.plan, (), lambda journal: None).apply()
    there = Folder(root / "keep").group_of(root / "keep" / "PXL_1-1.RAW-01.COVER.jpg")
    assert {path.name for path in there.files} == {n.replace("_1", "_1-1", 1) for n in names}
    run.undo()
    assert tree(root) == before


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_0001.JPG", "IMG_0001-1.JPG"),
        ("img_0001.jpg.xmp", "IMG_0001-1.jpg.xmp"),
        ("IMG_0001_HEVC.MOV", "IMG_0001-1_HEVC.MOV"),
        ("IMG_O0001.AAE", "IMG_O0001-1.AAE"),
    ],
)
def test_new_names_still_say_whose_they_are(name: str, expected: str) -> None:
    assert renamed(name, "IMG_0001", "IMG_0001-1") == expected
    files_, stems = owners(expected)
    assert {"img_0001-1", "img_0001-1.jpg"} & (files_ | stems) or expected.endswith(".JPG")


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1(1).JPG", "IMG_1.JPG(1).json"),
        (f"{COMPOSED}.jpg", f"{DECOMPOSED}.xmp"),
        (f"{DECOMPOSED}.jpg", f"{COMPOSED}.jpg.xmp"),
    ],
)
def test_a_number_for_names_that_are_written_otherwise(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    root = files(tmp_path / "root", *names, f"keep/{names[0]}")
    (root / "keep" / names[0]).write_bytes(b"another")
    before = tree(root)
    decided = [Decided(photo, "keep", "why") for photo in photos(root, names[0])]
    planned = plan_transfers(decided, TransferRule("move", root, flat=True), [root])
    run = Proposal(planned.plan, (), lambda journal: None).apply()
    moved = root / "keep" / names[0].replace(".", "-1.")
    assert len(Folder(root / "keep").group_of(moved).files) == 2
    run.undo()
    assert tree(root) == before


def test_nothing_leaves_or_enters_a_folder_of_another_program(tmp_path: Path) -> None:
    inside = "Photos Library.photoslibrary/originals/A/A1.jpeg"
    root = files(tmp_path / "root", inside, "mine.jpg")
    found = photos(root, inside, "mine.jpg")
    decided = [Decided(photo, "keep", "why") for photo in found]
    planned = plan_transfers(decided, TransferRule("move", root), [root])
    assert [Path(step.source).name for step in planned.plan.steps] == ["mine.jpg"]  # type: ignore[union-attr]
    assert "belongs to another program" in planned.problems[0]
    marked = plan_marks([(p, Notes(rating=5)) for p in found], MarkRule(), [root], "stars")
    assert [mark.picture.name for mark in marked.marks] == ["mine.jpg"]


def test_a_link_that_leads_to_itself_is_no_file(tmp_path: Path) -> None:
    root = files(tmp_path, "A.JPG", "A.xmp")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (photo,) = photos(root, "A.JPG", "loop.jpg")
    assert [path.name for path in photo.group.files] == ["A.JPG", "A.xmp"]
