"""Evaluation through the scoring path: the figures are those of the verdicts that users get."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from ilgnet.data.overlap import write_trained_on
from ilgnet.data.partitions import shuffled
from ilgnet.data.rated import Preference, RatedImage, RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.errors import DataError
from ilgnet.evaluation.evaluation import Batches, Evaluation, EvaluationOptions, evaluate
from ilgnet.evaluation.record import to_json
from ilgnet.scoring import Scorer, load
from ilgnet.values import Failure, Verdict
from ilgnet.zoo.records import read_weights, write_weights
from tests import miniature_ava
from tests.tiny_model import make_tiny_model

QUICK = EvaluationOptions(replicates=50)


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return load(make_tiny_model(tmp_path_factory.mktemp("model")), threads=1)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 80)


@pytest.fixture(scope="module")
def measured(scorer: Scorer, mini: miniature_ava.MiniatureAva) -> Evaluation:
    return evaluate(scorer, read_rated(mini.ava_txt), replace(QUICK, replicates=200))


def grey(folder: Path, name: str, level: int, **ratings: object) -> RatedImage:
    """A picture of one brightness: the tiny model prefers the brighter."""
    Image.new("RGB", (40, 40), (level,) * 3).save(folder / name)
    return RatedImage(name, folder / name, **ratings)  # type: ignore[arg-type]


def test_figures_are_those_of_the_scorer_and_of_scipy(
    scorer: Scorer, mini: miniature_ava.MiniatureAva, measured: Evaluation
) -> None:
    paths = [mini.images / f"{i}.jpg" for i in mini.usable]
    verdicts = [v for v in scorer.score_many(paths) if isinstance(v, Verdict)]
    score = np.array([v.score for v in verdicts])
    truth = np.array([m for i, m in zip(mini.ids, mini.means, strict=True) if i in mini.usable])
    assert len(verdicts) == len(measured.predictions) == 75
    figures = {name: measure.value for name, measure in measured.figures.items()}
    assert figures["srcc"] == pytest.approx(stats.spearmanr(truth, score)[0])
    assert figures["plcc"] == pytest.approx(stats.pearsonr(truth, score)[0])
    assert figures["krcc"] == pytest.approx(stats.kendalltau(truth, score)[0])
    assert figures["rmse"] == pytest.approx(math.sqrt(np.mean((truth - score) ** 2)))
    assert figures["accuracy"] == pytest.approx(np.mean((truth > 5) == (score > 5)))
    assert measured.majority_rate == pytest.approx(max(np.mean(truth > 5), np.mean(truth <= 5)))
    assert figures["bias"] == pytest.approx(np.mean(score - truth))
    u = stats.mannwhitneyu(score[truth > 5], score[truth <= 5]).statistic
    assert figures["auc"] == pytest.approx(u / (truth > 5).sum() / (truth <= 5).sum())
    for name, measure in measured.figures.items():
        if name != "pairs_in_group":  # three groups are too few for an interval
            assert measure.low <= measure.value <= measure.high
            assert measure.low < measure.high


def test_failures_are_counted_listed_and_in_no_figure(
    mini: miniature_ava.MiniatureAva, measured: Evaluation
) -> None:
    assert {f.path for f in measured.failures} == {
        f"{i}.jpg" for i in (*mini.missing, *mini.corrupt)
    }
    assert measured.listed == 80
    assert measured.rated.fingerprint != measured.measured_fingerprint


def test_hand_worked_choices_groups_and_categories(scorer: Scorer, tmp_path: Path) -> None:
    images = (
        grey(tmp_path, "a.png", 250, mean=9.0, group="x", categories=("bright",)),
        grey(tmp_path, "b.png", 200, mean=3.0, group="x"),
        grey(tmp_path, "c.png", 100, mean=4.0, group="x"),
        grey(tmp_path, "d.png", 10, mean=1.0, group="y"),
    )
    choices = (
        Preference("a.png", "b.png"),
        Preference("d.png", "a.png"),
        Preference("c.png", "d.png"),
    )
    result = evaluate(scorer, RatedSet("greys", images, choices), QUICK)
    # a > b and a > c are right, c > b is wrong; y has no pair.
    assert result.figures["pairs_in_group"].value == pytest.approx(2 / 3)
    assert result.figures["choices"].value == pytest.approx(2 / 3)
    # Scores: a and b are above 5, only a is rated so.
    assert result.figures["accuracy"].value == pytest.approx(0.75)
    assert result.majority_rate == 0.75
    everything, half, one = result.confusions
    assert (everything.true_high, everything.false_high) == (1, 1)
    assert (half.images, one.images) == (4, 4)  # 4.0 is 5 - 1, so still a clear case
    assert result.misses[0].image.id == "b.png"
    assert result.categories == ()  # one picture is no category


def test_labels_alone_and_choices_alone_give_what_they_can(scorer: Scorer, tmp_path: Path) -> None:
    images = tuple(grey(tmp_path, f"{k}.png", 25 * k, label=k > 4) for k in range(10))
    labelled = evaluate(scorer, RatedSet("labels", images), QUICK)
    assert set(labelled.figures) == {"accuracy", "balanced_accuracy", "auc", "brier"}
    assert labelled.figures["auc"].value == 1
    assert [t.delta for t in labelled.confusions] == [0]
    assert labelled.calibration_of_mean is None
    plain = tuple(replace(image, label=None) for image in images)
    chosen = evaluate(scorer, RatedSet("choices", plain, (Preference("9.png", "0.png"),)), QUICK)
    assert set(chosen.figures) == {"choices"}
    assert chosen.majority_rate is None
    json.dumps(to_json(chosen), allow_nan=False)


def test_votes_are_measured_by_the_earth_movers_distance(
    scorer: Scorer, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    verdict = scorer.score(Image.new("RGB", (40, 40), (90, 90, 90)))
    same = grey(tmp_path, "a.png", 90, votes=verdict.votes, mean=verdict.score)
    result = evaluate(scorer, RatedSet("one", (same,)), QUICK)
    assert result.figures["emd_r1"].value == pytest.approx(0, abs=1e-6)
    assert math.isnan(result.figures["srcc"].value)
    assert to_json(result)["metrics"]["srcc"] == {"value": None, "low": None, "high": None}
    two_class = load(make_tiny_model(tmp_path_factory.mktemp("m"), output="high_low"), threads=1)
    assert "emd_r1" not in evaluate(two_class, RatedSet("one", (same,)), QUICK).figures


def test_the_way_of_caffe_test(scorer: Scorer, mini: miniature_ava.MiniatureAva) -> None:
    """The first batches in list order, of what could be read: the others were in no database."""
    rated = read_rated(mini.ava_txt)
    result = evaluate(scorer, rated, replace(QUICK, batches=Batches(3, 12)))
    assert [j.image.id for j in result.predictions] == [f"{i}.jpg" for i in mini.usable[:36]]
    broken = [f"{i}.jpg" for i in mini.ids if i not in mini.usable]
    last = rated.ids.index(result.predictions[-1].image.id)
    assert [f.path for f in result.failures] == [i for i in rated.ids[:last] if i in broken]
    drawn = evaluate(scorer, rated, replace(QUICK, batches=Batches(3, 12, shuffle=True)))
    usable = {f"{i}.jpg" for i in mini.usable}
    expected = [name for name in shuffled(rated.ids, 0) if name in usable][:36]
    assert [j.image.id for j in drawn.predictions] == expected
    # A list that is shorter than its batches is measured once, not again from its beginning.
    everything = evaluate(scorer, rated, replace(QUICK, batches=Batches(50, 50)))
    assert len(everything.predictions) == 75


def test_what_the_model_was_trained_on_is_refused_removed_or_allowed(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    rated = read_rated(mini.ava_txt)
    learned = rated.without(rated.ids[30:])
    make_tiny_model(tmp_path)
    entry = write_trained_on(tmp_path, learned)
    write_weights(replace(read_weights(tmp_path), trained_on=(entry,)), tmp_path)
    knowing = load(tmp_path, threads=1)
    with pytest.raises(DataError, match=r"trained on 30 of the 80 .* the other 50 with --overlap"):
        evaluate(knowing, rated, QUICK)
    removed = evaluate(knowing, rated, replace(QUICK, overlap="remove"))
    assert len(removed.predictions) + len(removed.failures) == 50
    assert not {j.image.id for j in removed.predictions} & set(learned.ids)
    allowed = evaluate(knowing, rated, replace(QUICK, overlap="allow"))
    record = to_json(allowed)
    assert record["overlap"] == {
        "images": 30,
        "with": {"AVA": 30},
        "possible": {},
        "unchecked": [],
        "compared": ["ids"],
    }
    assert record["protocol"]["overlap"] == "allow"
    with pytest.raises(DataError, match=r"30 of the 30 .* Measure on other pictures"):
        evaluate(knowing, learned, QUICK)
    with pytest.raises(DataError, match="none of its 30 pictures is left"):
        evaluate(knowing, learned, replace(QUICK, overlap="remove"))


def test_nothing_that_can_be_read_is_an_error(scorer: Scorer, tmp_path: Path) -> None:
    rated = RatedSet("gone", (RatedImage("a.jpg", tmp_path / "a.jpg", mean=5.0),))
    with pytest.raises(DataError, match=r"none of the 1 pictures .* a\.jpg: .*--images"):
        evaluate(scorer, rated, QUICK)


def test_the_same_evaluation_twice_is_the_same_to_the_last_digit(
    scorer: Scorer, mini: miniature_ava.MiniatureAva, measured: Evaluation
) -> None:
    again = evaluate(scorer, read_rated(mini.ava_txt), measured.protocol)
    assert to_json(again) == to_json(measured)


def test_json_has_every_number_with_its_conditions(measured: Evaluation) -> None:
    record = json.loads(json.dumps(to_json(measured), allow_nan=False))
    assert record["data"]["fingerprint"] == measured.rated.fingerprint
    assert record["measured"]["images"] == 75
    assert len(record["measured"]["failures"]) == 5
    assert set(record["metrics"]["accuracy"]) == {"value", "low", "high"}
    assert 0.5 <= record["majority_rate"] <= 1
    assert {row["name"] for row in record["categories"]} >= {"Landscape", "style HDR"}
    for row in record["categories"]:
        assert row["majority_rate"] >= 0.5
        assert row["images"] >= 10
    assert sum(b["images"] for b in record["calibration"]["mean"]["bins"]) == 75
    assert len(record["misses"]) == 24
    assert record["model"]["files"]


def test_progress_sees_every_outcome(scorer: Scorer, mini: miniature_ava.MiniatureAva) -> None:
    seen: list[Verdict | Failure] = []
    totals = []

    def watch(outcomes, total):  # type: ignore[no-untyped-def]
        totals.append(total)
        for outcome in outcomes:
            seen.append(outcome)
            yield outcome

    evaluate(scorer, read_rated(mini.ava_txt), QUICK, watch=watch)
    assert totals == [80]
    assert [o.path for o in seen] == [f"{i}.jpg" for i in mini.ids]
