"""The network's input, to the digit."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data, transform

from ilgnet.errors import ModelError
from ilgnet.images.preprocess import Preprocess, normalise, prepare, resize_rgb

WARP = Preprocess("warp", 256, 256, crop=227, channels="BGR")
ASPECT = Preprocess("aspect", 224, 224, mean=(127.0, 127.0, 127.0), std=(128.0, 128.0, 128.0))


def test_numbers_by_hand() -> None:
    rgb = np.array([[[10, 20, 30], [40, 50, 60]], [[70, 80, 90], [100, 110, 120]]], np.uint8)
    preprocess = Preprocess("warp", 2, 2, channels="BGR", mean=(1.0, 2.0, 3.0), std=(2.0, 4.0, 8.0))
    expected = [
        [[(30 - 1) / 2, (60 - 1) / 2], [(90 - 1) / 2, (120 - 1) / 2]],
        [[(20 - 2) / 4, (50 - 2) / 4], [(80 - 2) / 4, (110 - 2) / 4]],
        [[(10 - 3) / 8, (40 - 3) / 8], [(70 - 3) / 8, (100 - 3) / 8]],
    ]
    np.testing.assert_allclose(prepare(rgb, preprocess), expected, rtol=1e-6)


def test_the_centre_crop() -> None:
    rgb = np.zeros((256, 256, 3), np.uint8)
    rgb[14, 14] = 255  # (256 - 227) // 2
    cropped = resize_rgb(rgb, WARP)
    assert cropped.shape == (227, 227, 3)
    assert cropped[0, 0].tolist() == [255, 255, 255]


def test_resizing_is_antialiased() -> None:
    stripes = np.zeros((448, 448, 3), np.uint8)
    stripes[:, ::2] = 255
    resized = resize_rgb(stripes, Preprocess("warp", 56, 56))
    assert 120 < resized[28, 28, 0] < 135


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_aspect_is_kept_up_to_the_limit(width: int, height: int) -> None:
    new_width, new_height = ASPECT.resized(width, height)
    assert min(new_width, new_height) == 224
    assert max(new_width, new_height) % 32 == 0
    assert (new_width >= new_height) == (width >= height) or new_width == new_height
    ratio = max(width, height) / min(width, height)
    assert max(new_width, new_height) <= 2 * 224
    if ratio <= 2:
        assert abs(max(new_width, new_height) - 224 * ratio) <= 16


def test_the_record_goes_there_and_back() -> None:
    for preprocess in (WARP, ASPECT):
        assert Preprocess.from_json(preprocess.to_json()) == preprocess


def test_the_fingerprint_tells_any_change() -> None:
    prints = {WARP.fingerprint(), ASPECT.fingerprint()}
    prints.add(
        Preprocess("aspect", 224, 224, mean=(127.0, 127.0, 127.0), std=(127.0,) * 3).fingerprint()
    )
    prints.add(Preprocess("warp", 256, 256, crop=224, channels="BGR").fingerprint())
    assert len(prints) == 4
    assert (
        Preprocess("warp", 256, 256, crop=227, channels="BGR").fingerprint() == WARP.fingerprint()
    )


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"resize": "stretch", "height": 2, "width": 2}, "stretch"),
        ({"resize": "aspect", "height": 2, "width": 3}, "2 x 3"),
        ({"resize": "warp", "height": 2, "width": 2, "crop": 3}, "crop of 3"),
        ({"resize": "warp", "height": 2, "width": 2, "colour": "RGB"}, "colour"),
    ],
)
def test_a_wrong_record_is_told(record: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        Preprocess.from_json(record)


def test_channels_are_contiguous_float32() -> None:
    pixels = normalise(np.zeros((4, 6, 3), np.uint8), WARP)
    assert pixels.dtype == np.float32
    assert pixels.shape == (3, 4, 6)
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("size", [(256, 256), (227, 227), (300, 200)])
def test_the_filters_of_2016_are_those_of_opencv_and_scikit_image(size: tuple[int, int]) -> None:
    """To the bit, for photographs and for noise, enlarged and reduced."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (190, 333, 3), dtype=np.uint8)
    for rgb in (data.chelsea(), noise):
        width, height = size
        opencv = Preprocess("warp", height, width, filter="opencv-bilinear")
        blue_first = cv2.resize(
            np.ascontiguousarray(rgb[:, :, ::-1]), size, interpolation=cv2.INTER_LINEAR
        )
        assert np.array_equal(resize_rgb(rgb, opencv), blue_first[:, :, ::-1])

        skimage = Preprocess("warp", height, width, filter="skimage-linear")
        image = rgb.astype(np.float32) / 255
        low, high = image.min(), image.max()
        scaled = (image - low) / (high - low)
        resized = transform.resize(
            scaled, (height, width), order=1, mode="constant", anti_aliasing=False
        )
        expected = (255 * (resized * (high - low) + low)).astype(np.float32)
        found = resize_rgb(rgb, skimage)
        assert found.dtype == np.float32
        assert np.array_equal(found, expected)


def test_a_record_names_its_filter_and_old_fingerprints_stand() -> None:
    plain = Preprocess("warp", 256, 256, crop=227, channels="BGR")
    assert plain.to_json()["filter"] == "pillow-bicubic"
    old = {key: value for key, value in plain.to_json().items() if key != "filter"}
    assert Preprocess.from_json(old) == plain
    assert plain.fingerprint() == "8202b5e9178e"
    other = replace(plain, filter="opencv-bilinear")
    assert other.fingerprint() != plain.fingerprint()
    assert other.decode_side > 100_000  # a scaled decode would be another picture
    with pytest.raises(ModelError, match="filter must be one of pillow-bicubic"):
        replace(plain, filter="nearest")  # type: ignore[arg-type]
