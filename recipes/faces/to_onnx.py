"""From a TensorFlow Lite graph to ONNX, for the operations that MediaPipe's face networks have.

Pictures are channels-last outside, as in the original, and channels-first inside, as ONNX's
convolutions want them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import tflite
from attention import ATTENTION
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tflite_file import Operation, TfliteFile

OPSET = 17


class Graph:
    """An ONNX graph that grows."""

    def __init__(self, file: TfliteFile) -> None:
        self.file = file
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.values: dict[int, str] = {}  # tensor -> its value, channels first where it is 4-D

    def node(self, kind: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an operation; the name of its output."""
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, values: Any, *, halve: bool = False) -> str:
        """Add a weight; with `halve`, stored as float16 and cast when the file is loaded."""
        array = np.ascontiguousarray(values)
        name = f"weight_{len(self.weights)}"
        if halve and array.size > 16:
            self.weights.append(numpy_helper.from_array(array.astype(np.float16), name))
            return self.node("Cast", [name], to=TensorProto.FLOAT)
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def channels_last(self, tensor: int) -> str:
        """A tensor in the order of the original."""
        value = self.values[tensor]
        if len(self.file.shape(tensor)) != 4:
            return value
        return self.node("Transpose", [value], perm=[0, 2, 3, 1])

    def keep_channels_last(self, tensor: int, value: str) -> None:
        """Take a value that is in the order of the original for a tensor."""
        if len(self.file.shape(tensor)) == 4:
            value = self.node("Transpose", [value], perm=[0, 3, 1, 2])
        self.values[tensor] = value


def convert(file: TfliteFile, outputs: Sequence[str]) -> onnx.ModelProto:
    """The part of a graph that leads to some outputs, weights as float16."""
    graph = Graph(file)
    wanted = [tensor for tensor in file.outputs if file.name(tensor) in outputs]
    for tensor in file.inputs:
        graph.values[tensor] = graph.node("Transpose", [file.name(tensor)], perm=[0, 3, 1, 2])
    for operation in file.leading_to(wanted):
        if any(file.weight(tensor) is not None for tensor in operation.outputs):
            continue  # unpacked already
        kind = operation.kind
        maker = OPERATIONS.get(kind) or ATTENTION[kind]
        maker(graph, operation)
    for tensor in wanted:
        last = graph.channels_last(tensor)
        graph.nodes.append(helper.make_node("Identity", [last], [file.name(tensor)]))

    def described(tensors: Sequence[int]) -> list[onnx.ValueInfoProto]:
        return [
            helper.make_tensor_value_info(file.name(t), TensorProto.FLOAT, file.shape(t))
            for t in tensors
        ]

    whole = helper.make_graph(
        graph.nodes, "faces", described(file.inputs), described(wanted), graph.weights
    )
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _convolution(graph: Graph, operation: Operation) -> None:
    file, depthwise = graph.file, operation.kind == "DEPTHWISE_CONV_2D"
    options = operation.options(
        tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions
    )
    source, weight, bias = operation.inputs
    kernel = _weight(file, weight).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
    strides = [options.StrideH(), options.StrideW()]
    value = graph.node(
        "Conv",
        [
            graph.values[source],
            graph.constant(kernel, halve=True),
            graph.constant(_weight(file, bias), halve=True),
        ],
        strides=strides,
        pads=_pads(options, file.shape(source), kernel.shape[2:], strides),
        group=file.shape(source)[3] if depthwise else 1,
        kernel_shape=list(kernel.shape[2:]),
    )
    graph.values[operation.outputs[0]] = _activated(graph, value, options)


def _weight(file: TfliteFile, tensor: int) -> NDArray[np.float32]:
    values = file.weight(tensor)
    assert values is not None, file.name(tensor)
    return values.astype(np.float32)


