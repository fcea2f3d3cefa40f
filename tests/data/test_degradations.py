import itertools

import numpy as np
import pytest
from skimage import data

from ilgnet.data.degradations import DEGRADATIONS, Degradation

FAMILIES = {"sharpness", "noise", "compression", "exposure", "contrast", "tilt", "crop"}


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return np.ascontiguousarray(data.astronaut()[::2, ::3])


def degraded(kind: Degradation, rgb: np.ndarray, strength: float) -> np.ndarray:
    return kind.apply(rgb, strength, np.random.default_rng(5))


def middle(rgb: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = (rgb.shape[0] - height) // 2, (rgb.shape[1] - width) // 2
    return rgb[top : top + height, left : left + width].astype(float)


@pytest.mark.parametrize("kind", DEGRADATIONS, ids=lambda d: d.name)
def test_every_degradation_spoils_without_touching_the_original(kind, photograph):
    before = photograph.copy()
    result = degraded(kind, photograph, 0.6)
    assert result.dtype == np.uint8
    assert result.ndim == 3
    assert result.shape[2] == 3
    assert result.shape[0] <= photograph.shape[0]
    assert result.shape[1] <= photograph.shape[1]
    assert result.shape != photograph.shape or not np.array_equal(result, photograph)
    assert np.array_equal(photograph, before)
    assert np.array_equal(result, degraded(kind, photograph, 0.6)), (
        "not a function of the generator"
    )


@pytest.mark.parametrize(
    "kind", [d for d in DEGRADATIONS if d.family not in ("tilt", "crop")], ids=lambda d: d.name
)
def test_stronger_is_farther_from_the_original(kind, photograph):
    distances = [
        np.abs(degraded(kind, photograph, strength).astype(float) - photograph).mean()
        for strength in (0.25, 0.5, 0.75, 1.0)
    ]
    assert distances[0] > 0.1
    assert all(mild < severe for mild, severe in itertools.pairwise(distances))


@pytest.mark.parametrize(
    "kind", [d for d in DEGRADATIONS if d.family in ("tilt", "crop")], ids=lambda d: d.name
)
def test_stronger_keeps_less_of_the_picture(kind, photograph):
    kept = [
        degraded(kind, photograph, strength)[..., 0].size for strength in (0.25, 0.5, 0.75, 1.0)
    ]
    assert photograph[..., 0].size > kept[0]
    assert all(mild > severe for mild, severe in itertools.pairwise(kept))


@pytest.mark.parametrize(
    "kind", [d for d in DEGRADATIONS if d.family == "tilt"], ids=lambda d: d.name
)
def test_a_tilted_picture_shows_no_empty_corner(kind):
    white = np.full((120, 170, 3), 255, np.uint8)
    for strength in (0.3, 1.0):
        assert degraded(kind, white, strength).min() == 255


def test_a_crop_is_a_part_of_the_original(photograph):
    for kind in DEGRADATIONS:
        if kind.family == "crop":
            part = degraded(kind, photograph, 1.0)
            windows = np.lib.stride_tricks.sliding_window_view(photograph, part.shape)
            assert (windows[:, :, 0] == part).all(axis=(2, 3, 4)).any(), kind.name


def test_blur_keeps_the_light_and_removes_detail(photograph):
    for kind in DEGRADATIONS:
        if kind.family == "sharpness":
            result = degraded(kind, photograph, 0.8)
            assert result.mean() == pytest.approx(photograph.mean(), abs=1.5)
            assert np.diff(result.astype(float), axis=0).std() < (
                np.diff(photograph.astype(float), axis=0).std()
            )


def test_exposure_goes_the_way_its_name_says(photograph):
    by_name = {d.name: degraded(d, photograph, 0.7).mean() for d in DEGRADATIONS}
    light = photograph.mean()
    assert by_name["underexposure"] < light < by_name["overexposure"]
    assert by_name["murky"] < light < by_name["washed_out"]


def test_each_family_is_measured_with_a_kind_that_training_never_shows():
    assert {d.family for d in DEGRADATIONS} == FAMILIES
    assert {d.family for d in DEGRADATIONS if d.held_out} == FAMILIES
    assert {d.family for d in DEGRADATIONS if not d.held_out} == FAMILIES
    assert len({d.name for d in DEGRADATIONS}) == len(DEGRADATIONS)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 2), (7, 9)])
def test_the_smallest_pictures_survive(shape):
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for kind in DEGRADATIONS:
        result = degraded(kind, rgb, 1.0)
        assert result.shape[0] >= 1
        assert result.shape[1] >= 1
