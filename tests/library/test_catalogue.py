"""A second run scores only what is new or changed, and scores follow what files hold."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ilgnet.engines.protocol import EngineOutput
from ilgnet.errors import LibraryError
from ilgnet.images.sources import find_images
from ilgnet.library.catalogue.catalogue import EVERYTHING, Catalogue
from ilgnet.library.catalogue.file import PAGE_BYTES
from ilgnet.library.catalogue.place import (
    beside_pictures,
    find_library,
    in_user_folder,
    place_for,
)
from ilgnet.library.catalogue.rows import Filter
from ilgnet.library.catalogue.schema import MIGRATIONS, migrate
from ilgnet.library.catalogue.score_once import score_library
from ilgnet.library.catalogue.upkeep import status
from ilgnet.scoring import Scorer, load
from ilgnet.values import Failure, Outcome, Verdict
from ilgnet.zoo.records import Similarity
from tests.library.made_up import make_catalogue
from tests.library.season import write_picture
from tests.library.tiny_model import write_tiny_model


class CountingEngine:
    """The scorer's engine, counting the pictures that reach it."""

    def __init__(self, scorer: Scorer) -> None:
        self.inner = scorer.engine
        self.pictures = 0

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        self.pictures += len(batch)
        return self.inner.run(batch, features=features)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six pictures in two folders."""
    for i in range(6):
        write_picture(tmp_path / "photos" / f"day{i // 3}" / f"IMG_{i:04d}.jpg", scene=i)
    return tmp_path / "photos"


@pytest.fixture
def catalogue(root: Path) -> Iterator[Catalogue]:
    with Catalogue(beside_pictures(root), "create") as opened:
        yield opened


def run(scorer: Scorer, catalogue: Catalogue, *paths: Path) -> tuple[list[Outcome], int]:
    """Outcomes, and how many pictures reached the network."""
    engine = CountingEngine(scorer)
    counted = Scorer(scorer.weights, engine, threads=2)
    images = find_images(paths or [catalogue.place.root])
    scored = score_library(counted, images, catalogue)
    outcomes: list[Outcome] = [s if isinstance(s, Failure) else s.verdict for s in scored]
    return outcomes, engine.pictures


def test_second_run_reaches_no_network_and_says_the_same(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    first, scored = run(scorer, catalogue)
    assert scored == 6
    assert first == list(scorer.score_many(find_images([root])))
    second, scored = run(scorer, catalogue)
    assert scored == 0
    assert second == first


def names(catalogue: Catalogue, which: Filter = EVERYTHING) -> list[str]:
    """The catalogue's paths of what it knows."""
    found = catalogue.scored_files(catalogue.find_model(), which)
    return [catalogue.relative(file.path) for file in found]


def no_reading(*_: object) -> None:
    raise AssertionError("an unchanged file was read")


