"""Small collections of every form, and what to expect of them."""

from __future__ import annotations

import io
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from ilgnet.shards.engine import load_for_shards
from ilgnet.shards.job import Job, read_job
from ilgnet.shards.parts import open_parts, rows_of
from ilgnet.shards.plan import plan
from ilgnet.shards.score import Stats, score_shard
from ilgnet.shards.stores import Folder
from ilgnet.shards.work import Share, unfinished, work
from ilgnet.shards.worker import Terms

SIDE = 24


def encoded(value: int, form: str = "PNG", side: int = SIDE) -> bytes:
    """A picture of one grey, which the tiny model scores by a formula."""
    data = io.BytesIO()
    options = {"lossless": True} if form == "WEBP" else {}
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(data, form, **options)
    return data.getvalue()


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    """Put a file into a tar."""
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def make_tar(path: Path, count: int, first: int = 0, form: str = "PNG") -> Path:
    """A WebDataset tar: a picture, a JSON and a text for every key."""
    with tarfile.open(path, "w") as tar:
        for index in range(first, first + count):
            add(tar, f"{index:06d}.{form.lower()}", encoded(index % 256, form))
            add(tar, f"{index:06d}.json", b"{}")
            add(tar, f"{index:06d}.txt", f"picture {index}".encode())
    return path


def make_folder(folder: Path, count: int) -> Path:
    """Files in two folders."""
    for index in range(count):
        path = folder / ("even" if index % 2 == 0 else "odd") / f"{index:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(index % 256))
    return folder


def make_parquet(path: Path, count: int, group: int = 4) -> Path:
    """Pictures as Hugging Face keeps them."""
    rows = [
        {"image": {"bytes": encoded(index % 256), "path": f"{index}.png"}, "label": index}
        for index in range(count)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=group)
    return path


def planned(inputs: list[str | Path], target: str | Path, model: Path, **options: Any) -> str:
    """A job of these inputs."""
    features = options.pop("features", False)
    plan(map(str, inputs), Job.of(str(model), features=features), str(target), **options)
    return str(target)


def worked(job: str, *, workers: int = 1, share: Share | None = None, **terms: Any) -> list[Stats]:
    """Everything done, by real processes."""
    todo = unfinished(Folder(job), share)
    return list(work(Terms(job, **terms), todo, workers=workers))


def scored(job: str) -> list[Stats]:
    """Everything done in this process, in the order of the plan."""
    folder = Folder(job)
    what, shards = read_job(folder)
    scorer = load_for_shards(what.model)
    return [score_shard(folder, what, shard, scorer) for shard in shards]


def rows(job: str, *, partial: bool = False) -> list[dict[str, Any]]:
    """All rows of a job's parts."""
    found = open_parts(job, partial=partial)
    return [
        row
        for shard in found.shards
        for batch in rows_of(found.folder, shard)
        for row in batch.to_pylist()
    ]


def multiset(listed: list[dict[str, Any]]) -> Counter[str]:
    """Rows without their order."""
    return Counter(repr(sorted(row.items())) for row in listed)


def codes(listed: list[dict[str, Any]]) -> Counter[str]:
    """How often each failure code stands there."""
    return Counter(row["error"]["code"] for row in listed if row["error"])
