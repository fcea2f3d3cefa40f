"""Explanations as users get them: typed, in words, as JSON, as pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter
from skimage import data

import ilgnet
from ilgnet.cli.main import ilgnet as command
from ilgnet.explanation.attributes import UNITS, measure
from ilgnet.explanation.changes import (
    Change,
    Crop,
    _exposed,
    _turned,
    best_crop,
    cropped,
    small_copy,
    what_if,
)
from ilgnet.explanation.heat_map import (
    WORTH_NAMING,
    HeatMap,
    PlaceEffect,
    blurred_copy,
    occlusion_map,
    replaced_places,
    replacement_map,
    tried_places,
)
from ilgnet.explanation.overlay import LOWERS, RAISES, overlay
from ilgnet.explanation.reasons import why_worse
from ilgnet.explanation.sentences import MOST, sentences
from ilgnet.explanation.targets import Predictor
from ilgnet.images.preprocess import resize_rgb
from ilgnet.models.export import export_onnx
from ilgnet.models.registry import architecture
from ilgnet.scoring import Scorer, load
from ilgnet.values import Difference
from ilgnet.zoo.records import ONNX_NAME, Similarity, Weights, write_weights
from tests.explanation.networks import scene
from tests.models.networks import lively
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    """A model that likes nothing but light."""
    return load(make_tiny_model(tmp_path_factory.mktemp("bright")), threads=2)


def heat_of(values: list[list[float]]) -> HeatMap:
    return HeatMap(
        np.array(values, np.float32), "occlusion", "score", (0.0, 0.0, 1.0, 1.0), 5.0, 4.0
    )


# ---- the call ----


def test_an_explanation_holds_what_was_asked_for(scorer: Scorer) -> None:
    full = ilgnet.explain(scene(), scorer)
    assert full.verdict.score == pytest.approx(scorer.score(scene()).score)
    assert full.map.value == pytest.approx(full.verdict.score, abs=0.02)
    assert full.faces == ()
    assert {change.edit for change in full.changes} >= {"sharpened", "brighter", "darker"}
    assert len(full.sentences) <= MOST
    brief = ilgnet.explain(scene(), scorer, changes=False, faces=False)
    assert brief.faces is None
    assert brief.changes == ()
    assert brief.crop is None
    assert json.loads(json.dumps(full.to_json()))["path"] == "image"


def test_the_same_picture_has_the_same_explanation(scorer: Scorer, tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "scene.png")
    one = ilgnet.explain(tmp_path / "scene.png", scorer)
    two = ilgnet.explain((tmp_path / "scene.png").read_bytes(), scorer)
    assert one.verdict.path.endswith("scene.png")
    assert {**one.to_json(), "path": ""} == {**two.to_json(), "path": ""}


def test_a_picture_that_cannot_be_read_is_an_error(scorer: Scorer) -> None:
    with pytest.raises(ilgnet.ImageError) as caught:
        ilgnet.explain(b"no picture", scorer)
    assert caught.value.code == "unsupported_format"


# ---- what if ----


def test_brighter_is_better_for_a_model_that_likes_light(bright: Scorer) -> None:
    tried = {c.edit: c for c in what_if(bright, scene(), measure(scene()))}
    assert tried["brighter"].score > 0.1
    assert tried["darker"].score < -0.1
    assert abs(tried["sharpened"].score) < 0.1
    assert tried["brighter"].technical is None


def test_straightening_does_not_count_its_crop(bright: Scorer) -> None:
    """A dark frame around a slanted picture goes with the crop; the turn itself changes nothing."""
    picture = np.full((300, 300, 3), 128, np.uint8)
    picture[:8] = picture[-8:] = picture[:, :8] = picture[:, -8:] = 0
    slanted = replace(measure(picture), tilt=6.0)
    tried = {c.edit: c for c in what_if(bright, picture, slanted)}
    crop_alone = bright.score(_turned(picture, -6.0, 0.0)).score - bright.score(picture).score
    assert crop_alone > 0.2
    assert abs(tried["straightened"].score) < 0.5 * crop_alone
    assert tried["straightened"].amount == -6.0
    straight = replace(measure(picture), tilt=None)
    assert "straightened" not in {c.edit for c in what_if(bright, picture, straight)}


@pytest.mark.parametrize("turn", [3.0, -8.0, 14.0])
@pytest.mark.parametrize("shape", [(300, 300), (200, 400), (400, 150)])
def test_a_turned_picture_has_no_empty_corners(turn: float, shape: tuple[int, int]) -> None:
    turned = _turned(np.full((*shape, 3), 200, np.uint8), turn, turn)
    assert turned.min() >= 195
    assert turned.shape[1] / turned.shape[0] == pytest.approx(shape[1] / shape[0], rel=0.03)


def test_no_stops_change_nothing_and_two_halves_are_one() -> None:
    rgb = scene()
    assert (_exposed(rgb, 0.0) == rgb).all()
    twice = _exposed(_exposed(rgb, -0.5), -0.5).astype(int)
    assert np.abs(twice - _exposed(rgb, -1.0)).max() <= 1


def test_the_best_crop_is_where_the_light_is(bright: Scorer) -> None:
    picture = np.full((300, 400, 3), 60, np.uint8)
    picture[:220, 120:] = 200
    crop = best_crop(bright, picture)
    assert crop is not None
    assert crop.box == pytest.approx((0.3, 0.0, 1.0, 0.7))
    inside = cropped(small_copy(picture, bright), crop.box)
    assert crop.score == pytest.approx(bright.score(inside).score, abs=1e-3)
    assert crop.gain == pytest.approx(crop.score - bright.score(picture).score, abs=0.02)
    assert crop.map.value == pytest.approx(crop.score, abs=0.05)
    assert json.loads(json.dumps(crop.to_json()))["map"]["target"] == "score"


def test_a_picture_without_a_better_part_has_no_crop(bright: Scorer) -> None:
    assert best_crop(bright, np.full((300, 400, 3), 128, np.uint8)) is None


# ---- words ----


def test_a_place_is_named_only_if_an_experiment_agrees(scorer: Scorer) -> None:
    rgb = scene()
    seen = resize_rgb(rgb, scorer.weights.preprocess)
    whole = scorer.score(seen).score
    maps = [heat_of(np.eye(9)[place].reshape(3, 3).tolist()) for place in range(9)]
    named = [tried_places(Predictor(scorer), rgb, heat) for heat in maps]
    assert any(named), "some ninth of this picture matters to this network"
    for place, found in enumerate(named):
        row, column = divmod(place, 3)
        for effect in found:
            if effect.votes > 0:  # the one that this map puts first
                soft = seen.copy()
                inside = np.s_[row * 75 : row * 75 + 74, column * 75 : column * 75 + 74]
                soft[inside] = blurred_copy(seen)[inside]
                # The window's edges are soft, so nearly.
                assert effect.votes == pytest.approx(whole - scorer.score(soft).score, abs=0.3)
            assert abs(effect.votes) >= WORTH_NAMING


def test_a_picture_without_anything_has_no_places(scorer: Scorer) -> None:
    grey = np.full((100, 100, 3), 128, np.uint8)
    assert tried_places(Predictor(scorer), grey, occlusion_map(Predictor(scorer), grey)) == ()


def test_sentences_name_their_evidence_and_are_few() -> None:
    readings = replace(measure(scene()), subject_blur=2.0, exposure=-2.0)
    changes = [
        Change("sharpened", 100, 0.4, None),
        Change("brighter", 0.5, 0.2, None),
        Change("darker", -0.5, -0.3, None),
    ]
    crop = Crop((0.1, 0.1, 0.9, 0.9), 5.3, 0.15, heat_of([[0.1]]))
    places = (PlaceEffect("upper right", 0.3), PlaceEffect("lower right", -0.2))
    said = sentences(places, "score", readings, (), changes, crop)
    assert said == (
        "Soft focus: the score rises by 0.40 when sharpened.",
        "Upper right: the score falls by 0.30 when this part is blurred.",
        "Lower right: the score rises by 0.20 when this part is blurred.",
    )
    assert sentences((), "score", readings, (), (), None) == ()


def test_a_sharp_picture_is_not_called_soft() -> None:
    crisp = replace(measure(scene()), subject_blur=0.5)
    said = sentences((), "score", crisp, (), [Change("sharpened", 100, 0.3, None)], None)
    assert said == ("Sharpness: the score rises by 0.30 when sharpened.",)


# ---- one frame beside another ----


def words(differences: Iterable[Difference]) -> tuple[str, ...]:
    return tuple(each.words for each in differences)


def test_a_difference_holds_what_was_measured() -> None:
    best = measure(np.asarray(data.astronaut()))
    soft = measure(
        np.asarray(Image.fromarray(data.astronaut()).filter(ImageFilter.GaussianBlur(2)))
    )
    (found,) = why_worse(soft, best)
    assert found.reading == "subject_blur"
    assert (found.frame, found.best, found.unit) == (soft.subject_blur, best.subject_blur, "px")
    assert found.words == f"softer: {found.frame - found.best:.1f} px"
    assert set(found.to_json()) == {"reading", "frame", "best", "unit", "words"}


def test_reasons_are_what_was_done_to_the_frame() -> None:
    best = np.asarray(data.astronaut())
    readings = measure(best)

    def reasons(image: Image.Image) -> tuple[str, ...]:
        return words(why_worse(measure(np.asarray(image)), readings))

    image = Image.fromarray(best)
    assert reasons(image) == ()
    for sigma in (1.0, 2.0, 3.0):
        (softer,) = reasons(image.filter(ImageFilter.GaussianBlur(sigma)))
        assert softer.startswith("softer: ")
    moved = [np.roll(best, step, axis=1).astype(float) for step in range(-5, 6)]
    (smeared,) = reasons(Image.fromarray(np.mean(moved, axis=0).round().astype(np.uint8)))
    assert smeared.startswith("smeared by ")
    assert any("darker by" in each for each in reasons(image.point(lambda v: v * 0.6)))
    assert any("burnt out" in each for each in reasons(image.point(lambda v: min(255, v * 1.6))))
    noise = np.random.default_rng(0).normal(0, 12, best.shape)
    grainy = Image.fromarray(np.clip(best + noise, 0, 255).astype(np.uint8))
    assert any(each.startswith("noisier") for each in reasons(grainy))
    tilted = replace(readings, tilt=3.2)
    assert words(why_worse(tilted, replace(readings, tilt=0.4))) == ("tilted 3.2°",)
    assert why_worse(replace(readings, tilt=0.4), tilted) == ()


def test_frames_of_one_scene_are_compared_place_by_place(scorer: Scorer) -> None:
    sharp = np.asarray(data.astronaut())
    soft = np.asarray(Image.fromarray(sharp).filter(ImageFilter.GaussianBlur(1.5)))
    found = ilgnet.compare(soft, sharp, scorer, similarity=0.5)
    assert found.alike is not None
    assert found.one_scene
    assert found.lead == pytest.approx(abs(found.better.score - found.worse.score))
    assert found.better.score >= found.worse.score
    assert found.map is not None
    assert found.map.value == pytest.approx(found.worse.score, abs=0.05)
    if found.lead < 0.1:
        assert found.differences == ()
        assert found.sentences[0].startswith("Too close to call")
    elif found.worse.score == scorer.score(soft).score:
        assert found.differences[0].words.startswith(("softer", "main face blurred"))
    assert json.loads(json.dumps(found.to_json()))["one_scene"] is True


def test_what_one_scene_is_comes_from_the_record(scorer: Scorer, folder: Path) -> None:
    one, other = scene(0), scene(1)
    unknown = ilgnet.compare(one, other, scorer, faces=False)
    assert unknown.one_scene is None
    assert unknown.map is None
    assert unknown.differences == ()
    assert unknown.alike is not None
    for burst, same in ((unknown.alike - 0.01, True), (unknown.alike + 0.01, False)):
        weights = replace(scorer.weights, similarity=Similarity(burst, burst, burst))
        known = Scorer(weights, scorer.engine, threads=1)
        assert ilgnet.compare(one, other, known, faces=False).one_scene is same
        found = ilgnet.compare(one, other, scorer, faces=False, similarity=burst)
        assert found.one_scene is same


@pytest.mark.parametrize("place", [0, 4, 8])
def test_what_a_frame_gains_lies_where_the_other_one_is_better(bright: Scorer, place: int) -> None:
    """A model that likes light; the other frame is brighter in one ninth, darker in another."""
    frame = np.full((240, 240, 3), 110, np.uint8)
    other = frame.copy()
    better, worse = divmod(place, 3), divmod((place + 4) % 9, 3)
    for (row, column), level in ((better, 200), (worse, 30)):
        other[80 * row : 80 * row + 80, 80 * column : 80 * column + 80] = level
    predictor = Predictor(bright)
    heat = replacement_map(predictor, frame, other, 9)
    ninths = heat.values.reshape(3, 3, 3, 3).sum(axis=(1, 3))
    assert np.unravel_index(ninths.argmax(), (3, 3)) == better
    assert np.unravel_index(ninths.argmin(), (3, 3)) == worse
    assert heat.baseline - heat.value == pytest.approx(float(heat.values.sum()), abs=0.35)
    (found,) = replaced_places(predictor, frame, other, heat)
    mixed = frame.copy()
    inside = np.s_[80 * better[0] : 80 * better[0] + 80, 80 * better[1] : 80 * better[1] + 80]
    mixed[inside] = other[inside]
    gain = bright.score(mixed).score - bright.score(frame).score
    assert found.votes == pytest.approx(gain, rel=0.35)
    back = replacement_map(predictor, other, frame, 9)
    np.testing.assert_allclose(back.values, -heat.values, atol=0.02)


def test_the_order_of_two_pictures_does_not_matter(scorer: Scorer) -> None:
    one, other = scene(0), scene(1)
    found = [ilgnet.compare(a, b, scorer, faces=False) for a, b in ((one, other), (other, one))]
    assert found[0].lead == pytest.approx(found[1].lead)
    assert found[0].better.score == pytest.approx(found[1].better.score)
    assert found[0].faces is None


def test_what_frames_are_ordered_by_is_explained_as_it_is(tmp_path: Path) -> None:
    """Technical counts by its bounded votes, in a map's value as in a verdict."""
    name = "ilgnet_paired_lite_technical_tiny"
    export_onnx(lively(name), tmp_path / ONNX_NAME)
    record = Weights("two.outputs", name, "votes", architecture(name).preprocess, 0.6, "", "")
    write_weights(record, tmp_path)
    scorer = load(tmp_path, threads=1)
    rgb = np.asarray(data.astronaut())
    seen = resize_rgb(rgb, scorer.weights.preprocess)
    verdict = scorer.score(seen)
    expected = {"technical": verdict.technical, "frame_score": verdict.frame_score}
    for target, value in expected.items():
        (found,) = Predictor(scorer, target).inputs([seen])  # type: ignore[arg-type]
        assert found == pytest.approx(value, abs=1e-4)


