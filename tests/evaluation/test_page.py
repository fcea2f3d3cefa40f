"""The page is one file that needs nothing else, and shows what was measured."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.evaluation import messages, plots
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions, evaluate
from ilgnet.evaluation.page import render_page
from ilgnet.scoring import load
from tests import miniature_ava
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    mini = miniature_ava.build(tmp_path_factory.mktemp("ava"), 60)
    scorer = load(make_tiny_model(tmp_path_factory.mktemp("model")), threads=1)
    return evaluate(scorer, read_rated(mini.ava_txt), EvaluationOptions(replicates=50))


def test_the_page_holds_the_figures_plots_misses_and_failures(measured: Evaluation) -> None:
    page = render_page(measured)
    assert " %" not in page, "a number and its sign stay on one line"
    page = page.replace("\u00a0", " ")
    for name, measure in measured.figures.items():
        assert messages.NAMES[name] in page
        assert messages.number(name, measure.value) in page
        assert messages.interval(name, measure) in page
    assert f"{100 * (measured.majority_rate or 0):.2f} %" in page
    assert measured.rated.fingerprint in page
    assert page.count("<svg") == 4
    for predictions in measured.misses:
        assert predictions.image.id in page
    for failure in measured.failures:
        assert failure.path in page
    for row in measured.categories:
        assert row.name in page


def test_the_page_is_well_formed_and_asks_nothing_of_the_network(measured: Evaluation) -> None:
    page = render_page(measured, thumbnails=True)
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)
    assert not re.search(r"""(src|href)=["'](?!data:)|url\(|@import|<script""", page)


def test_pictures_are_embedded_only_when_asked_for(measured: Evaluation) -> None:
    assert "<img" not in render_page(measured)
    assert render_page(measured, thumbnails=True).count('src="data:image/jpeg') == 24


def test_names_cannot_break_the_page(measured: Evaluation) -> None:
    evil = '<script>alert("x")</script>'
    images = tuple(replace(i, categories=(evil,)) for i in measured.rated.images)
    predictions = tuple(
        replace(j, image=replace(j.image, id=evil, categories=(evil,)))
        for j in measured.predictions
    )
    page = render_page(
        replace(
            measured,
            rated=RatedSet(evil, images),
            predictions=predictions,
            misses=predictions,
            categories=tuple(replace(c, name=evil) for c in measured.categories),
            failures=tuple(replace(f, path=evil, message=evil) for f in measured.failures),
        ),
        thumbnails=True,
    )
    assert "<script" not in page


def test_many_pictures_are_drawn_as_a_map_of_bounded_size() -> None:
    random = np.random.default_rng(0)
    truth = random.normal(5.4, 0.7, 20_000)
    score = truth + random.normal(0, 0.4, 20_000)
    svg = plots.score_against_truth(truth, score)
    cells = ElementTree.fromstring(svg).findall("g/rect")
    assert 300 < len(cells) < plots.CELLS**2
    few = ElementTree.fromstring(plots.score_against_truth(truth[:300], score[:300]))
    assert len(few.findall("g/circle")) == 300
    curve = plots.roc_curve(truth > 5, score, 0.9)
    assert len(curve) < 20_000


def test_dots_lie_where_their_numbers_say() -> None:
    svg = plots.score_against_truth(np.array([2.0, 8.0]), np.array([8.0, 2.0]))
    first, second = ElementTree.fromstring(svg).findall("g/circle")
    assert float(first.get("cx", "")) < float(second.get("cx", ""))
    assert float(first.get("cy", "")) < float(second.get("cy", ""))  # up is a smaller y


def test_the_map_has_its_dark_cell_where_the_pictures_are() -> None:
    truth = np.concatenate([np.full(2000, 7.2), [2.0, 8.0]])
    score = np.concatenate([np.full(2000, 3.3), [2.0, 8.0]])
    cells = ElementTree.fromstring(plots.score_against_truth(truth, score)).findall("g/rect")
    dark = max(cells, key=lambda cell: float(cell.get("fill-opacity", "")))
    x, y = plots.Axes((2, 8), (2, 8), "", "").at(7.2, 3.3)
    left, top = float(dark.get("x", "")), float(dark.get("y", ""))
    assert left <= x <= left + float(dark.get("width", ""))
    assert top <= y <= top + float(dark.get("height", ""))


def test_one_picture_and_one_class_still_make_a_page(measured: Evaluation, tmp_path: Path) -> None:
    scorer = load(make_tiny_model(tmp_path), threads=1)
    seen = measured.predictions[0]
    # The people agree with the model to the last digit, so nothing spreads the axes.
    one = replace(seen.image, mean=seen.score)
    page = render_page(evaluate(scorer, RatedSet("one", (one,)), EvaluationOptions(replicates=10)))
    assert "1 of 1 pictures" in page
    assert page.count("<svg") == 3  # one class alone has no ROC curve
    assert not re.search(r"\b(nan|inf)\b", page)
