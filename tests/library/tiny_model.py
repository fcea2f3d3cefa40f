"""A real ONNX model that is small enough to be made by every test run: 32 px, 48 features.

Its features are the colours of a 4 x 4 grid, so pictures of one scene have like features, and its
score follows the brightness.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ilgnet.images.preprocess import Preprocess
from ilgnet.zoo.records import ONNX_NAME, Similarity, Weights, write_weights

SIDE = 32
FEATURES = 48


def write_tiny_model(folder: Path, *, seed: int = 0, name: str = "tiny.test") -> Weights:
    """A model folder; the seed changes what it prefers a little."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    votes = np.arange(1, 11) - 5.5
    prefers = np.full(FEATURES, 0.02) + random.normal(0, 0.02, FEATURES)
    constants = {
        "kernel": np.outer(prefers, votes).astype(np.float32),
        "bias": (-0.25 * votes**2).astype(np.float32),
    }
    nodes = [
        helper.make_node(
            "AveragePool", ["images"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "kernel", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 10]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES]),
        ],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, folder / ONNX_NAME)
    weights = Weights(
        name=name,
        architecture="none",
        output="votes",
        preprocess=Preprocess("warp", SIDE, SIDE, mean=(127.5,) * 3, std=(64.0,) * 3),
        mean_error=0.5,
        licence="Apache-2.0",
        about="Made by the tests.",
        similarity=Similarity(burst=0.67, quick=0.47, duplicate=0.92),
    )
    return write_weights(weights, folder)