# ---- pictures ----


def test_gold_raises_and_blue_lowers() -> None:
    grey = np.full((90, 90, 3), 128, np.uint8)
    heat = heat_of([[0.4, 0, 0], [0, 0, 0], [0, 0, -0.4]])
    painted = np.asarray(overlay(grey, heat, legend=False)).astype(int)
    up, none, down = painted[5, 5], painted[45, 45], painted[85, 85]
    assert np.abs(up - RAISES).sum() < np.abs(down - RAISES).sum()
    assert np.abs(down - LOWERS).sum() < np.abs(up - LOWERS).sum()
    assert np.ptp(none) <= 2


def test_a_map_of_noise_is_not_painted_as_if_it_were_much() -> None:
    grey = np.full((90, 90, 3), 128, np.uint8)
    weak = np.asarray(overlay(grey, heat_of([[0.001, -0.001]]), legend=False)).astype(int)
    assert np.ptp(weak, axis=2).max() < 30


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (600, 2), (40, 40)])
def test_any_picture_can_be_painted(shape: tuple[int, int]) -> None:
    image = overlay(np.zeros((*shape, 3), np.uint8), heat_of([[1, -1]]), crop=(0, 0, 1, 1))
    assert image.width >= 1


# ---- the commands ----


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(scene(0)).save(folder / "one.jpg")
    Image.fromarray(scene(1)).save(folder / "two.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    return folder


def test_explain_prints_a_paragraph_a_picture(photos: Path, folder: Path) -> None:
    ran = CliRunner().invoke(
        command, ["explain", str(photos), "--model", str(folder)], standalone_mode=False
    )
    assert ran.return_value == 3
    assert "one.jpg" in ran.stdout
    assert "Measured" in ran.stdout
    assert "What if" in ran.stdout
    assert "broken.jpg" in ran.stderr


def test_explain_writes_json_and_overlays(photos: Path, folder: Path, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    arguments = ["explain", str(photos), "--model", str(folder), "--json", "--overlay", str(maps)]
    ran = CliRunner().invoke(
        command, [*arguments, "--no-changes", "--no-faces"], standalone_mode=False
    )
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [Path(row["path"]).name for row in rows] == ["broken.jpg", "one.jpg", "two.jpg"]
    assert rows[0]["error"]["code"]
    assert rows[1]["changes"] == []
    assert rows[1]["faces"] is None
    assert set(rows[1]["attributes"]) == set(UNITS)
    assert rows[1]["map"]["method"] == "parts"
    assert rows[1]["parts"]["missing"] == pytest.approx(0, abs=0.01)
    for row in rows[1:]:
        with Image.open(row["overlay"]) as image:
            assert image.format == "PNG"
            assert image.width == 320
    CliRunner().invoke(command, [*arguments, "--no-changes", "--no-faces"], standalone_mode=False)
    assert len(list(maps.iterdir())) == 4, "nothing is written over"


def test_explain_without_a_picture_says_so(tmp_path: Path) -> None:
    ran = CliRunner().invoke(command, ["explain", str(tmp_path)], standalone_mode=False)
    assert ran.return_value == 4


def test_compare_names_the_better_one(photos: Path, folder: Path) -> None:
    pictures = [str(photos / name) for name in ("one.jpg", "two.jpg")]
    ran = CliRunner().invoke(
        command, ["compare", *pictures, "--model", str(folder), "--json"], standalone_mode=False
    )
    assert ran.return_value == 0
    scores = {path: load(folder).score(path).score for path in pictures}
    assert json.loads(ran.stdout)["better"]["path"] == max(scores, key=scores.__getitem__)
    in_words = CliRunner().invoke(
        command, ["compare", *pictures, "--model", str(folder)], standalone_mode=False
    )
    assert in_words.stdout.startswith("Whether these are of one scene is not known")
    asked = ["compare", *pictures, "--model", str(folder), "--similarity", "0.01"]
    in_words = CliRunner().invoke(command, asked, standalone_mode=False)
    assert in_words.stdout.startswith("These look like frames of one scene.")
