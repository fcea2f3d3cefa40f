"""Maps that can be trusted: each claim is checked on networks whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from PIL import Image

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.errors import ModelError
from ilgnet.explanation.head import read_head
from ilgnet.explanation.heat_map import (
    HeatMap,
    occlusion_map,
    parts,
    plain_card,
    replacement_map,
    seen_area,
)
from ilgnet.explanation.targets import Predictor
from ilgnet.images.preprocess import Preprocess, normalise, resize_rgb
from ilgnet.scoring import Scorer, load
from tests.explanation.networks import make_network, make_scorer, scene
from tests.tiny_model import make_tiny_model

KINDS = [
    ("mean", None, 16),
    ("mean", 8, None),
    ("mean_and_deviation", None, 16),
    ("mean_and_deviation", 8, 16),
    ("flatten", 8, 16),
]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return make_scorer(make_network(), tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize(("reduce", "width", "connected"), KINDS)
@pytest.mark.parametrize("float16", [False, True])
def test_the_parts_sum_to_the_distance_from_the_baseline(
    tmp_path: Path, reduce, width, connected, float16: bool
) -> None:
    scorer = make_scorer(make_network(reduce, width, connected), tmp_path, float16=float16)
    found = parts(scorer, scene())
    assert found is not None
    assert found.whole.value == pytest.approx(scorer.score(scene()).score, abs=1e-3)
    card = plain_card(resize_rgb(scene(), scorer.weights.preprocess))
    assert found.whole.baseline == pytest.approx(scorer.score(card).score, abs=1e-3)
    distance = found.whole.value - found.whole.baseline
    assert abs(distance) > 0.05, "the network must tell the picture from the card"
    assert found.whole.values.sum() == pytest.approx(distance, abs=0.01)
    assert sum(found.taps.values()) + found.missing == pytest.approx(distance, abs=1e-6)
    assert abs(found.missing) < 0.01
    assert found.local is not None
    assert found.global_ is not None
    both = found.local.values.sum() + found.global_.values.sum()
    assert both == pytest.approx(sum(found.taps.values()), abs=1e-3)


@pytest.mark.parametrize("reduce", ["mean", "flatten"])
def test_captum_gives_the_same_parts(tmp_path: Path, reduce) -> None:
    """Where a tap is reduced linearly, integrated gradients on the map itself are the parts."""
    network = make_network(reduce, None, 16)
    scorer = make_scorer(network, tmp_path)
    rgb = scene()
    found = parts(scorer, rgb)
    assert found is not None
    seen = resize_rgb(rgb, scorer.weights.preprocess)
    both = [
        torch.from_numpy(normalise(each, scorer.weights.preprocess)[None])
        for each in (seen, plain_card(seen))
    ]
    with torch.no_grad():
        maps, plain = (network.trunk(each) for each in both)

    def score(*taps: torch.Tensor) -> torch.Tensor:
        named = zip(network.taps.items(), taps, strict=True)
        reduced = [layer(tap) for (_, layer), tap in named]
        votes = network.output(network.connected(torch.cat(reduced, 1))).softmax(1)
        return votes @ torch.arange(1.0, 11.0)

    shares = IntegratedGradients(score, multiply_by_inputs=True).attribute(
        tuple(maps[name] for name in network.taps),
        tuple(plain[name] for name in network.taps),
        n_steps=96,
        method="riemann_middle",
        internal_batch_size=8,
    )
    for name, share in zip(network.taps, shares, strict=True):
        assert found.taps[name] == pytest.approx(float(share.sum()), abs=1e-3)
    coarse = shares[-1][0].sum(0).detach().numpy()
    assert found.global_ is not None
    np.testing.assert_allclose(found.global_.values, coarse, atol=1e-4)


def test_a_head_is_checked_before_it_is_believed(scorer: Scorer) -> None:
    assert isinstance(scorer.engine, OnnxEngine)
    head = read_head(scorer.engine.path)
    assert head is not None
    names = [name for name in scorer.engine.output_names if name.startswith("tap:")]
    pixels = normalise(resize_rgb(scene(), scorer.weights.preprocess), scorer.weights.preprocess)
    votes, *maps = scorer.engine.fetch(["probabilities", *names], pixels[None])
    taps = {n.removeprefix("tap:"): m[0] for n, m in zip(names, maps, strict=True)}
    assert head.check(taps, votes[0])
    assert not head.check({name: 2 * tap for name, tap in taps.items()}, votes[0])


def test_a_model_without_taps_has_no_parts_and_an_occlusion_map(tmp_path: Path) -> None:
    scorer = load(make_tiny_model(tmp_path), threads=1)
    assert parts(scorer, scene()) is None
    heat = occlusion_map(Predictor(scorer), scene())
    # It sees nothing but the mean brightness, which a blur hardly moves.
    assert np.abs(heat.values).max() < 0.1


def test_a_two_class_network_has_a_map_in_votes(tmp_path: Path) -> None:
    scorer = make_scorer(make_network(output="high_low"), tmp_path)
    heat = occlusion_map(Predictor(scorer), scene(), places=3)
    assert heat.value == pytest.approx(scorer.score(scene()).score, abs=1e-4)


def test_occlusion_finds_the_only_place_that_matters(scorer: Scorer) -> None:
    """On an even ground only the place with content can move the score."""
    picture = np.full((224, 224, 3), 120, np.uint8)
    picture[32:64, 128:160] = np.random.default_rng(0).integers(0, 255, (32, 32, 3))
    heat = occlusion_map(Predictor(scorer), picture)
    assert np.unravel_index(np.abs(heat.values).argmax(), heat.values.shape) == (1, 4)
    far = np.abs(heat.values[4:])
    assert far.max() < 0.05 * np.abs(heat.values).max()


def test_each_value_is_what_the_model_says(scorer: Scorer) -> None:
    heat = occlusion_map(Predictor(scorer), scene(), places=1)
    window = np.exp(-0.5 * (((np.arange(224) + 0.5) / 224 - 0.5) / 0.55) ** 4)
    mask = np.outer(window, window)[:, :, None]
    seen = resize_rgb(scene(), scorer.weights.preprocess)
    card = plain_card(seen)

    def score(one: np.ndarray, other: np.ndarray) -> float:
        mixed = one + mask * (other.astype(float) - one)
        return scorer.score(mixed.round().astype(np.uint8)).score

    lost = heat.value - score(seen, card)
    gained = score(card, seen) - heat.baseline
    assert heat.values[0, 0] == pytest.approx((lost + gained) / 2, abs=5e-3)


@pytest.mark.parametrize("method", ["occlusion", "parts"])
def test_the_map_of_another_network_is_another(scorer: Scorer, tmp_path: Path, method) -> None:
    other = make_scorer(make_network(seed=1), tmp_path)
    maps = [map_of(each, scene(), method) for each in (scorer, other)]
    assert abs(correlation(*(heat.values for heat in maps))) < 0.7


@pytest.mark.parametrize("method", ["occlusion", "parts"])
def test_the_map_follows_what_is_shifted(scorer: Scorer, method) -> None:
    picture = np.full((224, 224, 3), 120, np.uint8)
    patch = np.random.default_rng(0).integers(0, 255, (32, 32, 3))
    picture[32:64, 32:64] = patch
    moved = np.full_like(picture, 120)
    moved[32:64, 160:192] = patch
    before, after = (strongest_third(map_of(scorer, p, method)) for p in (picture, moved))
    assert before == (0, 0)
    assert after == (0, 2)


def strongest_third(heat: HeatMap) -> tuple[int, int]:
    """The cell of a grid of three in which the strongest place lies."""
    row, column = np.unravel_index(np.abs(heat.values).argmax(), heat.values.shape)
    return int(3 * row / heat.values.shape[0]), int(3 * column / heat.values.shape[1])


def test_the_map_of_a_mirrored_picture_is_mirrored(tmp_path: Path) -> None:
    """Of a network that is itself the same from left and right."""
    network = make_network("mean", None, 16)
    with torch.no_grad():
        for layer in network.trunk.modules():
            if isinstance(layer, torch.nn.Conv2d):
                layer.weight.copy_((layer.weight + layer.weight.flip(3)) / 2)
    scorer = make_scorer(network, tmp_path)
    rgb = scene(width=240)
    one = occlusion_map(Predictor(scorer), rgb)
    other = occlusion_map(Predictor(scorer), np.ascontiguousarray(rgb[:, ::-1]))
    # Convolutions of stride 2 pad one side only, so not to the digit.
    assert correlation(one.values, other.values[:, ::-1]) > 0.8
    assert correlation(one.values, other.values) < 0.8


def map_of(scorer: Scorer, rgb: np.ndarray, method: str) -> HeatMap:
    if method == "occlusion":
        return occlusion_map(Predictor(scorer), rgb)
    found = parts(scorer, rgb)
    assert found is not None
    return found.whole


def test_a_frame_gains_what_it_takes_from_the_better_one(scorer: Scorer) -> None:
    better, worse = scene(), scene()
    worse[60:120, 40:100] = 128
    if scorer.score(better).score < scorer.score(worse).score:
        better, worse = worse, better
    heat = replacement_map(Predictor(scorer), worse, better)
    row, column = np.unravel_index(np.abs(heat.values).argmax(), heat.values.shape)
    assert row in (1, 2, 3)
    assert column in (0, 1, 2)
    assert heat.value == pytest.approx(scorer.score(worse).score, abs=1e-3)
    assert heat.baseline == pytest.approx(scorer.score(better).score, abs=1e-3)
    assert heat.method == "replacement"


def test_a_target_that_the_model_does_not_tell_is_an_error(scorer: Scorer) -> None:
    with pytest.raises(ModelError, match="technical"):
        occlusion_map(Predictor(scorer, "technical"), scene())


def test_a_network_that_sees_the_middle_has_a_map_of_the_middle(tmp_path: Path) -> None:
    preprocess = Preprocess("aspect", 64, 64, crop=32)
    scorer = load(make_tiny_model(tmp_path, preprocess=preprocess), threads=1)
    left, top, right, bottom = seen_area(scene(height=240, width=480), scorer)
    assert (top, bottom) == (0.25, 0.75)
    assert (left, right) == (0.375, 0.625)


def test_two_targets_of_the_default_model_have_different_maps() -> None:
    scorer = load(threads=2)
    with Image.open(Path(__file__).parents[2] / "src/ilgnet/samples/camera.jpg") as image:
        rgb = np.asarray(image.convert("RGB"))
    one, other = (
        occlusion_map(Predictor(scorer, t), rgb, places=4).values for t in ("score", "technical")
    )
    assert correlation(one, other) < 0.9
    assert np.abs(one - other).max() > 0.02
