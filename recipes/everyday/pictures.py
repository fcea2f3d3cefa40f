"""What everyday learns from: PARA's ratings, beside all that the default learns from."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from graft import SEEN
from numpy.typing import NDArray
from taps import keep

from ilgnet.data.collections import COLLECTIONS, read_part
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.data.table_files import open_table
from ilgnet.data.tables import rated_table
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.images.preprocess import Preprocess, prepare

FOLDS = 5


@dataclass(frozen=True)
class Para:
    """PARA's pictures and what people gave them.

    Attributes:
        rated: the pictures, with mean aesthetics on 1..10.
        quality: (P,) mean technical quality.
        fold: (P,) 0..4, whole sessions.
    """

    rated: RatedSet
    quality: NDArray[np.float64]
    fold: NDArray[np.int64]

    @property
    def mean(self) -> NDArray[np.float64]:
        """(P,) mean aesthetics, 1..10."""
        return np.array([image.mean for image in self.rated.images], np.float64)


def read_para(folder: Path) -> Para:
    """A selection with its `ratings.csv`, or all of PARA's training part as its authors pack it."""
    if (folder / "ratings.csv").is_file():
        return _selection(folder)
    collection = COLLECTIONS["para"]
    rated = read_part(collection, folder, "train")
    source = collection.parts["train"]
    form = replace(source.form, columns={**source.form.columns, "votes": "qualityScore"})
    (file,) = folder.rglob(source.file)
    quality = {image.id: image.mean for image in rated_table(open_table(file), form, folder).images}
    sessions = sorted({image.group for image in rated.images})
    fold = {name: place % FOLDS for place, name in enumerate(sessions)}
    return Para(
        rated,
        np.array([quality[image.id] for image in rated.images], np.float64),
        np.array([fold[image.group] for image in rated.images]),
    )


def _selection(folder: Path) -> Para:
    with (folder / "ratings.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    images = tuple(
        RatedImage(
            row["file"],
            folder / row["file"],
            mean=1 + 9 * (float(row["mean"]) - 1) / 4,
            group=row["session"],
        )
        for row in rows
    )
    return Para(
        RatedSet("PARA, aesthetics and technical quality", images, scale="1..5"),
        np.array([float(row["quality_mean"]) for row in rows]),
        np.array([int(row["fold"]) for row in rows]),
    )


@dataclass(frozen=True)
class Seen:
    """What the default's network saw of V views.

    Attributes:
        taps: (V, D) pooled taps, halves.
        technical: (V,) the default's.
    """

    taps: NDArray[np.float16]
    technical: NDArray[np.float32]


def look(
    engine: OnnxEngine,
    preprocess: Preprocess,
    pictures: Sequence[Callable[[], NDArray[np.uint8]]],
    cores: int,
    work: Path,
    name: str,
    asked: str,
) -> Seen:
    """Run the default's trunks once over every view; the work folder keeps what they saw.

    Args:
        engine: of the default's file as `graft.opened` writes it.
        preprocess: the default's.
        pictures: give the pixels of each view.
        cores: to run on.
        work: the folder.
        name: of the views, for the folder.
        asked: what tells these views from others.
    """

    def see(start: int) -> NDArray[np.float32]:
        batch = np.stack([prepare(get(), preprocess) for get in pictures[start : start + 8]])
        return np.column_stack(engine.fetch([SEEN, "technical"], batch))

    def compute() -> NDArray[np.float32]:
        with ThreadPoolExecutor(cores) as pool:
            return np.concatenate(list(pool.map(see, range(0, len(pictures), 8))))

    kept = keep(work, name, asked, compute)
    return Seen(kept[:, :-1].astype(np.float16), kept[:, -1])
