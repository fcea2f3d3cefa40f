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
from ilgnet.models.ilgnet import as_vector
from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite

MAPS = ("stage3", "stage5")
"""Strides 8 and 16: lines and edges are still where they were."""
DEVIATION = 1.5
"""Of ordinary photographs' technical values, in votes; their scores' is 0.73."""
LATE = ("exposure", "crop")
"""Families that are learned late; they are drawn twice as often as the others."""
STEPS, BATCH, RATE, DECAY, AVERAGE = 2800, 32, 2e-3, 0.1, 0.998


class Technical(nn.Module):
    """Two maps of the Lite in, one number out; differences are log-odds of being the better frame.

    Args:
        channels: of the two maps, by name.
        width: of the convolutions.
        hidden: of the layer that mixes everything.
    """

    def __init__(self, channels: Mapping[str, int], width: int = 64, hidden: int = 64) -> None:
        super().__init__()
        early, late = (channels[name] for name in MAPS)
        self.early = nn.Sequential(
            _unit(early, width), _separable(width, width), _separable(width, width, 2)
        )
        self.late = _unit(late, width)
        self.middle = nn.Sequential(_separable(2 * width, width), _separable(width, width))
        self.whole = nn.Sequential(
            _separable(width, 2 * width, 2),
            _separable(2 * width, 2 * width),
            _separable(2 * width, 2 * width),
        )
        pooled = (9 + 1) * (early + late) + 2 * (width + 2 * width)
        self.norm = nn.BatchNorm1d(pooled, momentum=0.02)
        self.connected = nn.Linear(pooled, hidden)
        self.output = nn.Linear(hidden, 1)
        self.register_buffer("centre", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Maps (N, C, h, w) by name -> (N,)."""
        seen = [maps[name] for name in MAPS]
        early, late = (F.dropout2d(each, 0.1, self.training) for each in seen)
        middle = self.middle(torch.cat([self.early(early), self.late(late)], dim=1))
        pooled = [
            *(_ninths(each) for each in seen),
            *(as_vector(each, "mean_and_deviation")[:, each.shape[1] :] for each in seen),
            as_vector(middle, "mean_and_deviation"),
            as_vector(self.whole(middle), "mean_and_deviation"),
        ]
        z = F.dropout(self.norm(torch.cat(pooled, dim=1)), 0.3, self.training)
        hidden = F.dropout(F.relu(self.connected(z)), 0.3, self.training)
        value: Tensor = self.output(hidden).squeeze(1)
        return (value - self.centre) * self.scale


def _unit(
    channels: int, filters: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters, momentum=0.02),
        nn.ReLU6(),
    )


def _separable(channels: int, filters: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_unit(channels, channels, 3, stride, channels), _unit(channels, filters))


def _ninths(tap: Tensor) -> Tensor:
    """The means of corners, sides and middle: (N, C, h, w) -> (N, 9 C).

    The border, a fifth of either side, is where a careless crop cuts things.
    """
    rows, columns = (_parts(side) for side in tap.shape[2:])
    means = [
        tap[:, :, top:bottom, left:right].mean(dim=(2, 3))
        for top, bottom in rows
        for left, right in columns
    ]
    return torch.cat(means, dim=1)


def _parts(side: int) -> tuple[tuple[int, int], ...]:
    edge = 3 * side // 14
    return (0, edge), (edge, side - edge), (side - edge, side)


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
    session = frozen(_Start(lite), preprocess.height, list(MAPS))
    return Frames.of(views, keep_maps(session, MAPS, preprocess, material, views, work, cores))


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


def learn_order(data: Frames, channels: Mapping[str, int], seed: int = 0) -> Technical:
    """Train on the order of every photograph's views; what is returned is the weights' average.

    Bradley and Terry's model (1952): the odds that one frame is better than another.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Technical(channels).to(memory_format=torch.channels_last)
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
def scale_to_votes(network: Technical, data: Frames) -> None:
    """Ordinary photographs get a mean of 0 and a deviation of `DEVIATION`."""
    originals = [views["original"][0] for views in data.clean.values()]
    parts = [originals[start : start + 64] for start in range(0, len(originals), 64)]
    values = torch.cat([network(data.read(rows)) for rows in parts])
    network.centre.copy_(values.mean())
    network.scale.copy_(DEVIATION / values.std())
