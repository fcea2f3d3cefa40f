"""Run a trunk once over every view, on all cores, and keep its pooled taps."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import Material
from numpy.typing import NDArray
from torch import Tensor, nn
from views import View, look

from ilgnet.atomic import replacing
from ilgnet.engines.runtime import onnx_runtime
from ilgnet.images.preprocess import Preprocess, prepare
from ilgnet.models.ilgnet import ReducedTap
from ilgnet.models.trunks.trunk import Trunk


class PooledTaps(nn.Module):
    """A trunk and the reduced taps, concatenated: what a connected layer sees."""

    def __init__(self, trunk: Trunk, names: Sequence[str]) -> None:
        super().__init__()
        taps = {n: ReducedTap(trunk.maps[n], "mean_and_deviation", None, 0.0) for n in names}
        self.trunk = trunk
        self.widths = {name: tap.width for name, tap in taps.items()}
        self.taps = nn.ModuleDict(taps)

    def columns(self, name: str) -> slice:
        """Where a tap's values stand in the D."""
        before = list(self.widths)[: list(self.widths).index(name)]
        start = sum(self.widths[earlier] for earlier in before)
        return slice(start, start + self.widths[name])

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, h, w) -> (N, D)."""
        maps = self.trunk(images)
        return torch.cat([tap(maps[name]) for name, tap in self.taps.items()], dim=1)


def keep(
    folder: Path, name: str, asked: str, compute: Callable[[], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """What the folder keeps for exactly this question, or newly computed."""
    path = folder / f"{name}-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.npy"
    if not path.is_file():
        with replacing(path) as partial, partial.open("wb") as stream:
            np.save(stream, compute())
    return np.load(path)


def pool_views(
    module: PooledTaps,
    preprocess: Preprocess,
    material: Material,
    views: Sequence[View],
    cores: int,
) -> NDArray[np.float32]:
    """The pooled taps of every view: (V, D)."""
    session = frozen(module, preprocess.height, ["pooled"])
    first = _run(session, preprocess, material, views[:1])
    pooled = np.empty((len(views), first.shape[1]), np.float32)

    def fill(start: int) -> None:
        rows = slice(start, start + 4)
        pooled[rows] = _run(session, preprocess, material, views[rows])

    with ThreadPoolExecutor(cores) as pool:
        for done, _ in enumerate(pool.map(fill, range(0, len(views), 4))):
            if done % 500 == 0:
                print(
                    f"{type(module.trunk).__name__}: {4 * done} of {len(views)} views", flush=True
                )
    return pooled


def keep_maps(
    session: Any,
    names: Sequence[str],
    preprocess: Preprocess,
    material: Material,
    views: Sequence[View],
    folder: Path,
    cores: int,
) -> dict[str, NDArray[np.float16]]:
    """Whole maps of every view, float16 (V, C, h, w) by name, in files: they are too large to hold.

    They are used again if the folder has them for exactly these views.
    """
    asked = hashlib.sha256(f"{names} {views}".encode()).hexdigest()[:12]
    paths = [folder / f"{name}-{asked}.npy" for name in names]
    if not all(path.is_file() for path in paths):
        _fill(session, preprocess, material, views, paths, cores)
    return {name: np.load(path, mmap_mode="r") for name, path in zip(names, paths, strict=True)}


def _fill(
    session: Any,
    preprocess: Preprocess,
    material: Material,
    views: Sequence[View],
    paths: Sequence[Path],
    cores: int,
) -> None:
    first = session.run(None, {"images": prepare(look(material, views[0]), preprocess)[None]})
    with contextlib.ExitStack() as files:
        maps = [
            np.lib.format.open_memmap(
                files.enter_context(replacing(path)), "w+", np.float16, (len(views), *one.shape[1:])
            )
            for path, one in zip(paths, first, strict=True)
        ]
        _fill_maps(session, preprocess, material, views, maps, cores)
        for kept in maps:
            kept.flush()


def _fill_maps(
    session: Any,
    preprocess: Preprocess,
    material: Material,
    views: Sequence[View],
    maps: Sequence[NDArray[np.float16]],
    cores: int,
) -> None:
    def fill(start: int) -> None:
        rows = slice(start, start + 4)
        images = np.stack([prepare(look(material, view), preprocess) for view in views[rows]])
        for kept, found in zip(maps, session.run(None, {"images": images}), strict=True):
            kept[rows] = found

    with ThreadPoolExecutor(cores) as pool:
        for done, _ in enumerate(pool.map(fill, range(0, len(views), 4))):
            if done % 2500 == 0:
                print(f"maps: {4 * done} of {len(views)} views", flush=True)


def _run(
    session: Any,
    preprocess: Preprocess,
    material: Material,
    views: Sequence[View],
) -> NDArray[np.float32]:
    """Together where the shapes agree, else one by one."""
    images = [prepare(look(material, view), preprocess) for view in views]
    if len({image.shape for image in images}) == 1:
        return session.run(None, {"images": np.stack(images)})[0]
    return np.concatenate([session.run(None, {"images": image[None]})[0] for image in images])


def frozen(module: nn.Module, side: int, outputs: Sequence[str]) -> Any:
    """A network as ONNX Runtime runs it, for any number of pictures of any size, on one core."""
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    axes = {"images": {0: "batch", 2: "height", 3: "width"}, **{o: {0: "batch"} for o in outputs}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "frozen.onnx"
        torch.onnx.export(
            module.eval(),
            (torch.zeros(2, 3, side, side),),
            path,
            input_names=["images"],
            output_names=outputs,
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
        return runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
