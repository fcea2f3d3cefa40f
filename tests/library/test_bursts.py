"""Bursts: time and numbers nominate, features decide, and the best has a reason."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.cli.main import main
from ilgnet.errors import LibraryError
from ilgnet.images.sources import find_images
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures
from ilgnet.library.catalogue.score_once import score_library
from ilgnet.library.choosing.bursts import BurstRule, Group, find_bursts, why_best
from ilgnet.library.choosing.near_duplicates import (
    find_near_duplicates,
    nearest_earlier,
)
from ilgnet.library.open_library import open_library
from ilgnet.library.photograph.file_groups import group_files
from ilgnet.library.photograph.gather import gather
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.scoring import Scorer
from ilgnet.taste.agreement import agreement_of, all_pairs, pairs_in_groups
from ilgnet.zoo.records import (
    DEFAULT_MODEL,
    ONNX_NAME,
    Similarity,
    find_weights,
    read_weights,
    write_weights,
)
from tests.library.made_up import featured, made_up_photographs
from tests.library.season import make_old, write_picture
from tests.library.tiny_model import write_tiny_model

ALIKE = Similarity(burst=0.67, quick=0.47, duplicate=0.92)

NOON = datetime(2024, 5, 1, 12, 0, 0)


def catalogued(scorer: Scorer, root: Path) -> list[Photograph]:
    with Catalogue(beside_pictures(root), "create") as catalogue:
        list(score_library(scorer, find_images([root]), catalogue))
        model = catalogue.find_model()
        return gather(catalogue.scored_files(model, features=True))


def names(groups: list[Group]) -> list[list[str]]:
    return sorted(sorted(photo.name for photo in group.photographs) for group in groups)


def bursts(scorer: Scorer, root: Path, alike: Similarity = ALIKE, **rule: float) -> list[list[str]]:
    return names(find_bursts(catalogued(scorer, root), alike, BurstRule(**rule)))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_frames_of_a_scene_within_seconds_are_a_burst(scorer: Scorer, tmp_path: Path) -> None:
    for frame in range(4):
        write_picture(tmp_path / f"a{frame}.jpg", 1, frame, taken=after(frame * 0.2))
    write_picture(tmp_path / "other scene.jpg", 2, taken=after(0.5))
    write_picture(tmp_path / "same scene later.jpg", 1, 9, taken=after(600))
    assert bursts(scorer, tmp_path) == [["a0.jpg", "a1.jpg", "a2.jpg", "a3.jpg"]]


def test_times_that_lost_their_seconds_do_not_stack_unrelated_pictures(
    scorer: Scorer, tmp_path: Path
) -> None:
    for scene in range(40):
        write_picture(tmp_path / f"IMG_{scene:04d}.jpg", scene, taken=NOON, fraction=False)
    assert bursts(scorer, tmp_path) == []


def test_interleaved_scenes_of_one_moment_are_told_apart(scorer: Scorer, tmp_path: Path) -> None:
    for frame in range(5):
        for scene in (1, 2):
            name = f"IMG_{2 * frame + scene:04d}.jpg"
            write_picture(tmp_path / name, scene, frame, taken=NOON, fraction=False)
    odd, even = ([f"IMG_{i:04d}.jpg" for i in range(k, 11, 2)] for k in (1, 2))
    assert bursts(scorer, tmp_path) == [odd, even]


def test_without_times_consecutive_numbers_nominate(scorer: Scorer, tmp_path: Path) -> None:
    for number in (1, 2, 3, 40):
        write_picture(tmp_path / f"IMG_{number:04d}.jpg", 1, number)
    write_picture(tmp_path / "scan_0004.jpg", 1, 4)  # another series
    (tmp_path / "else").mkdir()
    write_picture(tmp_path / "else" / "IMG_0004.jpg", 1, 5)  # another folder
    assert bursts(scorer, tmp_path) == [[f"IMG_{i:04d}.jpg" for i in (1, 2, 3)]]


def test_numbers_bridge_a_minute_without_seconds(scorer: Scorer, tmp_path: Path) -> None:
    write_picture(tmp_path / "IMG_0001.jpg", 1, 1, taken=NOON, fraction=False)
    write_picture(tmp_path / "IMG_0002.jpg", 1, 2, taken=after(60), fraction=False)
    write_picture(tmp_path / "IMG_0009.jpg", 1, 3, taken=after(120), fraction=False)
    assert bursts(scorer, tmp_path) == [["IMG_0001.jpg", "IMG_0002.jpg"]]


def test_two_cameras_are_two_bursts(scorer: Scorer, tmp_path: Path) -> None:
    for frame in range(4):
        camera = "AB"[frame % 2]
        write_picture(
            tmp_path / f"{camera}{frame}.jpg", 1, frame, taken=after(frame / 10), camera=camera
        )
    assert bursts(scorer, tmp_path) == [["A0.jpg", "A2.jpg"], ["B1.jpg", "B3.jpg"]]


def test_the_rule_can_be_changed(scorer: Scorer, tmp_path: Path) -> None:
    for frame in range(3):
        write_picture(tmp_path / f"{'xyz'[frame]}.jpg", 1, frame, taken=after(frame * 20))
    assert bursts(scorer, tmp_path) == []
    assert len(bursts(scorer, tmp_path, gap=30)) == 1
    assert bursts(scorer, tmp_path, replace(ALIKE, burst=1.0), gap=30) == []


def test_a_frame_out_of_focus_belongs_to_its_moment(scorer: Scorer, tmp_path: Path) -> None:
    """A moment apart, frames need be less alike; at the very same time, seconds may be lost."""
    for name, seconds, brightness in (("a.jpg", 0.0, 0), ("b.jpg", 0.3, 30)):
        write_picture(tmp_path / name, 1, brightness=brightness, taken=after(seconds))
    features = np.stack([photo.features for photo in catalogued(scorer, tmp_path)])
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = float(unit[0] @ unit[1])
    above = (1.0 + alike) / 2
    near = replace(ALIKE, burst=above, quick=alike - 0.05)
    assert bursts(scorer, tmp_path, near) == [["a.jpg", "b.jpg"]]
    assert bursts(scorer, tmp_path, replace(near, quick=above)) == []
    write_picture(tmp_path / "b.jpg", 1, brightness=30, taken=after(0))
    assert bursts(scorer, tmp_path, near) == []


def test_raw_and_jpeg_are_one_shot(scorer: Scorer, tmp_path: Path) -> None:
    jpeg = write_picture(tmp_path / "DSC_1.jpg", 1, taken=NOON)
    # A TIFF with a camera's extension; what decodes it is not the question here.
    shutil.copy(jpeg, tmp_path / "DSC_1.NEF")
    (photo,) = catalogued(scorer, tmp_path)
    assert [path.name for path in photo.group.pictures] == ["DSC_1.jpg", "DSC_1.NEF"]
    assert find_bursts([photo], ALIKE) == []


@pytest.mark.parametrize(
    ("files", "groups"),
    [
        (["a.CR2", "a.JPG"], [("a.JPG", "a.CR2")]),
        (["x/a.cr2", "y/a.jpg"], [("x/a.cr2",), ("y/a.jpg",)]),
        (["a.jpg", "a.png"], [("a.jpg",), ("a.png",)]),
        (["A.heic", "a.dng", "a.tif"], [("A.heic", "a.dng"), ("a.tif",)]),
        (["a.nef", "a.arw"], [("a.nef",), ("a.arw",)]),
    ],
)
def test_what_is_a_pair(files: list[str], groups: list[tuple[str, ...]]) -> None:
    assert group_files(files) == groups


def test_the_best_comes_first_with_a_reason(scorer: Scorer, tmp_path: Path) -> None:
    for frame, brightness in enumerate((0, 20, -20)):
        write_picture(
            tmp_path / f"{frame}.jpg", 1, frame, brightness=brightness, taken=after(frame / 4)
        )
    (group,) = find_bursts(catalogued(scorer, tmp_path), replace(ALIKE, burst=0.5))
    scores = [photo.score for photo in group.photographs]
    assert scores == sorted(scores, reverse=True)
    assert group.why == "3 frames within 0.5 s that look alike"
    lead = scores[0] - scores[1]
    assert group.best == f"scores {scores[0]:.2f}, {lead:.2f} above the next (0.jpg)"


def test_what_a_model_tells_of_frames_decides_between_them(scorer: Scorer, tmp_path: Path) -> None:
    for frame in range(3):
        write_picture(tmp_path / f"{frame}.jpg", 1, frame, taken=after(frame / 4))
    told = [
        replace(photo, verdict=replace(photo.verdict, technical=t))
        for photo, t in zip(catalogued(scorer, tmp_path), (-1.5, 0.5, -0.5), strict=True)
    ]
    (group,) = find_bursts(told, ALIKE)
    assert [photo.name for photo in group.photographs] == ["1.jpg", "2.jpg", "0.jpg"]
    assert " (technical +0.50), " in group.best


def test_what_is_too_close_to_call_is_said(scorer: Scorer, tmp_path: Path) -> None:
    for frame in range(3):
        write_picture(tmp_path / f"{frame}.jpg", 1, frame, taken=after(frame / 4))
    (group,) = find_bursts(catalogued(scorer, tmp_path), ALIKE)
    assert group.best.endswith("too close to call, look at them")
    assert why_best(group.photographs[:2]).endswith("look at both")


def test_a_long_day_of_interleaved_pictures_takes_no_quadratic_time() -> None:
    """6,000 frames, 120 of each minute: at most 64 bursts are compared with each."""
    groups = find_bursts(made_up_photographs(6_000, per_burst=4), ALIKE)
    assert len(groups) == 1_500
    assert {len(group.photographs) for group in groups} == {4}


def test_copies_and_edits_are_near_duplicates_whenever_taken(
    scorer: Scorer, tmp_path: Path
) -> None:
    original = write_picture(tmp_path / "original.jpg", 1, taken=NOON)
    shutil.copy(original, tmp_path / "copy.jpg")
    edit = Image.open(original).resize((60, 40))
    edit.save(tmp_path / "small.png")
    make_old(tmp_path / "small.png")
    for scene in range(2, 12):
        write_picture(tmp_path / f"scene{scene}.jpg", scene, taken=NOON)
    found = catalogued(scorer, tmp_path)
    groups = find_near_duplicates(found, 0.97)
    assert names(groups) == [["copy.jpg", "original.jpg", "small.png"]]
    same = [photo for photo in found if photo.name in ("copy.jpg", "original.jpg")]
    (group,) = find_near_duplicates(same, 0.97)
    assert group.why == "2 files with the very same contents"


def test_nearest_earlier_is_that_of_an_exhaustive_search() -> None:
    random = np.random.default_rng(3)
    base = random.standard_normal((3000, 300)).astype(np.float32)
    rows = np.concatenate([base, base[:500] + 0.15 * random.standard_normal((500, 300))])
    rows = rows[random.permutation(len(rows))].astype(np.float32)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = np.tril(unit @ unit.T, -1)
    exhaustive = np.where(cosines.max(axis=1) >= 0.9, cosines.argmax(axis=1), -1)
    assert (exhaustive >= 0).sum() == 500
    np.testing.assert_array_equal(nearest_earlier(rows, 0.9), exhaustive)


def test_bursts_copy_no_features() -> None:
    """A hundred thousand vectors of a thousand numbers are 400 MB, and once is enough."""
    features = np.random.default_rng(0).standard_normal((3000, 1000)).astype(np.float32)
    found = featured(made_up_photographs(3000, 1), features)
    tracemalloc.start()
    find_bursts(found, ALIKE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < features.nbytes / 2


def test_near_duplicates_need_no_quadratic_memory() -> None:
    rows = np.random.default_rng(0).standard_normal((12_000, 32)).astype(np.float32)
    tracemalloc.start()
    nearest_earlier(rows, 0.99)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # all pairs at once would take 576 MB
    assert (nearest_earlier(np.zeros((5, 8), np.float32), 0.9) == -1).all()


def test_agreement_within_groups_counts_pairs_of_one_group() -> None:
    scores = np.array([3.0, 2, 1, 9, 5, 5])
    ratings = np.array([5.0, 4, 4, 1, 2, 1])
    agreement = agreement_of(
        pairs_in_groups(scores, ratings, np.array(["a", "a", "a", "b", "b", "b"]))
    )
    assert agreement is not None
    # a: 5 stars above both fours, right twice; b: 2 stars tied with one and below the other.
    assert (agreement.pairs, agreement.groups) == (4, 2)
    assert agreement.share.value == pytest.approx(2.5 / 4)
    assert str(agreement) == "62.5% of 4 pairs (no interval from fewer than 10 groups)"
    assert agreement_of(pairs_in_groups(scores, ratings, np.array([""] * 6))) is None


def test_agreement_among_all_counts_every_pair() -> None:
    random = np.random.default_rng(0)
    scores, ratings = random.normal(size=60), random.integers(1, 6, 60).astype(float)
    days = [f"day {i % 12}" for i in range(60)]
    agreement = agreement_of(all_pairs(scores, ratings, days))
    pairs = [
        (scores[i] > scores[j]) == (ratings[i] > ratings[j])
        for i in range(60)
        for j in range(i)
        if ratings[i] != ratings[j]
    ]
    assert agreement is not None
    assert agreement.pairs == len(pairs)
    assert agreement.share.value == pytest.approx(np.mean(pairs))
    assert agreement.share.low < agreement.share.value < agreement.share.high
    perfect = agreement_of(all_pairs(ratings, ratings, days))
    assert perfect is not None
    assert (perfect.share.low, perfect.share.value) == (1.0, 1.0)


def test_a_model_that_does_not_say_what_is_alike_says_so(
    scorer: Scorer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, model = tmp_path / "photos", tmp_path / "model"
    for frame in range(2):
        write_picture(photos / f"{frame}.jpg", 1, frame, taken=after(frame / 4))
    write_tiny_model(model)
    write_weights(replace(read_weights(model), similarity=None), model)
    library = open_library(photos, model=model)
    with pytest.raises(LibraryError, match="nobody has measured that for this model"):
        library.bursts()
    with pytest.raises(LibraryError, match="nobody has measured"):
        library.near_duplicates()
    assert len(library.bursts(alike=ALIKE)) == 1
    assert run("score", "--library", photos, "--model", model, "--quiet") == 0
    assert run("bursts", photos) == 1
    assert "nobody has measured that for this model" in capsys.readouterr().err
    assert run("bursts", photos, "--similarity", "0.5") == 0
    assert "1 burst" in capsys.readouterr().out
    best_of_each = ("--model", model, "--top", 1, "--per", "burst")
    assert run("cull", photos, *best_of_each) == 1
    assert "Say it with --similarity" in capsys.readouterr().err
    assert run("cull", photos, *best_of_each, "--similarity", "0.5") == 0
    assert "best of 2" in capsys.readouterr().out
    assert run("cull", photos, "--top", 1, "--similarity", "0.5") == 2
    assert "--similarity has no effect without" in capsys.readouterr().err


def test_a_catalogue_keeps_what_is_alike_for_its_models(scorer: Scorer, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.jpg", 1, 0, taken=NOON)
    catalogued(scorer, tmp_path)
    with Catalogue(beside_pictures(tmp_path), "read") as catalogue:
        assert catalogue.find_model().similarity == scorer.weights.similarity == ALIKE


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def test_the_thresholds_are_those_measured_on_the_default_model() -> None:
    """After a new default model: run benchmarks/library/similarity.py as its first lines say."""
    folder = Path(__file__).parents[2] / "benchmarks" / "library" / "results"
    measured = json.loads((folder / "similarity.json").read_text(encoding="utf-8"))
    assert measured["sha256"] == find_weights(DEFAULT_MODEL).files[ONNX_NAME]
    similarity = find_weights(DEFAULT_MODEL).similarity
    assert similarity is not None
    in_use = asdict(similarity)
    by_rule = {name: value["by_rule"] for name, value in measured["thresholds"].items()}
    assert in_use == pytest.approx(by_rule, abs=0.015)
