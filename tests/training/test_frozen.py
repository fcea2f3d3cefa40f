"""What comes after a frozen trunk gives what the whole network gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ilgnet.data.loading import (
    CachedPicture,
    PictureCache,
    RatedPictures,
    Targets,
    Variation,
)
from ilgnet.data.readers import read_rated
from ilgnet.errors import RecipeError
from ilgnet.models.registry import architecture, create
from ilgnet.training import frozen
from ilgnet.training.frozen import AboveTrunk, TrunkVectors, tap_vectors
from tests import miniature_ava


def pictures(folder: Path, name: str, variation: Variation) -> RatedPictures:
    rated = read_rated(miniature_ava.build(folder, 6, missing=0, corrupt=0).ava_txt)
    cache = PictureCache(folder / "cache", architecture(name).preprocess, variation.zoom)
    cached = [cache.add(image) for image in rated.images]
    assert all(isinstance(picture, CachedPicture) for picture in cached)
    return RatedPictures(cached, Targets.of(rated), architecture(name).preprocess, variation)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["ilgnet_mobilenet_tiny", "ilgnet_inception_v1_tiny"])
def test_the_two_halves_are_the_whole(name: str) -> None:
    network = create(name).eval()
    side = network.trunk.input_size if network.reduce == "flatten" else 64
    images = 50 * torch.randn(3, 3, side, side)
    with torch.no_grad():
        halves = AboveTrunk(network)(tap_vectors(network, images)).logits
        assert torch.allclose(halves, network(images).logits, rtol=1e-5, atol=1e-5)


def test_vectors_are_of_the_picture_and_of_its_mirror_image(tmp_path: Path) -> None:
    network = create("ilgnet_mobilenet_tiny").eval()
    data = pictures(tmp_path, "ilgnet_mobilenet_tiny", Variation(random_crop=False))
    vectors = TrunkVectors(data, network, show=False)
    images = torch.stack([data.unvaried()[0, index][0] for index in range(6)])
    with torch.no_grad():
        sides = [tap_vectors(network, seen) for seen in (images, images.flip(3))]
    assert torch.allclose(vectors.vectors, torch.stack(sides), atol=1e-5)

    keys = [[(epoch, 2), (epoch, 4)] for epoch in range(20)]
    drawn = list(vectors.batches(keys))
    again = list(vectors.batches(keys))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(drawn, again, strict=True))
    assert len({vector[0].numpy().tobytes() for vector, _ in drawn}) == 2
    assert torch.equal(drawn[0][1].mean, data.targets.mean[[2, 4]])


def test_what_cannot_be_kept_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = create("ilgnet_mobilenet_tiny")
    data = pictures(tmp_path, "ilgnet_mobilenet_tiny", Variation(random_crop=False))
    zoomed = RatedPictures(
        data.pictures, data.targets, data.preprocess, replace(data.variation, zoom=0.9)
    )
    with pytest.raises(RecipeError, match=r"augment\.zoom"):
        TrunkVectors(zoomed, network, show=False)
    monkeypatch.setattr(frozen, "memory_size", lambda: 1000)
    with pytest.raises(RecipeError, match=r"half of this machine.*model\.freeze"):
        TrunkVectors(data, network, show=False)
