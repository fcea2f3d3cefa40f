"""The main path: order, bounds, failures as values, numbers that can be worked out by hand."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ilgnet
from ilgnet import scoring
from ilgnet.errors import ImageError, ModelError
from ilgnet.scoring import BATCH, Scorer, load, usable_cores
from ilgnet.values import Failure, ImageRef, Verdict
from ilgnet.zoo.records import read_weights
from tests.tiny_model import expected_score, make_tiny_model
from tests.worst_folder import encoded, failures, oddities


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def scorer(model: Path) -> Scorer:
    return load(model, threads=3)


def grey(value: int, size: tuple[int, int] = (48, 32)) -> np.ndarray:
    return np.full((size[1], size[0], 3), value, np.uint8)


@pytest.mark.parametrize("value", [0, 60, 127, 200, 255])
def test_a_score_worked_out_by_hand(scorer: Scorer, value: int) -> None:
    verdict = scorer.score(grey(value))
    assert verdict.score == pytest.approx(expected_score(value), abs=1e-4)
    assert verdict.votes is not None
    assert sum(verdict.votes) == pytest.approx(1, abs=1e-5)
    assert verdict.std == pytest.approx(
        np.sqrt(sum(p * (v - verdict.score) ** 2 for v, p in enumerate(verdict.votes, 1))), abs=1e-4
    )
    assert verdict.verdict == ("high" if verdict.score > 5 else "low")
    assert (verdict.p_high > 0.5) == (verdict.score > 5)
    assert (verdict.width, verdict.height) == (48, 32)
    assert verdict.model == "tiny.test"
    assert verdict.preprocess == scorer.weights.preprocess.fingerprint()


def test_two_classes_give_a_probability_and_the_score_that_belongs_to_it(tmp_path: Path) -> None:
    scorer = load(make_tiny_model(tmp_path, output="high_low"))
    bright, dark = scorer.score(grey(220)), scorer.score(grey(30))
    assert bright.votes is None
    assert bright.std is None
    assert bright.p_high > 0.5 > dark.p_high
    assert bright.score > 5 > dark.score
    assert 1 <= scorer.score(grey(255)).score <= 10


def test_every_kind_of_source_gives_the_same_verdict(scorer: Scorer, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    image = Image.fromarray(grey(90))
    path.write_bytes(encoded(image, "PNG"))
    sources = [path, str(path), path.read_bytes(), image, grey(90), path.read_bytes]
    scores = {scorer.score(source).score for source in sources}
    assert len(scores) == 1


def test_order_is_kept_and_nothing_is_dropped(scorer: Scorer, tmp_path: Path) -> None:
    expected = failures(tmp_path)
    oddities(tmp_path)
    found = list(ilgnet.find_images([tmp_path]))
    outcomes = list(scorer.score_many(found))
    ids = [item.id if isinstance(item, ImageRef) else item.path for item in found]
    assert [outcome.path for outcome in outcomes] == ids
    failed = {
        os.path.relpath(outcome.path, tmp_path): outcome.code
        for outcome in outcomes
        if isinstance(outcome, Failure)
    }
    assert failed == expected


def test_a_thousand_mixed_and_broken_files_give_a_thousand_rows(
    scorer: Scorer, tmp_path: Path
) -> None:
    good, cut = encoded(Image.fromarray(grey(80))), encoded(Image.fromarray(grey(80)))[:300]
    kinds = itertools.cycle(
        [good, cut, b"", b"no picture", encoded(Image.fromarray(grey(9)), "PNG")]
    )
    for index, data in zip(range(1000), kinds, strict=False):
        (tmp_path / f"{index:04d}.jpg").write_bytes(data)
    outcomes = list(scorer.score_many(ilgnet.find_images([tmp_path])))
    assert [Path(outcome.path).stem for outcome in outcomes] == [f"{i:04d}" for i in range(1000)]
    assert sum(isinstance(outcome, Verdict) for outcome in outcomes) == 400


def test_batches_do_not_change_scores(scorer: Scorer) -> None:
    rng = np.random.default_rng(0)
    shapes = [(48, 32), (32, 48), (64, 64), (48, 32)]
    pictures = [
        rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        for _, (width, height) in zip(range(40), itertools.cycle(shapes), strict=False)
    ]
    together = [outcome.score for outcome in scorer.score_many(pictures)]  # type: ignore[union-attr]
    alone = [scorer.score(picture).score for picture in pictures]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_stream_is_read_no_further_than_needed(scorer: Scorer) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        while True:
            read += 1
            yield grey(read % 256)

    outcomes = scorer.score_many(endless())
    for _ in range(5 * BATCH):
        next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert read <= (5 + scorer.threads + 2) * BATCH
    gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ilgnet")]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to tell memory")
def test_the_default_model_needs_little_memory() -> None:
    """Far below the 400 MB that benchmarks/speed holds it to over 10,000 camera pictures."""
    program = (
        "import re, numpy, ilgnet; "
        "pictures = (numpy.full((600, 800, 3), n, 'uint8') for n in range(48)); "
        "assert len(list(ilgnet.load(threads=2).score_many(pictures))) == 48; "
        "status = open('/proc/self/status').read(); "
        "print(int(re.search(r'VmHWM:\\s*(\\d+) kB', status)[1]) / 1024)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert float(done.stdout) < 280


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", 8), ("150000 100000", 2), ("1000 100000", 1), ("900000 100000", 8), ("", 8)],
)
def test_a_container_may_allow_fewer_cores(
    limit: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(f"{limit}\n")
    monkeypatch.setattr(scoring, "CONTAINER_LIMIT", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert usable_cores() == expected
    file.unlink()
    assert usable_cores() == 8


def test_features_only_when_asked_for(scorer: Scorer) -> None:
    assert scorer.score(grey(90)).features is None
    features = scorer.score(grey(90), features=True).features
    assert features is not None
    np.testing.assert_allclose(features, [90, 90, 90], rtol=1e-5)


def test_one_unreadable_picture_raises_with_its_name(scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone\.jpg") as caught:
        scorer.score(tmp_path / "gone.jpg")
    assert caught.value.code == "not_found"


@pytest.mark.parametrize("one", ["photo.jpg", b"bytes", Path("photo.jpg")])
def test_one_picture_is_not_many(scorer: Scorer, one: object) -> None:
    with pytest.raises(TypeError, match=r"score one with score\(\)"):
        next(scorer.score_many(one))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot read a picture from int"):
        list(scorer.score_many([42]))  # type: ignore[list-item]


def test_a_source_that_breaks_is_told_and_leaves_no_thread(scorer: Scorer) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield grey(90)
        raise RuntimeError("the camera was unplugged")

    with pytest.raises(RuntimeError, match="unplugged"):
        list(scorer.score_many(broken()))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ilgnet")]


def test_run_from_several_threads_at_once(scorer: Scorer) -> None:
    results: list[float] = []

    def work() -> None:
        results.extend(scorer.score(grey(70)).score for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert len(results) == 80


def test_model_problems_are_told(tmp_path: Path, model: Path) -> None:
    with pytest.raises(ModelError, match="nonesuch"):
        load("nonesuch")
    damaged = make_tiny_model(tmp_path / "damaged")
    (damaged / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        load(damaged)
    with pytest.raises(ModelError, match="sha256"):
        read_weights(damaged).verify()
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(ModelError, match="JSON"):
        load(tmp_path)


def test_scoring_never_imports_torch(model: Path) -> None:
    program = (
        "import sys, numpy, ilgnet; "
        f"ilgnet.load({str(model)!r}).score(numpy.zeros((9, 9, 3), 'uint8')); "
        "heavy = {'torch', 'onnx', 'scipy', 'pandas', 'pyarrow', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_free_cores_are_those_that_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "usable_cores", lambda: 8)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    for busy, free in ((0.0, 8), (2.0, 6), (7.9, 1), (50.0, 1)):
        monkeypatch.setattr(os, "getloadavg", lambda busy=busy: (busy, 0.0, 0.0))
        assert scoring.free_cores() == free
