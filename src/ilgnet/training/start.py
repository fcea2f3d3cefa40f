"""A model as the PyTorch network that a run goes on from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.errors import ModelError, require
from ilgnet.models.checkpoints import check_names, copy_tensors, load_network
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import create
from ilgnet.zoo.records import ONNX_NAME, SAFETENSORS_NAME, Weights

Layer = nn.Conv2d | nn.Linear | nn.BatchNorm2d

PARITY: Final = 1e-4
"""Probabilities of a network read from an ONNX file may differ from the file's own by this."""


def start_from_model(network: ILGNet, weights: Weights) -> str:
    """Fill a network from a model: all of it, or all but the output layer where that differs.

    Returns:
        What was taken, in words.

    Raises:
        ModelError: the model is of another architecture, or its files are damaged.
    """
    network_of_model = torch_network(weights)
    own, values = network.state_dict(), network_of_model.state_dict()
    if network.output_kind == network_of_model.output_kind:
        check_names(_shapes(own), _shapes(values), weights.folder)
        copy_tensors(own, values)
        return f"began with all weights of {weights.name}"
    shared = {name: value for name, value in own.items() if not name.startswith("output.")}
    check_names(
        _shapes(shared), _shapes({n: v for n, v in values.items() if n in shared}), weights.folder
    )
    copy_tensors(shared, values)
    return f"began with the weights of {weights.name}, with a fresh output layer"


def torch_network(weights: Weights) -> ILGNet:
    """A model as a PyTorch network.

    Its safetensors file is read where it has one. A model that ships its ONNX file alone, as the
    default does, is read from that: one file is the truth for scoring and for training.
    """
    network = create(weights.architecture, output=weights.output)
    if SAFETENSORS_NAME in weights.files:
        load_network(network, weights.file(SAFETENSORS_NAME))
    else:
        _load_onnx(network, weights.file(ONNX_NAME), weights)
    return network


def _load_onnx(network: ILGNet, path: Path, weights: Weights) -> None:
    """Fill a network from the ONNX file that was exported from it, and prove that they agree.

    The layers that the votes come from stand in the order in which the network runs them; what the
    file says beside its votes ("technical") is no part of the network. Exporting has merged
    every batch norm into the convolution before it: the merged weights go into the convolution,
    the merged bias into the norm, whose other values become neutral.
    """
    onnx = require("onnx", "train", "reading a model's ONNX file")
    graph = onnx.load(str(path)).graph
    arrays = _stored_arrays(graph, onnx.numpy_helper.to_array)
    stored = [
        [arrays[name] for name in node.input[1:]]
        for node in _leading_to(graph, "probabilities")
        if node.op_type in ("Conv", "Gemm") and set(node.input[1:]) <= set(arrays)
    ]
    batch, bias = _example(weights), torch.empty(0)
    values: dict[str, Tensor] = {}
    for name, module in _layers_in_order(network, torch.from_numpy(batch)):
        if isinstance(module, nn.BatchNorm2d):
            values |= {f"{name}.{key}": value for key, value in _neutral(module, bias).items()}
            continue
        weight, bias = stored.pop(0) if stored else (torch.empty(0), torch.empty(0))
        values[f"{name}.weight"] = weight
        if module.bias is not None:
            values[f"{name}.bias"] = bias
    own = network.state_dict()
    check_names(_shapes(own), _shapes(values), path)
    copy_tensors(own, values)
    _prove(network, path, batch)


def _leading_to(graph: Any, output: str) -> list[Any]:
    """The nodes of a graph that an output depends on, in their order."""
    wanted, nodes = {output}, []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            wanted |= set(node.input)
            nodes.append(node)
    return nodes[::-1]


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


def _layers_in_order(network: ILGNet, batch: Tensor) -> list[tuple[str, Layer]]:
    """The layers with weights, by name, in the order in which they run."""
    order: list[tuple[str, Layer]] = []
    hooks = [
        module.register_forward_hook(lambda module, *_, name=name: order.append((name, module)))
        for name, module in network.named_modules()
        if isinstance(module, Layer)
    ]
    with torch.no_grad():
        network.eval()(batch)
    for hook in hooks:
        hook.remove()
    return order


def _neutral(norm: nn.BatchNorm2d, bias: Tensor) -> dict[str, Tensor]:
    """Values of a norm that only adds a bias."""
    return {
        "weight": torch.ones_like(bias),
        "bias": bias,
        "running_mean": torch.zeros_like(bias),
        "running_var": torch.full_like(bias, 1.0 - norm.eps),
        "num_batches_tracked": torch.tensor(0),
    }


def _example(weights: Weights) -> NDArray[np.float32]:
    """Two inputs of the model's size, of random numbers."""
    preprocess = weights.preprocess
    width, height = preprocess.resized(4, 3)
    shape = (2, 3, preprocess.crop or height, preprocess.crop or width)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def _prove(network: ILGNet, path: Path, batch: NDArray[np.float32]) -> None:
    """Run both on the same numbers."""
    expected = OnnxEngine(path).run(batch).probabilities
    with torch.no_grad():
        found = network.eval()(torch.from_numpy(batch)).probabilities.numpy()
    difference = float(np.abs(found - expected).max())
    if not difference <= PARITY:
        raise ModelError(
            f"the network read from {path} differs from the file by {difference:.1g}; it was made "
            "by another program. Train from a model that has model.safetensors"
        )


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}
