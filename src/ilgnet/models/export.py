"""From a network to `model.onnx`: one input, "probabilities", "features", and every tapped map."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ilgnet.atomic import replacing
from ilgnet.models.ilgnet import ILGNet

OPSET: Final = 17
"""Old enough for every runtime of the last years, new enough for all that the networks do."""


def export_onnx(network: ILGNet, path: Path) -> None:
    """Write a network as ONNX; the file appears whole or not at all.

    The batch may have any size, and pictures any height and width unless taps are flattened.
    The network is exported as it judges, whatever mode it is in, and is left in that mode.

    Args:
        network: on the CPU.
        path: where to; one file, weights included.
    """
    side = network.trunk.input_size
    outputs = ["probabilities", "features", *(f"tap:{name}" for name in network.taps)]
    free = {0: "batch"} if network.reduce == "flatten" else {0: "batch", 2: "height", 3: "width"}
    axes = {"images": free, **{name: {0: "batch"} for name in outputs}}
    training = network.training
    network.eval()
    try:
        with replacing(path) as partial, warnings.catch_warnings(), torch.no_grad():
            # The newer exporter gives the same graph here and takes thirty times as long; see
            # docs/decisions/0011. PyTorch is pinned, so the older one will not vanish unnoticed.
            warnings.simplefilter("ignore", DeprecationWarning)
            # Padding at the far side only makes a slice that is left to the runtime to fold.
            warnings.filterwarnings("ignore", "Constant folding", UserWarning)
            torch.onnx.export(
                _Outputs(network).eval(),
                (torch.zeros(2, 3, side, side),),
                partial,
                input_names=["images"],
                output_names=outputs,
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        network.train(training)


class _Outputs(nn.Module):
    """The network's outputs in the order of their names in the file."""

    def __init__(self, network: ILGNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        output = self.network(images)
        return (output.probabilities, output.features, *output.taps.values())
