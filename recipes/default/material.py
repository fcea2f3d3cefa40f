"""What the default model learns from: OASIS's ratings, unrated photographs, NIMA's opinion."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import nn

from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.images.decode import read_image
from ilgnet.models.trunks.mobilenet import MobileNet, load_keras

FOLDS = 5
UNRATED = ("imagenet_samples", "bsds500")
SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Material:
    """Pictures and what is known of them; rows 0..R-1 are OASIS's, the rest are unrated.

    Attributes:
        paths: all N pictures.
        pixels: their RGB, uint8 (H, W, 3).
        fold: (R,) 0..4, OASIS's own, grouped by theme.
        mean: (R,) mean beauty, 1..7.
        std: (R,) standard deviation of the beauty votes.
        category: (R,) Animal, Object, Person or Scene.
    """

    paths: tuple[Path, ...]
    pixels: tuple[NDArray[np.uint8], ...]
    fold: NDArray[np.int64]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    category: NDArray[np.str_]

    @property
    def rated(self) -> NDArray[np.bool_]:
        """(N,) whether people rated the picture."""
        return np.arange(len(self.paths)) < len(self.mean)

    @property
    def reserved(self) -> NDArray[np.bool_]:
        """(N,) every sixth unrated picture, which no model is ever trained on."""
        place = np.arange(len(self.paths)) - len(self.mean)
        return (place >= 0) & (place % 6 == 5)

    def sets(self) -> tuple[RatedSet, RatedSet]:
        """The two collections, for the record of what the weights have seen."""
        count = len(self.mean)
        rated = tuple(
            RatedImage(f"{p.parent.name}/{p.name}", p, mean=float(m))
            for p, m in zip(self.paths[:count], self.mean, strict=True)
        )
        unrated = tuple(
            RatedImage(f"{p.parent.name}/{p.name}", p)
            for p, reserved in zip(self.paths[count:], self.reserved[count:], strict=True)
            if not reserved
        )
        return (
            RatedSet("OASIS beauty ratings", rated, scale="1..7"),
            RatedSet("ImageNet samples and BSDS500, unrated", unrated),
        )


def read_material(shared: Path) -> Material:
    """Read and decode everything under `shared`/data (about 1 GB of pixels)."""
    oasis = shared / "data/oasis"
    with (oasis / "ratings.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    unrated = [
        path
        for folder in UNRATED
        for path in sorted((shared / "data/photos" / folder).iterdir())
        if path.suffix.lower() in SUFFIXES
    ]
    paths = (*(oasis / row["file"] for row in rows), *unrated)
    return Material(
        paths=paths,
        pixels=tuple(read_image(path, min_side=None).rgb for path in paths),
        fold=np.array([int(row["fold"]) for row in rows]),
        mean=np.array([float(row["mean"]) for row in rows]),
        std=np.array([float(row["std"]) for row in rows]),
        category=np.array([row["category"] for row in rows]),
    )


class Nima(nn.Module):
    """NIMA as it was trained on AVA: MobileNet, global average pool, ten votes."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        arrays = load_file(weights)
        self.trunk = MobileNet()
        load_keras(self.trunk, arrays)
        self.dense = nn.Linear(1024, 10)
        self.dense.weight.data = torch.from_numpy(arrays["dense_1/kernel"].T.copy())
        self.dense.bias.data = torch.from_numpy(arrays["dense_1/bias"].copy())
        self.eval()

    @torch.inference_mode()
    def votes(self, pooled: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mean of block 13's map (N, 1024) -> probabilities of votes 1..10 (N, 10)."""
        return self.dense(torch.from_numpy(pooled)).softmax(dim=1).double().numpy()
