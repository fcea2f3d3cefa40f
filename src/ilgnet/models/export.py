"""From a network to `model.onnx`: one input, "probabilities", "features", and every tapped map.

A network that tells it also has the output "technical".
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from ilgnet.atomic import replacing
from ilgnet.errors import require
from ilgnet.models.ilgnet import ILGNet

OPSET: Final = 17
"""Old enough for every runtime of the last years, new enough for all that the networks do."""


def export_onnx(network: ILGNet, path: Path) -> None:
    """Write a network as ONNX; the file appears whole or not at all.

    The batch may have any size, and pictures any height and width where the network takes them.
    The network is exported as it scores, whatever mode it is in, and is left in that mode.

    Args:
        network: on the CPU.
        path: where to; one file, weights included.
    """
    side = network.trunk.input_size
    example = torch.zeros(2, 3, side, side)
    outputs = ["probabilities", "features", *(f"tap:{name}" for name in network.taps)]
    free = {0: "batch", 2: "height", 3: "width"} if network.any_size else {0: "batch"}
    training = network.training
    fused = torch.backends.mha.get_fastpath_enabled()
    network.eval()
    # PyTorch's fused attention is an operator that ONNX does not know.
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            tells = network(example).technical is not None
        outputs += ["technical"] if tells else []
        axes = {"images": free, **{name: {0: "batch"} for name in outputs}}
        with replacing(path) as partial, warnings.catch_warnings(), torch.no_grad():
            # The newer exporter gives the same graph here and takes thirty times as long; see
            # docs/decisions/0011. PyTorch is pinned, so the older one will not vanish unnoticed.
            warnings.simplefilter("ignore", DeprecationWarning)
            if not network.any_size:  # its trunk's checks of the size are meant to be constants
                warnings.filterwarnings("ignore", category=TracerWarning)
            torch.onnx.export(
                _Outputs(network).eval(),
                (example,),
                partial,
                input_names=["images"],
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        network.train(training)
        torch.backends.mha.set_fastpath_enabled(fused)


def store_halves(path: Path) -> None:
    """Store an ONNX file's weights as float16: half the size, still computed in float32.

    A cast to float32 stands before each; the runtime casts once, when it loads the file. No weight
    moves by more than a 2048th of the greatest in its layer (layers where one would, being tiny or
    huge throughout, stay as they are), but scores move a little: measure after this, not before.

    Args:
        path: of the file, which is replaced.
    """
    onnx = require("onnx", "train", "storing weights as float16")
    model = onnx.load(str(path))
    layers = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    weights = {node.input[1] for node in layers}
    casts = [
        _halve(onnx, tensor)
        for tensor in model.graph.initializer
        if tensor.name in weights and _survives_halving(onnx.numpy_helper.to_array(tensor))
    ]
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    with replacing(path) as partial:
        onnx.save(model, str(partial))


def _survives_halving(values: NDArray[np.float32]) -> bool:
    with np.errstate(over="ignore"):
        moved = np.abs(values.astype(np.float16).astype(np.float32) - values).max()
    return bool(moved <= np.abs(values).max() / 2048)


def _halve(onnx: Any, tensor: Any) -> Any:
    """Round one weight in place and rename it; the cast that takes its old name."""
    float16 = onnx.numpy_helper.to_array(tensor).astype(np.float16)
    name = tensor.name
    tensor.CopyFrom(onnx.numpy_helper.from_array(float16, f"{name}.float16"))
    return onnx.helper.make_node(
        "Cast", [f"{name}.float16"], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT
    )


class _Outputs(nn.Module):
    """The network's outputs in the order of their names in the file."""

    def __init__(self, network: ILGNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.network(images)
        technical = () if output.technical is None else (output.technical,)
        return (output.probabilities, output.features, *output.taps.values(), *technical)
