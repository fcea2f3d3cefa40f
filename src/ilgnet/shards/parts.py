"""Reading the parts of a job: merged into one table, counted, or row by row."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ilgnet.errors import DataError, require
from ilgnet.report.output import open_output
from ilgnet.shards.job import Job, Shard, finished, read_job
from ilgnet.shards.part import part_schema
from ilgnet.shards.score import Stats
from ilgnet.shards.stores import Folder


@contextmanager
def open_part(folder: Folder, shard: Shard) -> Iterator[Any]:
    """The `pyarrow.parquet.ParquetFile` of a shard's part.

    Raises:
        DataError: it is damaged.
    """
    pa = require("pyarrow", "shards", "reading parts")
    parquet = require("pyarrow.parquet", "shards", "reading parts")
    try:
        with folder.store.open(folder.file(shard.part), "rb") as stream:
            yield parquet.ParquetFile(stream)
    except pa.ArrowException as error:
        raise DataError(
            f"{folder.address}/{shard.part} is damaged ({error}): delete it and run "
            "ilgnet shards work again"
        ) from error


def rows_of(folder: Folder, shard: Shard, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """A part as `pyarrow.RecordBatch`es."""
    with open_part(folder, shard) as file:
        yield from file.iter_batches(2_000, columns=None if columns is None else list(columns))


def failure_codes(folder: Folder, shard: Shard) -> Counter[str]:
    """How often each failure code stands in a part."""
    counts: Counter[str] = Counter()
    for batch in rows_of(folder, shard, ["error"]):
        counts.update(error["code"] for error in batch.column(0).to_pylist() if error)
    return counts


@dataclass(frozen=True, slots=True)
class Complete:
    """A job all of whose shards have parts, or those that have.

    Attributes:
        folder: the job's.
        job: what was done.
        shards: in the order of the plan; only those with a part.
        missing: shards without one.
    """

    folder: Folder
    job: Job
    shards: list[Shard]
    missing: int

    @property
    def schema(self) -> Any:
        """The `pyarrow.Schema` of the parts."""
        return part_schema(self.job)


def open_parts(address: str, *, partial: bool = False) -> Complete:
    """The parts of a job.

    Args:
        address: of the job's folder.
        partial: take what is there; else a missing part is an error.

    Raises:
        DataError: parts are missing.
    """
    folder = Folder(address)
    job, shards = read_job(folder)
    done = finished(folder)
    there = [shard for shard in shards if shard.name in done]
    missing = len(shards) - len(there)
    if missing and not partial:
        raise DataError(
            f"{missing:,} of {len(shards):,} shards have no part yet: run ilgnet shards work "
            f"{address}, or take what is there with --partial"
        )
    return Complete(folder, job, there, missing)


def merge(address: str, target: Path, *, partial: bool = False) -> int:
    """Put all parts into one Parquet file, in the order of the plan.

    Returns:
        How many rows it has.
    """
    pa = require("pyarrow", "shards", "writing Parquet")
    parquet = require("pyarrow.parquet", "shards", "writing Parquet")
    found = open_parts(address, partial=partial)
    rows = 0
    with (
        open_output(target) as stream,
        pa.PythonFile(stream, mode="w") as sink,
        parquet.ParquetWriter(sink, found.schema, compression="zstd") as file,
    ):
        for shard in found.shards:
            for batch in rows_of(found.folder, shard):
                rows += batch.num_rows
                file.write_batch(batch.replace_schema_metadata(found.schema.metadata))
    return rows


@dataclass(frozen=True, slots=True)
class Status:
    """How far a job is.

    Attributes:
        shards: in all.
        finished: of them.
        pictures: rows in the parts, as far as their figures are there.
        failed: of them.
        bytes: of encoded pictures.
        wall: seconds of all shards together.
        cpu: likewise, of work.
        peak_memory: bytes, the most of any process.
        restarts: processes that had to be started again.
        hosts: machine -> shards.
        failures: code -> rows, where asked for.
    """

    shards: int
    finished: int
    pictures: int = 0
    failed: int = 0
    bytes: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    peak_memory: int = 0
    restarts: int = 0
    hosts: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] | None = None


def status(address: str, *, failures: bool = False) -> Status:
    """How far a job is, and what it has cost.

    Args:
        address: of the job's folder.
        failures: also count the failures of each code, which reads every part.
    """
    folder = Folder(address)
    _, shards = read_job(folder)
    done = finished(folder)
    there = [shard for shard in shards if shard.name in done]
    told = folder.read_many([shard.stats for shard in there])
    figures = [stats for data in told if (stats := _stats(data))]
    codes: Counter[str] = Counter()
    for shard in there if failures else []:
        codes.update(failure_codes(folder, shard))
    return Status(
        shards=len(shards),
        finished=len(there),
        pictures=sum(s.pictures for s in figures),
        failed=sum(s.failed for s in figures),
        bytes=sum(s.bytes for s in figures),
        wall=round(sum(s.wall for s in figures), 3),
        cpu=round(sum(s.cpu for s in figures), 3),
        peak_memory=max((s.peak_memory for s in figures), default=0),
        restarts=sum(s.restarts for s in figures),
        hosts=dict(Counter(s.host for s in figures)),
        failures=dict(codes) if failures else None,
    )


def read_stats(folder: Folder, shard: Shard) -> Stats | None:
    """What a shard has cost; None where its worker ended between the part and the figures."""
    try:
        return _stats(folder.read(shard.stats))
    except FileNotFoundError:
        return None


def _stats(data: bytes) -> Stats | None:
    try:
        return Stats(**json.loads(data))
    except (ValueError, TypeError):
        return None