def test_second_run_does_not_even_read_unchanged_files(
    scorer: Scorer, catalogue: Catalogue, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the files had been there for longer than the two seconds of the next test.
    monkeypatch.setattr("ilgnet.library.catalogue.catalogue.RACY_NS", -1)
    first, _ = run(scorer, catalogue)
    monkeypatch.setattr("ilgnet.library.catalogue.score_once._hash", no_reading)
    assert run(scorer, catalogue)[0] == first


def test_a_file_that_was_changed_a_moment_before_is_read_again(
    scorer: Scorer, catalogue: Catalogue, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(scorer, catalogue)  # within two seconds of writing the files
    monkeypatch.setattr("ilgnet.library.catalogue.score_once._hash", no_reading)
    with pytest.raises(AssertionError, match="was read"):
        run(scorer, catalogue)


def test_changed_file_is_scored_again_even_with_the_old_time_length_and_inode(
    scorer: Scorer, catalogue: Catalogue, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ilgnet.library.catalogue.catalogue.RACY_NS", -1)
    changed = root / "day0" / "IMG_0001.jpg"
    changed.write_bytes(changed.read_bytes().ljust(9_000, b"\0"))
    first, _ = run(scorer, catalogue)
    before = changed.stat()
    data = write_picture(root.parent / "other.jpg", scene=77).read_bytes()
    with changed.open("r+b") as stream:
        stream.write(data.ljust(9_000, b"\0"))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = changed.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (
        before.st_size,
        before.st_mtime_ns,
        before.st_ino,
    )
    second, scored = run(scorer, catalogue)
    assert scored == 1
    assert [a == b for a, b in zip(first, second, strict=True)] == [1, 0, 1, 1, 1, 1]


def test_moved_renamed_and_copied_pictures_keep_their_scores(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    first, _ = run(scorer, catalogue)
    (root / "best").mkdir()
    (root / "day0" / "IMG_0000.jpg").rename(root / "best" / "sunrise.jpg")
    (root / "copy.jpg").write_bytes((root / "day1" / "IMG_0005.jpg").read_bytes())
    second, scored = run(scorer, catalogue)
    assert scored == 0
    scores = {Path(o.path).name: o.score for o in second if isinstance(o, Verdict)}
    assert scores["sunrise.jpg"] == first[0].score
    assert scores["copy.jpg"] == scores["IMG_0005.jpg"]
    paths = names(catalogue)
    assert "day0/IMG_0000.jpg" not in paths
    assert len(paths) == 7


def test_a_library_that_was_moved_as_a_whole_is_known(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    run(scorer, catalogue)
    catalogue.close()
    moved = root.rename(root.parent / "other disk")
    with Catalogue(find_library(moved / "day0")) as again:
        assert run(scorer, again)[1] == 0


def test_another_model_or_preprocessing_is_scored_anew(
    scorer: Scorer, catalogue: Catalogue, root: Path, tmp_path: Path
) -> None:
    run(scorer, catalogue)
    other = load(write_tiny_model(tmp_path / "other", seed=5, name="other.test").folder)
    assert run(other, catalogue)[1] == 6
    preprocess = replace(scorer.weights.preprocess, std=(50.0, 50.0, 50.0))
    changed = Scorer(replace(scorer.weights, preprocess=preprocess), scorer.engine)
    assert run(changed, catalogue)[1] == 6
    assert run(scorer, catalogue)[1] == 0
    assert catalogue.find_model("other.test").name == "other.test"


def test_failures_are_kept_and_tried_again(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    bad = root / "day0" / "IMG_0003.jpg"
    bad.write_bytes((root / "day0" / "IMG_0000.jpg").read_bytes()[:900])
    (root / "day0" / "IMG_0004.jpg").touch()
    outcomes, _ = run(scorer, catalogue)
    assert [o.code for o in outcomes if isinstance(o, Failure)] == ["truncated", "empty"]
    assert list(catalogue.failures()) == [o for o in outcomes if isinstance(o, Failure)]
    write_picture(bad, scene=33)
    assert run(scorer, catalogue)[1] == 1
    assert [f.code for f in catalogue.failures("day0")] == ["empty"]
    assert list(catalogue.failures("day1")) == []


def test_a_picture_that_goes_bad_loses_its_row_but_not_its_score(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    run(scorer, catalogue)
    path = root / "day0" / "IMG_0000.jpg"
    good = path.read_bytes()
    path.write_bytes(good[:500])
    assert isinstance(run(scorer, catalogue)[0][0], Failure)
    assert len(names(catalogue)) == 5
    path.write_bytes(good)
    assert run(scorer, catalogue)[1] == 0


def test_order_is_that_of_the_input_with_known_and_new_mixed(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    run(scorer, catalogue, root / "day1")
    paths = [root / "day1" / "IMG_0004.jpg", root / "none.jpg", root / "day0", root / "day1"]
    outcomes, scored = run(scorer, catalogue, *paths)
    assert scored == 3
    names = [Path(outcome.path).name for outcome in outcomes]
    assert names == ["IMG_0004.jpg", "none.jpg", *(f"IMG_{i:04d}.jpg" for i in range(6))]


def test_ten_thousand_known_pictures_stream(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    """Known verdicts come out while the input is still being read."""
    run(scorer, catalogue)
    taken = 0

    def endless() -> Iterator[object]:
        nonlocal taken
        while True:
            for image in find_images([root]):
                taken += 1
                yield image

    stream = score_library(scorer, endless(), catalogue)  # type: ignore[arg-type]
    for _ in range(100):
        next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert taken < 200


def test_a_picture_that_changes_while_it_is_scored_is_scored_the_next_time(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    path = root / "day0" / "IMG_0000.jpg"

    class Meddling(CountingEngine):
        def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
            path.write_bytes((root / "day1" / "IMG_0005.jpg").read_bytes())
            return super().run(batch, features=features)

    meddled = Scorer(scorer.weights, Meddling(scorer), threads=1)
    list(score_library(meddled, find_images([path]), catalogue))
    outcomes, scored = run(scorer, catalogue, path, root / "day1" / "IMG_0005.jpg")
    assert scored == 2
    assert outcomes[0].score == outcomes[1].score


def test_what_a_camera_wrote_is_kept(scorer: Scorer, tmp_path: Path) -> None:
    moment = datetime(2024, 5, 1, 12, 34, 56, 120_000)
    write_picture(tmp_path / "DSC_0042.jpg", 0, taken=moment, camera="X100")
    with Catalogue(beside_pictures(tmp_path), "create") as catalogue:
        run(scorer, catalogue)
        (file,) = catalogue.scored_files(catalogue.find_model())
        assert (file.taken, file.capture.camera, file.sequence) == (moment, "Maker X100", 42)


def test_features_are_kept_as_the_network_gave_them(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    run(scorer, catalogue)
    model = catalogue.find_model()
    kept = [file.features for file in catalogue.scored_files(model, features=True)]
    fresh = [v.features for v in scorer.score_many(find_images([root]), features=True)]
    np.testing.assert_allclose(np.stack(kept), np.stack(fresh), rtol=1e-3, atol=1e-3)


def test_filters(scorer: Scorer, tmp_path: Path) -> None:
    for day in range(1, 5):
        taken = datetime(2024, 5, day, 23, 59, 59)
        write_picture(tmp_path / f"d{day}" / "a.jpg", day, brightness=-60 + 30 * day, taken=taken)
    write_picture(tmp_path / "d1x" / "a.jpg", 9)
    with Catalogue(beside_pictures(tmp_path), "create") as catalogue:
        run(scorer, catalogue)
        model = catalogue.find_model()

        def paths(which: Filter) -> list[str]:
            return names(catalogue, which)

        assert paths(Filter(since="2024-05-02", until="2024-05-03")) == ["d2/a.jpg", "d3/a.jpg"]
        assert paths(Filter(folder="d1")) == ["d1/a.jpg"]
        assert len(paths(Filter(folder="."))) == 5
        scores = sorted(file.score for file in catalogue.scored_files(model))
        assert len(paths(Filter(min_score=scores[1], max_score=scores[3]))) == 3


def test_names_that_are_not_utf8(scorer: Scorer, tmp_path: Path) -> None:
    for name in (b"caf\xe9.jpg", "東京 ☕\n.jpg".encode()):
        write_picture(tmp_path / os.fsdecode(name), 1 if b"caf" in name else 2)
    with Catalogue(beside_pictures(tmp_path), "create") as catalogue:
        first, _ = run(scorer, catalogue)
        assert run(scorer, catalogue) == (first, 0)
        assert {file.verdict.path for file in catalogue.scored_files(catalogue.find_model())} == {
            outcome.path for outcome in first
        }


def test_pictures_elsewhere_are_refused(
    scorer: Scorer, catalogue: Catalogue, tmp_path: Path
) -> None:
    outside = write_picture(tmp_path / "outside.jpg", 1)
    with pytest.raises(LibraryError, match="not in the library"):
        run(scorer, catalogue, outside)


def test_links_to_the_root_are_the_same_library(
    scorer: Scorer, catalogue: Catalogue, root: Path
) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    run(scorer, catalogue, link)
    assert run(scorer, catalogue, root)[1] == 0


def test_catalogue_in_the_users_folder(
    scorer: Scorer, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with Catalogue(in_user_folder(root), "create") as catalogue:
        assert run(scorer, catalogue)[1] == 6
    assert not (root / ".ilgnet").exists()
    assert find_library(root / "day1").file.is_relative_to(tmp_path / "data")


def test_no_catalogue_is_made_in_another_programs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    inside = tmp_path / "Mine.photoslibrary" / "originals"
    inside.mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    assert place_for("beside", [tmp_path / "mine"]) == beside_pictures(tmp_path / "mine")
    for folder in (inside, inside.parent):
        assert place_for("beside", [folder]) == in_user_folder(folder)


def test_no_library_says_how_to_make_one(root: Path) -> None:
    with pytest.raises(LibraryError, match="ilgnet score --library"):
        find_library(root)


def test_older_verdicts_speak_of_technical_in_its_new_unit(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    connection = sqlite3.connect(file, isolation_level=None)
    before = [m.__name__ for m in MIGRATIONS].index("m006_similarity_and_unit")
    migrate(connection, file, MIGRATIONS[:before])
    connection.execute("INSERT INTO contents (id, sha256, width, height) VALUES (1, x'00', 8, 8)")
    for model, technical in ((1, -3.0), (2, None)):
        connection.execute(
            "INSERT INTO models VALUES (?, 'm', ?, 'p', 'now')", (model, f"digest {model}")
        )
        connection.execute(
            "INSERT INTO verdicts (content, model, score, p_high, percentile, scored, technical) "
            "VALUES (1, ?, 5, 0.5, 50, 'now', ?)",
            (model, technical),
        )
    migrate(connection, file)
    told = connection.execute("SELECT technical FROM verdicts ORDER BY model").fetchall()
    assert told == [(-2.0,), (None,)]
    alike = [row[0] for row in connection.execute("SELECT similarity FROM models ORDER BY id")]
    assert alike[1] is None, "nobody has measured another model's features"
    assert Similarity(**json.loads(alike[0])) == Similarity(0.67, 0.47, 0.92)


def test_migrations_run_in_order_once_and_all_or_nothing(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    connection = sqlite3.connect(file, isolation_level=None)
    done: list[str] = []

    def second(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE contents ADD COLUMN note TEXT")
        done.append("second")

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (x)")
        raise RuntimeError("power cut")

    migrate(connection, file)
    with pytest.raises(RuntimeError):
        migrate(connection, file, (*MIGRATIONS, broken))
    assert connection.execute("SELECT * FROM sqlite_schema WHERE name = 'half'").fetchall() == []
    for _ in range(2):
        migrate(connection, file, (*MIGRATIONS, second))
    assert done == ["second"]
    assert connection.execute("SELECT note FROM contents").fetchall() == []
    with pytest.raises(LibraryError, match="newer ilgnet"):
        migrate(connection, file)
    connection.close()


def test_a_catalogue_from_before_technical_is_gone_on_with(tmp_path: Path) -> None:
    file = tmp_path / "catalogue.db"
    connection = sqlite3.connect(file, isolation_level=None)
    migrate(connection, file, MIGRATIONS[:1])
    connection.execute("INSERT INTO contents VALUES (1, x'00', 4, 3, NULL, NULL)")
    connection.execute("INSERT INTO models VALUES (1, 'old', 'd', 'p', '2026')")
    connection.execute("INSERT INTO verdicts VALUES (1, 1, 5.5, NULL, 0.6, 50, NULL, '2026')")
    migrate(connection, file)
    assert connection.execute("SELECT score, technical FROM verdicts").fetchall() == [(5.5, None)]
    connection.close()


def test_a_foreign_or_damaged_file_is_left_untouched(tmp_path: Path) -> None:
    library = beside_pictures(tmp_path)
    library.file.parent.mkdir()
    library.file.write_bytes(b"These are not the bytes of a database." * 100)
    with pytest.raises(LibraryError, match="not a catalogue"):
        Catalogue(library)
    assert library.file.read_bytes().startswith(b"These are not")
    library.file.unlink()
    with sqlite3.connect(library.file) as foreign:
        foreign.execute("CREATE TABLE theirs (x)")
    foreign.close()
    with pytest.raises(LibraryError, match="left untouched"):
        Catalogue(library)


def test_a_damaged_page_is_named(scorer: Scorer, catalogue: Catalogue, root: Path) -> None:
    run(scorer, catalogue)
    catalogue.close()
    data = bytearray(catalogue.place.file.read_bytes())
    data[PAGE_BYTES:] = b"\xa5" * (len(data) - PAGE_BYTES)
    catalogue.place.file.write_bytes(data)
    with Catalogue(catalogue.place) as broken, pytest.raises(LibraryError, match="damaged"):
        run(scorer, broken)


def test_ten_thousand_pictures_answer_in_a_fraction_of_a_second(tmp_path: Path) -> None:
    """benchmarks/library/catalogue.py measures a hundred thousand."""
    library = make_catalogue(tmp_path, pictures=10_000, features=16)
    with Catalogue(library, "read") as catalogue:
        start = time.process_time()
        found = status(catalogue)
        model = catalogue.find_model()
        may = list(catalogue.scored_files(model, Filter(since="2024-05-01", until="2024-05-31")))
        took = time.process_time() - start
    assert (found.pictures, len(found.new), len(found.missing)) == (10_000, 0, 0)
    assert len(may) == round(10_000 * 31 / 365)
    assert took < 1.0  # some 0.15 s
