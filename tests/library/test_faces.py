"""Faces in bursts: what counts, what does not, and that it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

import ilgnet
from ilgnet.library.choosing.bursts import frames_of_bursts
from ilgnet.library.choosing.cull import CullRule, choose
from ilgnet.library.choosing.faces import with_faces
from ilgnet.library.photograph.photograph import BLURRED_FACE, Photograph
from ilgnet.zoo.records import Similarity
from tests.explanation.networks import make_network, make_scorer

ASTRONAUT = np.asarray(data.astronaut())
ALIKE = Similarity(0.3, 0.3, 0.3)


def soft_face() -> np.ndarray:
    """The face out of focus, all else as it is."""
    soft = np.asarray(Image.fromarray(ASTRONAUT).filter(ImageFilter.GaussianBlur(2.5)))
    found = ASTRONAUT.copy()
    found[50:200, 160:300] = soft[50:200, 160:300]
    return found


def soft_background() -> np.ndarray:
    """All but the face out of focus."""
    found = np.asarray(Image.fromarray(ASTRONAUT).filter(ImageFilter.GaussianBlur(4))).copy()
    found[50:200, 160:300] = ASTRONAUT[50:200, 160:300]
    return found


FRAMES = {
    "1-sharp.png": ASTRONAUT,
    "2-soft-face.png": soft_face(),
    "3-darker.png": (ASTRONAUT * 0.5).astype(np.uint8),
    "4-soft-background.png": soft_background(),
    "5-nobody.png": np.asarray(data.coffee())[:400, :512],
}


@pytest.fixture
def burst(tmp_path: Path) -> list[Photograph]:
    """Frames of one burst, the one with the soft face by far the best for the model."""
    for name, rgb in FRAMES.items():
        Image.fromarray(rgb).save(tmp_path / name)
    scorer = make_scorer(make_network(), tmp_path / "model")
    library = ilgnet.open_library([tmp_path / name for name in FRAMES], model=scorer.weights.folder)
    return [
        replace(
            photo,
            burst=0,
            verdict=replace(photo.verdict, score=6.0 if "soft-face" in photo.name else 5.0),
        )
        for photo in library.photographs()
    ]


def test_a_blurred_main_face_loses_to_a_sharp_one(burst: list[Photograph]) -> None:
    (before,) = frames_of_bursts(burst)
    assert before[0].name == "2-soft-face.png"
    found = {photo.name: photo for photo in with_faces(burst, threads=2)}
    assert list(found) == list(FRAMES)
    flawed = [name for name, photo in found.items() if photo.blurred_face is not None]
    assert flawed == ["2-soft-face.png"]
    soft = found["2-soft-face.png"]
    assert soft.frame_score == pytest.approx(soft.verdict.frame_score - BLURRED_FACE)
    (after,) = frames_of_bursts(found.values())
    assert after[-1].name == "2-soft-face.png"
    kept = {d.photograph.name: d for d in choose(found.values(), CullRule("count", 1, 0, "burst"))}
    assert kept["1-sharp.png"].decision == "keep"
    assert "main face blurred" in kept["2-soft-face.png"].reason


def test_a_face_alone_or_gone_says_nothing(burst: list[Photograph]) -> None:
    soft = burst[1]
    assert with_faces([soft])[0].blurred_face is None, "there is no frame where it is sharp"
    apart = [replace(photo, burst=number) for number, photo in enumerate(burst)]
    assert all(photo.blurred_face is None for photo in with_faces(apart))
    unknown = [replace(photo, burst=None) for photo in burst]
    assert with_faces(unknown) == unknown
    burst[0].path.unlink()
    gone = {photo.name: photo.blurred_face for photo in with_faces(burst)}
    assert gone["1-sharp.png"] is None
    assert gone["2-soft-face.png"] is not None, "still sharp in others"


def test_faces_count_only_where_they_are_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, rgb in enumerate((ASTRONAUT, soft_face())):
        Image.fromarray(rgb).save(folder / f"IMG_{number + 1:04}.png")
    model = tmp_path / "model"
    make_scorer(make_network(), model)
    library = ilgnet.open_library(folder, model=model)
    (plain,) = library.bursts(alike=ALIKE)
    assert all(photo.blurred_face is None for photo in plain.photographs)
    (asked,) = library.bursts(alike=ALIKE, faces=True)
    assert [photo.name for photo in asked.photographs] == ["IMG_0001.png", "IMG_0002.png"]
    assert asked.photographs[1].blurred_face is not None
    assert "its main face is sharp" in asked.best
