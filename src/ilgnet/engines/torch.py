"""PyTorch: runs `model.safetensors`. For comparison, for GPUs, and for a network in training."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ilgnet.engines.protocol import EngineOutput
from ilgnet.models.checkpoints import load_network
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import create
from ilgnet.zoo.records import DEFAULT_MODEL, SAFETENSORS_NAME, Weights, find_weights


def open_network(model: str | Path = DEFAULT_MODEL, *, device: str = "cpu") -> ILGNet:
    """The PyTorch network of a model with its weights, in evaluation mode.

    Args:
        model: as for `ilgnet.load`; it needs its `model.safetensors` (see `ilgnet convert`).
        device: as PyTorch names it, "cpu" or "cuda".

    Raises:
        ModelError: there is no such model, or it has no weights for PyTorch.
    """
    return TorchEngine.open(find_weights(model), device=device).network


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

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """The names of everything that the network can return, in the order of its ONNX file."""
        network = self.network
        taps = (f"tap:{name}" for name in network.taps)
        technical = () if network.technical is None else ("technical",)
        return ("probabilities", "features", *taps, *technical)

    def fetch(self, names: list[str], batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Run a batch float32 (N, 3, h, w) and return the named outputs."""
        with torch.inference_mode():
            output = self.network(torch.from_numpy(batch).to(self.device))
        found = {"probabilities": output.probabilities, "features": output.features}
        found |= {f"tap:{name}": tap for name, tap in output.taps.items()}
        if output.technical is not None:
            found["technical"] = output.technical
        return [found[name].float().cpu().numpy() for name in names]

    def run(self, batch: NDArray[np.float32], *, features: bool = False) -> EngineOutput:
        """Run a batch float32 (N, 3, h, w)."""
        names = ["probabilities", *(["features"] if features else [])]
        names += ["technical"] if "technical" in self.output_names else []
        found = dict(zip(names, self.fetch(names, batch), strict=True))
        return EngineOutput(found["probabilities"], found.get("features"), found.get("technical"))
