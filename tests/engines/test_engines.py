from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ilgnet.engines import onnx
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.open import open_engine
from ilgnet.engines.parity import Parity, compare
from ilgnet.engines.torch import TorchEngine
from ilgnet.errors import ModelError
from ilgnet.models.checkpoints import save_network
from ilgnet.models.export import export_onnx
from ilgnet.models.registry import architecture
from ilgnet.zoo.records import ONNX_NAME, SAFETENSORS_NAME, Weights, read_weights, write_weights
from tests.models.networks import lively, photographs
from tests.tiny_model import make_tiny_model

NAME = "ilgnet_inception_v1_tiny"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    network = lively(NAME)
    save_network(network, folder / SAFETENSORS_NAME)
    export_onnx(network, folder / ONNX_NAME)
    entry = architecture(NAME)
    record = Weights(
        "tiny.test", NAME, entry.output, entry.preprocess, 0.5, "CC0-1.0", "For tests."
    )
    return write_weights(record, folder)


def test_both_engines_are_opened_by_name_and_agree(weights):
    runtime, torch = open_engine(weights), open_engine(weights, "torch")
    assert isinstance(runtime, OnnxEngine)
    assert isinstance(torch, TorchEngine)
    runtime.together = True
    compare(torch, runtime, weights.preprocess).check()
    images = photographs(NAME).numpy()
    ours, theirs = (engine.run(images, features=True) for engine in (torch, runtime))
    assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-5)
    assert ours.probabilities.dtype == theirs.probabilities.dtype == np.float32
    assert ours.features.shape == theirs.features.shape == (3, 128)


def test_features_come_only_when_asked_for(weights):
    images = photographs(NAME).numpy()
    for engine in (open_engine(weights), open_engine(weights, "torch")):
        assert engine.run(images).features is None


def test_the_torch_engine_judges_even_when_its_network_was_in_training():
    network = lively(NAME).train()
    engine, images = TorchEngine(network), photographs(NAME).numpy()
    first, second = (engine.run(images).probabilities for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_engines_may_be_called_from_several_threads(weights, engine):
    opened = open_engine(weights, engine)
    batches = [photographs(NAME).numpy() + shift for shift in range(8)]
    alone = [opened.run(batch).probabilities for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        together = [output.probabilities for output in pool.map(opened.run, batches)]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(alone, together, strict=True))


def test_a_batch_runs_in_one_go_where_the_weights_are_large(weights, monkeypatch):
    path, images = weights.file(ONNX_NAME), photographs(NAME).numpy()
    small, forced = OnnxEngine(path), OnnxEngine(path, together=True)
    monkeypatch.setattr(onnx, "FITS_CACHE", 0)
    large = OnnxEngine(path)
    assert (small.together, forced.together, large.together) == (False, True, True)
    for names in (["probabilities"], ["features", "probabilities"]):
        for one, other in zip(small.fetch(names, images), large.fetch(names, images), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
    assert small.run(images[:0]).probabilities.shape == large.run(images[:0]).probabilities.shape


def test_an_unknown_engine_is_named(weights):
    with pytest.raises(ModelError, match="no engine 'caffe'; take 'onnx' or 'torch'"):
        open_engine(weights, "caffe")


def test_a_model_without_the_engines_file_says_what_it_has(tmp_path):
    weights = read_weights(make_tiny_model(tmp_path / "tiny"))
    with pytest.raises(ModelError, match=r"no model\.safetensors; it has: model\.onnx"):
        open_engine(weights, "torch")


def test_scoring_with_onnx_leaves_torch_out(tmp_path):
    model = make_tiny_model(tmp_path / "tiny")
    program = f"""
import sys, numpy as np
from ilgnet.engines.open import open_engine
from ilgnet.scoring import load
from ilgnet.zoo.records import read_weights
open_engine(read_weights(__import__("pathlib").Path({str(model)!r})))
assert load({str(model)!r}).score(np.full((32, 32, 3), 200, np.uint8)).score > 5
heavy = {{"torch", "onnx", "safetensors"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


class Constant:
    """An engine that always says the same, whatever it is shown."""

    def __init__(self, high: float, feature: float = 1.0, **others: float) -> None:
        self.says = {"probabilities": [1 - high, high], "features": [feature]}
        self.says |= {name: [value] for name, value in others.items()}

    @property
    def output_names(self):
        return tuple(self.says)

    def fetch(self, names, batch):
        return [np.tile(np.array(self.says[n], np.float32), (len(batch), 1)) for n in names]


def test_parity_is_the_largest_difference_of_every_output():
    preprocess = architecture(NAME).preprocess
    one, other = Constant(0.5, 1.0, technical=-4.0), Constant(0.75, 0.5, technical=-3.0)
    parity = compare(one, other, preprocess, batches=(1, 2))
    assert parity == Parity({"probabilities": 0.25, "features": 0.5, "technical": 0.25}, 3)
    with pytest.raises(ModelError, match=r"the engines disagree: probabilities differs by 0\.25"):
        parity.check()


def test_an_output_that_one_of_them_lacks_is_no_agreement():
    preprocess = architecture(NAME).preprocess
    with pytest.raises(ModelError, match="only one of the two has the output technical"):
        compare(Constant(0.5, technical=1.0), Constant(0.5), preprocess)


@pytest.mark.parametrize("names", [{"high": float("nan")}, {"high": 0.5, "technical": 2.0}])
def test_a_network_that_says_something_else_is_no_agreement(names):
    with pytest.raises(ModelError, match="disagree"):
        compare(
            Constant(0.5, technical=1.0),
            Constant(**{"technical": 1.0, **names}),
            architecture(NAME).preprocess,
        ).check()
