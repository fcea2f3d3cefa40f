"""Rated pictures as PyTorch datasets, for training loops of one's own.

Every named collection is one: `protocol_dataset("koniq10k", folder, "train", preprocess, cache)`.
Pictures are decoded and prepared as scoring does, once, into a cache.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ilgnet.data.loading import (
    UNVARIED,
    CachedPicture,
    PictureCache,
    RatedPictures,
    Targets,
    Variation,
)
from ilgnet.data.protocols import find_protocol, read_protocol
from ilgnet.data.rated import RatedSet
from ilgnet.errors import DataError
from ilgnet.images.preprocess import Preprocess
from ilgnet.values import Failure

Item = dict[str, Tensor]


class RatedDataset(Dataset[Item]):
    """Rated pictures; those that cannot be read are left out and listed.

    An item has "image", float32 (3, h, w); "mean", the mean vote 1..10; "votes", shares of the
    votes 1..10, (10,); "high", 1 or 0; and "index", its place in `rated`. What people did not say
    is NaN, so that items can be stacked by PyTorch's own collate function.

    Args:
        rated: the pictures.
        preprocess: how a picture becomes the network's input.
        cache: folder of decoded pictures.
        variation: how pictures are varied; `Variation()` for training.
        seed: of the variation; with `set_epoch`, every epoch varies them anew.
        threads: pictures decoded side by side.

    Attributes:
        rated: the pictures that can be read, in item order.
        failures: the others, each with its reason.
    """

    def __init__(
        self,
        rated: RatedSet,
        preprocess: Preprocess,
        cache: Path,
        *,
        variation: Variation = UNVARIED,
        seed: int = 0,
        threads: int = 4,
    ) -> None:
        store = PictureCache(cache, preprocess, variation.zoom)
        found = list(store.add_all(rated.images, threads=threads))
        self.failures = tuple(outcome for outcome in found if isinstance(outcome, Failure))
        pictures = [outcome for outcome in found if isinstance(outcome, CachedPicture)]
        if not pictures:
            raise DataError(f"none of the {len(found)} pictures of {rated.name} can be read")
        lost = {failure.path for failure in self.failures}
        self.rated = rated.without(lost) if lost else rated
        targets = Targets.of(self.rated)
        self._pictures = RatedPictures(pictures, targets, preprocess, variation, seed)
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Vary the pictures as in this epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Item:
        pixels, _ = self._pictures[self._epoch, index]
        targets = self._pictures.targets
        return {
            "image": pixels,
            "mean": targets.mean[index],
            "votes": targets.votes[index],
            "high": targets.high[index],
            "index": torch.tensor(index),
        }


def protocol_dataset(
    name: str,
    root: Path,
    part: str,
    preprocess: Preprocess,
    cache: Path,
    *,
    images: Path | None = None,
    variation: Variation = UNVARIED,
    seed: int = 0,
) -> RatedDataset:
    """One part of a named protocol as a dataset.

    Args:
        name: of the protocol, see `ilgnet.data.protocols`.
        root: the folder of its collection.
        part: "train", "validation" or "test".
        preprocess: how a picture becomes the network's input.
        cache: folder of decoded pictures.
        images: the folder of the pictures, where it is another.
        variation: how pictures are varied.
        seed: of the variation.
    """
    rated = read_protocol(find_protocol(name), root, part, images=images)
    return RatedDataset(rated, preprocess, cache, variation=variation, seed=seed)


class RatedDataModule:
    """Datasets and loaders in the shape that training frameworks know, without any of them.

    Has `setup`, `train_dataloader`, `val_dataloader` and `test_dataloader`, as Lightning's
    `LightningDataModule` asks; for Lightning, derive from both.

    Args:
        parts: "train", "validation" and "test" -> dataset; those that are there are served.
        batch: pictures in a batch.
        workers: loading processes.
    """

    def __init__(self, parts: dict[str, RatedDataset], batch: int = 32, workers: int = 0) -> None:
        self.parts, self.batch, self.workers = parts, batch, workers

    def setup(self, stage: str = "") -> None:
        """Nothing is left to do: the datasets are ready."""

    def train_dataloader(self) -> torch.utils.data.DataLoader[Item]:
        """Shuffled batches to learn from."""
        return self._loader("train", shuffle=True)

    def val_dataloader(self) -> torch.utils.data.DataLoader[Item]:
        """Batches for validation, in order."""
        return self._loader("validation")

    def test_dataloader(self) -> torch.utils.data.DataLoader[Item]:
        """Batches to test on, in order."""
        return self._loader("test")

    def _loader(self, part: str, *, shuffle: bool = False) -> torch.utils.data.DataLoader[Item]:
        if part not in self.parts:
            raise DataError(f"there is no {part} part; there are: {', '.join(self.parts)}")
        return torch.utils.data.DataLoader(
            self.parts[part], self.batch, shuffle=shuffle, num_workers=self.workers
        )
