"""`score` and `rank` on films, and features for other programs, as people call them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ilgnet.cli.main import ilgnet
from tests.images.test_video import make_film
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(ilgnet, list(map(str, arguments)), standalone_mode=False)


def test_the_best_moments_of_a_film(tmp_path: Path, model: Path) -> None:
    film = make_film(tmp_path / "film.mp4", [60] * 10 + [220] * 10 + [120] * 10)
    page = tmp_path / "page.html"
    found = run("rank", film, "--every", "1s", "--top", 2, "--json", "--model", model,
                "--report", page)  # fmt: skip
    assert found.exception is None, found.output
    assert [row["path"] for row in json.loads(found.stdout)] == [f"{film}#t=1", f"{film}#t=2"]
    assert page.read_text().count("data:image/webp") == 2, "frames are found again for the page"


def test_films_beside_pictures(tmp_path: Path, model: Path) -> None:
    film = make_film(tmp_path / "film.mp4", [60] * 10)
    (tmp_path / "no.mov").write_bytes(b"nothing")
    given = ["score", film, tmp_path / "no.mov", "--every", "500ms", "--jsonl", "--model", model]
    rows = [json.loads(line) for line in run(*given).stdout.splitlines()]
    assert [row["path"] for row in rows[:2]] == [f"{film}#t=0", f"{film}#t=0.5"]
    assert rows[2]["error"]["code"] == "corrupt"


@pytest.mark.parametrize("text", ["", "0", "-1s", "1 hour", "1.2.3s", "nan"])
def test_times_that_are_none(text: str, tmp_path: Path) -> None:
    assert "is no time" in str(run("score", tmp_path, f"--every={text}").exception)


def test_features_beside_the_rows(tmp_path: Path, model: Path) -> None:
    film = make_film(tmp_path / "film.mp4", [60] * 10)
    found = run("score", film, "--every", "0.1", "--csv", "--features", tmp_path / "f.npy",
                "--model", model)  # fmt: skip
    assert found.exception is None
    assert np.load(tmp_path / "f.npy").shape == (10, 3)
    assert len(found.stdout.splitlines()) == 11


def test_not_with_a_library(tmp_path: Path, model: Path) -> None:
    assert "take one" in str(run("score", "--library", tmp_path, "--every", "1s").exception)
