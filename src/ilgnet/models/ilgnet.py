"""ILGNet: local and global features of one trunk, mixed by a connected layer.

Jin et al., "Deep Image Aesthetics Classification using Inception Modules and Fine-tuning Connected
Layer" (WCSP 2016, arXiv 1610.02256). The idea is older and younger than its trunk: early maps see
local texture, late maps see the whole picture; each is reduced, all are concatenated, and one
fully connected layer weighs them against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ilgnet.errors import ModelError
from ilgnet.models.initialisers import initialise
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

Reduce = Literal["flatten", "mean", "mean_and_deviation"]
"""How a feature map becomes a vector: every position on its own, or pooled over positions."""

Output = Literal["votes", "high_low"]
"""What the network predicts: ten probabilities for votes 1..10, or two, for low and high."""

Features = Literal["connected", "last_map"]
"""What a network passes on to tell pictures apart: what its output layer sees, which knows beauty
alone, or the means of the last tapped map's channels, which know what is in the picture."""

OUTPUT_CLASSES: Final[dict[str, int]] = {"votes": 10, "high_low": 2}


class NetworkOutput(NamedTuple):
    """What a network returns for N pictures.

    Attributes:
        logits: (N, K) before the softmax; K is 10 for votes 1..10, 2 for low and high.
        features: (N, D), see `Features`.
        taps: the tapped feature maps, {name: (N, C, h', w')}.
        technical: (N,) what frames of one scene differ by beside their votes, in standard
            deviations over ordinary photographs; None from a network without a technical head,
            and while it trains.
    """

    logits: Tensor
    features: Tensor
    taps: dict[str, Tensor]
    technical: Tensor | None = None

    @property
    def probabilities(self) -> Tensor:
        """(N, K); rows sum to 1."""
        return self.logits.softmax(dim=1)


class ILGNet(nn.Module):
    """A trunk, its taps reduced and concatenated, a connected layer, and the output layer.

    Args:
        trunk: yields the feature maps.
        taps: the maps to use and the width of the fully connected layer that reduces each; None
            leaves a tap's reduced values as they are.
        reduce: how a map becomes a vector before that layer. "flatten" is the published way; it
            ties the network to pictures of the trunk's `input_size`. The pooled ways do not.
        connected: width of the layer that mixes the taps; None passes them on as they are.
        output: what to predict.
        dropout: fraction of a reduced tap and of the connected layer that training drops.
        mean_image: the network itself subtracts a mean from its input. It is a buffer of this
            side (1: one value a channel), kept with the weights.
        features: what is passed on to tell pictures apart.
        technical: a second output, made of the trunk's maps (see `ilgnet.models.technical`). It is
            no part of what training on ratings changes.
    """

    mean_image: Tensor | None

    def __init__(
        self,
        trunk: Trunk,
        taps: Mapping[str, int | None],
        reduce: Reduce,
        connected: int | None,
        output: Output,
        *,
        dropout: float = 0.7,
        mean_image: int | None = None,
        features: Features = "connected",
        technical: nn.Module | None = None,
    ) -> None:
        super().__init__()
        unknown = [name for name in taps if name not in trunk.maps]
        if unknown or not taps:
            raise ModelError(
                f"the trunk has no feature map {', '.join(unknown) or '(no tap was named)'}; "
                f"it has: {', '.join(trunk.maps)}"
            )
        self.trunk = trunk
        self.reduce = reduce
        self.output_kind = output
        self.features = features
        self.register_buffer(
            "mean_image", None if mean_image is None else torch.zeros(3, mean_image, mean_image)
        )
        reduced = {
            name: ReducedTap(trunk.maps[name], reduce, width, dropout)
            for name, width in taps.items()
        }
        self.taps = nn.ModuleDict(reduced)
        width = sum(tap.width for tap in reduced.values())
        self.connected = nn.Identity() if connected is None else _mixing(width, connected, dropout)
        self.output = initialise(nn.Linear(connected or width, OUTPUT_CLASSES[output]), bias=0.0)
        self.technical = None if technical is None else technical.requires_grad_(False)

    def forward(self, images: Tensor) -> NetworkOutput:
        """Judge pictures (N, 3, h, w) float32, prepared as the weights' record says."""
        if not self.any_size and not torch.onnx.is_in_onnx_export():
            self._check_size(images)
        if self.mean_image is not None:
            images = images - self.mean_image
        maps = self.trunk(images)
        reduced = [tap(maps[name]) for name, tap in self.taps.items()]
        connected = self.connected(torch.cat(reduced, dim=1))
        logits = self.output(connected)
        head = None if self.training else self.technical
        technical = None if head is None else head(maps)
        taps = {name: maps[name] for name in self.taps}
        *_, last = taps.values()
        features = connected if self.features == "connected" else last.mean(dim=(2, 3))
        return NetworkOutput(logits, features, taps, technical)

    @property
    def any_size(self) -> bool:
        """Whether it takes pictures of other sides than its trunk's `input_size`."""
        return self.reduce != "flatten" and self.trunk.any_size

    def _check_size(self, images: Tensor) -> None:
        height, width = images.shape[2:]
        side = self.trunk.input_size
        if (height, width) != (side, side):
            why = "a network with flattened taps" if self.reduce == "flatten" else "this trunk"
            raise ModelError(f"{why} takes pictures of {side} x {side}, not {width} x {height}")


class ReducedTap(nn.Module):
    """From a feature map (N, C, h, w) to a vector (N, `width`)."""

    def __init__(self, tap: FeatureMap, reduce: Reduce, width: int | None, dropout: float) -> None:
        super().__init__()
        self.reduce = reduce
        per_channel = {"flatten": tap.side * tap.side, "mean": 1, "mean_and_deviation": 2}[reduce]
        values = tap.channels * per_channel
        self.width = width or values
        self.layer = nn.Dropout(dropout) if width is None else _mixing(values, width, dropout)

    def forward(self, tap: Tensor) -> Tensor:
        """Reduce one feature map."""
        reduced: Tensor = self.layer(as_vector(tap, self.reduce))
        return reduced


def as_vector(tap: Tensor, reduce: Reduce) -> Tensor:
    """A feature map (N, C, h, w) as vectors: (N, C h w), (N, C) or (N, 2 C)."""
    if reduce == "flatten":
        return tap.flatten(1)
    mean = tap.mean(dim=(2, 3), keepdim=True)
    if reduce == "mean":
        return mean.flatten(1)
    # The square root has no slope at zero: a channel that is dead in one picture would otherwise
    # send an infinite gradient back.
    variance = (tap - mean).square().mean(dim=(2, 3), keepdim=True)
    return torch.cat([mean, (variance + 1e-6).sqrt()], dim=1).flatten(1)


def _mixing(inputs: int, width: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(initialise(nn.Linear(inputs, width)), nn.ReLU(), nn.Dropout(dropout))
