"""Models by collections: our folders, files of predictions, functions; refused cells, writers."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from ilgnet.cli.evaluate import evaluate as command
from ilgnet.data.overlap import write_trained_on
from ilgnet.data.readers import read_rated
from ilgnet.data.scale import Scale
from ilgnet.errors import DataError, ModelError
from ilgnet.evaluation.comparison_table import as_csv, as_latex, as_page, as_text, leak
from ilgnet.evaluation.evaluation import EvaluationOptions, evaluate
from ilgnet.evaluation.model_table import Comparison, Contender, compare
from ilgnet.evaluation.scorers import FunctionScorer, PredictionsFile, Score, open_scorer
from ilgnet.scoring import load
from ilgnet.values import Failure, ImageRef
from ilgnet.zoo.records import read_weights, write_weights
from tests import miniature_ava
from tests.tiny_model import make_tiny_model

SAMPLES = Path(__file__).parents[2] / "src" / "ilgnet" / "samples"
QUICK = EvaluationOptions(replicates=50)


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


def run(*arguments: object) -> str:
    asked = [str(a) for a in (*arguments, "--threads", 1, "--replicates", 30, "-q")]
    result = CliRunner().invoke(command, asked, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


@pytest.fixture(scope="module")
def comparison(
    mini: miniature_ava.MiniatureAva, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Comparison:
    """The tiny model, one that has seen the pictures, and one that is two runs."""
    rated = read_rated(mini.ava_txt)
    seen = make_tiny_model(tmp_path_factory.mktemp("seen"), name="seen.test")
    entry = write_trained_on(seen, rated)
    write_weights(replace(read_weights(seen), trained_on=(entry,)), seen)
    means = dict(zip(map(str, mini.ids), mini.means.tolist(), strict=True))
    noise = np.random.default_rng(0)
    runs = [
        FunctionScorer(
            lambda path, spread=spread: means[Path(path).stem] + spread * noise.normal(),
            "oracle",
            scale=Scale(1, 10),
        )
        for spread in (0.5, 1.0)
    ]
    return compare(
        [
            Contender("tiny", (load(model, threads=1),)),
            Contender("seen", (load(seen, threads=1),)),
            Contender("oracle_2", tuple(runs)),
        ],
        [rated],
        QUICK,
    )


def test_a_model_that_has_seen_the_pictures_is_refused_in_its_cell_alone(
    comparison: Comparison,
) -> None:
    tiny, seen, oracle = comparison.cells
    assert seen.evaluations == ()
    assert "trained on" in seen.refused
    assert [leak(cell) for cell in comparison.cells] == [
        leak(tiny),
        "refused: it has seen some",
        "unknown",
    ]
    assert [(pair.first, pair.second) for pair in comparison.pairs] == [("tiny", "oracle_2")]
    assert len(oracle.evaluations) == 2
    assert oracle.deviation("srcc") is not None
    figures = [run.figures["srcc"].value for run in oracle.evaluations]
    mean = oracle.figure("srcc")
    assert mean is not None
    assert mean.value == pytest.approx(np.mean(figures))


def test_every_form_of_the_table_holds_the_same_numbers(comparison: Comparison) -> None:
    value = f"{comparison.cells[0].evaluations[0].figures['srcc'].value:.3f}"
    text, page, latex = as_text(comparison), as_page(comparison), as_latex(comparison)
    for form in (text, page, latex):
        assert value in form
        assert comparison.collections[0].fingerprint in form
    assert "oracle\\_2" in latex
    assert "\\textbf{" in latex
    assert latex.count("\\\\") == 2 + 3
    assert "±" in text
    assert "±" in page
    assert "majority rate" in text
    rows = list(csv.DictReader(io.StringIO(as_csv(comparison))))
    assert [row["model"] for row in rows] == ["tiny", "seen", "oracle_2"]
    assert float(rows[0]["srcc"]) == pytest.approx(float(value), abs=6e-4)
    assert (rows[1]["srcc"], rows[1]["runs"]) == ("", "0")
    assert float(rows[2]["srcc_deviation"]) > 0
    assert "tiny less oracle_2: SRCC -" in text


def test_every_prediction_is_written_and_read_back_as_a_scorer(
    mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path
) -> None:
    table, columns = tmp_path / "p.csv", tmp_path / "p.parquet"
    document = tmp_path / "e.json"
    run("--data", mini.ava_txt, "-m", model, "-o", table, "-o", columns, "-o", document)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert len(rows) == 40
    assert sum(bool(row["failure"]) for row in rows) == 5
    first = rows[0]
    assert first["id"] == f"{mini.usable[0]}.jpg"
    assert float(first["score"]) - float(first["truth"]) == pytest.approx(float(first["error"]))
    assert sum(float(first[f"model_vote_{k}"]) for k in range(1, 11)) == pytest.approx(1)
    assert pq.read_table(columns).num_rows == 40
    record = json.loads(document.read_text())
    again = evaluate(PredictionsFile(table, Scale(1, 10)), read_rated(mini.ava_txt), QUICK)
    assert again.figures["srcc"].value == pytest.approx(
        record["metrics"]["srcc"]["value"], abs=1e-6
    )
    assert again.figures["accuracy"].value == pytest.approx(
        record["metrics"]["accuracy"]["value"], abs=1e-6
    )
    assert len(again.failures) == 5


def test_scores_on_an_unknown_scale_have_ranks_and_correlations_alone(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    path = tmp_path / "theirs.csv"
    lines = [f"{i},{100 * m}" for i, m in zip(mini.ids, mini.means, strict=True)]
    path.write_text("image_id,mos\n" + "\n".join(lines) + "\n")
    found = evaluate(PredictionsFile(path), read_rated(mini.ava_txt), QUICK).figures
    assert found["srcc"].value == pytest.approx(1)
    assert found["plcc_fitted"].value == pytest.approx(1, abs=1e-3)
    assert not {"accuracy", "rmse", "bias", "brier", "emd_r2"} & set(found)


def test_a_table_of_models_from_the_command_line(
    mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path
) -> None:
    predictions = tmp_path / "theirs.csv"
    lines = [f"{i}.jpg,{m}" for i, m in zip(mini.ids, mini.means, strict=True)]
    predictions.write_text("id,score\n" + "\n".join(lines) + "\n")
    for seed in (0, 1):
        make_tiny_model(tmp_path / "runs" / f"seed-{seed}")
    latex, page = tmp_path / "t.tex", tmp_path / "t.html"
    out = run(
        *("--data", mini.ava_txt, "-m", model, "-m", predictions, "-m", tmp_path / "runs"),
        *("--model-scale", "1..10", "--table", latex, "--report", page),
    )
    assert "tiny.test less theirs" in out
    assert "± 0.000" in out
    assert "\\toprule" in latex.read_text()
    assert page.read_text().startswith("<!doctype html>")
    record = json.loads(run("--data", mini.ava_txt, "-m", model, "-m", predictions, "--json"))
    assert [cell["model"] for cell in record["cells"]] == ["tiny.test", "theirs"]
    assert record["differences"][0]["images"] == 35


def test_a_function_is_called_for_each_picture_and_may_fail(tmp_path: Path) -> None:
    def rate(path: str) -> object:
        return {"a.jpg": 3.5, "b.jpg": [0, 0, 1, 0, 0, 0, 0, 0, 0, 0], "c.jpg": float("nan")}[path]

    scorer = FunctionScorer(rate, "mine")
    said = list(scorer.score_many(ImageRef(n, n) for n in ("a.jpg", "b.jpg", "c.jpg", "d.jpg")))
    assert said[:2] == [
        Score("a.jpg", 3.5),
        Score("b.jpg", 3.0, (0.0, 0.0, 1.0, *(0.0,) * 7)),
    ]
    assert [type(outcome) for outcome in said[2:]] == [Failure, Failure]
    found = open_scorer("python:os.path:getsize")
    (size,) = found.score_many([ImageRef("x", Path(__file__))])
    assert size == Score("x", Path(__file__).stat().st_size)
    with pytest.raises(ModelError, match="python:MODULE:FUNCTION"):
        open_scorer("python:os.path:nothing")
    with pytest.raises(DataError, match="there is no file"):
        open_scorer(tmp_path / "none.csv")


def test_pyiqas_metrics_are_called_by_path_and_their_licence_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The adapter alone; pyiqa, whose licence is not ours, is tried below where it is installed."""
    monkeypatch.setitem(sys.modules, "pyiqa", None)
    with pytest.raises(ModelError, match=r"PolyForm Noncommercial.*pip install pyiqa"):
        open_scorer("pyiqa:nima")
    stand_in = ModuleType("pyiqa")

    def create_metric(name: str, device: str) -> object:
        assert (name, device) == ("niqe", "cpu")

        def metric(path: str) -> np.ndarray:  # pyiqa returns a tensor of one number
            return np.array([[float(len(path))]])

        metric.lower_better = True  # type: ignore[attr-defined]
        return metric

    stand_in.create_metric = create_metric  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyiqa", stand_in)
    scorer = open_scorer("pyiqa:niqe")
    assert list(scorer.score_many([ImageRef("x", "four")])) == [Score("x", -4.0)]
    assert isinstance(scorer, FunctionScorer)
    assert "Noncommercial" in scorer.subject.licence


def test_pyiqa_itself_where_it_is_installed() -> None:
    """`entropy` and `piqe` need no weights, which pyiqa would fetch."""
    if importlib.util.find_spec("pyiqa") is None:
        with pytest.raises(ModelError, match="pip install pyiqa"):
            open_scorer("pyiqa:piqe")
        return
    samples = [ImageRef(name, SAMPLES / name) for name in ("cat.jpg", "coffee.jpg")]
    entropy, piqe = (open_scorer(f"pyiqa:{name}") for name in ("entropy", "piqe"))
    rows = {scorer.subject.name: list(scorer.score_many(samples)) for scorer in (entropy, piqe)}
    assert all(isinstance(row, Score) for found in rows.values() for row in found)
    assert all(0 < row.score < 8 for row in rows["pyiqa:entropy"])
    assert all(-100 < row.score < 0 for row in rows["pyiqa:piqe"]), "lower is better there"
    (broken,) = entropy.score_many([ImageRef("x", Path(__file__))])
    assert isinstance(broken, Failure)
    with pytest.raises(ModelError, match="pyiqa cannot make its metric 'no such metric'"):
        open_scorer("pyiqa:no such metric")
