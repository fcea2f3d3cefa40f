"""Readings follow alterations of a known amount, and agree with independent implementations."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import color, data
from skimage.measure import blur_effect

from ilgnet.explanation.attributes import SIDE, UNITS, Attributes, measure, measured_copy

ROOT = Path(__file__).parents[2]


def load_alterations() -> ModuleType:
    path = ROOT / "benchmarks/explain/attributes.py"
    spec = importlib.util.spec_from_file_location("explain_alterations", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ALTERED = load_alterations()
PICTURES = {"astronaut": data.astronaut, "coffee": data.coffee}


@pytest.fixture(scope="module", params=PICTURES)
def picture(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    return np.asarray(PICTURES[request.param]())


@pytest.mark.parametrize("name", [name for name, *_ in ALTERED.ALTERATIONS if name != "tilt"])
def test_a_reading_follows_its_alteration(picture: NDArray[np.uint8], name: str) -> None:
    _, alter, amounts, sign = next(a for a in ALTERED.ALTERATIONS if a[0] == name)
    readings = [getattr(measure(alter(picture, amount)), name) for amount in amounts]
    assert None not in readings
    steps = sign * np.diff(readings)
    assert (steps >= 0).all(), readings
    assert steps.sum() > 0, readings


def test_every_attribute_is_altered_by_some_test() -> None:
    altered = {name for name, *_ in ALTERED.ALTERATIONS}
    assert altered == set(UNITS) - {"motion_angle", "cast_hue"}


def lines(degrees: float) -> NDArray[np.uint8]:
    """A front with windows, turned counter-clockwise."""
    front = np.full((500, 500, 3), 190, np.uint8)
    for y in range(20, 480, 60):
        for x in range(20, 480, 80):
            front[y : y + 36, x : x + 44] = 60
    image = Image.fromarray(front).rotate(degrees, Image.Resampling.BICUBIC)
    return np.asarray(image)[90:410, 90:410]


@pytest.mark.parametrize("degrees", [-8.0, -3.0, -1.0, 0.0, 1.0, 3.0, 8.0])
def test_the_tilt_of_lines_is_read_in_degrees(degrees: float) -> None:
    assert measure(lines(degrees)).tilt == pytest.approx(degrees, abs=0.4 + 0.05 * abs(degrees))


def test_nothing_is_said_of_a_tilt_without_lines() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    assert measure(noise).tilt is None
    assert measure(np.full((300, 300, 3), 90, np.uint8)).tilt is None


@pytest.mark.parametrize("sigma", [1.5, 2.0, 3.0])
def test_blur_is_in_pixels(sigma: float) -> None:
    """The edges of a crisp drawing, blurred by a known sigma, read that sigma."""
    assert measure(ALTERED.blurred(lines(0), sigma)).blur == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("degrees", [0.0, 45.0, 90.0, 135.0])
def test_a_smear_has_its_direction(degrees: float) -> None:
    picture = np.asarray(data.astronaut())
    image, total = Image.fromarray(picture), np.zeros(picture.shape)
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    steps = np.linspace(-6, 6, 25)
    for step in steps:
        moved = (1, 0, step * c, 0, 1, -step * s)
        total += np.asarray(
            image.transform(image.size, Image.Transform.AFFINE, moved, Image.Resampling.BILINEAR)
        )
    found = measure((total / len(steps)).round().astype(np.uint8))
    assert found.motion_angle is not None
    assert abs((found.motion_angle - degrees + 90) % 180 - 90) <= 15
    assert 6 < found.motion < 15
    assert measure(picture).motion == 0


def test_blur_orders_as_scikit_image_does(picture: NDArray[np.uint8]) -> None:
    versions = [ALTERED.blurred(picture, sigma) for sigma in (0.8, 1.2, 2.0, 3.0)]
    theirs = [blur_effect(color.rgb2gray(version)) for version in versions]
    ours = [measure(version).blur for version in versions]
    assert np.argsort(theirs).tolist() == np.argsort(ours).tolist()


@pytest.mark.parametrize("sigma", [5.0, 10.0])
def test_noise_is_in_grey_levels(picture: NDArray[np.uint8], sigma: float) -> None:
    assert measure(ALTERED.noisy(picture, sigma)).noise == pytest.approx(sigma, rel=0.2)


def test_lightness_and_cast_agree_with_scikit_image(picture: NDArray[np.uint8]) -> None:
    lab = color.rgb2lab(picture)
    found = measure(picture)
    assert found.contrast == pytest.approx(lab[..., 0].std(), rel=0.15)
    assert found.cast == pytest.approx(np.hypot(lab[..., 1].mean(), lab[..., 2].mean()), abs=1.5)


@pytest.mark.parametrize(
    ("rgb", "hue"),
    [((200, 60, 60), "red"), ((60, 180, 60), "green"), ((60, 60, 200), "blue")],
)
def test_a_cast_has_a_name(rgb: tuple[int, int, int], hue: str) -> None:
    assert measure(np.full((64, 64, 3), rgb, np.uint8)).cast_hue == hue


def test_a_stop_is_a_stop() -> None:
    grey = np.full((64, 64, 3), 118, np.uint8)  # 18 % of the light
    assert measure(grey).exposure == pytest.approx(0, abs=0.05)
    assert measure(ALTERED.brightened(grey, 1)).exposure == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (15, 15), (17, 300), (40, 40)])
def test_any_picture_can_be_measured(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    found = measure(random.integers(0, 255, (*shape, 3)).astype(np.uint8))
    values = [v for v in found.to_json().values() if isinstance(v, float)]
    assert np.isfinite(values).all()
    assert isinstance(found, Attributes)


def test_a_large_picture_is_measured_at_one_size() -> None:
    large = np.asarray(Image.fromarray(lines(0)).resize((3 * SIDE, 3 * SIDE)))
    assert max(measured_copy(large).shape) == SIDE
    small = lines(0)
    assert measured_copy(small) is small
