"""Faces: found where they are, followed by what is done to the picture, silent where unsure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import data

from ilgnet.faces.find import CLOSED, OPEN, find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import BLURRED, main_face_blurred, same_face, why_faces_worse

# Where Eileen Collins's face is in skimage.data.astronaut(): forehead to chin, ear to ear.
COLLINS = (0.33, 0.12, 0.55, 0.36)


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return np.asarray(data.astronaut())


@pytest.fixture(scope="module")
def face(astronaut: NDArray[np.uint8]) -> Face:
    (found,) = find_faces(astronaut)
    return found


def test_a_face_is_found_where_it_is(face: Face) -> None:
    np.testing.assert_allclose(face.box, COLLINS, atol=0.05)
    assert face.side == pytest.approx(0.2 * 512, rel=0.15)
    assert face.certainty > 0.7
    assert face.eyes == "open"
    assert face.turned is not None
    assert abs(face.turned) < 15


def test_a_mirrored_face_is_mirrored(astronaut: NDArray[np.uint8], face: Face) -> None:
    (mirrored,) = find_faces(np.ascontiguousarray(astronaut[:, ::-1]))
    left, top, right, bottom = mirrored.box
    np.testing.assert_allclose((1 - right, top, 1 - left, bottom), face.box, atol=0.03)
    assert mirrored.openness == pytest.approx(face.openness, abs=0.04)


def test_a_turned_head_is_framed_upright(astronaut: NDArray[np.uint8], face: Face) -> None:
    turned = np.asarray(Image.fromarray(astronaut).rotate(15, Image.Resampling.BICUBIC))
    found = find_faces(turned)
    assert found[0].openness == pytest.approx(face.openness, abs=0.05)


@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket", "hubble_deep_field"])
def test_nothing_is_found_where_nobody_is(name: str) -> None:
    assert find_faces(np.asarray(getattr(data, name)())) == ()


def test_painted_lids_close_the_eyes(astronaut: NDArray[np.uint8]) -> None:
    """The eyes of the photograph covered with skin, a dark line where the lids meet."""
    closed = astronaut.copy()
    for x in (193, 237):
        skin = np.median(astronaut[122:128, x - 6 : x + 6].reshape(-1, 3), axis=0)
        closed[101:120, x - 13 : x + 13] = skin
        closed[114:116, x - 11 : x + 11] = skin * 0.45
    soft = Image.fromarray(closed).filter(ImageFilter.GaussianBlur(1))
    (found,) = find_faces(np.asarray(soft))
    (before,) = find_faces(astronaut)
    assert found.openness is not None
    assert before.openness is not None
    assert found.openness < before.openness - 0.06


@pytest.mark.parametrize("sigma", [1.5, 2.5, 4.0])
def test_detail_falls_when_a_face_is_blurred(
    astronaut: NDArray[np.uint8], face: Face, sigma: float
) -> None:
    soft = np.asarray(Image.fromarray(astronaut).filter(ImageFilter.GaussianBlur(sigma)))
    (found,) = find_faces(soft)
    assert face.detail - found.detail > 1
    assert words([found], [face]) == (
        ("main face blurred",) if face.detail - found.detail >= BLURRED else ()
    )


def test_nothing_is_said_of_small_eyes(astronaut: NDArray[np.uint8]) -> None:
    small = np.asarray(Image.fromarray(astronaut).resize((200, 200), Image.Resampling.LANCZOS))
    for found in find_faces(small):
        assert found.side < 48
        assert found.eyes is None
        assert found.openness is None
        assert found.turned is None


@pytest.mark.parametrize("shape", [(1, 1), (2, 500), (700, 3)])
def test_any_picture_can_be_searched(shape: tuple[int, int]) -> None:
    assert find_faces(np.full((*shape, 3), 90, np.uint8)) == ()


def test_what_a_face_holds() -> None:
    """No field that tells who somebody is, how old, of what sex, or how beautiful."""
    names = {each.name for each in fields(Face)}
    assert names == {"box", "side", "certainty", "detail", "openness", "eyes", "turned"}


# ---- one frame beside another ----


def words(faces: Sequence[Face], best: Sequence[Face]) -> tuple[str, ...]:
    return tuple(each.words for each in why_faces_worse(faces, best))


def frame(face: Face, **changes: object) -> Face:
    return replace(face, **changes)  # type: ignore[arg-type]


def test_eyes_that_close_are_a_reason(face: Face) -> None:
    closed = frame(face, openness=0.08, eyes="closed")
    assert words([closed], [face]) == ("eyes closed",)
    assert why_faces_worse([face], [closed]) == ()
    assert why_faces_worse([closed], [closed]) == ()
    assert words([closed, frame(closed, box=(0.7, 0.1, 0.9, 0.3))], [face]) == ("eyes closed",)


def test_a_difference_of_faces_holds_its_readings(face: Face) -> None:
    (eyes,) = why_faces_worse([frame(face, openness=0.08)], [face])
    assert (eyes.reading, eyes.frame, eyes.best) == ("eyes_open", 0.08, face.openness)
    blurred = main_face_blurred([frame(face, detail=face.detail - 2)], [face])
    assert blurred is not None
    assert (blurred.reading, blurred.best) == ("face_detail", face.detail)
    assert main_face_blurred([frame(face, detail=face.detail - 1)], [face]) is None
    assert main_face_blurred([frame(face, detail=face.detail - 2, side=40.0)], [face]) is None


def test_what_is_not_known_is_no_reason(face: Face) -> None:
    assert why_faces_worse([frame(face, openness=None, eyes=None)], [face]) == ()
    assert why_faces_worse([frame(face, openness=0.08)], [frame(face, openness=None)]) == ()
    assert why_faces_worse([], [face]) == why_faces_worse([face], []) == ()


def test_a_face_elsewhere_is_another_face(face: Face) -> None:
    elsewhere = frame(face, box=(0.75, 0.7, 0.95, 0.9))
    assert same_face(elsewhere, [face]) is None
    assert same_face(frame(face, side=3 * face.side), [face]) is None
    assert same_face(face, [elsewhere, face]) is face


def test_a_bystander_is_not_the_main_face(face: Face) -> None:
    assert main_face([]) is None
    assert main_face([frame(face, box=(0.5, 0.5, 0.55, 0.55))]) is None
    assert main_face([face]) is face


def test_thresholds_leave_room_for_doubt() -> None:
    assert CLOSED < OPEN


def test_the_networks_are_small_and_inside() -> None:
    folder = Path(__file__).parents[2] / "src/ilgnet/faces/networks"
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.onnx")}
    assert set(sizes) == {"detection.onnx", "eyes.onnx"}
    assert sum(sizes.values()) < 3e6
