"""MediaPipe's three operations for looking closely at an eye, written with ONNX's own.

What they compute is documented by their options and by the paper, Grishchenko et al., "Attention
mesh: high-fidelity face mesh prediction in real-time" (2020, arXiv 2006.10962): a box around some
landmarks, turned with the eye; the features inside it, sampled; landmarks found there, put back.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def _box_around_landmarks(graph: Any, operation: Any) -> None:
    """Landmarks (1, n, 3) -> a 4 x 4 matrix from the box's grid to the picture."""
    options = operation.custom_options()
    points = graph.values[operation.inputs[0]]
    add, sub, mul, div = _arithmetic(graph)

    def number(value: float) -> str:
        return str(graph.constant(np.full((1, 1, 1), value, np.float32)))

    def coordinates(indices: list[int]) -> tuple[str, str]:
        chosen = graph.node("Gather", [points, graph.constant(np.array(indices))], axis=1)
        x, y = (
            graph.node("Gather", [chosen, graph.constant(np.array([axis]))], axis=2)
            for axis in (0, 1)
        )
        return x, y

    (left_x, left_y), (right_x, right_y) = (
        coordinates([options[f"{side}_rotation_idx"]]) for side in ("left", "right")
    )
    along_x, along_y = sub(right_x, left_x), sub(right_y, left_y)
    length = graph.node("Sqrt", [add(mul(along_x, along_x), mul(along_y, along_y))])
    cosine, sine = div(along_x, length), div(along_y, length)

    # The landmarks in the axes of the eye, and the box that holds them there.
    x, y = coordinates(_distinct(options["subset_idxs"]))
    across = add(mul(x, cosine), mul(y, sine))
    down = sub(mul(y, cosine), mul(x, sine))

    def extent(values: str) -> tuple[str, str]:
        high, low = (
            graph.node(kind, [values], axes=[1], keepdims=1) for kind in ("ReduceMax", "ReduceMin")
        )
        return mul(add(high, low), number(0.5)), sub(high, low)

    (middle_across, width), (middle_down, height) = extent(across), extent(down)
    middle_x = sub(mul(middle_across, cosine), mul(middle_down, sine))
    middle_y = add(mul(middle_across, sine), mul(middle_down, cosine))

    # A step of the grid in the picture, and where the grid begins.
    columns, rows = options["output_width"], options["output_height"]
    step_x = mul(width, number(options["scale_x"] / columns))
    step_y = mul(height, number(options["scale_y"] / rows))
    xx, yx = mul(cosine, step_x), mul(sine, step_x)
    xy, yy = mul(graph.node("Neg", [sine]), step_y), mul(cosine, step_y)
    half_columns, half_rows = number(columns / 2), number(rows / 2)
    begin_x = sub(middle_x, add(mul(xx, half_columns), mul(xy, half_rows)))
    begin_y = sub(middle_y, add(mul(yx, half_columns), mul(yy, half_rows)))

    zero = number(0)
    first = graph.node("Concat", [xx, xy, zero, begin_x], axis=2)
    second = graph.node("Concat", [yx, yy, zero, begin_y], axis=2)
    rest = graph.constant(np.array([[[0, 0, 1, 0], [0, 0, 0, 1]]], np.float32))
    graph.values[operation.outputs[0]] = graph.node("Concat", [first, second, rest], axis=1)


def _features_in_box(graph: Any, operation: Any) -> None:
    """Features and a matrix -> the features at every point of the box's grid, bilinear."""
    options = operation.custom_options()
    source, matrix = operation.inputs
    rows, columns = options["output_height"], options["output_width"]
    height, width = graph.file.shape(source)[1:3]
    y, x = np.mgrid[:rows, :columns] + 0.5
    grid = np.stack([x.ravel(), y.ravel(), np.zeros(x.size), np.ones(x.size)])
    points = graph.node(
        "MatMul", [graph.values[matrix], graph.constant(grid[None].astype(np.float32))]
    )
    numbers = [graph.constant(np.array([n])) for n in (0, 2, 1)]
    flat = graph.node("Slice", [points, *numbers])
    # GridSample wants the middle of the first pixel at -1 and of the last at 1.
    size = np.array([width - 1, height - 1], np.float32).reshape(1, 2, 1)
    _, sub, mul, _ = _arithmetic(graph)
    zero_based = sub(flat, graph.constant(np.full((1, 1, 1), 0.5, np.float32)))
    scaled = mul(zero_based, graph.constant(2 / size))
    centred = sub(scaled, graph.constant(np.ones((1, 1, 1), np.float32)))
    pairs = graph.node("Transpose", [centred], perm=[0, 2, 1])
    shape = graph.constant(np.array([1, rows, columns, 2]))
    graph.values[operation.outputs[0]] = graph.node(
        "GridSample",
        [graph.values[source], graph.node("Reshape", [pairs, shape])],
        mode="bilinear",
        padding_mode="zeros",
        align_corners=1,
    )


def _put_back(graph: Any, operation: Any) -> None:
    """Landmarks (1, n, 2) in the box's grid and a matrix -> where they are in the picture."""
    landmarks, matrix = operation.inputs
    assert graph.file.shape(landmarks)[2] == 2

    def part(first: tuple[int, int], last: tuple[int, int]) -> str:
        numbers = [graph.constant(np.array(each)) for each in (first, last, (1, 2))]
        return str(graph.node("Slice", [graph.values[matrix], *numbers]))

    turn, shift = (
        graph.node("Transpose", [part(*corners)], perm=[0, 2, 1])
        for corners in (((0, 0), (2, 2)), ((0, 3), (2, 4)))
    )
    turned = graph.node("MatMul", [graph.values[landmarks], turn])
    graph.values[operation.outputs[0]] = graph.node("Add", [turned, shift])


def _arithmetic(graph: Any) -> Any:
    return tuple(
        lambda a, b, kind=kind: graph.node(kind, [a, b]) for kind in ("Add", "Sub", "Mul", "Div")
    )


def _distinct(indices: Any) -> list[int]:
    """Landmark numbers, given one by one or in pairs, each once."""
    flat = np.array([list(each) if isinstance(each, list | tuple) else [each] for each in indices])
    return list(dict.fromkeys(flat.ravel().tolist()))


ATTENTION = {
    "Landmarks2TransformMatrix": _box_around_landmarks,
    "TransformTensorBilinear": _features_in_box,
    "TransformLandmarks": _put_back,
}
"""MediaPipe's own operations by name."""
