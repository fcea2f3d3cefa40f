"""The door from Python: what the command line can do, a function can do."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.rows import Filter
from ilgnet.library.changes.plan import Transfer
from ilgnet.library.choosing.cull import CullRule
from ilgnet.library.choosing.plan_marks import CullMarks, MarkRule
from ilgnet.library.choosing.plan_transfers import TransferRule
from ilgnet.library.choosing.stars import StarRule
from ilgnet.library.open_library import Library, open_library
from ilgnet.library.proposals import undo
from ilgnet.library.sidecar.xmp import read_sidecar
from ilgnet.values import Failure, Verdict
from tests.library.folders import tree
from tests.library.season import write_picture
from tests.library.test_taste_commands import SIDECAR

KEEP_TWO = CullRule("count", 2, 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two bursts of three frames on two days, a single picture, and one that is broken."""
    root = tmp_path / "photos"
    for day in range(2):
        for frame in range(3):
            taken = datetime(2024, 5, 1 + day, 12) + timedelta(seconds=frame / 4)
            path = root / f"day{day}" / f"IMG_{3 * day + frame:04d}.jpg"
            write_picture(path, day, frame, brightness=5 * frame, taken=taken)
    write_picture(root / "alone.jpg", 9, taken=datetime(2024, 6, 1))
    (root / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return root


@pytest.fixture(params=["without", "with"])
def library(root: Path, tiny_model: Path, request: pytest.FixtureRequest) -> Library:
    use = "beside" if request.param == "with" else "none"
    return open_library(root, model=tiny_model, catalogue=use, threads=1)  # type: ignore[arg-type]


def pictures(root: Path) -> dict[str, str]:
    return {name: digest for name, digest in tree(root).items() if ".ilgnet" not in name}


def test_scoring_yields_a_row_for_each_picture(library: Library) -> None:
    outcomes = list(library.score())
    assert [Path(o.path).name for o in outcomes][:2] == ["alone.jpg", "broken.jpg"]
    assert [isinstance(o, Failure) for o in outcomes].count(True) == 1
    assert [Path(f.path).name for f in library.failures()] == ["broken.jpg"]


def test_photographs_with_bursts_features_and_days(library: Library) -> None:
    list(library.score())
    found = library.photographs(bursts=True)
    assert len(found) == 7
    assert sorted(p.burst for p in found if p.burst is not None) == [0, 0, 0, 1, 1, 1]
    assert {p.day for p in found} == {"2024-05-01", "2024-05-02", "2024-06-01"}
    assert all(p.features is not None and p.features.shape == (48,) for p in found)
    may = library.photographs(Filter(since="2024-05-01", until="2024-05-31", folder="day1"))
    assert sorted(p.name for p in may) == ["IMG_0003.jpg", "IMG_0004.jpg", "IMG_0005.jpg"]
    best = max(p.score for p in found)
    assert [p.score for p in library.photographs(Filter(min_score=best))] == [best]


def test_with_and_without_a_catalogue_say_the_same(root: Path, tiny_model: Path) -> None:
    without = open_library(root, model=tiny_model, catalogue="none", threads=1)
    beside = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    for library in (without, beside):
        list(library.score())
    again = open_library(root, model=tiny_model, threads=1)  # finds it
    assert again.place == beside.place
    assert without.photographs() == [
        type(p)(**{**{n: getattr(p, n) for n in p.__slots__}, "sha256": None})
        for p in again.photographs()
    ]
    groups = [[p.name for g in x.bursts() for p in g.photographs] for x in (without, again)]
    assert groups[0] == groups[1] != []
    decided = [
        [(d.decision, d.reason) for d in x.cull(CullRule(per="burst")).decisions]
        for x in (without, beside, again)
    ]
    assert decided[0] == decided[1] == decided[2]


def test_a_plan_is_applied_and_taken_back(library: Library, root: Path) -> None:
    list(library.score())
    before = pictures(root)
    proposal = library.cull(KEEP_TWO, TransferRule("move", only=("keep",)))
    assert [d.decision for d in proposal.decisions].count("keep") == 2
    assert pictures(root) == before
    run = proposal.apply()
    assert (run.done, run.failed) == (2, 0)
    assert pictures(root) != before
    run.undo()
    assert pictures(root) == before
    with pytest.raises(LibraryError, match="nothing to take back"):
        undo()


def test_stars_are_written_and_taken_back(library: Library, root: Path) -> None:
    list(library.score())
    proposal = library.stars(labels={5: "Green"})
    assert proposal.scale == "ava"  # of seven photographs none is in the best five per cent
    proposal.apply()
    for mark in proposal.marks:
        assert read_sidecar(mark.path).rating == (mark.notes.rating or None)
    undo()
    assert not list(root.rglob("*.xmp"))


def test_decisions_are_marked(library: Library, root: Path) -> None:
    list(library.score())
    marks = CullMarks(MarkRule("darktable"), {"keep": "Green"}, ("keep", "reject"))
    library.cull(KEEP_TWO, marks).apply()
    sidecars = [read_sidecar(path) for path in root.rglob("*.jpg.xmp")]
    assert sorted((s.rating or 0, s.label) for s in sidecars if s.rating != -1) == [
        (0, "Green"),
        (0, "Green"),
    ]
    assert [s.rating for s in sidecars].count(-1) == 5


def test_the_catalogue_follows_what_was_moved(
    root: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    scores = {p.name: p.score for p in library.photographs()}
    run = library.cull(KEEP_TWO, TransferRule("move")).apply()
    status = library.status()
    assert (status.pictures, status.new, status.missing) == (7, (), ())
    fresh = open_library(root, model=tiny_model, threads=1)
    moved = fresh.photographs()
    assert {p.name: p.score for p in moved} == scores
    assert {p.path.relative_to(root).parts[0] for p in moved} == {"keep", "reject"}
    run.undo()
    status = library.status()
    assert (status.pictures, status.new, status.missing) == (7, (), ())
    # Out of the library, and back.
    elsewhere = TransferRule("move", tmp_path / "album", ("keep",))
    run = fresh.cull(KEEP_TWO, elsewhere).apply()
    status = library.status()
    assert (status.pictures, len(status.away), status.missing) == (5, 2, ())
    assert all(target.startswith(str(tmp_path / "album")) for _, target in status.away)
    assert len(open_library(root, model=tiny_model).photographs()) == 5
    run.undo()
    assert (library.status().pictures, library.status().away) == (7, ())


def test_catalogues_of_several_folders_are_named_where_none_is_used(
    root: Path, tiny_model: Path
) -> None:
    days = [root / "day0", root / "day1"]
    for use in ("beside", "found"):
        library = open_library(days, model=tiny_model, catalogue="found", threads=1)
        list(library.score())
        named = [str(days[0]) in note for note in library.notes]
        assert named == ([] if use == "beside" else [True])
        list(open_library(days[0], model=tiny_model, catalogue="beside", threads=1).score())
    assert open_library(days[0], model=tiny_model).place is not None


def test_what_was_moved_by_hand_is_neither_new_nor_lost(root: Path, tiny_model: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    (root / "alone.jpg").rename(root / "day0" / "sunset.jpg")
    (root / "day1" / "IMG_0005.jpg").unlink()
    status = library.status()
    assert status.moved == (("alone.jpg", "day0/sunset.jpg"),)
    assert (status.new, status.missing) == ((), ("day1/IMG_0005.jpg",))
    list(library.score())
    assert library.status().moved == ()


def test_choices_are_kept_and_count_more_than_scores(root: Path, tiny_model: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    by_score = sorted(library.photographs(), key=lambda p: p.score)
    worst, best = by_score[0], by_score[-1]
    library.choose(worst, flag="pick", stars=4)
    library.choose(best, flag="reject")

    def decisions() -> dict[str, tuple[str, str]]:
        opened = open_library(root, model=tiny_model)
        proposal = opened.cull(CullRule("count", 1, 0))
        return {d.photograph.name: (d.decision, d.reason) for d in proposal.decisions}

    assert decisions()[worst.name] == ("keep", "you picked it")
    assert decisions()[best.name] == ("reject", "you rejected it")
    opinions = {p.name: p.opinion for p in library.photographs(opinions=True)}
    assert (opinions[worst.name].rating, opinions[best.name].rating) == (4, -1)
    assert library.undo_choice() == 1
    assert decisions()[best.name][0] == "keep"
    assert library.undo_choice(redo=True) == 1
    assert decisions()[best.name][0] == "reject"
    library.choose(by_score[1:3], stars=2)
    assert library.undo_choice(redo=True) == 0  # a new choice ends what could be done again
    assert library.undo_choice() == 2
    assert library.undo_choice() == 1
    assert library.undo_choice() == 1
    assert library.undo_choice() == 0


def test_choices_stay_with_a_picture_that_moves_or_is_edited(root: Path, tiny_model: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    (photo,) = (p for p in library.photographs() if p.name == "alone.jpg")
    library.choose(photo, stars=5)
    photo.path.rename(root / "day0" / "moved.jpg")
    write_picture(root / "day0" / "moved.jpg", 9, 1, taken=datetime(2024, 6, 1))
    list(library.score())
    chosen = {p.name: p.choice for p in library.photographs() if p.choice}
    assert chosen == {}  # moved and edited at once: nothing says that it is the same
    write_picture(root / "alone.jpg", 9, taken=datetime(2024, 6, 1))
    list(library.score())
    (photo,) = (p for p in library.photographs() if p.choice)
    assert photo.name == "alone.jpg"
    write_picture(photo.path, 9, 2, taken=datetime(2024, 6, 1))
    list(library.score())
    (photo,) = (p for p in library.photographs() if p.choice)
    assert (photo.name, photo.choice.stars if photo.choice else None) == ("alone.jpg", 5)


def test_choices_need_a_catalogue(root: Path, tiny_model: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="none", threads=1)
    with pytest.raises(LibraryError, match="no catalogue, which this needs"):
        library.choose(library.photographs()[0], stars=1)
    with pytest.raises(LibraryError, match="stars are 0 to 5"):
        open_library(root, model=tiny_model, catalogue="beside").choose([], stars=7)


def test_an_old_catalogue_is_gone_on_with(
    root: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that format 2 wrote: its verdicts are known, and nothing is scored again."""
    old = tmp_path / "old"
    for i in range(4):
        taken = datetime(2024, 5, 1 + i // 2, 12, i)
        write_picture(old / f"day{i // 2}" / f"IMG_{i:04d}.jpg", i, taken=taken)
    (old / ".ilgnet").mkdir()
    connection = sqlite3.connect(old / ".ilgnet" / "catalogue.db")
    dump = (Path(__file__).parent / "catalogue_format_2.sql").read_text(encoding="utf-8")
    connection.executescript(dump)
    connection.close()
    library = open_library(old, model=tiny_model, threads=1)
    assert len(library.photographs()) == 4
    monkeypatch.setattr("ilgnet.engines.onnx.OnnxEngine.run", None)  # no picture reaches it
    outcomes = list(library.score())
    assert [type(o) for o in outcomes] == [Verdict] * 4
    library.choose(library.photographs()[0], flag="pick")
    assert library.photographs()[0].opinion.picked is False
    assert library.photographs(opinions=True)[0].opinion.picked


def test_a_taste_is_learnt_from_choices(root: Path, tiny_model: Path, tmp_path: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    library.choose(library.photographs(), stars=3)
    with pytest.raises(LibraryError, match="7 rated pictures are too few"):
        library.learn_taste(tmp_path / "taste")
    (root / "alone.xmp").write_text(SIDECAR.format(2))
    assert [p.opinion.rating for p in library.photographs(opinions=True)] == [3] * 7


def test_stopping_early_keeps_what_is_done(root: Path, tiny_model: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    scoring = library.score()
    next(scoring)
    scoring.close()  # type: ignore[attr-defined]
    assert 1 <= len(library.photographs()) < 8


def test_a_plan_names_what_it_moves(library: Library) -> None:
    list(library.score())
    proposal = library.cull(KEEP_TWO, TransferRule("copy"))
    assert all(isinstance(step, Transfer) and step.how == "copy" for step in proposal.plan.steps)
    assert proposal.bytes > 0


def test_stars_chosen_here_are_written_as_the_persons(root: Path, tiny_model: Path) -> None:
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    by_name = {p.name: p for p in library.photographs()}
    library.stars(StarRule("run")).apply()  # ours, everywhere
    ours = {p.name: p.opinion.ours for p in library.photographs(opinions=True)}
    same = next(name for name, stars in ours.items() if stars)
    library.choose(by_name[same], stars=ours[same])  # what we gave, and now theirs
    other = next(name for name in by_name if name != same)
    library.choose(by_name[other], flag="reject")
    proposal = library.stars(StarRule("run"))
    changed = {mark.picture.name: mark.notes.rating for mark in proposal.marks if mark.notes.own}
    assert changed == {same: ours[same], other: -1}
    proposal.apply()
    assert library.stars(StarRule("run")).plan.steps == ()
    for _ in range(2):
        library.undo_choice()
    said = {p.name: p.opinion for p in library.photographs(opinions=True)}
    assert (said[same].rating, said[same].ours) == (ours[same], None)
    assert said[other].rating == -1


def test_from_how_many_stars_they_count(root: Path, tiny_model: Path) -> None:
    (root / "alone.xmp").write_text(SIDECAR.format(2))
    for stars_from, rating in ((1, 2), (2, 2), (3, None)):
        library = open_library(root, model=tiny_model, threads=1, stars_from=stars_from)
        (alone,) = (p for p in library.photographs(opinions=True) if p.name == "alone.jpg")
        assert alone.opinion.rating == rating
        words = {m.picture.name: m.words for m in library.stars().marks}["alone.jpg"]
        assert words == ("your own 2 stars kept" if rating else "")


def test_a_library_knows_what_it_did(library: Library) -> None:
    list(library.score())
    before = {photo.name: photo.score for photo in library.photographs()}
    run = library.cull(KEEP_TWO, TransferRule("move", only=("keep",))).apply()
    after = library.photographs()
    assert {photo.name: photo.score for photo in after} == before
    assert sum("keep" in photo.path.parts for photo in after) == 2
    assert len(library.cull(KEEP_TWO, TransferRule("move")).decisions) == 5  # two are sorted
    run.undo()
    assert not any("keep" in photo.path.parts for photo in library.photographs())
    library.stars(StarRule("run")).apply()
    assert all(photo.group.sidecars for photo in library.photographs())
