"""The default's own file with another head: trunks, features and taps stay, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

TAPS = ("block5", "block11", "stage3", "stage5", "stage7", "block13", "head")
"""In the order in which the network concatenates them."""
CONNECTED = 192
"""Width of the default's connected layer, whose place the new one takes."""
SPREAD = 1.43
"""Standard deviation of the votes, always the same: AVA's usual one."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Head:
    """One connected layer of H units that sees D pooled taps and the default's `technical`.

    Attributes:
        weight: (D, H), and `bias` (H,): the units, before the ReLU.
        order: (H,): what they take of `bounded(technical)`.
        output: (H, 2): score in votes, and technical quality in deviations.
        shift: (2,) and `share` (2,): their biases, and what they take of `bounded(technical)`.
        pairs: what `technical` takes of the default's own.
    """

    weight: Floats
    bias: Floats
    order: Floats
    output: Floats
    shift: Floats
    share: Floats
    pairs: float

    def of(
        self, taps: NDArray[np.floating], technical: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Score and technical (N,) of pictures with these taps (N, D) and default's technical."""
        order = bounded(technical)[:, None].astype(np.float32)
        weight = self.weight.astype(np.float16).astype(np.float32)
        units = np.maximum(taps.astype(np.float32) @ weight + self.bias + order * self.order, 0)
        score, quality = (units @ self.output + self.shift + order * self.share).astype(float).T
        return score, quality + self.pairs * technical


def bounded(technical: NDArray[np.floating]) -> NDArray[np.floating]:
    """As much of the default's `technical` as the head is shown."""
    return np.tanh(0.375 * technical)


SEEN = "connected.input"
"""What the connected layer sees, as an output of the file that `opened` writes."""


def opened(default: Path, target: Path) -> None:
    """Write the default's file with one more output: what its connected layer sees, (N, D)."""
    model = onnx.load(str(default))
    seen = _connected(model.graph).input[0]
    model.graph.node.append(helper.make_node("Identity", [seen], [SEEN]))
    floats = onnx.TensorProto.FLOAT
    model.graph.output.append(helper.make_tensor_value_info(SEEN, floats, ["batch", None]))
    onnx.save(model, str(target))


def _connected(graph: onnx.GraphProto) -> onnx.NodeProto:
    (gemm,) = (
        node
        for node in graph.node
        if node.op_type == "Gemm" and "network.network.connected" in node.input[1]
    )
    return gemm


def graft(default: Path, head: Head, target: Path) -> None:
    """Write the default's file with another head.

    Args:
        default: `model.onnx` of the default.
        head: no wider than the default's connected layer.
        target: the file to write.
    """
    model = onnx.load(str(default))
    graph = model.graph
    gemm = _connected(graph)
    seen = gemm.input[0]
    for node in graph.node:
        names = ["default.technical" if name == "technical" else name for name in node.output]
        del node.output[:]
        node.output.extend(names)
    kept = [node for node in graph.node if node.output[0] not in _old_head(graph, gemm)]
    del graph.node[:]
    graph.node.extend([*kept, *_new_head(graph, head, seen)])
    used = {name for node in graph.node for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _old_head(graph: onnx.GraphProto, gemm: onnx.NodeProto) -> set[str]:
    """What is computed from the connected layer on, and the casts of its weights."""
    gone = {gemm.output[0]}
    for node in graph.node:  # in the order of computation
        if gone & set(node.input):
            gone |= set(node.output)
    needed = {name for node in graph.node if node.output[0] in gone for name in node.input}
    return gone | {n.output[0] for n in graph.node if n.op_type == "Cast" and n.output[0] in needed}


def _new_head(graph: onnx.GraphProto, head: Head, seen: str) -> Iterator[onnx.NodeProto]:
    votes = np.arange(1.0, 11.0, dtype=np.float32)
    values: dict[str, NDArray[np.generic]] = {
        "new.weight.float16": head.weight.astype(np.float16),
        "new.bias": head.bias.astype(np.float32),
        "new.order": head.order.astype(np.float32)[None],
        "new.output": head.output.astype(np.float32),
        "new.shift": head.shift.astype(np.float32),
        "new.share": head.share.astype(np.float32)[None],
        "new.pairs": np.array(head.pairs, np.float32),
        "new.slope": np.array(0.375, np.float32),
        "new.axis": np.array([1]),
        "new.votes": votes[None] / np.float32(SPREAD**2),
        "new.squares": -np.square(votes)[None] / np.float32(2 * SPREAD**2),
        "new.parts": np.array([1, 1]),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in values.items())
    full = onnx.TensorProto.FLOAT
    yield helper.make_node("Cast", ["new.weight.float16"], ["new.weight"], to=full)
    yield helper.make_node("Mul", ["default.technical", "new.slope"], ["new.scaled"])
    yield helper.make_node("Tanh", ["new.scaled"], ["new.flat"])
    yield helper.make_node("Unsqueeze", ["new.flat", "new.axis"], ["new.bounded"])
    yield helper.make_node("Gemm", [seen, "new.weight", "new.bias"], ["new.taps"])
    yield helper.make_node("MatMul", ["new.bounded", "new.order"], ["new.ordered"])
    yield helper.make_node("Add", ["new.taps", "new.ordered"], ["new.before"])
    yield helper.make_node("Relu", ["new.before"], ["new.units"])
    yield helper.make_node("Gemm", ["new.units", "new.output", "new.shift"], ["new.heard"])
    yield helper.make_node("MatMul", ["new.bounded", "new.share"], ["new.shared"])
    yield helper.make_node("Add", ["new.heard", "new.shared"], ["new.both"])
    yield helper.make_node("Split", ["new.both", "new.parts"], ["new.score", "new.quality"], axis=1)
    # The Gaussian about the score over votes 1..10: exp((v s - v v / 2) / spread^2).
    yield helper.make_node("MatMul", ["new.score", "new.votes"], ["new.raised"])
    yield helper.make_node("Add", ["new.raised", "new.squares"], ["new.logits"])
    yield helper.make_node("Softmax", ["new.logits"], ["probabilities"], axis=1)
    yield helper.make_node("Squeeze", ["new.quality", "new.axis"], ["new.plain"])
    yield helper.make_node("Mul", ["default.technical", "new.pairs"], ["new.paired"])
    yield helper.make_node("Add", ["new.plain", "new.paired"], ["technical"])
