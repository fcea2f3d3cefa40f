"""From what a user names to shards: folders, manifests, tars, Parquet files with pictures."""

from __future__ import annotations

import hashlib
import json
import posixpath
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from ilgnet.errors import DataError, in_words, require
from ilgnet.images.formats import is_image_name
from ilgnet.report.rows import utf8_path
from ilgnet.shards.job import Job, Shard, named, write_job
from ilgnet.shards.stores import Folder, Listed, join, listed, open_store
from ilgnet.text_files import CsvRow, stream_csv, stream_lines

ROWS: Final = "rows"
ROWS_A_SHARD: Final = 10_000
"""A shard takes minutes: little is lost with it, and a billion pictures are 100,000 parts."""

TARS: Final = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MANIFESTS: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz", ".ndjson")
PARQUETS: Final = (".parquet", ".pq")

PICTURES: Final = ("image", "picture", "img", "photo", "bytes", "jpg", "jpeg", "png", "webp")
"""Columns in which pictures are looked for, in this order."""
ADDRESSES: Final = (
    *("uri", "url", "image_url", "path", "image_path", "filepath", "file_path"),
    *("file_name", "filename", "file", "image", "picture"),
)
KEYS: Final = ("key", "__key__", "id", "image_id", "sample_id", "uid", "name")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of manifests and Parquet files; None finds them by their usual names.

    Attributes:
        address: of a picture's address, in a manifest.
        picture: of a picture's bytes (or Hugging Face's struct of bytes and path), in Parquet.
        key: of the name by which the collection knows a picture.
    """

    address: str | None = None
    picture: str | None = None
    key: str | None = None


@dataclass(slots=True)
class Planned:
    """What planning found.

    Attributes:
        shards: how many.
        listed: pictures known beforehand; those in tars are not.
        tars: how many of the shards are tars.
        passed_over: extension -> files of a folder that hold no pictures.
    """

    shards: int = 0
    listed: int = 0
    tars: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """One row of a list: the address is None where `problem` says what is wrong with the row."""

    key: str
    address: str | None
    problem: str | None = None


def plan(
    inputs: Iterable[str],
    job: Job,
    target: str,
    *,
    rows: int = ROWS_A_SHARD,
    columns: Columns | None = None,
) -> Planned:
    """Divide a collection into shards and write the plan.

    Args:
        inputs: addresses of folders, tars, manifests (CSV, TSV, JSON Lines, Parquet) and Parquet
            files that hold pictures; patterns too, see `stores.listed`.
        job: what to do with them.
        target: the job's folder, at any address. Planning again replaces the plan; parts that it
            still names are kept.
        rows: pictures of a shard, where pictures are listed. A tar is one shard.
        columns: of manifests and Parquet files.

    Raises:
        DataError: an input is not there, or holds no pictures that can be found.
    """
    folder = Folder(target)
    planner = _Planner(job, folder, rows, columns or Columns())

    def counted() -> Iterator[Shard]:
        for shard in planner.shards(inputs):
            planner.found.shards += 1
            planner.found.listed += shard.rows or 0
            planner.found.tars += shard.kind == "tar"
            yield shard
        if not planner.found.shards:
            passed = ", ".join(f"{n:,} {e}" for e, n in planner.found.passed_over.most_common(5))
            raise DataError(f"no picture, tar or table was found; passed over: {passed or 'none'}")

    write_job(folder, job, counted())
    return planner.found


class _Planner:
    def __init__(self, job: Job, folder: Folder, rows: int, columns: Columns) -> None:
        self.job = job
        self.folder = folder
        self.rows = rows
        self.columns = columns
        self.found = Planned()

    def shards(self, inputs: Iterable[str]) -> Iterator[Shard]:
        loose: list[ListedPicture] = []
        for file in (file for given in inputs for file in listed(given)):
            name = file.address.lower()
            if name.endswith(TARS):
                yield self._shard("tar", file.address, file.version)
            elif name.endswith(PARQUETS):
                yield from self._parquet(file)
            elif file.named and name.endswith(MANIFESTS):
                yield from self._lists(_manifest(file.address, self.columns))
            elif file.named or is_image_name(posixpath.basename(file.address)):
                loose.append(ListedPicture(file.key, file.address))
                if len(loose) == self.rows:
                    yield self._list(loose)
                    loose = []
            else:
                self.found.passed_over[posixpath.splitext(name)[1] or "no extension"] += 1
        if loose:
            yield self._list(loose)

    def _shard(self, kind: str, address: str, mark: str, **more: Any) -> Shard:
        return named(self.job, kind=kind, address=address, version=mark, **more)

    def _lists(self, pictures: Iterator[ListedPicture]) -> Iterator[Shard]:
        while batch := list(islice(pictures, self.rows)):
            yield self._list(batch)

    def _list(self, pictures: list[ListedPicture]) -> Shard:
        """A shard of listed pictures; the list lies in the job, under its digest."""
        text = json.dumps([[p.key, p.address, p.problem] for p in pictures])
        digest = hashlib.sha256(text.encode()).hexdigest()[:24]
        name = f"{ROWS}/{digest}.parquet"
        if not self.folder.exists(name):
            with self.folder.putting(name) as path:
                _write_list(path, pictures)
        return self._shard("files", name, digest, rows=len(pictures))

    def _parquet(self, listed: Listed) -> Iterator[Shard]:
        pa = require("pyarrow", "shards", "reading Parquet")
        parquet = require("pyarrow.parquet", "shards", "reading Parquet")
        store, path = open_store(listed.address)
        try:
            with store.open(path, "rb") as stream:
                inside = self._row_groups(listed, parquet.ParquetFile(stream))
        except (pa.ArrowException, OSError) as error:
            if listed.named:
                raise _no_parquet(listed.address, error) from error
            # A shard whose only row will say what is wrong.
            yield self._shard("parquet", listed.address, listed.version, groups=1, picture="image")
            return
        if inside is not None:
            yield from inside
        elif listed.named:
            yield from self._lists(_parquet_manifest(listed.address, self.columns))
        else:
            self.found.passed_over[".parquet without pictures"] += 1

    def _row_groups(self, listed: Listed, file: Any) -> list[Shard] | None:
        """A shard for about every `rows` rows; None where there is no column of pictures."""
        pa = require("pyarrow", "shards", "reading Parquet")
        picture = picture_column(pa, file.schema_arrow, self.columns.picture)
        if picture is None:
            return None
        key = usual_column(file.schema_arrow.names, self.columns.key, KEYS, listed.address, "key")
        every = file.metadata
        counts = [every.row_group(i).num_rows for i in range(every.num_row_groups)]
        return [
            self._shard(
                "parquet",
                listed.address,
                listed.version,
                first=first,
                groups=groups,
                rows=rows,
                picture=picture,
                key=key,
            )
            for first, groups, rows in _grouped(counts, self.rows)
        ]


def _grouped(counts: list[int], rows: int) -> Iterator[tuple[int, int, int]]:
    """Runs of row groups with about `rows` rows: (first, how many, rows)."""
    first = total = 0
    for index, count in enumerate(counts):
        if total and total + count > rows:
            yield first, index - first, total
            first, total = index, 0
        total += count
    if counts:
        yield first, len(counts) - first, total


def _manifest(address: str, columns: Columns) -> Iterator[ListedPicture]:
    store, path = open_store(address)
    try:
        with store.open(path, "rb", compression="infer") as stream:
            if ".jsonl" in address.lower() or ".ndjson" in address.lower():
                rows = _json_rows(stream_lines(stream.read, address))
            else:
                rows = _csv_rows(stream_csv(stream.read, address))
            yield from _placed(rows, address, columns)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{address} cannot be read: {in_words(error)}") from error


def _csv_rows(rows: Iterable[CsvRow | DataError]) -> Iterator[dict[str, Any] | str]:
    for row in rows:
        yield str(row) if isinstance(row, DataError) else dict(row.cells)


def _json_rows(text: Iterable[str]) -> Iterator[dict[str, Any] | str]:
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number} is not JSON: {error}"
        else:
            yield row if isinstance(row, dict) else f"line {number} is no JSON object"


def _parquet_manifest(address: str, columns: Columns) -> Iterator[ListedPicture]:
    pa = require("pyarrow", "shards", "reading Parquet")
    parquet = require("pyarrow.parquet", "shards", "reading Parquet")
    store, path = open_store(address)
    try:
        with store.open(path, "rb") as stream:
            file = parquet.ParquetFile(stream)
            names = file.schema_arrow.names
            wanted = [
                usual_column(names, columns.address, ADDRESSES, address, "address"),
                usual_column(names, columns.key, KEYS, address, "key"),
            ]
            read = [name for name in wanted if name] or names
            batches = file.iter_batches(columns=read)
            rows = (row for batch in batches for row in batch.to_pylist())
            yield from _placed(rows, address, columns)
    except (pa.ArrowException, OSError) as error:
        raise _no_parquet(address, error) from error


def _no_parquet(address: str, error: Exception) -> DataError:
    return DataError(f"{address} cannot be read as Parquet: {error}")


def _placed(
    rows: Iterable[dict[str, Any] | str], address: str, columns: Columns
) -> Iterator[ListedPicture]:
    """Rows of a manifest as pictures; addresses are relative to the manifest."""
    folder = posixpath.dirname(address)
    where: str | None = None
    key: str | None = None
    for number, row in enumerate(rows, 1):
        if isinstance(row, str):
            yield ListedPicture(f"row {number}", None, row)
            continue
        if where is None or where not in row:
            where = usual_column(row, columns.address, ADDRESSES, address, "address") or where
            key = usual_column(row, columns.key, KEYS, address, "key")
        if where is None:
            raise DataError(
                f"{address}: which column holds the addresses? It has: {', '.join(map(str, row))}. "
                "Name it with --address-column"
            )
        known = key_text(row.get(key)) if key else ""
        text = key_text(row.get(where)).strip()
        if text:
            yield ListedPicture(known or text, join(folder, text))
        else:
            problem = f"row {number} of {address} names no picture"
            yield ListedPicture(known or f"row {number}", None, problem)


def key_text(value: Any) -> str:
    """A cell as text; empty where there is none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return "" if value is None else str(value)


