"""What a network does after its taps, read from its ONNX file: a small function with a gradient.

An ILGNet reduces each tapped map (mean, mean and deviation, or every position), and mixes the
results with fully connected layers. Those layers are in the file; here they are read without the
`onnx` package, so that a base install can take a score apart. Whether a file is of that kind is
found out, never assumed: its own answer must come out (`Head.check`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ilgnet.models.caffe.wire import Value, fields

Array = NDArray[np.float64]
Taps = Mapping[str, NDArray[np.float32]]
"""Tapped maps of one picture: {name: (C, h, w)}."""

Reduction = Literal["mean", "deviation", "flatten"]

EPSILON: Final = 1e-6
"""Added to a variance before its root (`ilgnet.models.ilgnet.as_vector`)."""

TOLERANCE: Final = 1e-3
"""The most by which a probability may differ from the network's own."""

_FLOAT, _HALF = 1, 10  # TensorProto.DataType


class NotAHead(Exception):  # noqa: N818 - reads as what it says
    """The file's layers after the taps are none that are known here."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One reduced tap among the numbers that the first connected layers see."""

    tap: str
    reduction: Reduction

    def reduce(self, taps: Taps) -> Array:
        """The tap's values as a vector: (C,), or (C h w,) for "flatten"."""
        values = taps[self.tap].astype(np.float64)
        if self.reduction == "flatten":
            return values.ravel()
        mean = values.mean(axis=(1, 2))
        if self.reduction == "mean":
            return np.asarray(mean)
        variance: Array = np.square(values - mean[:, None, None]).mean(axis=(1, 2))
        return np.sqrt(variance + EPSILON)


@dataclass(frozen=True, slots=True)
class _Concat:
    parts: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Linear:
    source: _Node
    weight: Array  # (inputs, outputs)
    bias: Array


@dataclass(frozen=True, slots=True)
class _Relu:
    source: _Node


_Node = Piece | _Concat | _Linear | _Relu


@dataclass(frozen=True, slots=True)
class Head:
    """From reduced taps to logits.

    Attributes:
        pieces: the reduced taps, each once, in the order of `inputs`.
        root: the layers.
    """

    pieces: tuple[Piece, ...]
    root: _Node

    def inputs(self, taps: Taps) -> list[Array]:
        """The reduced taps of one picture, one vector for each of `pieces`."""
        return [piece.reduce(taps) for piece in self.pieces]

    def probabilities(self, inputs: list[Array]) -> Array:
        """(..., K) from (..., D) for each of `pieces`."""
        return _softmax(self._forward(self.root, inputs, []))

    def slopes(self, inputs: list[Array], values: Array) -> list[Array]:
        """The slopes (N, D) of the mean of `values` (K,), for each of N rows of each input."""
        trace: list[tuple[_Node, Array]] = []
        probabilities = _softmax(self._forward(self.root, inputs, trace))
        slope = probabilities * (values - (probabilities @ values)[:, None])
        found = [np.zeros_like(rows) for rows in inputs]
        self._backward(self.root, slope, {id(node): value for node, value in trace}, found)
        return found

    def check(self, taps: Taps, probabilities: NDArray[np.float32]) -> bool:
        """Whether this is what the network does, for one picture."""
        ours = self.probabilities(self.inputs(taps))
        return bool(np.abs(ours - probabilities).max() <= TOLERANCE)

    def _forward(self, node: _Node, inputs: list[Array], trace: list[tuple[_Node, Array]]) -> Array:
        value: Array
        match node:
            case Piece():
                value = inputs[self.pieces.index(node)]
            case _Concat(parts):
                value = np.concatenate(
                    [self._forward(part, inputs, trace) for part in parts], axis=-1
                )
            case _Linear(source, weight, bias):
                value = self._forward(source, inputs, trace) @ weight + bias
            case _Relu(source):
                value = np.maximum(self._forward(source, inputs, trace), 0.0)
        trace.append((node, value))
        return value

    def _backward(
        self, node: _Node, slope: Array, values: dict[int, Array], found: list[Array]
    ) -> None:
        match node:
            case Piece():
                found[self.pieces.index(node)] += slope
            case _Concat(parts):
                ends = np.cumsum([values[id(part)].shape[-1] for part in parts])[:-1]
                for part, piece in zip(parts, np.split(slope, ends, axis=-1), strict=True):
                    self._backward(part, piece, values, found)
            case _Linear(source, weight, _):
                self._backward(source, slope @ weight.T, values, found)
            case _Relu(source):
                self._backward(source, slope * (values[id(node)] > 0), values, found)


@lru_cache(maxsize=2)
def read_head(path: Path) -> Head | None:
    """The head of an ONNX file; None where its layers are none that are known here."""
    try:
        graph = _Graph(memoryview(path.read_bytes()))
        root = graph.layers("probabilities")
    except NotAHead:
        return None
    pieces = tuple(dict.fromkeys(_pieces(root)))
    return Head(pieces, root) if pieces else None


