"""Where culled photographs go."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.library.changes.carry_out import apply_plan, undo
from ilgnet.library.changes.journal import find_journal
from ilgnet.library.changes.plan import HOWS, How
from ilgnet.library.choosing.cull import Decided, Decision
from ilgnet.library.choosing.plan_transfers import (
    TransferPlan,
    TransferRule,
    is_sorted_already,
    plan_transfers,
)
from ilgnet.library.photograph.gather import gather, scored_file
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.values import Verdict
from tests.library.folders import contents, tree

FILES = ("a/A.CR2", "a/A.JPG", "a/A.xmp", "a/A.CR2.xmp", "b/A.JPG", "b/B.JPG", "b/B.JPG.xmp")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "root"


def photos(verdicts: list[Verdict]) -> list[Photograph]:
    return gather(map(scored_file, verdicts))


def plan(
    root: Path,
    how: How = "move",
    into: Path | None = None,
    decision: Decision = "keep",
    **options: object,
) -> TransferPlan:
    verdicts = [
        Verdict(str(root / name), 5, None, 0.5, 50, None, 1, 1, "test", "")
        for name in ("a/A.JPG", "b/A.JPG", "b/B.JPG")
    ]
    rule = TransferRule(how, into or root, **options)  # type: ignore[arg-type]
    return plan_transfers([Decided(p, decision, "why") for p in photos(verdicts)], rule, [root])


@pytest.mark.parametrize("how", HOWS)
def test_siblings_and_sidecars_travel(root: Path, how: How) -> None:
    before = tree(root)
    apply_plan(plan(root, how).plan)
    there = {name.removeprefix("keep/") for name in tree(root / "keep")}
    assert there == set(FILES)
    undo(find_journal(None))
    assert tree(root) == before


@pytest.mark.parametrize("how", ["copy", "move"])
def test_names_that_are_taken_get_a_number_for_the_whole_group(root: Path, how: How) -> None:
    (root / "keep").mkdir()
    (root / "keep" / "A.xmp").write_bytes(b"a stranger's")
    before = contents(root)
    apply_plan(plan(root, how, flat=True).plan)
    assert sorted(p.name for p in (root / "keep").iterdir()) == [
        "A-1.CR2",
        "A-1.CR2.xmp",
        "A-1.JPG",
        "A-1.xmp",
        "A.JPG",
        "A.xmp",
        "B.JPG",
        "B.JPG.xmp",
    ]
    assert (root / "keep" / "A.xmp").read_bytes() == b"a stranger's"
    assert set(contents(root)) == set(before)


def test_names_that_differ_in_case_or_form_are_the_same(root: Path) -> None:
    (root / "c").mkdir()
    (root / "c" / "a.jpg").write_bytes(b"another")
    verdicts = [
        Verdict(str(root / name), 5, None, 0.5, 50, None, 1, 1, "test", "")
        for name in ("b/A.JPG", "c/a.jpg")
    ]
    rule = TransferRule("copy", root, flat=True)
    decided = [Decided(photo, "keep", "why") for photo in photos(verdicts)]
    planned = plan_transfers(decided, rule, [root]).plan
    targets = [Path(step.target).name for step in planned.steps]  # type: ignore[union-attr]
    assert targets == ["A.JPG", "a-1.jpg"]


@pytest.mark.parametrize("how", ["copy", "hardlink", "symlink"])
def test_again_is_nothing(root: Path, how: How) -> None:
    apply_plan(plan(root, how).plan)
    assert plan(root, how).plan.steps == ()
    if how == "copy":
        (root / "keep" / "b" / "B.JPG").write_bytes(b"edited")
        again = plan(root, how).plan
        assert {Path(s.target).name for s in again.steps} == {"B-1.JPG", "B-1.JPG.xmp"}  # type: ignore[union-attr]


def test_only_what_is_asked(root: Path) -> None:
    assert plan(root, decision="reject", only=("keep",)).plan.steps == ()


def test_nothing_from_outside(root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.jpg").write_bytes(b"x")
    (root / "b" / "link").symlink_to(tmp_path)
    for name in ("outside.jpg", "root/../outside.jpg", "root/b/link/outside.jpg"):
        verdict = Verdict(str(tmp_path / name), 5, None, 0.5, 50, None, 1, 1, "test", "")
        rule = TransferRule("move", root)
        planned = plan_transfers([Decided(photos([verdict])[0], "keep", "")], rule, [root])
        assert planned.plan.steps == ()
        assert "outside" in planned.problems[0]


def test_links_stay(root: Path) -> None:
    (root / "b" / "B.JPG").unlink()
    (root / "b" / "B.JPG").symlink_to(root / "a" / "A.JPG")
    planned = plan(root)
    assert "symbolic link" in planned.problems[0]
    assert {Path(s.source).name for s in planned.plan.steps}.isdisjoint({"B.JPG"})  # type: ignore[union-attr]


def test_a_folder_that_leads_outside_is_not_used(root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "keep").symlink_to(outside)
    before = tree(root)
    with pytest.raises(LibraryError, match="outside"):
        apply_plan(plan(root).plan)
    assert list(outside.iterdir()) == []
    assert tree(root) == before


def test_into_has_to_be_possible(root: Path) -> None:
    with pytest.raises(LibraryError, match="not there"):
        plan(root, into=root / "no" / "such")
    (root / "file").write_bytes(b"")
    with pytest.raises(LibraryError, match="no folder"):
        plan(root, into=root / "file")


def test_room_is_checked_before(root: Path, other_device: Path) -> None:
    huge = root / "b" / "B.JPG"
    with huge.open("r+b") as stream:
        stream.truncate(2**43)
    with pytest.raises(LibraryError, match=r"has room for .* [GM]B and 8796\.\d GB are wanted"):
        plan(root, "move", into=other_device / "into")
    assert plan(root, "move").bytes == 0


def test_what_is_sorted_already(root: Path) -> None:
    assert is_sorted_already(root / "keep" / "x.jpg", root)
    assert not is_sorted_already(root / "keeper" / "x.jpg", root)
    assert not is_sorted_already(root / "a" / "keep" / "x.jpg", root)


def test_hard_links_to_another_disk_are_not_tried(root: Path, other_device: Path) -> None:
    planned = plan(root, "hardlink", other_device / "into")
    assert planned.plan.steps == ()
    assert len(planned.problems) == 3
    assert "use --copy or --symlink" in planned.problems[0]
    assert len(plan(root, "symlink", other_device / "into").plan.steps) == len(FILES)
