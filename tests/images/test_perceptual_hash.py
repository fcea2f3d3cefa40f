"""A picture that was saved again or made smaller is the same picture; others are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from ilgnet.images.decode import read_image
from ilgnet.images.perceptual_hash import (
    BITS,
    SAME,
    SIDE,
    first_same,
    perceptual_hash,
    same_picture,
)

PHOTOGRAPHS = {
    "astronaut": data.astronaut,
    "coffee": data.coffee,
    "cat": data.chelsea,
    "rocket": data.rocket,
    "hubble": data.hubble_deep_field,
    "camera": data.camera,
    "brick": data.brick,
    "grass": data.grass,
    "gravel": data.gravel,
    "coins": data.coins,
    "moon": data.moon,
    "page": data.page,
}


def photograph(name: str) -> Image.Image:
    return Image.fromarray(PHOTOGRAPHS[name]()).convert("RGB")


def hashed(image: Image.Image, kind: str = "PNG", **options: int) -> np.ndarray:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    found = perceptual_hash(read_image(stream.getvalue(), min_side=SIDE).rgb)
    assert found is not None
    return np.frombuffer(found, np.uint8)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_saved_again_is_the_same(name: str) -> None:
    image = photograph(name)
    half = image.resize((image.width // 2, image.height // 2))
    again = [
        hashed(image, "JPEG", quality=88),
        hashed(image, "JPEG", quality=40),
        hashed(half, "JPEG", quality=88),
        hashed(image.convert("L"), "JPEG", quality=88),
    ]
    assert same_picture(np.stack(again), hashed(image, "JPEG", quality=95)[None]).all()


def test_others_are_not() -> None:
    hashes = np.stack([hashed(photograph(name)) for name in PHOTOGRAPHS])
    assert first_same(hashes) == list(range(len(hashes)))
    bits = np.unpackbits(hashes, axis=1).astype(int)
    apart = (bits[:, None] != bits[None]).sum(axis=2)[np.triu_indices(len(bits), 1)]
    assert apart.min() > 2 * SAME, "no pair is anywhere near"
    mirrored = hashed(photograph("astronaut").transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert not same_picture(mirrored[None], hashes).any()


def test_the_threshold_is_where_it_says() -> None:
    one = np.zeros((1, BITS // 8), np.uint8)
    for differ in (SAME - 1, SAME, SAME + 1):
        bits = np.zeros(BITS, np.uint8)
        bits[:differ] = 1
        assert bool(same_picture(np.packbits(bits)[None], one)[0]) == (differ < SAME)


def test_what_has_no_features_has_no_hash() -> None:
    grey = np.full((100, 120, 3), 128, np.uint8)
    assert perceptual_hash(grey) is None
    noise = np.random.default_rng(0).integers(126, 131, grey.shape, dtype=np.uint8)
    assert perceptual_hash(noise) is None


def test_of_many_the_first_that_is_the_same_is_found() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(0, 256, (9000, BITS // 8), dtype=np.uint8)
    hashes[8000] = hashes[5] ^ np.eye(1, BITS // 8, 3, dtype=np.uint8)[0]
    hashes[8999] = hashes[4500]
    first = first_same(hashes)
    assert (first[8000], first[8999]) == (5, 4500)
    assert sum(row != other for row, other in enumerate(first)) == 2
