"""From rated pictures to batches: decoded once, varied the same way whenever it is asked.

Pictures are decoded and resized by the code that serves them (`images.decode`,
`images.preprocess`), once, into a cache of uint8 arrays; what cannot be read is known before
training begins. From there on everything is a function of (seed, epoch, index): a run that was
killed goes on exactly where it was, whatever the number of loading processes.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ilgnet.atomic import replacing
from ilgnet.data.choices import strengths
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.errors import DataError, ImageError
from ilgnet.images.decode import read_image
from ilgnet.images.files import image_error
from ilgnet.images.preprocess import Preprocess, normalise, resize_rgb
from ilgnet.values import Failure

FREE_SPACE: Final = 1 << 30
"""Bytes that the cache leaves free on its disk."""


class Targets(NamedTuple):
    """What people said of N pictures; NaN where they did not say it.

    Attributes:
        votes: shares of the votes 1..10, (N, 10).
        mean: mean vote 1..10, (N,).
        high: 1 for high aesthetic quality, 0 for low, (N,).
        rank_target: a number that rises with quality, for every picture: its mean vote; without one
            10 for high and 0 for low, or what the choices say of it, (N,).
    """

    votes: Tensor
    mean: Tensor
    high: Tensor
    rank_target: Tensor

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        return Targets(*(column.to(device, non_blocking=True) for column in self))

    @classmethod
    def of(cls, rated: RatedSet) -> Targets:
        """What a rated set says of its pictures."""
        chosen = strengths(rated)
        unknown = [nan] * 10
        votes = torch.tensor(
            [unknown if i.votes is None else i.votes for i in rated.images], dtype=torch.float32
        )
        high = torch.tensor([nan if i.high is None else float(i.high) for i in rated.images])
        mean = torch.tensor([nan if i.mean is None else i.mean for i in rated.images])
        choice = torch.tensor([chosen.get(i.id, nan) for i in rated.images])
        rank_target = mean.where(~mean.isnan(), (10 * high).where(~high.isnan(), choice))
        return cls(votes / votes.sum(dim=1, keepdim=True), mean, high, rank_target)

    def take(self, rows: Sequence[int]) -> Targets:
        """Some rows, in the order asked for."""
        return Targets(*(column[torch.as_tensor(rows, dtype=torch.long)] for column in self))


@dataclass(frozen=True, slots=True)
class Variation:
    """How a training picture is varied.

    Attributes:
        mirror: exchange left and right half of the time.
        random_crop: cut `Preprocess.crop` out anywhere instead of from the centre.
        zoom: smallest share of the width and height that is cut out and resized; 1 for all.
    """

    mirror: bool = True
    random_crop: bool = True
    zoom: float = 1.0


UNVARIED: Final = Variation(mirror=False, random_crop=False)
"""A picture exactly as scoring sees it."""


class PictureCache:
    """Resized pictures on disk, uint8 RGB (h, w, 3) before the crop, one `.npy` file each.

    The file's name depends on the picture's path, size and time of change, and on the geometry,
    so a changed picture is read again and runs with other sizes share the folder.
    """

    def __init__(self, folder: Path, preprocess: Preprocess, zoom: float = 1.0) -> None:
        # A zoomed window is cut from a larger picture: enlarging would blur what is judged.
        self.geometry = replace(
            preprocess,
            crop=None,
            height=round(preprocess.height / zoom),
            width=round(preprocess.width / zoom),
        )
        self.decode_side = self.geometry.decode_side if zoom < 1 else preprocess.decode_side
        drawing = (self.geometry, self.decode_side)
        self.folder = folder / hashlib.sha256(repr(drawing).encode()).hexdigest()[:12]

    def path(self, source: Path) -> Path:
        """Where a picture is kept."""
        state = source.stat()
        text = f"{source.resolve()}\0{state.st_size}\0{state.st_mtime_ns}"
        name = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        return self.folder / name[:2] / f"{name[2:34]}.npy"

    def add(self, image: RatedImage) -> CachedPicture | Failure:
        """Decode and keep one picture, unless it is there already."""
        try:
            path = self.path(image.path)
            if shape := _stored_shape(path):
                return CachedPicture(path, *shape)
            picture = read_image(image.path, min_side=self.decode_side)
        except ImageError as error:
            return Failure(image.id, error.code, error.message)
        except OSError as error:
            failure = image_error(error)
            return Failure(image.id, failure.code, failure.message)
        rgb = resize_rgb(picture.rgb, self.geometry)
        self._write(path, rgb)
        return CachedPicture(path, rgb.shape[0], rgb.shape[1])

    def _write(self, path: Path, rgb: NDArray[Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(path.parent).free < FREE_SPACE:
            raise DataError(
                f"the disk of {self.folder} is full; a picture takes {rgb.nbytes / 1e6:.2f} MB. "
                "Choose another folder with --cache"
            )
        # Not flushed: a file whose end a power cut takes is no array, and is made again.
        with replacing(path, durable=False) as partial, partial.open("wb") as stream:
            np.save(stream, rgb)

    def add_all(
        self, images: Sequence[RatedImage], *, threads: int
    ) -> Iterator[CachedPicture | Failure]:
        """Decode and keep pictures, `threads` of them side by side; yields them in order."""
        with ThreadPoolExecutor(threads, thread_name_prefix="ilgnet-cache") as pool:
            yield from pool.map(self.add, images)


@dataclass(frozen=True, slots=True)
class CachedPicture:
    """A picture in the cache, uint8 RGB (height, width, 3)."""

    path: Path
    height: int
    width: int

    def read(self) -> NDArray[np.uint8]:
        """Its pixels."""
        try:
            pixels: NDArray[np.uint8] = np.load(self.path, allow_pickle=False)
        except OSError as error:
            raise DataError(
                f"{self.path} has left the cache during the run; start the command again"
            ) from error
        return pixels


def _stored_shape(path: Path) -> tuple[int, int] | None:
    """Height and width of a stored picture; None where there is none, or half of one."""
    try:
        stored = open_memmap(path, mode="r")
    except (OSError, ValueError):
        return None
    return stored.shape[0], stored.shape[1]


class Inputs(Protocol):
    """What training and validation draw batches from."""

    targets: Targets

    def __len__(self) -> int: ...

    def size(self, index: int) -> tuple[int, int]:
        """What must be equal within a batch."""
        ...

    def batches(
        self, keys: Iterable[list[tuple[int, int]]], *, workers: int, pin: bool = False
    ) -> Iterator[tuple[Tensor, Targets]]:
        """A batch for each list of (epoch, index)."""
        ...


class RatedPictures(Dataset[tuple[Tensor, int]]):
    """Cached pictures as network inputs: (epoch, index) -> float32 (3, h, w) and the index.

    Args:
        pictures: what the network sees.
        targets: what people said of them, in the same order.
        preprocess: how a picture becomes the network's input.
        variation: how it is varied; `UNVARIED` for validation.
        seed: of the variation.
        mean: the mean image before the crop, (3, H, W) in the order and units of the network's
            input, where the network subtracts the centre of one: a picture that is cropped
            elsewhere then has the mean of its own place subtracted, as Caffe does. None where the
            network subtracts nothing.
    """

    def __init__(
        self,
        pictures: Sequence[CachedPicture],
        targets: Targets,
        preprocess: Preprocess,
        variation: Variation = UNVARIED,
        seed: int = 0,
        mean: NDArray[np.float32] | None = None,
    ) -> None:
        self.pictures = tuple(pictures)
        self.targets = targets
        self.preprocess = preprocess
        self.variation = variation
        self.seed = seed
        self.mean = mean

    def __len__(self) -> int:
        return len(self.pictures)

    def unvaried(self) -> RatedPictures:
        """The same pictures exactly as scoring sees them."""
        return RatedPictures(self.pictures, self.targets, self.preprocess)

    def size(self, index: int) -> tuple[int, int]:
        """(width, height) of a picture as it is before the crop."""
        picture = self.pictures[index]
        if self.variation.zoom == 1.0:
            return picture.width, picture.height
        return self.preprocess.resized(picture.width, picture.height)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        epoch, index = key
        random = np.random.default_rng([self.seed, epoch, index])
        rgb = self.pictures[index].read()
        if self.variation.zoom < 1.0:
            rgb = _zoomed(rgb, self.variation.zoom, self.size(index), random)
        side, place = self.preprocess.crop, (0, 0)
        if side is not None:
            place = _place(rgb.shape[:2], side, random, self.variation.random_crop)
            rgb = _window(rgb, side, place)
        mirrored = self.variation.mirror and random.random() < 0.5
        pixels = normalise(rgb[:, ::-1] if mirrored else rgb, self.preprocess)
        if self.mean is not None and side is not None:
            pixels += _mean_shift(self.mean, side, place, mirrored=mirrored)
        return torch.from_numpy(pixels), index

    def collate(self, items: list[tuple[Tensor, int]]) -> tuple[Tensor, Targets]:
        """A batch: float32 (N, 3, h, w) and its targets."""
        return torch.stack([pixels for pixels, _ in items]), self.targets.take(
            [index for _, index in items]
        )

    def batches(
        self, keys: Iterable[list[tuple[int, int]]], *, workers: int, pin: bool = False
    ) -> Iterator[tuple[Tensor, Targets]]:
        """Load lists of (epoch, index), ahead of time where there are loading processes."""
        return iter(
            DataLoader(
                self,
                batch_sampler=keys,
                collate_fn=self.collate,
                num_workers=workers,
                pin_memory=pin,
            )
        )


def _zoomed(
    rgb: NDArray[np.uint8], zoom: float, size: tuple[int, int], random: np.random.Generator
) -> NDArray[np.uint8]:
    """Cut a window of a random size and place out, and resize it to (width, height)."""
    share = random.uniform(zoom, 1.0)
    width, height = max(size[0], share * rgb.shape[1]), max(size[1], share * rgb.shape[0])
    left = random.uniform(0.0, max(0.0, rgb.shape[1] - width))
    top = random.uniform(0.0, max(0.0, rgb.shape[0] - height))
    box = (left, top, min(left + width, rgb.shape[1]), min(top + height, rgb.shape[0]))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box))


def _place(
    shape: tuple[int, ...], side: int, random: np.random.Generator, anywhere: bool
) -> tuple[int, int]:
    """The upper left corner of a crop: (top, left)."""
    room = shape[0] - side, shape[1] - side
    if anywhere:
        return int(random.integers(room[0] + 1)), int(random.integers(room[1] + 1))
    return room[0] // 2, room[1] // 2


def _window(rgb: NDArray[Any], side: int, place: tuple[int, int]) -> NDArray[Any]:
    top, left = place
    return rgb[top : top + side, left : left + side]


def _mean_shift(
    mean: NDArray[np.float32], side: int, place: tuple[int, int], *, mirrored: bool
) -> NDArray[np.float32]:
    """What makes a network that subtracts the mean's centre subtract the mean of a place.

    Caffe subtracts first and mirrors then, so the place's mean is mirrored with the picture.
    """
    planes = mean.transpose(1, 2, 0)
    centre = _window(planes, side, ((planes.shape[0] - side) // 2, (planes.shape[1] - side) // 2))
    own = _window(planes, side, place)
    shift = centre - (own[:, ::-1] if mirrored else own)
    return np.ascontiguousarray(shift.transpose(2, 0, 1))


class BatchPlan:
    """Which pictures make up which step: a function of the seed and the step alone.

    A batch holds pictures of one shape. Every epoch divides the pictures of each shape evenly, so
    there are no small leftovers and every epoch has the same number of steps.

    Args:
        sizes: (width, height) of every picture.
        batch: most pictures in a batch.
        seed: of the order.
    """

    def __init__(self, sizes: Sequence[tuple[int, int]], batch: int, seed: int) -> None:
        self.seed = seed
        self.batch = batch
        shapes = np.array(sizes).reshape(-1, 2)
        self._alike = [
            np.flatnonzero((shapes == shape).all(axis=1)) for shape in np.unique(shapes, axis=0)
        ]
        self.steps_per_epoch = sum(-(-len(members) // batch) for members in self._alike)
        self._epoch: tuple[int, list[list[int]]] = (-1, [])

    def step(self, step: int) -> list[tuple[int, int]]:
        """The (epoch, index) of every picture of a step, counted from 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, self._drawn(epoch))
        return [(epoch, index) for index in self._epoch[1][position]]

    def _drawn(self, epoch: int) -> list[list[int]]:
        random = np.random.default_rng([self.seed, epoch])
        batches = [
            part.tolist()
            for members in self._alike
            for part in np.array_split(random.permutation(members), -(-len(members) // self.batch))
        ]
        return [batches[position] for position in random.permutation(len(batches))]
