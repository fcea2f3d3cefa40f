"""Loading: what training sees is what scoring sees, varied reproducibly, and nothing is fatal."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ilgnet.data.loading import (
    UNVARIED,
    BatchPlan,
    CachedPicture,
    PictureCache,
    RatedPictures,
    Targets,
    Variation,
)
from ilgnet.data.rated import Preference, RatedImage, RatedSet
from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import Preprocess, prepare
from ilgnet.values import Failure
from tests import miniature_ava

WARP = Preprocess("warp", 64, 64, crop=48, channels="BGR", mean=(100.0, 90.0, 80.0))
ASPECT = Preprocess("aspect", 64, 64, multiple=16, std=(128.0, 128.0, 128.0))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[RatedImage]:
    ava = miniature_ava.build(tmp_path_factory.mktemp("ava"), 8, missing=1, corrupt=2)
    return [
        RatedImage(f"{i}.jpg", ava.images / f"{i}.jpg", mean=float(m), votes=tuple(map(float, v)))
        for i, m, v in zip(ava.ids, ava.means, ava.votes, strict=True)
    ]


def cached(
    images: list[RatedImage], folder: Path, preprocess: Preprocess, zoom: float = 1.0
) -> tuple[list[CachedPicture], list[Failure]]:
    cache = PictureCache(folder, preprocess, zoom)
    outcomes = list(cache.add_all(images, threads=2))
    assert len(outcomes) == len(images)
    good = [outcome for outcome in outcomes if isinstance(outcome, CachedPicture)]
    return good, [outcome for outcome in outcomes if isinstance(outcome, Failure)]


def readable(images: list[RatedImage], failures: list[Failure]) -> RatedSet:
    failed = {failure.path for failure in failures}
    return RatedSet("miniature", tuple(images)).without(failed)


def pictures(
    images: list[RatedImage], folder: Path, preprocess: Preprocess, variation: Variation = UNVARIED
) -> RatedPictures:
    good, failures = cached(images, folder, preprocess, variation.zoom)
    targets = Targets.of(readable(images, failures))
    return RatedPictures(good, targets, preprocess, variation, seed=3)


@pytest.mark.parametrize("preprocess", [WARP, ASPECT])
def test_unvaried_pictures_are_bit_for_bit_what_scoring_sees(
    images: list[RatedImage], tmp_path: Path, preprocess: Preprocess
) -> None:
    good, failures = cached(images, tmp_path, preprocess)
    data = RatedPictures(good, Targets.of(readable(images, failures)), preprocess)
    for index, image in enumerate(readable(images, failures).images):
        picture = read_image(image.path, min_side=preprocess.decode_side)
        assert np.array_equal(data[0, index][0].numpy(), prepare(picture.rgb, preprocess))


def test_unreadable_pictures_are_reported_and_skipped(
    images: list[RatedImage], tmp_path: Path
) -> None:
    good, failures = cached(images, tmp_path, WARP)
    assert len(good) == 5
    assert sorted(failure.code for failure in failures) == ["empty", "not_found", "truncated"]


def test_the_cache_is_used_and_follows_changes(images: list[RatedImage], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (80, 70), "red").save(path)
    image = RatedImage("a.png", path, mean=5.0)
    cache = PictureCache(tmp_path / "cache", WARP)
    first = cache.add(image)
    assert isinstance(first, CachedPicture)
    written = first.path.stat().st_mtime_ns
    assert cache.add(image) == first
    assert first.path.stat().st_mtime_ns == written

    Image.new("RGB", (80, 70), "blue").save(path)
    os.utime(path, ns=(1, 1))
    second = cache.add(image)
    assert isinstance(second, CachedPicture)
    assert second.path != first.path
    assert second.read()[0, 0].tolist() == [0, 0, 255]


def test_half_a_cache_file_is_made_again(images: list[RatedImage], tmp_path: Path) -> None:
    good, _ = cached(images, tmp_path, WARP)
    before = good[0].read()
    good[0].path.write_bytes(good[0].path.read_bytes()[:1000])
    again, _ = cached(images, tmp_path, WARP)
    assert np.array_equal(again[0].read(), before)


def test_variation_is_a_function_of_seed_epoch_and_index(
    images: list[RatedImage], tmp_path: Path
) -> None:
    data = pictures(images, tmp_path, WARP, Variation(zoom=0.8))
    assert torch.equal(data[4, 1][0], data[4, 1][0])
    different = {data[epoch, 1][0].numpy().tobytes() for epoch in range(8)}
    assert len(different) == 8
    other = RatedPictures(data.pictures, data.targets, WARP, data.variation, seed=4)
    assert not torch.equal(data[4, 1][0], other[4, 1][0])


def test_random_crops_and_mirrors_come_from_the_picture(
    images: list[RatedImage], tmp_path: Path
) -> None:
    data = pictures(images, tmp_path, replace(WARP, mean=(0.0, 0.0, 0.0)), Variation())
    whole = data.pictures[0].read()[:, :, ::-1].transpose(2, 0, 1).astype(np.float32)
    mirrored = 0
    for epoch in range(12):
        crop = data[epoch, 0][0].numpy()
        places = [
            any(
                np.array_equal(candidate, whole[:, top : top + 48, left : left + 48])
                for top in range(17)
                for left in range(17)
            )
            for candidate in (crop, crop[:, :, ::-1])
        ]
        assert any(places)
        mirrored += places[1]
    assert 0 < mirrored < 12


def test_zoom_keeps_the_networks_shape_and_never_enlarges(
    images: list[RatedImage], tmp_path: Path
) -> None:
    data = pictures(images, tmp_path, ASPECT, Variation(zoom=0.8))
    for index in range(len(data)):
        width, height = data.size(index)
        assert data[1, index][0].shape == (3, height, width)
        assert data.pictures[index].width >= width
        assert data.pictures[index].height >= height


def test_targets_know_what_is_not_known() -> None:
    rated = [
        RatedImage("a", Path("a"), mean=2.0, votes=(0, 4, 0, 0, 0, 0, 0, 0, 0, 0)),
        RatedImage("b", Path("b"), mean=7.5),
        RatedImage("c", Path("c"), label=False),
    ]
    targets = Targets.of(RatedSet("mixed", tuple(rated)))
    assert targets.votes[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert targets.votes[1:].isnan().all()
    assert targets.mean.isnan().tolist() == [False, False, True]
    assert targets.high.tolist() == [0.0, 1.0, 0.0]
    assert targets.rank_target.tolist() == [2.0, 7.5, 0.0]
    assert targets.take([2, 1]).mean[1] == 7.5


def test_choices_become_strengths() -> None:
    names = ("best", "middle", "worst")
    choices = tuple(Preference(names[i], names[j]) for i in range(3) for j in range(i + 1, 3))
    upset = (Preference("middle", "best"),)
    rated = RatedSet("choices", tuple(RatedImage(n, Path(n)) for n in names), 2 * choices + upset)
    rank_target = Targets.of(rated).rank_target
    assert rank_target[0] > rank_target[1] > rank_target[2]
    assert rank_target.sum().item() == pytest.approx(0.0, abs=1e-3)
    # At the maximum the prior's pull equals the wins that the strengths do not explain.
    won = 4 - torch.sigmoid(rank_target[0] - rank_target[1:]) @ torch.tensor([3.0, 2.0])
    assert won.item() == pytest.approx(rank_target[0].item() / 4.0, abs=1e-3)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_arrive_in_order_whatever_the_workers(
    images: list[RatedImage], tmp_path: Path, workers: int
) -> None:
    data = pictures(images, tmp_path, WARP, Variation())
    keys = [[(0, 1), (0, 3)], [(1, 0)], [(1, 4), (1, 2)]]
    batches = list(data.batches(keys, workers=workers))
    assert [len(pixels) for pixels, _ in batches] == [2, 1, 2]
    assert torch.equal(batches[2][0][1], data[1, 2][0])
    assert torch.equal(batches[0][1].mean, data.targets.mean[[1, 3]])


def test_a_plan_shows_every_picture_once_an_epoch_in_batches_of_one_shape() -> None:
    sizes = [(96, 64)] * 10 + [(64, 64)] * 7 + [(64, 96)]
    plan = BatchPlan(sizes, batch=4, seed=1)
    assert plan.steps_per_epoch == 3 + 2 + 1
    epochs = []
    for epoch in range(2):
        steps = [plan.step(epoch * 6 + position) for position in range(6)]
        indices = [index for step in steps for _, index in step]
        assert {number for step in steps for number, _ in step} == {epoch}
        assert sorted(indices) == list(range(18))
        assert all(len({sizes[index] for _, index in step}) == 1 for step in steps)
        assert sorted(len(step) for step in steps) == [1, 3, 3, 3, 4, 4]
        epochs.append(indices)
    assert epochs[0] != epochs[1]


def test_a_plan_can_start_anywhere() -> None:
    sizes = [(64, 64)] * 10
    straight = BatchPlan(sizes, batch=3, seed=5)
    steps = [straight.step(step) for step in range(9)]
    assert BatchPlan(sizes, batch=3, seed=5).step(7) == steps[7]
    assert BatchPlan(sizes, batch=3, seed=6).step(7) != steps[7]


def test_a_crop_has_the_mean_of_its_own_place_subtracted(tmp_path: Path) -> None:
    """As Caffe does: the picture less the mean image, cropped together, then mirrored together."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
    np.save(tmp_path / "0.npy", pixels)
    mean = random.uniform(80, 120, (3, 12, 12)).astype(np.float32)
    preprocess = Preprocess("warp", 12, 12, crop=8, channels="BGR")
    unknown = torch.full((1,), float("nan"))
    nothing = Targets(unknown[:, None].expand(1, 10), unknown, unknown, unknown)
    picture = CachedPicture(tmp_path / "0.npy", 12, 12)
    varied = RatedPictures([picture], nothing, preprocess, Variation(), 3, mean)
    centre = mean[:, 2:10, 2:10]  # what the network subtracts
    whole = pixels[:, :, ::-1].transpose(2, 0, 1) - mean
    places = list(product(range(5), range(5), (1, -1)))
    seen = set()
    for epoch in range(60):
        found = varied[epoch, 0][0].numpy() - centre
        (match,) = (
            (top, left, way)
            for top, left, way in places
            if np.allclose(whole[:, top : top + 8, left : left + 8][:, :, ::way], found, atol=1e-4)
        )
        seen.add(match)
    assert len(seen) > 15
    plain = RatedPictures([picture], nothing, preprocess, UNVARIED, 3, mean)
    assert np.allclose(plain[0, 0][0].numpy(), whole[:, 2:10, 2:10] + centre, atol=1e-4)
