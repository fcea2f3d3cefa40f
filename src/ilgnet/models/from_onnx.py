"""From `model.onnx` back to the network that it was exported from, value for value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ilgnet.errors import require
from ilgnet.models.checkpoints import check_shapes, copy_tensors
from ilgnet.models.ilgnet import ILGNet

Norm = nn.BatchNorm1d | nn.BatchNorm2d
MEAN: Final = "mean_image"
"""The one buffer of a network that is no layer's; exporting keeps its name."""

Layer = nn.Conv2d | nn.Linear | Norm


def load_onnx(network: ILGNet, path: Path) -> None:
    """Fill a network from the ONNX file that was exported from it.

    The file's layers stand in the order in which the network runs them. Exporting has merged every
    batch norm that follows a convolution into it: the merged weights go into the convolution, the
    merged bias into the norm, whose other values become neutral. The layers say nothing of how
    they are joined, so whoever calls this runs both on the same pictures.

    Args:
        network: of the file's architecture, on the CPU.
        path: the file.

    Raises:
        ModelError: the file's layers are not this network's; nothing was loaded.
    """
    onnx = require("onnx", "train", "reading a model's ONNX file")
    graph = onnx.load(str(path)).graph
    arrays = _stored_arrays(graph, onnx.numpy_helper.to_array)
    stored = [
        [arrays[name] for name in node.input[1:]]
        for node in graph.node
        if node.op_type in ("Conv", "Gemm", "BatchNormalization")
        and set(node.input[1:]) <= set(arrays)
    ]
    before: nn.Module | None = None
    bias = torch.empty(0)
    values: dict[str, Tensor] = {}
    for name, module in _layers_in_order(network):
        merged, before = isinstance(before, nn.Conv2d), module
        if isinstance(module, Norm):
            found = (
                _neutral(module, bias) if merged else _as_stored(stored.pop(0) if stored else [])
            )
            values |= {f"{name}.{key}": value for key, value in found.items()}
            continue
        weight, bias = (stored.pop(0) if stored else [torch.empty(0)] * 2)[:2]
        values[f"{name}.weight"] = weight
        if module.bias is not None:
            values[f"{name}.bias"] = bias
    if network.mean_image is not None:
        values |= {key: arrays[f"network.{key}"] for key in (MEAN,) if f"network.{key}" in arrays}
    own = network.state_dict()
    check_shapes(own, values, path)
    copy_tensors(own, values)


def _stored_arrays(graph: Any, to_array: Callable[[Any], NDArray[Any]]) -> dict[str, Tensor]:
    """The weights of a graph in float32, by the name under which its layers take them.

    Weights that are stored in half the size go through a cast, and arrays that are stored once for
    several layers through an identity; both give them another name.
    """
    arrays = {item.name: to_array(item) for item in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity") and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}


def _layers_in_order(network: ILGNet) -> list[tuple[str, Layer]]:
    """The layers with weights, by name, in the order in which they run."""
    order: list[tuple[str, Layer]] = []
    hooks = [
        module.register_forward_hook(lambda module, *_, name=name: order.append((name, module)))
        for name, module in network.named_modules()
        if isinstance(module, Layer)
    ]
    side = network.trunk.input_size
    with torch.no_grad():
        network.eval()(torch.zeros(2, 3, side, side))
    for hook in hooks:
        hook.remove()
    return order


def _as_stored(arrays: list[Tensor]) -> dict[str, Tensor]:
    """Values of a norm that the file keeps as a norm; what another layer has here does not fit."""
    names = ("weight", "bias", "running_mean", "running_var")
    return dict(zip(names, arrays, strict=False)) | {"num_batches_tracked": torch.tensor(0)}


def _neutral(norm: Norm, bias: Tensor) -> dict[str, Tensor]:
    """Values of a norm that only adds a bias."""
    return {
        "weight": torch.ones_like(bias),
        "bias": bias,
        "running_mean": torch.zeros_like(bias),
        "running_var": torch.full_like(bias, 1.0 - norm.eps),
        "num_batches_tracked": torch.tensor(0),
    }
