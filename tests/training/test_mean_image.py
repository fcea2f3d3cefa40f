"""The mean image of a run, against the route of 2016 done by hand with OpenCV alone.

Caffe takes the mean from the resized picture before the crop: anywhere while it learns, in the
middle when it tests. What a run exports must give, in another reader of Caffe's files, what
`ilgnet score` gives.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ilgnet.data.loading import PictureCache, RatedPictures, Targets, Variation
from ilgnet.data.readers import read_rated
from ilgnet.images.preprocess import Preprocess
from ilgnet.models.caffe.files import read_mean
from ilgnet.scoring import load
from ilgnet.zoo.records import read_weights
from tests.training.runs import ilgnet

SIDE, CROP = 112, 99
RECIPE = f"""
name = "tiny.mean"
[model]
architecture = "ilgnet_inception_v1_tiny"
output = "high_low"
[data]
validation_share = 0.25
[preprocess]
resize = "warp"
height = {SIDE}
width = {SIDE}
crop = {CROP}
channels = "BGR"
filter = "opencv-bilinear"
[loss]
cross_entropy = 1.0
[optimizer]
name = "sgd"
learning_rate = 1e-3
[run]
steps = 3
batch = 4
select_by = "accuracy"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three steps on pictures whose middle, edges and colours differ."""
    folder = tmp_path_factory.mktemp("mean")
    random = np.random.default_rng(0)
    ramp = np.linspace(0, 160, 150)[None, :, None] + np.linspace(0, 60, 120)[:, None, None]
    for number in range(16):
        place = folder / "pictures" / ("high" if number % 2 else "low") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = random.integers(0, 30, (120, 150, 3))
        pixels = ramp * random.uniform(0.3, 1, 3) + noise + 3 * number * (number % 2)
        cv2.imwrite(str(place), np.clip(pixels, 0, 255).astype(np.uint8))
    (folder / "recipe.toml").write_text(RECIPE)
    arguments = ("--threads", 1, "--quiet", "--cache", folder / "cache", "--out", folder / "run")
    recipe = folder / "recipe.toml"
    assert ilgnet("train", recipe, "--data", folder / "pictures", *arguments) == 0
    assert ilgnet("convert", folder / "run", folder / "caffe", "--to", "caffe") == 0
    return folder


def resized(path: Path) -> np.ndarray:
    """As convert_imageset resizes: BGR, 8 bit, bilinear."""
    return cv2.resize(cv2.imread(str(path)), (SIDE, SIDE)).transpose(2, 0, 1).astype(np.float32)


def test_caffes_files_score_as_the_model_does(run: Path) -> None:
    name = f"{run}/caffe/tiny.mean"
    mean = read_mean(Path(f"{name}.binaryproto"))
    assert mean.shape == (3, SIDE, SIDE)
    assert mean.std(axis=(1, 2)).min() > 10, "a picture, not a number a channel"
    opencv = cv2.dnn.readNetFromCaffe(f"{name}.prototxt", f"{name}.caffemodel")
    scorer = load(run / "run", threads=1)
    edge = (SIDE - CROP) // 2
    for picture in sorted((run / "pictures").glob("*/*.png"))[:6]:
        centre = (resized(picture) - mean)[:, edge : edge + CROP, edge : edge + CROP]
        opencv.setInput(np.ascontiguousarray(centre)[None])
        (verdict,) = scorer.score_many([picture])
        assert verdict.p_high == pytest.approx(opencv.forward("probabilities")[0, 1], abs=1e-5)


def test_the_mean_is_that_of_the_pictures_that_were_learned_from(run: Path) -> None:
    mean = read_mean(run / "caffe" / "tiny.mean.binaryproto")
    learned, *_ = read_weights(run / "run").trained_on
    assert learned.images == 12
    pictures = sorted((run / "pictures").glob("*/*.png"))
    rest = [resized(path).mean() for path in pictures]
    assert min(rest) < mean.mean() < max(rest)
    # Of twelve of the sixteen; which, the run's own split says: the mean is linear in them.
    stack = np.stack([resized(path).ravel() for path in pictures]).astype(np.float64)
    shares, residual, *_ = np.linalg.lstsq(stack.T, mean.ravel().astype(np.float64), rcond=None)
    assert sorted(shares.round(3).tolist()) == [0.0] * 4 + [0.083] * 12
    assert residual < 1e-2


def test_training_takes_the_mean_from_where_the_crop_lies(run: Path) -> None:
    """The network takes the mean's centre away; together that is Caffe's difference there."""
    mean = read_mean(run / "caffe" / "tiny.mean.binaryproto")
    rated = read_rated(run / "pictures")
    preprocess = Preprocess("warp", SIDE, SIDE, crop=CROP, channels="BGR", filter="opencv-bilinear")
    cache = PictureCache(run / "cache", preprocess, 1.0)
    cached = [cache.add(image) for image in rated.images]
    variation = Variation(mirror=False)
    pictures = RatedPictures(cached, Targets.of(rated), preprocess, variation)
    pictures.mean = mean
    edge = (SIDE - CROP) // 2
    middle = mean[:, edge : edge + CROP, edge : edge + CROP]
    places = set()
    for index, image in enumerate(rated.images):
        given = pictures[0, index][0].numpy() - middle
        wanted = resized(image.path) - mean
        found = [
            (top, left)
            for top in range(SIDE - CROP + 1)
            for left in range(SIDE - CROP + 1)
            if np.allclose(wanted[:, top : top + CROP, left : left + CROP], given, atol=1e-3)
        ]
        assert len(found) == 1, image.id
        places.add(found[0])
    assert len(places) > 5, "the crop lies anywhere"
