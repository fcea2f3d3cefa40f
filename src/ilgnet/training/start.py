"""A model as the PyTorch network that a run goes on from."""

from __future__ import annotations

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.parity import compare
from ilgnet.engines.torch import TorchEngine
from ilgnet.errors import ModelError
from ilgnet.models.checkpoints import check_shapes, copy_tensors, load_network
from ilgnet.models.from_onnx import load_onnx
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import create
from ilgnet.zoo.records import ONNX_NAME, SAFETENSORS_NAME, Weights


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
        check_shapes(own, values, weights.folder)
        copy_tensors(own, values)
        return f"began with all weights of {weights.name}"
    shared = {name: value for name, value in own.items() if not name.startswith("output.")}
    check_shapes(shared, {n: v for n, v in values.items() if n in shared}, weights.folder)
    copy_tensors(shared, values)
    return f"began with the weights of {weights.name}, with a fresh output layer"


def torch_network(weights: Weights) -> ILGNet:
    """A model as a PyTorch network.

    Its safetensors file is read where it has one. A model that ships its ONNX file alone, as the
    default does, is read from that: one file is the truth for scoring and for training. Network
    and file are then run on the same pictures, and must agree in every output.

    Raises:
        ModelError: the files are damaged, or another program's.
    """
    if weights.base is not None:
        raise ModelError(
            f"{weights.name} is a taste, which changes another model and is no network itself; "
            f"take the model that it changes: {weights.base.model}"
        )
    network = create(weights.architecture, output=weights.output)
    if SAFETENSORS_NAME in weights.files:
        load_network(network, weights.file(SAFETENSORS_NAME))
        return network
    path = weights.file(ONNX_NAME)
    load_onnx(network, path)
    try:
        source = OnnxEngine(path, together=True)
        compare(source, TorchEngine(network), weights.preprocess, batches=(2,)).check()
    except ModelError as error:
        raise ModelError(
            f"the network read from {path} is not the one that the file runs: {error}. Give a "
            "model that has model.safetensors"
        ) from error
    return network
