"""The second output: what frames of one scene differ by beside their scores.

One number cannot say both how a picture pleases and how cleanly it was taken: people like a dark
sky that a wrong exposure would give them too. So a small network on two of the Lite's maps learns
the order of a photograph and its spoilt copies alone, from no rating at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from material import Material
from numpy.typing import NDArray
from taps import frozen, keep_maps
from torch import Tensor, nn
from views import FAMILY, View

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.technical import TechnicalHead
from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite
from ilgnet.models.trunks.paired_lite import LOOKED_AT

LATE = ("exposure", "crop")
"""Families that are learned late; they are drawn twice as often as the others."""
STEPS, BATCH, RATE, DECAY, AVERAGE = 2800, 32, 2e-3, 0.1, 0.998


@dataclass(frozen=True)
class Frames:
    """Every view's maps, and which views of a photograph are better than which.

    Attributes:
        views: V of them.
        maps: float16 (V, C, h, w), by name.
        clean: picture -> rows of unspoilt views, by kind.
        spoilt: picture -> rows of mildly spoilt views, by family; the severe one follows each.
    """

    views: Sequence[View]
    maps: Mapping[str, NDArray[np.float16]]
    clean: dict[int, dict[str, list[int]]]
    spoilt: dict[int, dict[str, list[int]]]

    @classmethod
    def of(cls, views: Sequence[View], maps: Mapping[str, NDArray[np.float16]]) -> Frames:
        """Index them by picture."""
        clean: dict[int, dict[str, list[int]]] = {}
        spoilt: dict[int, dict[str, list[int]]] = {}
        for row, view in enumerate(views):
            if view.strength == 0:
                clean.setdefault(view.picture, {}).setdefault(view.kind, []).append(row)
            elif (views[row - 1].kind, views[row - 1].seed) != (view.kind, view.seed):
                of_family = spoilt.setdefault(view.picture, {})
                of_family.setdefault(FAMILY[view.kind], []).append(row)
        return cls(views, maps, clean, spoilt)

    def read(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """Maps float32 of some views."""
        return {
            name: torch.from_numpy(kept[rows].astype(np.float32)).contiguous(
                memory_format=torch.channels_last
            )
            for name, kept in self.maps.items()
        }

    def draw(self, pictures: Sequence[int], rng: np.random.Generator) -> list[int]:
        """Rows: an unspoilt view of each picture, then a mildly spoilt one of each, then severe."""
        mild = []
        for picture in pictures:
            of_family = self.spoilt[picture]
            families = [*sorted(of_family), *LATE]
            mild.append(int(rng.choice(of_family[str(rng.choice(families))])))
        clean = [
            self._beside(picture, FAMILY[self.views[row].kind], rng)
            for picture, row in zip(pictures, mild, strict=True)
        ]
        return [*clean, *mild, *(row + 1 for row in mild)]

    def _beside(self, picture: int, family: str, rng: np.random.Generator) -> int:
        """What a spoilt view is compared with.

        Turning and cropping leave fewer pixels. A smaller copy of the whole picture beside it more
        often than not keeps the network from telling them by their sharpness.
        """
        views = self.clean[picture]
        whole = [*views["original"], *views["mirrored"]]
        if family in ("tilt", "crop") and rng.random() < 0.6:
            return int(rng.choice(views["shrunk"]))
        if family not in ("crop", "sharpness") and rng.random() < 0.15:
            return int(rng.choice(views["shrunk"]))
        return int(rng.choice(whole if family == "crop" else [*whole, *views["cropped"]]))


def frames(
    lite: EfficientNetLite,
    preprocess: Preprocess,
    material: Material,
    views: Sequence[View],
    work: Path,
    cores: int,
) -> Frames:
    """Run the Lite's first five stages once over every view; the work folder keeps their maps."""
    session = frozen(_Start(lite), preprocess.height, list(LOOKED_AT))
    return Frames.of(views, keep_maps(session, LOOKED_AT, preprocess, material, views, work, cores))


class _Start(nn.Module):
    """The Lite up to the last map that is looked at."""

    def __init__(self, lite: EfficientNetLite) -> None:
        super().__init__()
        self.stem, self.stages = lite.stem, nn.ModuleList(list(lite.stages)[:5])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x, maps = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps[2], maps[4]


def learn_order(data: Frames, channels: Mapping[str, int], seed: int = 0) -> TechnicalHead:
    """Train on the order of every photograph's views; what is returned is the weights' average.

    Bradley and Terry's model (1952): the odds that one frame is better than another.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = TechnicalHead(channels)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = deepcopy(network)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE, total_steps=STEPS, pct_start=0.15
    )
    pictures = sorted(data.spoilt)
    for step in range(STEPS):
        rows = data.draw(rng.choice(pictures, BATCH).tolist(), rng)
        best, middle, worst = network(data.read(rows)).chunk(3)
        loss = (
            F.softplus(middle - best) + F.softplus(worst - middle) + 0.5 * F.softplus(worst - best)
        ).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        _follow(average, network, min(AVERAGE, step / (step + 10)))
        if step % 250 == 0:
            print(f"technical: step {step} of {STEPS}, loss {loss.item():.3f}", flush=True)
    return average.eval()


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, inertia: float) -> None:
    for ours, theirs in zip(
        average.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if ours.dtype.is_floating_point:
            ours.lerp_(theirs, 1 - inertia)
        else:
            ours.copy_(theirs)


@torch.inference_mode()
def standardise(network: TechnicalHead, data: Frames) -> None:
    """Ordinary photographs get a mean of 0 and a deviation of 1."""
    originals = [views["original"][0] for views in data.clean.values()]
    parts = [originals[start : start + 64] for start in range(0, len(originals), 64)]
    values = torch.cat([network(data.read(rows)) for rows in parts])
    network.standardise(values)
