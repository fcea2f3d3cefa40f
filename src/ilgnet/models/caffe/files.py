"""`.caffemodel` (weights by layer name) and `.binaryproto` (a mean image), in and out.

Field numbers are those of caffe.proto. Both ways of storing layers are read: `layers`, which files
before 2014 have, and `layer`, which is written. Arrays that are read are views into the mapped
file: reading 600 MB takes no memory until the numbers are used.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.atomic import replacing
from ilgnet.errors import ModelError, in_words
from ilgnet.models.caffe.wire import Value, delimited, delimited_head, fields, varint, varints

Blobs = dict[str, list[NDArray[np.float32]]]
"""Layer name -> its arrays."""

NET_NAME: Final = 1
NET_OLD_LAYERS: Final = 2
NET_LAYER: Final = 100
OLD_NAME: Final = 4
OLD_BLOBS: Final = 6
LAYER_NAME: Final = 1
LAYER_TYPE: Final = 2
LAYER_BLOBS: Final = 7
BLOB_OLD_SHAPE: Final = (1, 2, 3, 4)
BLOB_DATA: Final = 5
BLOB_SHAPE: Final = 7
BLOB_DOUBLE_DATA: Final = 8
SHAPE_DIM: Final = 1


def read_caffemodel(path: Path) -> Blobs:
    """All layers of a file that have arrays, in file order."""
    try:
        blobs: Blobs = {}
        for name, arrays in _layers(_mapped(path)):
            if name in blobs:
                raise ModelError(f"it has two layers called {name!r}")
            blobs[name] = arrays
    except ModelError as error:
        raise ModelError(f"{path} cannot be read as a caffemodel: {in_words(error)}") from error
    if not blobs:
        raise ModelError(f"{path} cannot be read as a caffemodel: no layer in it has weights")
    return blobs


def write_caffemodel(
    path: Path, name: str, layers: Iterable[tuple[str, str, Sequence[NDArray[np.float32]]]]
) -> None:
    """Write layers (name, type, arrays); the file appears whole or not at all.

    Args:
        path: where to.
        name: of the network.
        layers: those that have arrays. The arrays are written as they lie in memory, not copied.
    """

    def pieces() -> Iterator[bytes | memoryview]:
        yield delimited(NET_NAME, name.encode())
        for layer_name, kind, arrays in layers:
            head = delimited(LAYER_NAME, layer_name.encode()) + delimited(LAYER_TYPE, kind.encode())
            body = [piece for array in arrays for piece in _blob_field(array)]
            yield delimited_head(NET_LAYER, len(head) + sum(map(len, body)))
            yield head
            yield from body

    _write(path, pieces())


def read_mean(path: Path) -> NDArray[np.float32]:
    """The mean image of a `.binaryproto`: float32 (3, h, w), in the order of its channels."""
    try:
        mean = _blob(_mapped(path))
    except ModelError as error:
        raise ModelError(f"{path} cannot be read as a mean image: {in_words(error)}") from error
    mean = mean[0] if mean.ndim == 4 and len(mean) == 1 else mean
    if mean.ndim != 3 or len(mean) != 3:
        raise ModelError(f"{path} is no mean image: its shape is {mean.shape}, not (3, h, w)")
    return mean.copy()


def write_mean(path: Path, mean: NDArray[np.float32]) -> None:
    """Write a mean image (3, h, w) in the form that Caffe's own tool writes."""
    array = np.ascontiguousarray(mean, dtype="<f4")
    sides = zip(BLOB_OLD_SHAPE, (1, *array.shape), strict=True)
    shape = b"".join(varint(number << 3) + varint(side) for number, side in sides)
    _write(path, (shape, delimited(BLOB_DATA, array.tobytes())))


def _mapped(path: Path) -> memoryview:
    try:
        with path.open("rb") as stream:
            return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise ModelError(in_words(error)) from error


def _layers(net: memoryview) -> Iterator[tuple[str, list[NDArray[np.float32]]]]:
    for number, value in fields(net):
        if number in (NET_LAYER, NET_OLD_LAYERS):
            name, arrays = _layer(_bytes(value), old=number == NET_OLD_LAYERS)
            if arrays:
                yield name, arrays


def _layer(layer: memoryview, *, old: bool) -> tuple[str, list[NDArray[np.float32]]]:
    name_field, blobs_field = (OLD_NAME, OLD_BLOBS) if old else (LAYER_NAME, LAYER_BLOBS)
    name, arrays = "", []
    for number, value in fields(layer):
        if number == name_field:
            name = str(_bytes(value), "utf-8", "replace")
        elif number == blobs_field:
            arrays.append(_blob(_bytes(value)))
    return name, arrays


def _blob(blob: memoryview) -> NDArray[np.float32]:
    old_shape: dict[int, int] = {}
    shape: list[int] | None = None
    data: list[NDArray[np.float32]] = []
    for number, value in fields(blob):
        if number in BLOB_OLD_SHAPE and isinstance(value, int):
            old_shape[number] = value
        elif number == BLOB_SHAPE:
            shape = _dims(_bytes(value))
        elif number == BLOB_DATA:
            data.append(_numbers(_bytes(value), "<f4"))
        elif number == BLOB_DOUBLE_DATA:
            data.append(_numbers(_bytes(value), "<f8").astype(np.float32))
    if shape is None:
        shape = [old_shape.get(number, 1) for number in BLOB_OLD_SHAPE]
    values = data[0] if len(data) == 1 else np.concatenate([np.empty(0, np.float32), *data])
    if values.size != np.prod(shape):
        raise ModelError(f"an array of shape {tuple(shape)} has {values.size} numbers")
    return values.reshape(shape)


def _dims(shape: memoryview) -> list[int]:
    dims: list[int] = []
    for number, value in fields(shape):
        if number == SHAPE_DIM:
            dims.extend([value] if isinstance(value, int) else varints(value))
    return dims


def _numbers(raw: memoryview, kind: str) -> NDArray[np.float32]:
    if len(raw) % np.dtype(kind).itemsize:
        raise ModelError("an array ends in the middle of a number; the file is damaged")
    return np.frombuffer(raw, dtype=kind)


def _bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        raise ModelError("it is not what its name says, or it is damaged")
    return value


def _blob_field(array: NDArray[np.float32]) -> Iterator[bytes | memoryview]:
    raw = np.ascontiguousarray(array, dtype="<f4").data.cast("B")
    dims = delimited(SHAPE_DIM, b"".join(map(varint, array.shape)))
    head = delimited(BLOB_SHAPE, dims) + delimited_head(BLOB_DATA, len(raw))
    yield delimited_head(LAYER_BLOBS, len(head) + len(raw))
    yield head
    yield raw


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    with replacing(path) as partial, partial.open("wb") as stream:
        stream.writelines(pieces)
