"""Plans are carried out and taken back, whole groups at a time, and nothing is overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.errors import LibraryError
from ilgnet.library.changes.carry_out import apply_plan, settle_interrupted, undo
from ilgnet.library.changes.journal import (
    KEEP_LATEST,
    Busy,
    ChangeJournal,
    create_journal,
    damaged_journals,
    find_journal,
    journal_folder,
    list_journals,
    prune_journals,
    read_journal,
)
from ilgnet.library.changes.plan import HOWS, Edit, How, Plan, Transfer
from tests.library.folders import contents, edit_plan, make_shooting, times, transfer_plan, tree
from tests.windows_rules import watch_as_windows

JOURNALS = Path(__file__).parent / "journals"


def reasons(journal: object) -> list[str]:
    return [progress.why for progress in journal.outcomes if progress.why]  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", HOWS)
def test_there_and_back(tmp_path: Path, how: How) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before, dates = tree(root), times(root)
    journal = apply_plan(transfer_plan(root, into, how))
    assert journal.count("done") == len(before)
    if how == "move":
        assert tree(root) == {}
    else:
        assert tree(root) == before
    names = {name.partition("/")[2] for name in before}
    assert {name.partition("/")[2] for name in tree(into)} == names
    if how != "symlink":
        assert contents(into) == contents(root if how != "move" else into)
        assert sorted(times(into).values()) == sorted(dates.values())
    undone = undo(find_journal(None))
    assert (undone.count("undone"), undone.undone) == (len(before), True)
    assert tree(root) == before
    assert times(root) == dates
    assert not into.exists()


def test_across_devices(tmp_path: Path, other_device: Path) -> None:
    root, into = make_shooting(tmp_path / "root"), other_device / "into"
    before, dates = tree(root), times(root)
    apply_plan(transfer_plan(root, into, "move"))
    assert tree(root) == {}
    assert contents(into) == contents_of(before)
    undo(find_journal(None))
    assert (tree(root), times(root)) == (before, dates)
    assert not into.exists()


def contents_of(found: dict[str, str]) -> dict[str, int]:
    return {digest: list(found.values()).count(digest) for digest in found.values()}


def test_edits_there_and_back(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    before = tree(root)
    sidecar = root / "day0" / "IMG_0.xmp"
    sidecar.chmod(0o640)
    plan = edit_plan(root)
    apply_plan(plan)
    for step in plan.steps:
        assert isinstance(step, Edit)
        assert tree(root)[str(Path(step.path).relative_to(tmp_path))] == step.after
    assert sidecar.stat().st_mode & 0o777 == 0o640
    undo(find_journal(None))
    assert tree(root) == before
    assert sidecar.stat().st_mode & 0o777 == 0o640


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_edits_turn_one_content_into_the_other(before: bytes, after: bytes) -> None:
    edit = Edit.between(Path("a"), before, after, 0)
    assert (edit.applied(before), edit.reverted(after)) == (after, before)
    assert len(edit.removed) <= len(before)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A file that appears after the plan was made stays, and its whole group stays put."""
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before = tree(root)
    for how in HOWS:
        plan = transfer_plan(root, into, how)
        stranger = into / "day0" / "IMG_2.JPG"
        stranger.parent.mkdir(parents=True, exist_ok=True)
        stranger.write_bytes(b"stranger")
        journal = apply_plan(plan)
        assert stranger.read_bytes() == b"stranger"
        assert (journal.count("done"), journal.count("failed", "undone")) == (12, 3)
        assert any("exists already" in why for why in reasons(journal))
        assert all("IMG_2" not in name or "JPG" in name for name in tree(into))
        assert {n: d for n, d in tree(root).items() if "IMG_2" in n} == {
            n: d for n, d in before.items() if "IMG_2" in n
        }
        undo(journal)
        assert tree(root) == before


