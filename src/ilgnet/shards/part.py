"""A part: one Parquet file with a row for every picture of a shard, good or not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from ilgnet.errors import require
from ilgnet.report.data_frames import arrow_schema
from ilgnet.report.rows import row, utf8_path
from ilgnet.shards.job import METADATA, Job, Shard
from ilgnet.shards.pictures import Where
from ilgnet.shards.stores import Folder
from ilgnet.values import Outcome, Verdict

ROW_GROUP: Final = 2_000
"""Rows that are held before they are written."""

LEFT_OUT: Final = frozenset({"path", "run_percentile", "model", "preprocess"})
"""Columns of a report that a part does not repeat: its metadata names the model."""

SHARD: Final = b"ilgnet.shard"
FEATURES: Final = "features"


def part_schema(job: Job, shard: Shard | None = None, *, width: int = 0) -> Any:
    """The `pyarrow.Schema` of a job's parts: where a picture is, its hash, and a report's columns.

    Args:
        job: goes into the metadata.
        shard: likewise; None for what is not one shard's.
        width: how many features a picture has, where the job asks for them.
    """
    pa = require("pyarrow", "shards", "writing parts")
    scored = [field for field in arrow_schema() if field.name not in LEFT_OUT]
    fields = [
        pa.field("key", pa.string(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("sha256", pa.string()),
        pa.field("look", pa.binary()),
        *scored,
    ]
    if job.features:
        fields.append(pa.field(FEATURES, pa.list_(pa.float32(), width or -1)))
    metadata = {METADATA: json.dumps(asdict(job))}
    if shard is not None:
        metadata[SHARD] = json.dumps(asdict(shard))
    return pa.schema(fields, metadata)


def part_row(where: Where, sha256: str | None, outcome: Outcome) -> dict[str, Any]:
    """One row of a part."""
    values = {name: value for name, value in row(outcome).items() if name not in LEFT_OUT}
    if values["error"] is not None:
        values["error"] = {name: utf8_path(text) for name, text in values["error"].items()}
    if isinstance(outcome, Verdict):
        values["look"] = outcome.look
        values[FEATURES] = outcome.features
    return {
        "key": utf8_path(where.key),
        "uri": utf8_path(where.uri),
        "member": where.member and utf8_path(where.member),
        "sha256": sha256,
        **values,
    }


class PartWriter:
    """Writes rows as they come, a row group at a time."""

    def __init__(self, path: Any, job: Job, shard: Shard) -> None:
        self._path = path
        self._job = job
        self._shard = shard
        self._rows: list[dict[str, Any]] = []
        self._file: Any = None

    def write(self, values: dict[str, Any]) -> None:
        """Write a row of `part_row`."""
        self._rows.append(values)
        if len(self._rows) == ROW_GROUP:
            self.flush()

    def flush(self) -> None:
        """Write what is held; an empty shard has a part too."""
        pa = require("pyarrow", "shards", "writing parts")
        parquet = require("pyarrow.parquet", "shards", "writing parts")
        schema = part_schema(self._job, self._shard)
        if self._file is None:
            self._file = parquet.ParquetWriter(self._path, schema, compression="zstd")
        self._file.write_table(pa.Table.from_pylist(self._rows, schema=schema))
        self._rows = []

    def close(self, *, whole: bool) -> None:
        """Finish the file; `whole` is false where it is going to be thrown away."""
        if whole and (self._rows or self._file is None):
            self.flush()
        if self._file is not None:
            self._file.close()


@contextmanager
def writing_part(folder: Folder, job: Job, shard: Shard) -> Iterator[PartWriter]:
    """The part of a shard, which is there when the block ends well and not before."""
    with folder.putting(shard.part) as path:
        writer = PartWriter(path, job, shard)
        whole = False
        try:
            yield writer
            whole = True
        finally:
            writer.close(whole=whole)
