"""What the two frozen networks show of every view: kept once, as numbers of half precision on disk.

The Lite's maps are what the graft reads, NIMA's last map is what it has to imitate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from material import Material, Nima
from numpy.typing import NDArray
from taps import frozen
from torch import Tensor, nn
from views import View, look

from ilgnet.images.preprocess import Preprocess, normalise, resize_rgb
from ilgnet.models.ilgnet import as_vector
from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite
from ilgnet.models.trunks.grafted_lite import MIDDLE, NEAR
from ilgnet.models.trunks.mobilenet import NIMA_INPUT

Halves = NDArray[np.float16]
LITE_TAPS = ("stage3", "stage5", "head")
"""Of the Lite, in the order of the network's taps; the graft's comes before the last."""
POOLING = "mean_and_deviation"
POOLED = "pooled.npz"
"""Written last: a folder that has it is complete."""


@dataclass(frozen=True)
class Shown:
    """Of V views.

    Attributes:
        near: the Lite's map for the graft's texture, (V, 48, 28, 28).
        middle: its maps for the rest, (V, 208, 14, 14).
        nima: NIMA's last map, (V, 1024, 7, 7).
        pooled: the Lite's taps as vectors, by name, float32 (V, 2 C).
    """

    near: Halves
    middle: Halves
    nima: Halves
    pooled: dict[str, NDArray[np.float32]]


class LiteMaps(nn.Module):
    """The Lite, giving what `Shown` keeps of it."""

    def __init__(self, lite: EfficientNetLite) -> None:
        super().__init__()
        self.lite = lite

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, 224, 224) -> near, middle, and the pooled taps."""
        maps = self.lite(images)
        middle = torch.cat([maps[name] for name in MIDDLE], dim=1)
        return (maps[NEAR], middle, *(as_vector(maps[name], POOLING) for name in LITE_TAPS))


class NimaMap(nn.Module):
    """NIMA's trunk, giving its last map."""

    def __init__(self, nima: Nima) -> None:
        super().__init__()
        self.trunk = nima.trunk

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, 224, 224) -> (N, 1024, 7, 7)."""
        last: Tensor = self.trunk(images)["block13"]
        return last


def show(
    lite: EfficientNetLite,
    lite_input: Preprocess,
    nima: Nima,
    material: Material,
    views: Sequence[View],
    folder: Path,
    cores: int,
) -> Shown:
    """Run both networks over every view, unless `folder` keeps what they showed of these views."""
    names = ["near", "middle", *LITE_TAPS]
    folder /= f"views-{hashlib.sha256(repr(list(views)).encode()).hexdigest()[:12]}"
    if (folder / POOLED).is_file():
        return _kept(folder)
    folder.mkdir(exist_ok=True)
    run_lite = frozen(LiteMaps(lite), lite_input.height, names)
    run_nima = frozen(NimaMap(nima), NIMA_INPUT.height, ["last"])

    def maps(start: int) -> tuple[NDArray[np.float32], ...]:
        pixels = [look(material, view) for view in views[start : start + 8]]
        # Both networks see the same 224 x 224 pixels; only the scale of the numbers differs.
        small = [resize_rgb(rgb, lite_input) for rgb in pixels]
        batches = (
            np.stack([normalise(rgb, preprocess) for rgb in small])
            for preprocess in (lite_input, NIMA_INPUT)
        )
        theirs = (
            run.run(None, {"images": b})
            for run, b in zip((run_lite, run_nima), batches, strict=True)
        )
        return tuple(array for arrays in theirs for array in arrays)

    sample = maps(0)
    kept = [
        np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.float16, (len(views), *array.shape[1:])
        )
        if name in ("near", "middle", "nima")
        else np.empty((len(views), *array.shape[1:]), np.float32)
        for name, array in zip([*names, "nima"], sample, strict=True)
    ]

    def fill(start: int) -> None:
        for target, values in zip(kept, maps(start), strict=True):
            target[start : start + 8] = values

    with ThreadPoolExecutor(cores) as pool:
        for done, _ in enumerate(pool.map(fill, range(0, len(views), 8))):
            if done % 250 == 0:
                print(f"{8 * done} of {len(views)} views shown", flush=True)
    np.savez(folder / POOLED, **dict(zip(LITE_TAPS, kept[2:-1], strict=True)))
    return _kept(folder)


def _kept(folder: Path) -> Shown:
    near, middle, nima = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("near", "middle", "nima")
    )
    with np.load(folder / POOLED) as arrays:
        return Shown(near, middle, nima, {name: arrays[name] for name in LITE_TAPS})