def test_what_changed_since_goes_back_as_it_is_unless_that_would_lose_something(
    tmp_path: Path,
) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before = tree(root)
    apply_plan(transfer_plan(root, into, "move"))
    (into / "day0" / "IMG_0.xmp").write_bytes(b"developed since")
    (into / "day1" / "IMG_1.JPG").unlink()
    (root / "day1" / "IMG_3.JPG").write_bytes(b"another picture of this name")
    undone = undo(find_journal(None))
    assert sorted(reasons(undone)) == [
        "the file is gone",
        f"there is something at {root}/day1/IMG_3.JPG again",
    ]
    assert (undone.count("undone"), undone.undone) == (13, False)
    developed = root / "day0" / "IMG_0.xmp"
    assert developed.read_bytes() == b"developed since"
    expected = {name: digest for name, digest in before.items() if name in tree(root)}
    touched = ("IMG_3.JPG", "IMG_0.xmp")
    assert {n: d for n, d in tree(root).items() if not n.endswith(touched)} == {
        n: d for n, d in expected.items() if not n.endswith(touched)
    }
    (root / "day1" / "IMG_3.JPG").unlink()
    again = undo(find_journal(None))
    assert again.count("kept") == 1
    assert tree(root)["root/day1/IMG_3.JPG"] == before["root/day1/IMG_3.JPG"]


def test_sidecars_made_since_go_back_with_their_pictures(tmp_path: Path) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before = tree(root)
    apply_plan(transfer_plan(root, into, "move"))
    (into / "day0" / "IMG_0.CR3.xmp").write_bytes(b"made since")
    (into / "day1" / "IMG_1.JPG.xmp").write_bytes(b"made since")
    (root / "day1" / "IMG_1.JPG.xmp").write_bytes(b"another")
    (into / "day1" / "notes.txt").write_bytes(b"not ours")
    undone = undo(find_journal(None))
    assert reasons(undone) == [f"there is something at {root}/day1/IMG_1.JPG.xmp again"]
    assert read_journal(undone.path).outcomes == undone.outcomes
    assert tree(root).items() >= before.items()
    assert (root / "day0" / "IMG_0.CR3.xmp").read_bytes() == b"made since"
    assert (root / "day1" / "IMG_1.JPG.xmp").read_bytes() == b"another"
    assert sorted(path.name for path in into.rglob("*.*")) == ["IMG_1.JPG.xmp", "notes.txt"]


@pytest.mark.parametrize(
    ("source", "target", "made", "place"),
    [
        ("IMG_1.JPG", "IMG_1-1.JPG", "IMG_1-1.JPG.xmp", "IMG_1.JPG.xmp"),
        ("IMG_1.JPG", "IMG_1-1.JPG", "IMG_1-1.xmp", "IMG_1.xmp"),
        ("IMG_1.CR2", "IMG_1-12.CR2", "IMG_1-12_01.CR2.xmp", "IMG_1_01.CR2.xmp"),
        ("PXL_1.RAW-01.COVER.jpg", "PXL_1-1.RAW-01.COVER.jpg", "PXL_1-1.xmp", "PXL_1.xmp"),
        ("IMG_0001.HEIC", "IMG_0001.HEIC", "IMG_O0001.AAE", "IMG_O0001.AAE"),
    ],
)
def test_what_was_made_since_gets_the_name_of_its_picture(
    tmp_path: Path, source: str, target: str, made: str, place: str
) -> None:
    (tmp_path / "keep").mkdir()
    (tmp_path / source).write_bytes(b"picture")
    steps = (Transfer("move", str(tmp_path / source), str(tmp_path / "keep" / target), 0),)
    journal = apply_plan(Plan("cull", (str(tmp_path),), (), steps))
    (tmp_path / "keep" / made).write_bytes(b"made since")
    assert undo(journal).undone
    assert {path.name for path in tmp_path.iterdir()} == {"keep", source, place}
    assert not list((tmp_path / "keep").iterdir())


def test_what_was_moved_then_edited_then_unedited_is_as_before(tmp_path: Path) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before, dates = tree(root), times(root)
    moved = apply_plan(transfer_plan(root, into, "move"))
    edited = apply_plan(edit_plan(into))
    assert undo(edited).undone
    assert undo(moved).undone
    assert (tree(root), times(root)) == (before, dates)


def test_the_last_copy_is_never_deleted(tmp_path: Path) -> None:
    for how in ("copy", "hardlink"):
        root, into = make_shooting(tmp_path / how / "root"), tmp_path / how / "into"
        journal = apply_plan(transfer_plan(root, into, how))  # type: ignore[arg-type]
        (root / "day0" / "IMG_0.JPG").unlink()
        (root / "day1" / "IMG_1.JPG").unlink()
        (root / "day1" / "IMG_1.JPG").write_bytes(b"edited")
        kept = undo(journal)
        assert kept.count("kept") == 2
        assert {name.rpartition("/")[2] for name in tree(into)} == {"IMG_0.JPG", "IMG_1.JPG"}


