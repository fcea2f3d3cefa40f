"""A TensorFlow Lite file as tensors and operations, weights unpacked.

The schema is https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from flatbuffers import flexbuffers
from numpy.typing import NDArray

TYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
}
_NAMES = {v: k for k, v in vars(tflite.BuiltinOperator).items() if isinstance(v, int)}


@dataclass(frozen=True)
class Operation:
    """One operation: its kind, its tensors by number, and its options."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    table: Any

    def options(self, schema: type) -> Any:
        """The options of a built-in operation."""
        found = schema()
        table = self.table.BuiltinOptions()
        found.Init(table.Bytes, table.Pos)
        return found

    def custom_options(self) -> dict[str, Any]:
        """The options of an operation that MediaPipe added."""
        data = self.table.CustomOptionsAsNumpy()
        return dict(flexbuffers.Loads(data.tobytes()))


class TfliteFile:
    """The first sub-graph of a file."""

    def __init__(self, path: Path) -> None:
        self.model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self.graph = self.model.Subgraphs(0)
        self.operations = list(self._operations())
        self._weights: dict[int, NDArray[Any] | None] = {}

    def name(self, tensor: int) -> str:
        """Of a tensor."""
        return str(self.graph.Tensors(tensor).Name().decode())

    def shape(self, tensor: int) -> list[int]:
        """Of a tensor; pictures are (1, height, width, channels)."""
        table = self.graph.Tensors(tensor)
        return [int(v) for v in table.ShapeAsNumpy()] if table.ShapeLength() else []

    @property
    def inputs(self) -> list[int]:
        """The graph's."""
        return [self.graph.Inputs(i) for i in range(self.graph.InputsLength())]

    @property
    def outputs(self) -> list[int]:
        """The graph's."""
        return [self.graph.Outputs(i) for i in range(self.graph.OutputsLength())]

    def weight(self, tensor: int) -> NDArray[Any] | None:
        """A constant, None for what is computed; float16 and sparse ones as float32, full."""
        if tensor not in self._weights:
            self._weights[tensor] = self._stored(tensor)
        return self._weights[tensor]

    def leading_to(self, outputs: Sequence[int]) -> list[Operation]:
        """The operations that some outputs need, in order."""
        needed, chosen = set(outputs), []
        for operation in reversed(self.operations):
            if needed.intersection(operation.outputs):
                needed.update(operation.inputs)
                chosen.append(operation)
        return chosen[::-1]

    def _operations(self) -> Iterator[Operation]:
        for number in range(self.graph.OperatorsLength()):
            table = self.graph.Operators(number)
            code = self.model.OperatorCodes(table.OpcodeIndex())
            builtin = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
            custom = builtin == tflite.BuiltinOperator.CUSTOM
            kind = code.CustomCode().decode() if custom else _NAMES[builtin]
            yield Operation(
                kind,
                tuple(map(int, table.InputsAsNumpy())),
                tuple(map(int, table.OutputsAsNumpy())),
                table,
            )

    def _stored(self, tensor: int) -> NDArray[Any] | None:
        for operation in self.operations:
            # Unpacking is done here, once, not by the network.
            if tensor in operation.outputs and operation.kind in ("DENSIFY", "DEQUANTIZE"):
                inner = self.weight(operation.inputs[0])
                wider = inner is not None and operation.kind == "DEQUANTIZE"
                return inner.astype(np.float32) if wider and inner is not None else inner
        table = self.graph.Tensors(tensor)
        buffer = self.model.Buffers(table.Buffer())
        if not buffer.DataLength():
            return None
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), TYPES[table.Type()])
        if table.Sparsity():
            return _densified(table.Sparsity(), values, self.shape(tensor))
        return values.reshape(self.shape(tensor))


def _densified(sparsity: Any, values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Undo the sparse form: levels of full or compressed rows, traversed in a stated order."""
    order = sparsity.TraversalOrderAsNumpy().tolist()
    blocks = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(i) for i in range(len(order))]
    # All values of a level at once: the coordinates chosen so far, one row each.
    chosen = np.zeros((1, 0), np.int64)
    row = np.zeros(1, np.int64)  # of each, in the next compressed level
    for level in levels:
        if level.Format() == tflite.DimensionType.DENSE:
            size = level.DenseSize()
            chosen = np.repeat(chosen, size, axis=0)
            index = np.tile(np.arange(size), len(row))
            row = np.repeat(row, size) * size + index
        else:
            segments, indices = (_numbers(level, name) for name in ("Segments", "Indices"))
            begin, end = segments[row], segments[row + 1]
            row = np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)])
            chosen = np.repeat(chosen, end - begin, axis=0)
            index = indices[row]
        chosen = np.concatenate([chosen, index[:, None]], axis=1)
    place = np.zeros((len(shape), len(chosen)), np.int64)
    sizes = {order[len(shape) + i]: levels[len(shape) + i].DenseSize() for i in range(len(blocks))}
    for column, dimension in enumerate(order[: len(shape)]):
        place[dimension] = chosen[:, column]
    for number, dimension in enumerate(blocks):
        inner = len(shape) + number
        place[dimension] = place[dimension] * sizes[inner] + chosen[:, order.index(inner)]
    full = np.zeros(shape, values.dtype)
    full[tuple(place)] = values
    return full


def _numbers(level: Any, what: str) -> NDArray[np.int64]:
    kinds = {
        tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
        tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
        tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
    }
    table = getattr(level, f"Array{what}")()
    vector = kinds[getattr(level, f"Array{what}Type")()]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)
