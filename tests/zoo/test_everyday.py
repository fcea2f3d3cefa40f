"""The weights "everyday": a whole model beside the package, under terms of its own."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from ilgnet.data.overlap import FOLDER
from ilgnet.scoring import load
from ilgnet.zoo.records import ONNX_NAME, Weights, find_weights, read_weights

PACKAGE = Path(__file__).parents[2] / "weights/everyday"
MODEL = PACKAGE / "src/ilgnet_everyday"
SAMPLES = Path(str(files("ilgnet"))) / "samples"


@pytest.fixture(scope="module")
def weights() -> Weights:
    return read_weights(MODEL)


def test_the_files_are_those_of_the_record_and_small(weights: Weights) -> None:
    weights.verify()
    assert weights.file(ONNX_NAME).stat().st_size <= 20_000_000
    for source in weights.trained_on:
        if source.fingerprint:
            assert (MODEL / FOLDER / f"{source.fingerprint}.txt.gz").is_file()
    assert any("PARA" in source.name for source in weights.trained_on)


def test_its_terms_are_in_its_name_its_record_and_beside_it(weights: Weights) -> None:
    assert "research and learning only" in weights.name
    assert "no commercial use" in weights.licence
    terms = (PACKAGE / "LICENSE").read_text(encoding="utf-8")
    assert "research and" in terms
    assert "PARA" in terms
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "LicenseRef-PARA-Research-Only"
    assert project["entry-points"]["ilgnet.weights"] == {"everyday": MODEL.name}


def test_it_sees_what_the_default_sees_and_thinks_otherwise(weights: Weights) -> None:
    default, everyday = load(), load(MODEL)
    paths = sorted(SAMPLES.glob("*.jpg"))
    ours = [everyday.score(path, features=True) for path in paths]
    theirs = [default.score(path, features=True) for path in paths]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one.features, other.features, atol=1e-5)
        assert one.technical is not None
        assert sum(one.votes or ()) == pytest.approx(1, abs=1e-5)
    scores = np.array([verdict.score for verdict in ours])
    assert np.ptp(scores) > 1, "all pictures score alike"
    assert np.abs(scores - [verdict.score for verdict in theirs]).max() > 0.1
    assert weights.preprocess == find_weights().preprocess