def test_edited_sidecars_stay_as_the_person_left_them(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    before = tree(root)
    journal = apply_plan(edit_plan(root))
    edited, new = root / "day0" / "IMG_0.xmp", root / "day1" / "IMG_1.CR3.xmp"
    edited.write_bytes(b"developed")
    new.write_bytes(b"developed")
    assert undo(journal).count("kept") == 2
    assert edited.read_bytes() == new.read_bytes() == b"developed"
    left = {n: d for n, d in tree(root).items() if n in before and "IMG_0.xmp" not in n}
    assert left == {n: d for n, d in before.items() if "IMG_0.xmp" not in n}


def test_a_file_that_changes_after_the_plan_is_left_alone(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    plan = edit_plan(root)
    (root / "day0" / "IMG_0.xmp").write_bytes(b"changed meanwhile")
    journal = apply_plan(plan)
    assert reasons(journal)[0] == "it has changed since the plan was made"
    assert (root / "day0" / "IMG_0.xmp").read_bytes() == b"changed meanwhile"
    assert not (root / "day0" / "IMG_0.CR3.xmp").exists()


def test_never_outside_the_roots(tmp_path: Path) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    outside = make_shooting(tmp_path / "outside", pictures=1)
    (into).mkdir()
    (into / "link").symlink_to(outside)
    source = str(root / "day0" / "IMG_0.JPG")
    targets = ["../outside/x.jpg", "link/x.jpg", "../x.jpg", "link/day0/x.jpg"]
    steps = [Transfer("copy", source, str(into / target), n) for n, target in enumerate(targets)]
    steps.append(Transfer("move", str(outside / "day0" / "IMG_0.JPG"), str(into / "y.jpg"), 9))
    before = tree(outside)
    journal = apply_plan(Plan("cull", (str(root), str(into)), (), tuple(steps)))
    assert journal.count("failed") == len(steps)
    assert all("outside" in why for why in reasons(journal))
    assert tree(outside) == before
    edit = replace(edit_plan(outside), roots=(str(root),))
    assert apply_plan(edit).count("done") == 0
    assert tree(outside) == before
    bad_folder = Plan("cull", (str(root),), (str(tmp_path / "new"),), ())
    with pytest.raises(LibraryError, match="outside"):
        apply_plan(bad_folder)


def test_links_are_not_moved(tmp_path: Path) -> None:
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    target = root / "day0" / "IMG_0.JPG"
    link = root / "day0" / "IMG_0.link"
    link.symlink_to(target)
    into.mkdir()
    plan = Plan(
        "cull", (str(root), str(into)), (), (Transfer("move", str(link), str(into / "l"), 0),)
    )
    assert "symbolic link" in reasons(apply_plan(plan))[0]
    assert link.is_symlink()


def test_strange_names(tmp_path: Path) -> None:
    names = ["a b\n.jpg", "Łódź 🌅.jpg", os.fsdecode(b"caf\xe9.jpg"), "-rf.jpg", "'\".jpg"]
    root, into = tmp_path / "root", tmp_path / "into"
    root.mkdir()
    for name in names:
        (root / name).write_bytes(os.fsencode(name))
    steps = tuple(
        Transfer("move", str(root / name), str(into / name), n) for n, name in enumerate(names)
    )
    apply_plan(Plan("cull", (str(tmp_path),), (str(into),), steps))
    assert {p.name for p in into.iterdir()} == set(names)
    undo(find_journal(None))
    assert {p.name for p in root.iterdir()} == set(names)


def test_runs_are_found_by_name_or_the_latest(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    with pytest.raises(LibraryError, match="nothing to take back"):
        find_journal(None)
    first = apply_plan(edit_plan(root))
    assert find_journal(first.name).name == first.name
    assert find_journal(None).name == first.name
    undo(first)
    with pytest.raises(LibraryError, match="nothing to take back"):
        find_journal(None)
    with pytest.raises(LibraryError, match="no run called"):
        find_journal("../../etc/passwd")
    assert [journal.name for journal in list_journals()] == [first.name]


def test_a_damaged_journal_is_a_clear_error(tmp_path: Path) -> None:
    journal = apply_plan(edit_plan(make_shooting(tmp_path / "root")))
    journal.path.write_bytes(journal.path.read_bytes()[5:])
    with pytest.raises(LibraryError, match="damaged"):
        read_journal(journal.path)


def test_a_damaged_journal_hinders_only_its_own_undo(tmp_path: Path) -> None:
    """Other runs are begun, settled and taken back; the person is told of the damaged one."""
    root, other = make_shooting(tmp_path / "root"), make_shooting(tmp_path / "other")
    before = tree(root)
    first = apply_plan(edit_plan(root))
    second = apply_plan(edit_plan(other))
    second.path.write_bytes(b'{"journal": 1}\n' + second.path.read_bytes()[40:-10])
    assert [run.name for run in list_journals()] == [first.name]
    (error,) = damaged_journals()
    assert second.name in str(error)
    with pytest.raises(LibraryError, match=r"damaged.*earlier run"):
        find_journal(None)
    assert settle_interrupted() == []
    third = apply_plan(Plan("cull", (str(root),), (), ()))
    assert undo(find_journal(None)).name == third.name
    assert undo(find_journal(first.name)).undone
    assert tree(root) == before


@pytest.mark.parametrize("command", ["cull", "stars"])
def test_runs_of_the_version_before_are_taken_back(tmp_path: Path, command: str) -> None:
    """The journals are that version's own, with other folders."""
    root, into = tmp_path / "photos", tmp_path / "photos" / "sorted"
    text = (JOURNALS / f"format1-{command}.jsonl").read_text()
    journal_folder().mkdir(parents=True)
    path = journal_folder() / f"20260503-184210-000000-{command}.jsonl"
    path.write_text(text.replace("/photos", str(root)))
    into.mkdir(parents=True)
    after = {"b.JPG": b"jpeg b", "c.JPG": b"jpeg c", "c.xmp": b"<old/>", "sorted/b.JPG": b"jpeg b"}
    after |= {"sorted/a.CR3": b"raw a", "sorted/a.JPG": b"jpeg a"}
    if command == "stars":
        after |= {"c.xmp": b"<new/>", "a.xmp": b"<made/>"}
    for name, data in after.items():
        (root / name).write_bytes(data)
    if command == "cull":
        (into / "c.JPG").hardlink_to(root / "c.JPG")
        (into / "c.xmp").symlink_to(root / "c.xmp")
    journal = undo(find_journal(None))
    assert (journal.undone, reasons(journal)) == (
        True,
        ["the file is gone"] if command == "cull" else [],
    )
    found = {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}
    if command == "cull":
        assert not into.exists()
        assert found == {
            **{name: data for name, data in after.items() if "/" not in name},
            "a.CR3": b"raw a",
            "a.JPG": b"jpeg a",
        }
    else:
        assert (found["c.xmp"], "a.xmp" in found) == (b"<old/>", False)
        assert (root / "c.xmp").stat().st_mtime_ns == 10**18


def test_old_journals_are_forgotten_by_the_rule(tmp_path: Path) -> None:
    now = datetime(2026, 5, 3, tzinfo=UTC)
    folder = journal_folder()
    folder.mkdir(parents=True)

    def write(days: int, events: str, number: int = 0) -> Path:
        moment = now - timedelta(days=days, microseconds=number)
        path = folder / f"{moment:%Y%m%d-%H%M%S-%f}-cull.jsonl"
        header = '{"journal": 1, "started": "", "command": "cull", "roots": [], '
        path.write_text(f'{header}"folders": [], "steps": 0}}\n{events}')
        return path

    finished = '{"event": "finished"}\n'
    undone = finished + '{"event": "undoing"}\n{"event": "undone"}\n'
    kept = finished + '{"event": "undoing"}\n{"step": 0, "state": "kept"}\n'
    latest = [write(0, finished, number) for number in range(KEEP_LATEST)]
    stay = [write(29, undone), write(729, finished), write(3000, ""), write(3001, kept), *latest]
    go = [write(31, undone), write(731, finished)]
    strange = folder / "my notes.jsonl"
    strange.write_text(undone)
    assert sorted(prune_journals(now)) == sorted(go)
    assert sorted(folder.iterdir()) == sorted([*stay, strange])
    for path in latest[1:]:
        path.unlink()
    old = write(5000, finished)
    assert prune_journals(now) == []
    assert old.exists()


def test_rules_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Imitated, not run there: see `watch_as_windows`."""
    watch_as_windows(monkeypatch)
    root, into = make_shooting(tmp_path / "root"), tmp_path / "into"
    before = tree(root)
    for plan in (edit_plan(root), *(transfer_plan(root, into, how) for how in HOWS)):
        journal = apply_plan(plan)
        assert journal.count("done") == len(plan.steps)
        assert undo(journal).undone
        assert tree(root) == before


def test_a_cut_off_line_is_no_event(tmp_path: Path) -> None:
    journal = apply_plan(edit_plan(make_shooting(tmp_path / "root")))
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + b'{"step": 0, "sta')
    assert read_journal(journal.path).count("done") == len(journal.plan.steps)
    with journal.writing() as stream:
        journal.note(stream, "finished")
    assert journal.path.read_bytes() == whole + b'{"event": "finished"}\n'


def test_two_processes_do_not_take_back_at_once(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    journal = apply_plan(edit_plan(root))
    before = tree(root)
    code = (
        "import sys; from pathlib import Path\n"
        "from ilgnet.library.changes import carry_out as journal_run, journal\n"
        "try: journal_run.undo(journal.read_journal(Path(sys.argv[1])))\n"
        "except journal.Busy: sys.exit(7)"
    )
    with journal.writing():
        command = [sys.executable, "-c", code, str(journal.path)]
        assert subprocess.run(command, check=False).returncode == 7
    assert tree(root) == before


def test_no_journal_no_work(tmp_path: Path, data_folder: Path) -> None:
    root = make_shooting(tmp_path / "root")
    before = tree(root)
    (data_folder / "ilgnet").write_text("a file where the folder should be")
    with pytest.raises(LibraryError, match="nothing was done"):
        apply_plan(edit_plan(root))
    assert tree(root) == before


def test_a_run_on_a_disk_that_is_away_waits_for_it(tmp_path: Path) -> None:
    card, into = make_shooting(tmp_path / "card"), tmp_path / "into"
    before = tree(card)
    journal = apply_plan(transfer_plan(card, into, "move"))
    # The run as a crash leaves it before its last step was noted.
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:-2]))
    card.rename(tmp_path / "away")
    assert settle_interrupted() == []
    with pytest.raises(LibraryError, match=r"card, where .* is not there"):
        undo(journal)
    (tmp_path / "away").rename(card)
    assert [settled.name for settled in settle_interrupted()] == [journal.name]
    assert undo(journal).count("undone") == len(before)
    assert tree(card) == before


def test_a_run_that_another_process_settled_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between writing the plan and locking it, another process may take it for a crashed one."""
    root = make_shooting(tmp_path / "root")
    before = tree(root)

    def create_and_lose(plan: Plan) -> ChangeJournal:
        journal = create_journal(plan)
        settle_interrupted()
        return journal

    monkeypatch.setattr("ilgnet.library.changes.carry_out.create_journal", create_and_lose)
    with pytest.raises(Busy, match="Nothing was done"):
        apply_plan(edit_plan(root))
    assert tree(root) == before


def test_what_is_read_only_stays(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    before = tree(root)
    sidecar = root / "day0" / "IMG_0.xmp"
    sidecar.chmod(0o444)
    journal = apply_plan(edit_plan(root))
    assert reasons(journal)[0].startswith("it is read-only")
    assert tree(root)["root/day0/IMG_0.xmp"] == before["root/day0/IMG_0.xmp"]
    assert not (root / "day0" / "IMG_0.CR3.xmp").exists()
    (root / "day1" / "IMG_1.xmp").chmod(0o444)
    assert undo(journal).count("kept") == 1


def test_extended_attributes_stay(tmp_path: Path) -> None:
    root = make_shooting(tmp_path / "root")
    sidecar = root / "day0" / "IMG_0.xmp"
    try:
        os.setxattr(sidecar, "user.baloo.rating", b"8")
    except OSError:
        pytest.skip("needs a file system with extended attributes for its temporary files")
    before = sidecar.stat().st_mtime_ns
    journal = apply_plan(edit_plan(root))
    assert os.getxattr(sidecar, "user.baloo.rating") == b"8"
    assert sidecar.stat().st_mtime_ns > before
    undo(journal)
    assert os.getxattr(sidecar, "user.baloo.rating") == b"8"
