"""A frozen trunk is run once: its taps are kept as vectors, and only what comes after them learns.

What a trunk says of a picture does not change while it is frozen, so a hundred epochs over a few
hundred pictures take seconds where they would take an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, cast

import numpy as np
import torch
from torch import Tensor, nn

from ilgnet.data.loading import RatedPictures, Targets
from ilgnet.errors import RecipeError
from ilgnet.models.ilgnet import ILGNet, NetworkOutput, ReducedTap, as_vector
from ilgnet.report.progress import track
from ilgnet.training.memory import memory_size

MOST_OF_MEMORY: Final = 0.5
"""Share of the machine's memory that the vectors may take."""

BATCH: Final = 16


class AboveTrunk(nn.Module):
    """The part of a network that comes after its trunk: vectors (N, D) in, logits out."""

    def __init__(self, network: ILGNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, vectors: Tensor) -> NetworkOutput:
        """Judge what `tap_vectors` returned."""
        network = self.network
        parts = torch.split(vectors, _widths(network), dim=1)
        taps = (cast(ReducedTap, tap).layer for tap in network.taps.values())
        reduced = [layer(part) for layer, part in zip(taps, parts, strict=True)]
        features = network.connected(torch.cat(reduced, dim=1))
        return NetworkOutput(network.output(features), features, {})


def tap_vectors(network: ILGNet, images: Tensor) -> Tensor:
    """The taps of pictures (N, 3, h, w), side by side, before anything that learns: (N, D)."""
    if network.mean_image is not None:
        images = images - network.mean_image
    maps = network.trunk(images)
    return torch.cat([as_vector(maps[name], network.reduce) for name in network.taps], dim=1)


class TrunkVectors:
    """What a frozen trunk says of pictures, and of their mirror images where those are learned.

    Stands in for the pictures in training and validation.

    Args:
        pictures: what to run the trunk on.
        network: whose trunk; in evaluation mode, where it computes.
        show: progress on stderr, as in `ilgnet.report.progress.track`.
    """

    def __init__(self, pictures: RatedPictures, network: ILGNet, *, show: bool | None) -> None:
        if pictures.variation.zoom < 1.0:
            raise RecipeError(
                "with a frozen trunk a picture varies by its mirror image alone; set "
                "augment.zoom = 1.0, or model.freeze to another value than 'trunk'"
            )
        self.targets: Targets = pictures.targets
        self.seed = pictures.seed
        self.vectors = _run(pictures, network, show)  # (1 or 2, N, D)

    def __len__(self) -> int:
        return self.vectors.shape[1]

    def size(self, index: int) -> tuple[int, int]:
        """All vectors are of one shape."""
        return self.vectors.shape[2], 1

    def batches(
        self, keys: Iterable[list[tuple[int, int]]], *, workers: int = 0, pin: bool = False
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Vectors of lists of (epoch, index), as `RatedPictures.batches`."""
        for batch in keys:
            sides = [self._side(epoch, index) for epoch, index in batch]
            rows = [index for _, index in batch]
            yield self.vectors[sides, rows], self.targets.take(rows)

    def _side(self, epoch: int, index: int) -> int:
        return int(np.random.default_rng([self.seed, epoch, index]).integers(len(self.vectors)))


@torch.no_grad()
def _run(pictures: RatedPictures, network: ILGNet, show: bool | None) -> Tensor:
    sides = 2 if pictures.variation.mirror else 1
    needed = 4 * sides * sum(_widths(network)) * len(pictures)
    if needed > MOST_OF_MEMORY * memory_size():
        raise RecipeError(
            f"the frozen trunk's taps of {len(pictures):,} pictures take {needed / 1e9:.1f} GB, "
            f"more than half of this machine's memory ({memory_size() / 1e9:.1f} GB); set "
            "augment.mirror = false, which halves them, or model.freeze = 'norms', or take a "
            "narrower trunk with pooled taps"
        )
    network.eval()
    device = next(network.parameters()).device
    plain = pictures.unvaried()
    vectors = torch.empty(sides, len(pictures), sum(_widths(network)))
    starts = range(0, len(pictures), BATCH)
    for start in track(starts, total=len(starts), show=show, label="Running the trunk, batches"):
        indices = range(start, min(start + BATCH, len(pictures)))
        for size in {plain.size(index) for index in indices}:
            rows = [index for index in indices if plain.size(index) == size]
            images = torch.stack([plain[0, index][0] for index in rows]).to(device)
            images = images.contiguous(memory_format=torch.channels_last)
            for side in range(sides):
                seen = images.flip(3) if side else images
                vectors[side, rows] = tap_vectors(network, seen).cpu()
    return vectors


def _widths(network: ILGNet) -> list[int]:
    """The lengths of the taps' vectors."""
    maps = [network.trunk.maps[name] for name in network.taps]
    if network.reduce == "flatten":
        return [tap.channels * tap.side**2 for tap in maps]
    return [tap.channels * (1 if network.reduce == "mean" else 2) for tap in maps]
