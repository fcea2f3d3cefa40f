"""What is worse in the frames of a burst that lost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter
from skimage import data

import ilgnet
from ilgnet.cli.main import ilgnet as command
from ilgnet.explanation.frames import LostFrame, why_frames_lost
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.scoring import load
from ilgnet.values import technical_votes
from ilgnet.zoo.records import Similarity, write_weights
from tests.explanation.networks import make_network, make_scorer

ASTRONAUT = Image.fromarray(np.asarray(data.astronaut()))


@pytest.fixture
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make_scorer(make_network(), folder)
    return folder


def write_burst(folder: Path, frames: Sequence[Image.Image]) -> Path:
    """Frames a second apart."""
    folder.mkdir(parents=True)
    taken = datetime(2026, 5, 3, 12, 0, 0)
    for number, frame in enumerate(frames):
        exif = Image.Exif()
        moment = taken + timedelta(seconds=number)
        exif.get_ifd(0x8769)[0x9003] = moment.strftime("%Y:%m:%d %H:%M:%S")
        frame.save(folder / f"IMG_{number + 1:04}.jpg", quality=95, exif=exif)
    return folder


def frames_of(folder: Path, model: Path) -> dict[str, Photograph]:
    photographs = ilgnet.open_library(folder, model=model).photographs()
    return {photo.name: photo for photo in photographs}


def lost(best: Photograph, *others: Photograph, faces: bool = True) -> list[LostFrame]:
    return list(why_frames_lost([(best, *others)], faces=faces, threads=2))


Alter = Callable[[Image.Image], Image.Image]

WORSE: dict[str, tuple[Alter, str]] = {
    "softer": (lambda image: image.filter(ImageFilter.GaussianBlur(2)), "softer: "),
    "darker": (lambda image: image.point(lambda value: value * 0.6), "darker by "),
    "brighter": (lambda image: image.point(lambda value: min(255, value * 1.6)), "burnt out: "),
    "noisier": (
        lambda image: Image.fromarray(
            np.clip(
                np.asarray(image) + np.random.default_rng(0).normal(0, 14, (512, 512, 3)), 0, 255
            ).astype(np.uint8)
        ),
        "noisier: ",
    ),
}


@pytest.mark.parametrize("name", WORSE)
def test_what_was_done_to_a_frame_is_why_it_lost(name: str, model: Path, tmp_path: Path) -> None:
    alter, words = WORSE[name]
    found = frames_of(write_burst(tmp_path / "photos", [ASTRONAUT, alter(ASTRONAUT)]), model)
    best, other = found["IMG_0001.jpg"], found["IMG_0002.jpg"]
    (frame,) = lost(best, other, faces=False)
    assert frame.differences is not None
    assert frame.differences[0].words.startswith(words)
    assert frame.words == "; ".join(each.words for each in frame.differences)
    if name in ("softer", "darker"):
        assert len(frame.differences) == 1
    (back,) = lost(other, best, faces=False)
    assert not any(each.words.startswith(words) for each in back.differences or ())


def test_a_slanted_frame_says_by_how_much(model: Path, tmp_path: Path) -> None:
    lines = np.full((600, 900, 3), 200, np.uint8)
    for place in range(0, 900, 75):
        lines[place : place + 8] = lines[:, place : place + 8] = 30
    level = Image.fromarray(lines).filter(ImageFilter.GaussianBlur(1))
    slanted = level.rotate(3, Image.Resampling.BICUBIC).crop((60, 60, 840, 540))
    level = level.crop((60, 60, 840, 540))
    found = frames_of(write_burst(tmp_path / "photos", [level, slanted]), model)
    (frame,) = lost(found["IMG_0001.jpg"], found["IMG_0002.jpg"])
    tilted = next(each for each in frame.differences or () if each.reading == "tilt")
    assert tilted.frame == pytest.approx(3, abs=0.3)
    assert tilted.best == pytest.approx(0, abs=0.3)
    assert tilted.words == f"tilted {tilted.frame:.1f}°"


def test_equal_frames_have_no_differences_and_gone_ones_are_not_compared(
    model: Path, tmp_path: Path
) -> None:
    found = frames_of(write_burst(tmp_path / "photos", [ASTRONAUT] * 3), model)
    gone = found["IMG_0003.jpg"]
    gone.path.unlink()
    same, missing = lost(found["IMG_0001.jpg"], found["IMG_0002.jpg"], gone)
    assert same.differences == ()
    assert same.behind == same.score == 0
    assert same.words == "nothing that is measured differs enough"
    assert missing.differences is None
    assert "cannot be read" in missing.words
    (blind,) = lost(gone, found["IMG_0001.jpg"])
    assert blind.differences is None
    assert lost(gone) == list(why_frames_lost([])) == []


def test_a_blurred_face_is_told_unless_nobody_looks(model: Path, tmp_path: Path) -> None:
    soft = ASTRONAUT.filter(ImageFilter.GaussianBlur(2))
    found = frames_of(write_burst(tmp_path / "photos", [ASTRONAUT, soft]), model)
    pair = found["IMG_0001.jpg"], found["IMG_0002.jpg"]
    assert "main face blurred" in lost(*pair)[0].words
    assert "main face" not in lost(*pair, faces=False)[0].words


def test_what_the_model_says_is_told_apart(model: Path, tmp_path: Path) -> None:
    found = frames_of(write_burst(tmp_path / "photos", [ASTRONAUT] * 2), model)
    best, other = found.values()
    assert lost(best, other)[0].technical is None
    best = replace(best, verdict=replace(best.verdict, score=5.5, technical=0.4))
    other = replace(other, verdict=replace(other.verdict, score=5.3, technical=-0.2))
    (frame,) = lost(best, other)
    assert frame.score == pytest.approx(0.2)
    assert frame.technical == pytest.approx(technical_votes(0.4) - technical_votes(-0.2))
    assert frame.behind == pytest.approx(frame.score + (frame.technical or 0))
    record = json.loads(json.dumps(frame.to_json()))
    assert record["best"] == best.verdict.path
    assert record["differences"] == []


# ---- the commands ----


@pytest.fixture
def burst(tmp_path: Path) -> Path:
    """Two frames a second apart, one of them softer."""
    return write_burst(
        tmp_path / "photos", [ASTRONAUT, ASTRONAUT.filter(ImageFilter.GaussianBlur(2))]
    )


def ask(*arguments: str) -> str:
    ran = CliRunner().invoke(command, list(arguments), standalone_mode=False)
    assert ran.return_value == 0, ran.output
    return ran.stdout


def test_bursts_says_why_a_frame_lost(burst: Path, model: Path) -> None:
    options = ["bursts", str(burst), "--model", str(model), "--similarity", "0.3"]
    (group,) = json.loads(ask(*options, "--json"))["bursts"]
    assert all("why" not in photo for photo in group["photographs"])
    (group,) = json.loads(ask(*options, "--why", "--json"))["bursts"]
    best, other = group["photographs"]
    assert best["why"] is None
    library = ilgnet.open_library(burst, model=model)
    (found,) = library.bursts(alike=Similarity(0.3, 0.3, 0.3))
    (expected,) = ilgnet.why_frames_lost([found])
    assert other["path"] == expected.photograph.name
    assert other["why"] == expected.to_json()
    softer = [each["words"].startswith("softer") for each in other["why"]["differences"]]
    assert any(softer) is (other["path"] == "IMG_0002.jpg")
    words = ask(*options, "--why")
    assert f"behind by {expected.behind:.2f}; {expected.words}" in words


def test_cull_says_why_a_frame_lost(burst: Path, model: Path) -> None:
    asked = ["cull", str(burst), "--model", str(model), "--top", "1"]
    record = Similarity(0.3, 0.3, 0.3)
    write_weights(replace(load(model).weights, similarity=record), model)
    plain = json.loads(ask(*asked, "--json"))["photographs"]
    assert all("why" not in photo for photo in plain)
    why = json.loads(ask(*asked, "--why", "--json"))["photographs"]
    assert [photo["decision"] for photo in why] == [photo["decision"] for photo in plain]
    best, other = sorted(why, key=lambda photo: photo["decision"])
    assert best["why"] is None
    assert "best of 2 in its burst" in best["reason"]
    assert other["why"]["best"] == best["path"]
    words = [each["words"] for each in other["why"]["differences"]]
    in_words = ask(*asked, "--why", "--quiet")
    assert f"; {'; '.join(words) or 'nothing that is measured differs enough'}" in in_words
    without = json.loads(ask(*asked, "--why", "--no-faces", "--json"))["photographs"]
    found = [
        d["words"]
        for photo in without
        for d in (photo["why"] or {"differences": ()})["differences"]
    ]
    assert not any("face" in each for each in found)


@pytest.mark.parametrize("name", ["bursts", "cull"])
def test_options_without_effect_are_refused(name: str, burst: Path, model: Path) -> None:
    for options, words in (
        (["--no-faces"], "no effect without --why"),
        (["--why", "--faces", "--no-faces"], "--faces or --no-faces?"),
    ):
        ran = CliRunner().invoke(command, [name, str(burst), "--model", str(model), *options])
        assert ran.exit_code == 2
        assert words in ran.output


def test_what_a_frame_is_behind_by_adds_up_in_words(burst: Path, model: Path) -> None:
    asked = ["bursts", str(burst), "--model", str(model), "--similarity", "0.3", "--why"]
    words = ask(*asked, "--faces")
    (line,) = [each for each in words.splitlines() if " behind by " in each]
    assert "IMG_0002.jpg" in line, "its face is blurred"
    behind, score, face = map(float, re.findall(r"(?:by|score|face) (-?\d+\.\d\d)", line))
    assert face == 2.0
    assert behind == pytest.approx(score + face, abs=0.011)
