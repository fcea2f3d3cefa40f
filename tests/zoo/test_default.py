"""The weights in the package: whole, small, as their record says, and scoring as they did."""

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from ilgnet.data.degradations import DEGRADATIONS
from ilgnet.data.overlap import FOLDER
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.images.decode import read_image
from ilgnet.scoring import Scorer
from ilgnet.zoo.records import ONNX_NAME, find_weights

SAMPLES = Path(str(files("ilgnet"))) / "samples"
UNTAUGHT = [kind for kind in DEGRADATIONS if kind.held_out]
GOLDEN = json.loads((Path(__file__).parent / "golden_scores.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def weights():
    return find_weights("default")


@pytest.fixture(scope="module")
def engine(weights):
    return OnnxEngine(weights.file(ONNX_NAME))


def test_the_files_are_those_of_the_record_and_fit_the_package(weights):
    weights.verify()
    assert weights.file(ONNX_NAME).stat().st_size <= 20_000_000
    assert weights.licence == "Apache-2.0"
    known = [source for source in weights.trained_on if source.known]
    assert len(known) == 2
    for source in known:
        assert (weights.folder / FOLDER / f"{source.fingerprint}.txt.gz").is_file()
    assert {source.collection for source in weights.trained_on if not source.known} == {
        "ava",  # whose votes taught the MobileNet, nobody knows which
        "imagenet",
    }


def test_the_file_gives_votes_features_and_maps(engine):
    *names, technical = engine.output_names
    assert names[:2] == ["probabilities", "features"]
    assert len(names) > 2
    assert all(name.startswith("tap:") for name in names[2:])
    assert technical == "technical"
    batch = np.random.default_rng(0).uniform(-1, 1, (3, 3, 224, 224)).astype(np.float32)
    votes, features, *maps = engine.fetch(list(names), batch)
    assert votes.shape == (3, 10)
    np.testing.assert_allclose(votes.sum(axis=1), 1, atol=1e-5)
    assert features.ndim == 2
    assert features.shape[0] == 3
    assert all(m.ndim == 4 and m.shape[0] == 3 for m in maps)
    alone = np.concatenate([engine.fetch(["probabilities"], image[None])[0] for image in batch])
    np.testing.assert_allclose(votes, alone, atol=1e-5)


@pytest.mark.parametrize("side", [(192, 256), (256, 192), (96, 96)])
def test_any_height_and_width_will_do(engine, side):
    output = engine.run(np.zeros((1, 3, *side), np.float32))
    assert output.probabilities.shape == (1, 10)
    assert output.technical.shape == (1,)
    assert np.isfinite(output.probabilities).all()
    assert np.isfinite(output.technical).all()


def test_sample_photographs_score_as_they_did(weights, engine):
    verdicts = list(Scorer(weights, engine, threads=1).score_many(sorted(SAMPLES.glob("*.jpg"))))
    scores = {Path(verdict.path).name: verdict.score for verdict in verdicts}
    technical = {Path(verdict.path).name: verdict.technical for verdict in verdicts}
    assert GOLDEN["preprocess"] == weights.preprocess.fingerprint()
    assert GOLDEN["onnx"] == weights.files[ONNX_NAME], "new weights need new golden scores"
    assert scores == pytest.approx(GOLDEN["scores"], abs=0.02)
    assert technical == pytest.approx(GOLDEN["technical"], abs=0.05)
    assert max(scores.values()) - min(scores.values()) > 1, "all pictures score alike"


@pytest.mark.parametrize("kind", UNTAUGHT, ids=lambda kind: kind.name)
def test_a_spoilt_copy_is_the_worse_frame(weights, engine, kind):
    # Eight pictures are too few to measure with; the card has the figures.
    scorer = Scorer(weights, engine, threads=1)
    originals = [read_image(path, min_side=None).rgb for path in sorted(SAMPLES.glob("*.jpg"))]
    degraded = [kind.apply(rgb, 0.9, np.random.default_rng(0)) for rgb in originals]
    better = sum(
        scorer.score(rgb).frame_score > scorer.score(copy).frame_score
        for rgb, copy in zip(originals, degraded, strict=True)
    )
    assert better >= 6, f"{better} of {len(originals)}"
