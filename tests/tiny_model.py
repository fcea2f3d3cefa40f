"""A real model of a few hundred bytes whose scores can be worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ilgnet.images.preprocess import Preprocess
from ilgnet.zoo.records import ONNX_NAME, Similarity, Weights, write_weights


def make_tiny_model(
    folder: Path,
    *,
    output: Literal["votes", "high_low"] = "votes",
    preprocess: Preprocess | None = None,
    name: str = "tiny.test",
) -> Path:
    """Write a model folder: the brighter the picture, the higher its votes.

    The features are the mean of each channel, 0..255. The logit of class k is
    (mean of all channels - 127.5) / 127.5 * slope_k with slopes spread evenly over -3..3.
    """
    folder.mkdir(parents=True, exist_ok=True)
    classes = 10 if output == "votes" else 2
    slopes = np.linspace(-3, 3, classes, dtype=np.float32)
    weight = np.repeat(slopes[None, :] / 127.5 / 3, 3, axis=0)
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixels"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "weight", "bias"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
        ],
        [
            numpy_helper.from_array(weight.astype(np.float32), "weight"),
            numpy_helper.from_array(-slopes, "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / ONNX_NAME))
    record = Weights(
        name=name,
        architecture="tiny",
        output=output,
        preprocess=preprocess or Preprocess("aspect", 32, 32, multiple=8),
        mean_error=0.5,
        licence="Apache-2.0",
        about="Brightness, for tests.",
        similarity=Similarity(burst=0.67, quick=0.47, duplicate=0.92),
    )
    write_weights(record, folder)
    return folder


def expected_score(mean_value: float) -> float:
    """The score of a picture whose pixels average `mean_value`, by the formula above."""
    logits = (mean_value - 127.5) / 127.5 * np.linspace(-3, 3, 10)
    votes = np.exp(logits) / np.exp(logits).sum()
    return float(votes @ np.arange(1, 11))