def usual_column(
    names: Iterable[str], asked: str | None, usual: Iterable[str], address: str, what: str
) -> str | None:
    """The column asked for, else the first usual one, whatever its case; None: there is none."""
    present = {str(name).lower(): str(name) for name in names if name is not None}
    if asked is not None:
        if asked.lower() not in present:
            raise DataError(
                f"{address} has no column {asked!r} for the {what}; it has: "
                f"{', '.join(present.values())}"
            )
        return present[asked.lower()]
    return next((present[name] for name in usual if name in present), None)


def picture_column(pa: Any, schema: Any, asked: str | None) -> str | None:
    """The column that holds pictures: binary, or a struct with a field "bytes"."""

    def holds_pictures(kind: Any) -> bool:
        types = pa.types
        if types.is_dictionary(kind):
            return holds_pictures(kind.value_type)
        if types.is_struct(kind):
            return any(kind.field(i).name == "bytes" for i in range(kind.num_fields))
        return bool(
            types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)
        )

    if asked is not None:
        if asked not in schema.names or not holds_pictures(schema.field(asked).type):
            there = ", ".join(f"{field.name} ({field.type})" for field in schema)
            raise DataError(
                f"column {asked!r} holds no pictures, one a row, as bytes or as a struct with "
                f"bytes; there is: {there}"
            )
        return asked
    named = {name.lower(): name for name in schema.names}
    usual = [named[name] for name in PICTURES if name in named]
    return next((n for n in usual if holds_pictures(schema.field(n).type)), None)


def _write_list(path: Any, pictures: list[ListedPicture]) -> None:
    pa = require("pyarrow", "shards", "planning shards")
    parquet = require("pyarrow.parquet", "shards", "planning shards")
    text = pa.string()
    columns = {
        "key": pa.array([utf8_path(p.key) for p in pictures], text),
        # Bytes: a file's name need not be UTF-8.
        "address": pa.array([_raw(p.address) for p in pictures], pa.binary()),
        "problem": pa.array([p.problem and utf8_path(p.problem) for p in pictures], text),
    }
    parquet.write_table(pa.table(columns), path, compression="zstd")


def read_list(folder: Folder, name: str) -> list[ListedPicture]:
    """The pictures of a shard that lists them."""
    pa = require("pyarrow", "shards", "reading a plan")
    parquet = require("pyarrow.parquet", "shards", "reading a plan")
    table = parquet.read_table(pa.BufferReader(folder.read(name)))
    return [
        ListedPicture(
            row["key"],
            None if row["address"] is None else row["address"].decode("utf-8", "surrogateescape"),
            row["problem"],
        )
        for row in table.to_pylist()
    ]


def _raw(text: str | None) -> bytes | None:
    return None if text is None else text.encode("utf-8", "surrogateescape")