def _pieces(node: _Node) -> Iterator[Piece]:
    match node:
        case Piece():
            yield node
        case _Concat(parts):
            for part in parts:
                yield from _pieces(part)
        case _Linear(source, _, _) | _Relu(source):
            yield from _pieces(source)


def _softmax(logits: Array) -> Array:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Op:
    """A NodeProto: https://onnx.ai/onnx/api/classes.html#nodeproto."""

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: dict[str, int]

    @classmethod
    def read(cls, message: memoryview) -> _Op:
        found: dict[int, list[Value]] = {}
        for number, value in fields(message):
            found.setdefault(number, []).append(value)
        inputs, outputs = (tuple(map(_text, found.get(n, []))) for n in (1, 2))
        attributes = [dict(fields(_view(value))) for value in found.get(5, [])]
        numbers = {_text(a[1]): a.get(3, 0) for a in attributes if 1 in a}
        kind = _text(found[4][0]) if 4 in found else ""
        return cls(kind, inputs, outputs, {k: v for k, v in numbers.items() if isinstance(v, int)})


class _Graph:
    """The operations and weights of a ModelProto, read from the wire."""

    def __init__(self, model: memoryview) -> None:
        graphs = [value for number, value in fields(model) if number == 7]
        if not graphs:
            raise NotAHead
        self.makers: dict[str, _Op] = {}
        self.weights: dict[str, memoryview] = {}
        for number, value in fields(_view(graphs[0])):
            if number == 1:
                op = _Op.read(_view(value))
                self.makers.update(dict.fromkeys(op.outputs, op))
            elif number == 5:
                name = next((_text(v) for n, v in fields(_view(value)) if n == 8), "")
                self.weights[name] = _view(value)

    def layers(self, name: str) -> _Node:
        """The layers that lead to a tensor, back to the taps."""
        op = self.makers.get(name)
        if op is None:
            raise NotAHead
        match op.kind:
            case "Softmax" | "Identity":
                return self.layers(op.inputs[0])
            case "Relu":
                return _Relu(self.layers(op.inputs[0]))
            case "Gemm":
                weight = self.tensor(op.inputs[1])
                weight = weight.T if op.numbers.get("transB") else weight
                bias = self.tensor(op.inputs[2]) if len(op.inputs) > 2 else np.zeros(1)
                return _Linear(self.layers(op.inputs[0]), np.ascontiguousarray(weight), bias)
            case "Concat":
                return _Concat(tuple(map(self.layers, op.inputs)))
            case "Flatten":
                tap = self._tap(op.inputs[0])
                return Piece(tap, "flatten") if tap else self.layers(op.inputs[0])
            case "ReduceMean" | "GlobalAveragePool":
                return self._piece(op.inputs[0], "mean")
            case "Sqrt":
                return self._piece(self._only_map_above(op), "deviation")
        raise NotAHead

    def tensor(self, name: str) -> Array:
        """A weight, float64, stored as float32 or float16."""
        op = self.makers.get(name)
        if op is not None and op.kind in ("Cast", "Identity"):
            return self.tensor(op.inputs[0])
        if name not in self.weights:
            raise NotAHead
        shape: list[int] = []
        kind, raw = 0, memoryview(b"")
        for number, value in fields(self.weights[name]):
            if number == 1:
                shape += [value] if isinstance(value, int) else list(value)
            elif number == 2 and isinstance(value, int):
                kind = value
            elif number == 9:
                raw = _view(value)
        types = {_FLOAT: "<f4", _HALF: "<f2"}
        if kind not in types or not len(raw):
            raise NotAHead
        return np.frombuffer(raw, types[kind]).reshape(shape).astype(np.float64)

    def _tap(self, name: str) -> str | None:
        """The tap that a tensor is, under whatever name it left the file."""
        if name.startswith("tap:"):
            return name.removeprefix("tap:")
        for op in self.makers.values():
            if op.kind == "Identity" and op.inputs[0] == name and op.outputs[0].startswith("tap:"):
                return op.outputs[0].removeprefix("tap:")
        return None

    def _piece(self, name: str, reduction: Reduction) -> Piece:
        tap = self._tap(name)
        if tap is None:
            raise NotAHead
        return Piece(tap, reduction)

    def _only_map_above(self, op: _Op) -> str:
        """The tap that the deviation under a root was taken of."""
        waiting, steps = list(op.inputs), 0
        while waiting and steps < 32:
            name, steps = waiting.pop(), steps + 1
            if self._tap(name) is not None:
                return name
            above = self.makers.get(name)
            waiting += above.inputs if above is not None else ()
        raise NotAHead


def _view(value: Value) -> memoryview:
    if isinstance(value, int):
        raise NotAHead
    return value


def _text(value: Value) -> str:
    return bytes(_view(value)).decode("utf-8", "replace")
