"""Scores for Arrow batches: the one function that Ray Data, Daft and Spark need.

    dataset.map_batches(score_arrow, batch_format="pyarrow")          Ray Data
    frame.mapInArrow(lambda batches: map(score_arrow, batches), ...)  Spark

The examples folder has all three, in full.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

from ilgnet.errors import DataError, ImageError, require
from ilgnet.hashing import bytes_hash
from ilgnet.scoring import Scorer
from ilgnet.shards.engine import load_for_shards
from ilgnet.shards.fetch import Patience, read_picture
from ilgnet.shards.job import Job
from ilgnet.shards.part import part_row, part_schema
from ilgnet.shards.pictures import Where
from ilgnet.shards.plan import ADDRESSES, picture_column, usual_column
from ilgnet.values import Failure, ImageRef
from ilgnet.zoo.records import DEFAULT_MODEL

NOT_OURS = frozenset({"key", "uri", "member"})
"""Columns of a part that a batch has under names of its own."""


def score_arrow(
    batch: Any,
    *,
    model: str = DEFAULT_MODEL,
    features: bool = False,
    picture: str | None = None,
    address: str | None = None,
    threads: int = 1,
) -> Any:
    """Score the pictures of a batch.

    Args:
        batch: a `pyarrow.RecordBatch` (or a `pyarrow.Table`) with a column of encoded pictures
            (binary, or Hugging Face's struct of bytes and path), or of addresses.
        model: as `ilgnet.load` takes it; loaded once in a process.
        features: also return the pooled features.
        picture: the column of pictures; None finds it by its name.
        address: the column of addresses, where there are no pictures; None finds it by its name.
        threads: pictures decoded side by side.

    Returns:
        The same rows in the same order, of the same kind as `batch`: its columns but for the
        pictures, then `sha256`, `score` and the others of a part, with `error` where a picture
        could not be read. See `arrow_result_schema`.

    Raises:
        DataError: there is no such column.
    """
    pa = require("pyarrow", "shards", "scoring Arrow batches")
    options: dict[str, Any] = {"features": features, "picture": picture, "address": address}
    if isinstance(batch, pa.Table):
        pieces = [
            score_arrow(piece, model=model, threads=threads, **options)
            for piece in batch.to_batches()
        ]
        return pa.Table.from_batches(pieces, arrow_result_schema(batch.schema, **options))
    scorer = _scorer(model, threads)
    schema = arrow_result_schema(batch.schema, **options)
    column, inside = _source(batch.schema, picture, address)
    wheres: list[Where] = []
    digests: list[str | None] = []

    def pictures() -> Iterator[ImageRef | Failure]:
        for index, value in enumerate(batch.column(column).to_pylist()):
            name, source = _bytes(value, index) if inside else _fetched(value, index)
            wheres.append(Where(name, ""))
            digests.append(None)
            if isinstance(source, ImageError):
                yield Failure(name, source.code, source.message)
            else:
                yield ImageRef(name, partial(_noted, source, digests, index))

    outcomes = scorer.score_many(pictures(), features=features)
    rows = [
        part_row(wheres[index], digests[index], outcome) for index, outcome in enumerate(outcomes)
    ]
    ours = [field for field in schema if field.name in _scored(features).names]
    scored = pa.RecordBatch.from_pylist(rows, schema=pa.schema(ours))
    kept = [batch.column(field.name) for field in schema if field.name not in scored.schema.names]
    return pa.RecordBatch.from_arrays([*kept, *scored.columns], schema=schema)


def arrow_result_schema(
    schema: Any, *, features: bool = False, picture: str | None = None, address: str | None = None
) -> Any:
    """The `pyarrow.Schema` of what `score_arrow` returns for batches of a schema."""
    pa = require("pyarrow", "shards", "scoring Arrow batches")
    column, inside = _source(schema, picture, address)
    ours = _scored(features)
    given = [
        field
        for field in schema
        if field.name not in ours.names and not (inside and field.name == column)
    ]
    return pa.schema([*given, *ours])


def _scored(features: bool) -> Any:
    pa = require("pyarrow", "shards", "scoring Arrow batches")
    schema = part_schema(Job("", "", "", features=features))
    return pa.schema([field for field in schema if field.name not in NOT_OURS])


def _source(schema: Any, picture: str | None, address: str | None) -> tuple[str, bool]:
    """The column to take pictures from, and whether they are in it."""
    pa = require("pyarrow", "shards", "scoring Arrow batches")
    inside = None if address else picture_column(pa, schema, picture)
    if inside:
        return inside, True
    found = usual_column(schema.names, address, ADDRESSES, "the batch", "address")
    if found is None:
        raise DataError(
            f"the batch has no column of pictures or addresses; it has: {', '.join(schema.names)}. "
            "Name it with picture= or address="
        )
    return found, False


def _bytes(value: Any, index: int) -> tuple[str, Any]:
    path = value.get("path") if isinstance(value, dict) else None
    data = value.get("bytes") if isinstance(value, dict) else value
    name = posixpath.basename(path) if path else f"row-{index}"
    if data is None:
        return name, ImageError("empty", "this row holds no picture")
    return name, data


def _fetched(value: Any, index: int) -> tuple[str, Any]:
    if not value:
        return f"row-{index}", ImageError("not_found", "this row names no picture")
    return str(value), partial(read_picture, str(value), Patience())


def _noted(source: Any, digests: list[str | None], index: int) -> bytes:
    """The bytes, with their hash put in its place on the way."""
    data: bytes = source() if callable(source) else source
    digests[index] = bytes_hash(data)
    return data


@lru_cache(maxsize=4)
def _scorer(model: str, threads: int) -> Scorer:
    scorer = load_for_shards(model)
    scorer.threads = threads
    return scorer
