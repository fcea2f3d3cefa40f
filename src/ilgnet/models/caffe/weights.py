"""Networks from and to Caffe's files, by layer name, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ilgnet.atomic import write_whole
from ilgnet.errors import ModelError
from ilgnet.models.caffe.files import Blobs, read_caffemodel, write_caffemodel
from ilgnet.models.caffe.layers import CaffeLayer, prototxt
from ilgnet.models.caffe.networks import caffe_layers, googlenet_layers
from ilgnet.models.checkpoints import check_names
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.trunks.googlenet import GoogLeNet


def load_caffe(network: ILGNet, path: Path) -> None:
    """Fill a published network from a `.caffemodel`.

    Every layer of the network must be in the file with its shape, and every layer of the file in
    the network; otherwise the error lists what is not, and the network is left as it was.
    The mean image is another file; see `set_mean`.
    """
    blobs = _standard_norms(read_caffemodel(path))
    _fill(caffe_layers(network), blobs, path)


def fill_googlenet(trunk: GoogLeNet, path: Path) -> list[str]:
    """Fill the trunk from the `.caffemodel` of an ordinary GoogLeNet, or of ILGNet.

    Returns:
        The names of the file's layers that the trunk has no use for: those beyond inception_4a
        and the first auxiliary convolution.
    """
    blobs = read_caffemodel(path)
    layers = googlenet_layers(trunk)
    own = {layer.name for layer in layers if layer.blobs}
    _fill(layers, {name: arrays for name, arrays in blobs.items() if name in own}, path)
    return [name for name in blobs if name not in own]


def save_caffe(network: ILGNet, folder: Path, name: str) -> None:
    """Write `name`.caffemodel and `name`.prototxt (the deploy form) into a folder.

    Batch norms are written as BatchNorm and Scale, which any Caffe reads. The network's mean
    image is not in the files: its input there has the mean subtracted already.
    """
    layers = caffe_layers(network)
    weights = ((x.name, x.kind, [_array(blob) for blob in x.blobs]) for x in layers if x.blobs)
    write_caffemodel(folder / f"{name}.caffemodel", name, weights)
    write_whole(folder / f"{name}.prototxt", prototxt(name, layers).encode())


def set_mean(network: ILGNet, mean: NDArray[np.float32]) -> None:
    """Let the network subtract a mean image, or nothing where it is zero.

    Args:
        network: whose `mean_image` to fill.
        mean: (3, h, w), BGR, 0..255. Its centre is taken where it is larger than the network's,
            as for the pictures; where the network keeps one value a channel, its average.
    """
    own = network.mean_image
    if own is None:
        raise ModelError("this architecture subtracts no mean; its preprocessing record does")
    side = own.shape[-1]
    if side == 1:
        mean = mean.mean(axis=(1, 2), keepdims=True)
    top, left = (mean.shape[1] - side) // 2, (mean.shape[2] - side) // 2
    if top < 0 or left < 0:
        raise ModelError(
            f"a mean image of {mean.shape[2]} x {mean.shape[1]} is smaller than the network's "
            f"input, {side} x {side}"
        )
    _array(own)[...] = mean[:, top : top + side, left : left + side]


def _fill(layers: Sequence[CaffeLayer], blobs: Blobs, path: Path) -> None:
    own = {
        f"{layer.name}[{index}]": _array(blob)
        for layer in layers
        for index, blob in enumerate(layer.blobs)
    }
    found = {
        f"{name}[{index}]": array
        for name, arrays in blobs.items()
        for index, array in enumerate(arrays)
    }
    expected = {name: array.shape for name, array in own.items()}
    check_names(expected, {n: _as_ours(a.shape, expected.get(n)) for n, a in found.items()}, path)
    for name, array in own.items():
        np.copyto(array, found[name].reshape(array.shape))


def _as_ours(shape: tuple[int, ...], own: tuple[int, ...] | None) -> tuple[int, ...]:
    """Old files write every shape with four sides, as in 1 x 1 x 256 x 2048."""
    same = own is not None and [n for n in shape if n > 1] == [n for n in own if n > 1]
    return own if own is not None and same else shape


def _standard_norms(blobs: Blobs) -> Blobs:
    """Turn every way of storing a batch norm into one: mean, variance, factor 1; slope, bias.

    The fork that trained the second network keeps slope, bias, mean and variance in one layer;
    Caffe itself keeps statistics that are to be divided by a factor.
    """
    standard: Blobs = {}
    for name, arrays in blobs.items():
        one = np.ones(1, np.float32)
        if name.endswith("_bn") and len(arrays) == 4:
            slope, bias, mean, variance = arrays
            standard[name] = [mean, variance, one]
            standard[f"{name.removesuffix('_bn')}_scale"] = [slope, bias]
        elif name.endswith("_bn") and len(arrays) == 3 and arrays[2].size == 1:
            factor = float(arrays[2].flat[0])
            scale = 1.0 / factor if factor else 0.0
            standard[name] = [arrays[0] * scale, arrays[1] * scale, one]
        else:
            standard[name] = arrays
    return standard


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().numpy()
    return array
