"""Photographs that exist only as rows, for tests of scale."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ilgnet.images.preprocess import Preprocess
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import Place, beside_pictures
from ilgnet.library.catalogue.rows import FileStamp, Seen
from ilgnet.library.photograph.capture import Capture
from ilgnet.library.photograph.file_groups import FileGroup
from ilgnet.library.photograph.opinion import NO_OPINION, Opinion
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.values import Failure, Verdict
from ilgnet.zoo.records import Weights


def verdict(path: str, score: float) -> Verdict:
    votes = (0.1,) * 10
    return Verdict(path, score, 1.4, 0.5, 50.0, votes, 96, 64, "made.up", "000000000000")


def photograph(
    path: str,
    score: float = 5.0,
    *,
    technical: float | None = None,
    taken: datetime | None = None,
    burst: int | None = None,
    opinion: Opinion = NO_OPINION,
) -> Photograph:
    """A photograph that no file stands for."""
    said = replace(verdict(path, score), technical=technical)
    group, capture = FileGroup((Path(path),)), Capture(taken)
    return Photograph(Path(path), said, group, capture, burst=burst, opinion=opinion)


def featured(photographs: list[Photograph], features: NDArray[np.float32]) -> list[Photograph]:
    """The same photographs with features (N, D), row by row."""
    return [
        replace(photo, verdict=replace(photo.verdict, features=vector))
        for photo, vector in zip(photographs, features, strict=True)
    ]


def made_up_photographs(count: int, per_burst: int) -> list[Photograph]:
    """Bursts of one camera, two a second, whose times lost their seconds."""
    random = np.random.default_rng(0)
    scenes = np.repeat(random.standard_normal((count // per_burst, 32)), per_burst, axis=0)
    features = (scenes + 0.05 * random.standard_normal(scenes.shape)).astype(np.float32)
    found = []
    for index in range(count):
        moment = datetime(2024, 5, 1) + timedelta(minutes=index // 120)
        photo = photograph(f"IMG_{index:06d}.jpg", float(random.uniform(3, 7)))
        capture = Capture(moment, "C")
        found.append(replace(photo, capture=capture, sha256=index.to_bytes(32)))
    return featured(found, features)


def made_up_weights(features: int) -> Weights:
    """The record of a model that never was."""
    preprocess = Preprocess("warp", 32, 32)
    return Weights(
        "made.up", "none", "votes", preprocess, 0.5, "", f"{features} features", files={"a": "b"}
    )


def make_catalogue(root: Path, pictures: int, features: int) -> Place:
    """A catalogue of empty files, a thousand in a folder, over a year; scores around 5.4."""
    random = np.random.default_rng(0)
    library = beside_pictures(root)
    with Catalogue(library, "create") as catalogue:
        model = catalogue.model(made_up_weights(features))
        for start in range(0, pictures, 1000):
            folder = f"{start // 1000:04d}"
            (root / folder).mkdir()
            rows: list[tuple[Seen, Verdict | None] | Failure] = []
            for index in range(start, min(start + 1000, pictures)):
                path = f"{folder}/IMG_{index:06d}.JPG"
                (root / path).touch()
                taken = datetime(2024, 1, 1) + index * (timedelta(days=365) / pictures)
                stamp = FileStamp(10_000_000 + index, 0, 0, index)
                sha256 = index.to_bytes(32)
                seen = Seen(path, stamp, 10**18, sha256, Capture(taken, "Maker Model 1"))
                vector = random.standard_normal(features, dtype=np.float32)
                score = float(np.clip(random.normal(5.4, 0.7), 1, 10))
                rows.append((seen, replace(verdict(path, score), features=vector)))
            catalogue.record(model, rows)
    return library
