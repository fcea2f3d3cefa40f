"""A picture that ends the process that decodes it costs one run, and then only itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.images.sources import find_images
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures
from ilgnet.library.catalogue.score_once import score_library
from ilgnet.library.catalogue.trial import Trial
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.scoring import Scorer
from ilgnet.values import Failure
from tests.library.season import write_picture
from tests.worst_folder import encoded, scene

DEADLY = """
import os, signal, time
import simplejpeg

decode = simplejpeg.decode_jpeg

def deadly(data, *args, **options):
    if b"ends its reader" in data:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"never ends" in data:
        time.sleep(1000)
    return decode(data, *args, **options)

simplejpeg.decode_jpeg = deadly
"""
"""A fault in native code, as every process that starts with it in its path has it."""


@pytest.fixture
def faulty(tmp_path: Path) -> dict[str, str]:
    """An environment in which marked pictures end the process that decodes them."""
    place = tmp_path / "faulty"
    place.mkdir()
    (place / "sitecustomize.py").write_text(DEADLY)
    paths = [str(place), *(path for path in sys.path if path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for i in range(20):
        write_picture(tmp_path / "photos" / f"IMG_{i:04d}.jpg", scene=i)
    deadly = encoded(scene(64, 64), comment=b"ends its reader")
    (tmp_path / "photos" / "IMG_0007.jpg").write_bytes(deadly)
    return tmp_path / "photos"


def score(model: Path, root: Path, environment: dict[str, str]) -> tuple[int, dict[str, object]]:
    """`ilgnet score --library` in a process of its own: its exit code, and a code for each name."""
    command = [sys.executable, "-m", "ilgnet", "score", "--library", str(root), "--jsonl", "-q"]
    options = ["--model", str(model), "--threads", "2"]
    done = subprocess.run([*command, *options], env=environment, capture_output=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    codes = {Path(row["path"]).name: row["error"] and row["error"]["code"] for row in rows}
    return done.returncode, codes


def test_the_next_run_finds_the_culprit_and_passes_it_over(
    tiny_model: Path, root: Path, faulty: dict[str, str], scorer: Scorer
) -> None:
    assert score(tiny_model, root, faulty)[0] == -signal.SIGSEGV
    code, rows = score(tiny_model, root, faulty)
    assert code == 3
    assert {name: why for name, why in rows.items() if why} == {"IMG_0007.jpg": "kills_the_reader"}
    assert len(rows) == 20
    # It is not even opened by an image reader again, here where nothing would happen.
    with Catalogue(beside_pictures(root)) as catalogue:
        assert catalogue.reading() == set()
        outcomes = list(score_library(scorer, find_images([root]), catalogue))
        (failure,) = (outcome for outcome in outcomes if isinstance(outcome, Failure))
        assert (failure.code, "SIGSEGV" in failure.message) == ("kills_the_reader", True)
        # Under another name it is the same.
        (root / "IMG_0007.jpg").rename(root / "IMG_0099.jpg")
        (again,) = score_library(scorer, find_images([root / "IMG_0099.jpg"]), catalogue)
        assert isinstance(again, Failure)
        assert again.code == "kills_the_reader"
        # With other contents it is another picture.
        write_picture(root / "IMG_0099.jpg", scene=7)
        (sound,) = score_library(scorer, find_images([root / "IMG_0099.jpg"]), catalogue)
        assert isinstance(sound, Photograph)


def test_what_was_forgotten_is_tried_again(
    tiny_model: Path, root: Path, faulty: dict[str, str], scorer: Scorer
) -> None:
    for _ in range(2):
        score(tiny_model, root, faulty)
    with Catalogue(beside_pictures(root)) as catalogue:
        assert len(catalogue.fatal()) == 1
        catalogue.forget(["IMG_0007.jpg"])
        outcomes = list(score_library(scorer, find_images([root]), catalogue))
    assert all(isinstance(outcome, Photograph) for outcome in outcomes)


def test_an_interrupted_run_blames_nobody(root: Path, scorer: Scorer) -> None:
    with Catalogue(beside_pictures(root), "create") as catalogue:
        run = score_library(scorer, find_images([root]), catalogue)
        next(run)
        assert catalogue.reading()
        run.close()
        assert not catalogue.reading()
        catalogue.begin_reading("IMG_0001.jpg")  # by a run that was killed
        outcomes = list(score_library(scorer, find_images([root]), catalogue))
        assert all(isinstance(outcome, Photograph) for outcome in outcomes)
        assert not catalogue.reading()
        assert not catalogue.fatal()


def test_a_reader_that_never_ends_is_given_up(
    tmp_path: Path, faulty: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(faulty["PYTHONPATH"].split(os.pathsep)[0])
    endless, sound = tmp_path / "endless.jpg", tmp_path / "sound.jpg"
    endless.write_bytes(encoded(scene(), comment=b"never ends"))
    sound.write_bytes(encoded(scene()))
    with Trial(16, seconds=5) as trial:
        assert trial.fatal(sound) == ""
        assert "5 seconds" in trial.fatal(endless)
        assert trial.fatal(sound) == "", "the next is read by a new process"
        assert trial.fatal(tmp_path / "missing.jpg") == ""


def test_a_reader_that_cannot_start_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Trial(16) as trial, pytest.raises(LibraryError, match="cannot be started"):
        trial.fatal(tmp_path / "any.jpg")
