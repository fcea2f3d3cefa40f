"""A library that is open in the page."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

import ilgnet
from ilgnet.errors import ServiceError
from ilgnet.library.catalogue.place import beside_pictures
from ilgnet.library.photograph.opinion import Choice
from ilgnet.serve.open_catalogue import OpenCatalogue
from ilgnet.serve.session import NotNow, Session, key
from tests.library.made_up import make_catalogue
from tests.library.season import write_picture
from tests.library.test_taste_commands import SIDECAR


@pytest.fixture
def photos(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six photographs in two folders, scored."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "photos"
    for scene in range(6):
        folder = root / ("card" if scene % 2 else "disk")
        folder.mkdir(parents=True, exist_ok=True)
        write_picture(folder / f"IMG_{scene}.jpg", scene, taken=datetime(2026, 5, 1, 10, scene))
    assert len(list(ilgnet.open_library(root, model=model, catalogue="beside").score())) == 6
    return root


@pytest.fixture
def session(photos: Path, model: Path) -> Iterator[Session]:
    session = Session(photos, str(model), threads=2)
    yield session
    session.close()


def known(photos: Path, model: Path) -> dict[str, Choice | None]:
    """What another process would see."""
    library = ilgnet.open_library(photos, model=model)
    return {photo.name: photo.choice for photo in library.photographs() if photo.choice}


def test_a_model_without_measured_likeness_has_no_bursts(tmp_path: Path) -> None:
    make_catalogue(tmp_path, 30, 8)
    session = Session(tmp_path)
    assert len(session.photographs) == 30
    assert {photo.burst for photo in session.photographs} == {None}
    session.close()


def test_what_is_left_out_stays_and_what_is_repeated_is_no_step(
    session: Session, photos: Path, model: Path
) -> None:
    photo = session.photographs[0]
    id = key(photo)
    session.choose([(id, {"stars": 3})])  # in one tab
    session.choose([(id, {"flag": "pick"})])  # in another, which has not seen the stars
    session.choose([(id, {"flag": "pick"})])  # sent again, since its answer was lost
    assert known(photos, model) == {photo.name: Choice("pick", 3)}
    assert session.undo_choice() == {id: Choice(None, 3)}
    session.choose([(id, {"stars": 3})])  # nothing new, so what was taken back can come back
    assert session.undo_choice(redo=True) == {id: Choice("pick", 3)}
    both = session.choose([(id, {"flag": None}), (id, {"stars": 0})])
    assert both == {id: Choice(None, 0)}
    session.undo_choice()
    assert known(photos, model) == {photo.name: Choice("pick", 3)}


def test_two_tabs_that_decide_at_once_lose_nothing(
    session: Session, photos: Path, model: Path
) -> None:
    ids = [key(photo) for photo in session.photographs]

    def tab(name: str, values: list[object]) -> None:
        for turn in range(30):
            for place, id in enumerate(ids):
                session.choose([(id, {name: values[(turn + place) % len(values)]})])  # type: ignore[misc]

    tabs = [
        threading.Thread(target=tab, args=("stars", [1, 2, 3])),
        threading.Thread(target=tab, args=("flag", ["pick", "reject"])),
    ]
    for each in tabs:
        each.start()
    for each in tabs:
        each.join()
    wanted = {
        photo.name: Choice(("pick", "reject")[(29 + place) % 2], (29 + place) % 3 + 1)  # type: ignore[arg-type]
        for place, photo in enumerate(session.photographs)
    }
    assert known(photos, model) == wanted
    assert {photo.name: photo.choice for photo in session.photographs} == wanted


def test_a_catalogue_that_is_busy_takes_the_choice_later(
    session: Session, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ilgnet.library.catalogue.file.BUSY_SECONDS", 0.05)
    id = key(session.photographs[0])
    other = sqlite3.connect(beside_pictures(photos).file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotNow, match="another process has kept it busy"):
        session.choose([(id, {"stars": 3})])
    assert session.photographs[0].choice is None  # never shown as chosen
    assert session.find(id) is not None  # and nobody waits meanwhile
    other.execute("ROLLBACK")
    other.close()
    assert session.choose([(id, {"stars": 3})]) == {id: Choice(None, 3)}


def test_what_the_catalogue_has_forgotten_is_told(session: Session, photos: Path) -> None:
    from ilgnet.library.catalogue.catalogue import Catalogue

    photo = session.photographs[0]
    with Catalogue(beside_pictures(photos)) as catalogue:
        catalogue.forget([catalogue.relative(photo.path)])
    with pytest.raises(ServiceError, match="load the page again") as caught:
        session.choose([(key(photo), {"stars": 3})])
    assert not isinstance(caught.value, NotNow)


def test_a_catalogue_is_held_while_it_is_used_and_then_let_go(photos: Path) -> None:
    place = beside_pictures(photos)
    kept = OpenCatalogue(lambda: place, idle_seconds=0.1)
    with kept.lend() as first:
        pass
    with kept.lend() as second:
        assert second is first
    deadline = time.monotonic() + 20
    while kept.is_open:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with kept.lend() as third:
        assert third is not first
    kept.close()


def test_a_catalogue_that_was_put_in_its_place_is_the_one_written_to(
    session: Session, photos: Path, model: Path
) -> None:
    id, name = key(session.photographs[0]), session.photographs[0].name
    session.choose([(id, {"stars": 1})])
    place = beside_pictures(photos)
    shutil.copytree(place.file.parent, photos / "kept")
    shutil.rmtree(place.file.parent)
    with pytest.raises(NotNow, match="there is no catalogue"):
        session.choose([(id, {"stars": 2})])
    shutil.move(photos / "kept", place.file.parent)
    session.choose([(id, {"stars": 2})])
    assert known(photos, model) == {name: Choice(None, 2)}


def test_folders_that_are_away_say_so(session: Session, photos: Path, tmp_path: Path) -> None:
    assert session.away == {}
    shutil.move(photos / "card", tmp_path / "card")
    session.reload()
    assert session.away == {"card": 3}
    assert len(session.photographs) == 3
    shutil.move(tmp_path / "card", photos / "card")
    session.reload()
    assert session.away == {}
    assert len(session.photographs) == 6
    shutil.move(photos, tmp_path / "unplugged")
    session.reload()
    assert session.away == {"": 6}
    assert len(session.photographs) == 6  # what was known is not forgotten
    shutil.move(tmp_path / "unplugged", photos)
    session.reload()
    assert session.away == {}


def test_what_other_programs_said_is_read_behind_the_page(session: Session) -> None:
    rejected, starred, silent = session.photographs[:3]
    rejected.path.with_suffix(".xmp").write_text(SIDECAR.format(-1), encoding="utf-8")
    starred.path.with_suffix(".xmp").write_text(SIDECAR.format(4), encoding="utf-8")
    session.reload()
    deadline = time.monotonic() + 20
    while not session.ratings.is_complete:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    said = [session.ratings.of(photo.path) for photo in (rejected, starred, silent)]
    assert said == [-1, 4, None]


def test_photographs_are_there_while_others_are_still_scored(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "photos"
    for scene in range(8):
        write_picture(root / f"IMG_{scene}.jpg", scene)
    session = Session(root, str(model), threads=1)
    seen: list[int] = []
    reload = session.reload

    def counting(*, again: bool = True) -> None:
        reload(again=again)
        seen.append(len(session.photographs))

    monkeypatch.setattr(session, "reload", counting)
    monkeypatch.setattr("ilgnet.serve.session.SHOW_SECONDS", 0.0)
    session.score()
    assert session._work is not None
    session._work.join()
    assert session.job is not None
    assert session.job.state == "done"
    assert seen[-1] == 8
    assert len(seen) > 1
    session.close()