def _pads(options: Any, shape: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> Any:
    """ONNX's pads for TensorFlow's "same", which pads the end more; none for "valid"."""
    if options.Padding() != tflite.Padding.SAME:
        return [0, 0, 0, 0]
    before, after = [], []
    for size, width, stride in zip(shape[1:3], kernel, strides, strict=True):
        total = max(0, (-(-size // stride) - 1) * stride + width - size)
        before.append(total // 2)
        after.append(total - total // 2)
    return [*before, *after]


def _activated(graph: Graph, value: str, options: Any) -> str:
    kind = options.FusedActivationFunction()
    if kind == tflite.ActivationFunctionType.NONE:
        return value
    if kind == tflite.ActivationFunctionType.RELU:
        return graph.node("Relu", [value])
    if kind == tflite.ActivationFunctionType.RELU6:
        bounds = [graph.constant(np.float32(bound)) for bound in (0, 6)]
        return graph.node("Clip", [value, *bounds])
    raise NotImplementedError(f"activation {kind}")


def _arithmetic(graph: Graph, operation: Operation) -> None:
    kinds = {"ADD": ("Add", tflite.AddOptions), "MUL": ("Mul", tflite.MulOptions)}
    kind, schema = kinds[operation.kind]
    value = graph.node(kind, [_operand(graph, tensor) for tensor in operation.inputs])
    target = operation.outputs[0]
    graph.values[target] = _activated(graph, value, operation.options(schema))


def _operand(graph: Graph, tensor: int) -> str:
    """A computed value, or a constant in the order of values."""
    constant = graph.file.weight(tensor)
    if constant is None:
        return graph.values[tensor]
    if constant.ndim == 4:
        constant = constant.transpose(0, 3, 1, 2)
    return graph.constant(constant.astype(np.float32))


def _prelu(graph: Graph, operation: Operation) -> None:
    source, slope = operation.inputs
    slopes = _weight(graph.file, slope).reshape(-1, 1, 1)
    value = graph.node("PRelu", [graph.values[source], graph.constant(slopes, halve=True)])
    graph.values[operation.outputs[0]] = value


def _pad(graph: Graph, operation: Operation) -> None:
    source, widths = operation.inputs
    pads = graph.file.weight(widths)
    assert pads is not None
    channels_first = pads[[0, 3, 1, 2]].astype(np.int64)
    amounts = graph.constant(channels_first.T.ravel())
    graph.values[operation.outputs[0]] = graph.node("Pad", [graph.values[source], amounts])


def _max_pool(graph: Graph, operation: Operation) -> None:
    options = operation.options(tflite.Pool2DOptions)
    source = operation.inputs[0]
    kernel = [options.FilterHeight(), options.FilterWidth()]
    strides = [options.StrideH(), options.StrideW()]
    value = graph.node(
        "MaxPool",
        [graph.values[source]],
        kernel_shape=kernel,
        strides=strides,
        pads=_pads(options, graph.file.shape(source), kernel, strides),
    )
    graph.values[operation.outputs[0]] = _activated(graph, value, options)


def _resize(graph: Graph, operation: Operation) -> None:
    options = operation.options(tflite.ResizeBilinearOptions)
    source, target = operation.inputs[0], operation.outputs[0]
    if options.AlignCorners():
        mode = "align_corners"
    else:
        mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
    size = [graph.file.shape(target)[i] for i in (0, 3, 1, 2)]
    graph.values[target] = graph.node(
        "Resize",
        [graph.values[source], "", "", graph.constant(np.array(size, np.int64))],
        mode="linear",
        coordinate_transformation_mode=mode,
    )


def _depth_to_space(graph: Graph, operation: Operation) -> None:
    options = operation.options(tflite.DepthToSpaceOptions)
    graph.values[operation.outputs[0]] = graph.node(
        "DepthToSpace",
        [graph.values[operation.inputs[0]]],
        blocksize=options.BlockSize(),
        mode="DCR",
    )


def _reshape(graph: Graph, operation: Operation) -> None:
    target = operation.outputs[0]
    shape = graph.constant(np.array(graph.file.shape(target), np.int64))
    value = graph.node("Reshape", [graph.channels_last(operation.inputs[0]), shape])
    graph.keep_channels_last(target, value)


def _strided_slice(graph: Graph, operation: Operation) -> None:
    options = operation.options(tflite.StridedSliceOptions)
    assert not options.ShrinkAxisMask()
    assert not options.NewAxisMask()
    begin, end, step = (graph.file.weight(tensor) for tensor in operation.inputs[1:])
    assert begin is not None
    assert end is not None
    assert step is not None
    free = [
        (bool(options.BeginMask() >> axis & 1), bool(options.EndMask() >> axis & 1))
        for axis in range(len(begin))
    ]
    starts = [0 if masked else int(value) for value, (masked, _) in zip(begin, free, strict=True)]
    ends = [2**31 if masked else int(value) for value, (_, masked) in zip(end, free, strict=True)]
    numbers = (starts, ends, range(len(starts)), step)
    given = [graph.constant(np.array(each, np.int64)) for each in numbers]
    value = graph.node("Slice", [graph.channels_last(operation.inputs[0]), *given])
    graph.keep_channels_last(operation.outputs[0], value)


def _concatenate(graph: Graph, operation: Operation) -> None:
    options = operation.options(tflite.ConcatenationOptions)
    parts = [graph.channels_last(tensor) for tensor in operation.inputs]
    value = graph.node("Concat", parts, axis=options.Axis())
    graph.keep_channels_last(operation.outputs[0], value)


OPERATIONS = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _convolution,
    "ADD": _arithmetic,
    "MUL": _arithmetic,
    "PRELU": _prelu,
    "PAD": _pad,
    "MAX_POOL_2D": _max_pool,
    "RESIZE_BILINEAR": _resize,
    "DEPTH_TO_SPACE": _depth_to_space,
    "RESHAPE": _reshape,
    "STRIDED_SLICE": _strided_slice,
    "CONCATENATION": _concatenate,
}
"""Every operation that these networks have, by its name in the schema."""
