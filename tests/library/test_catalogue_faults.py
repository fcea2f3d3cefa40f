"""kill -9, two processes, a full disk, read-only folders: nothing committed is lost."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.images.sources import find_images
from ilgnet.library.catalogue import file as catalogue_file
from ilgnet.library.catalogue import score_once as catalogue_score
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures, in_user_folder
from ilgnet.scoring import Scorer
from ilgnet.values import Verdict
from tests.library.season import write_picture
from tests.library.test_catalogue import run

PICTURES = 60

SCORE = """
import sys
from pathlib import Path
from ilgnet.images.sources import find_images
from ilgnet.library.catalogue import file as catalogue_file
from ilgnet.library.catalogue import score_once as catalogue_score
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures
from ilgnet.scoring import load

catalogue_score.COMMIT_ROWS = 3
model, root = sys.argv[1:]
with Catalogue(beside_pictures(Path(root)), "create") as catalogue:
    for outcome in catalogue_score.score_library(load(model), find_images([root]), catalogue):
        print(outcome.path, flush=True)
"""
"""What `ilgnet score --library` does, with a transaction every three pictures."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(PICTURES):
        write_picture(tmp_path / "photos" / f"IMG_{i:04d}.jpg", scene=i)
    return tmp_path / "photos"


def start(model: Path, root: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SCORE, str(model), str(root)], stdout=subprocess.PIPE, text=True
    )


def committed(root: Path) -> dict[str, float]:
    """What the file holds, read by SQLite alone, which also recovers it after a kill."""
    connection = sqlite3.connect(beside_pictures(root).file)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    rows = connection.execute(
        "SELECT path, score FROM pictures JOIN verdicts USING (content) JOIN features "
        "USING (content)"
    ).fetchall()
    connection.close()
    return dict(rows)


def test_killed_again_and_again_it_loses_nothing_and_finishes(
    tiny_model: Path, scorer: Scorer, root: Path
) -> None:
    moments = random.Random(20)
    kept: dict[str, float] = {}
    for _ in range(5):
        process = start(tiny_model, root)
        assert process.stdout is not None
        for _ in range(len(kept) + moments.randrange(3, 12)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        after = committed(root)
        assert kept.items() <= after.items()
        kept = after
    assert 0 < len(kept) < PICTURES
    with Catalogue(beside_pictures(root)) as catalogue:
        outcomes, scored = run(scorer, catalogue)
    assert scored == PICTURES - len(kept)
    scores = [outcome.score for outcome in outcomes if isinstance(outcome, Verdict)]
    fresh = [v.score for v in scorer.score_many(find_images([root])) if isinstance(v, Verdict)]
    assert scores == pytest.approx(fresh, abs=1e-6)
    assert len(scores) == PICTURES


def test_two_processes_at_once_do_no_harm(tiny_model: Path, scorer: Scorer, root: Path) -> None:
    both = [start(tiny_model, root) for _ in range(2)]
    for process in both:
        lines, _ = process.communicate()
        assert process.returncode == 0
        assert len(lines.splitlines()) == PICTURES
    assert len(committed(root)) == PICTURES
    with Catalogue(beside_pictures(root)) as catalogue:
        assert run(scorer, catalogue)[1] == 0


@contextmanager
def files_no_longer_than(size: int) -> Iterator[None]:
    """The operating system refuses to let any file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_no_more_stops_the_run_and_keeps_the_rest(
    scorer: Scorer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_score, "COMMIT_ROWS", 3)
    library = beside_pictures(root)
    with Catalogue(library, "create") as catalogue:
        run(scorer, catalogue, *sorted(root.iterdir())[:6])
    before = committed(root)
    with (
        Catalogue(library) as catalogue,
        files_no_longer_than(library.file.stat().st_size),
        pytest.raises(LibraryError, match="What was kept until now is safe"),
    ):
        run(scorer, catalogue)
    kept = committed(root)
    assert before.items() <= kept.items()
    assert len(kept) < PICTURES
    with Catalogue(library) as catalogue:
        assert run(scorer, catalogue)[1] == PICTURES - len(kept)


def test_a_full_database_is_a_full_disk_to_the_user(
    scorer: Scorer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_score, "COMMIT_ROWS", 3)
    monkeypatch.setattr(catalogue_file, "PAGE_BYTES", 1024)  # so that few pictures fill it
    library = beside_pictures(root)
    with Catalogue(library, "create") as catalogue:
        pages = next(catalogue.read("PRAGMA page_count"))[0]
        next(catalogue.read(f"PRAGMA max_page_count = {pages + 4}"))  # SQLite's own full disk
        with pytest.raises(LibraryError, match="the disk is full"):
            run(scorer, catalogue)
    kept = committed(root)
    assert 0 < len(kept) < PICTURES
    with Catalogue(library) as catalogue:
        assert run(scorer, catalogue)[1] == PICTURES - len(kept)
    assert kept.items() <= committed(root).items()


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Permissions do not bind root: act as "nobody" for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder that every user may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


def protect(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)


def test_a_read_only_folder_says_where_else_the_catalogue_can_be(
    scorer: Scorer, readable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = readable / "card"
    write_picture(root / "a.jpg", 1)
    protect(root)
    with ordinary_user(), pytest.raises(LibraryError, match="--user-catalogue"):
        Catalogue(beside_pictures(root), "create")
    assert sorted(path.name for path in root.iterdir()) == ["a.jpg"]
    home = readable / "home"
    home.mkdir()
    home.chmod(0o777)
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    library = in_user_folder(root)
    with ordinary_user(), Catalogue(library, "create") as catalogue:
        assert run(scorer, catalogue)[1] == 1


def test_a_catalogue_on_read_only_media_can_be_read_but_not_written(
    scorer: Scorer, readable: Path
) -> None:
    root = readable / "archive"
    write_picture(root / "a.jpg", 1)
    with Catalogue(beside_pictures(root), "create") as catalogue:
        run(scorer, catalogue)
    protect(root)
    with ordinary_user():
        with Catalogue(beside_pictures(root), "read") as catalogue:
            assert len(list(catalogue.scored_files(catalogue.find_model()))) == 1
        with (
            pytest.raises(LibraryError, match=r"may not be written|cannot be opened"),
            Catalogue(beside_pictures(root)) as catalogue,
        ):
            run(scorer, catalogue)


def test_reading_changes_nothing_on_disk(scorer: Scorer, root: Path) -> None:
    library = beside_pictures(root)
    with Catalogue(library, "create") as catalogue:
        run(scorer, catalogue)
    before = library.file.read_bytes()
    with Catalogue(library, "read") as catalogue:
        list(catalogue.scored_files(catalogue.find_model()))
        with pytest.raises(LibraryError, match="may not be written"):
            catalogue.forget(["IMG_0000.jpg"])
    assert library.file.read_bytes() == before
    assert [path.name for path in library.file.parent.iterdir()] == ["catalogue.db"]
