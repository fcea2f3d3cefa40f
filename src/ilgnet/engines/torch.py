"""PyTorch: runs `model.safetensors`. For comparison, for GPUs, and for a network in training."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ilgnet.engines.protocol import EngineOutput
from ilgnet.models.checkpoints import load_network
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import create
from ilgnet.zoo.records import SAFETENSORS_NAME, Weights


class TorchEngine:
    """Runs a network as it scores; safe to call from several threads at once.

    Args:
        network: kept in evaluation mode from here on.
        device: as PyTorch names it, "cpu" or "cuda".
    """

    def __init__(self, network: ILGNet, *, device: str = "cpu") -> None:
        self.network = network.eval().to(device)
        self.device = device

    @classmethod
    def open(cls, weights: Weights, *, device: str = "cpu") -> TorchEngine:
        """Build the network of a model's record and fill it from its `model.safetensors`."""
        path = weights.file(SAFETENSORS_NAME)
        network = create(weights.architecture, output=weights.output)
        load_network(network, path)
        return cls(network, device=device)

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        with torch.inference_mode():
            output = self.network(torch.from_numpy(batch).to(self.device))
            probabilities = output.probabilities.float().cpu().numpy()
            pooled = output.features.float().cpu().numpy() if features else None
        return EngineOutput(probabilities, pooled)
