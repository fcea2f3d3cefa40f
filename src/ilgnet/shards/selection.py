"""What a filter has taken, written down: as a list of keys, or as tars with those pictures."""

from __future__ import annotations

import json
import posixpath
import tarfile
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from ilgnet.errors import DataError, ImageError, require
from ilgnet.images.formats import is_image_name
from ilgnet.report.output import open_output
from ilgnet.report.rows import json_bytes
from ilgnet.report.writers import csv_bytes
from ilgnet.shards.filter import Filter
from ilgnet.shards.job import Shard
from ilgnet.shards.pictures import is_picture_member, read_shard, sample_key
from ilgnet.shards.stores import Folder, open_store

LISTED: Final = ("key", "uri", "member", "sha256", "score", "percentile", "technical")
"""The columns of a list in text."""


def check_list_name(target: Path) -> None:
    """Raise an error where the extension is none that `write_list` knows."""
    if target.suffix.lower() not in (".parquet", ".csv", ".jsonl", ".txt"):
        raise DataError(f"what format is {target.name}? Name it .parquet, .csv, .jsonl or .txt")


def write_list(chosen: Filter, target: Path) -> int:
    """List what was taken: .parquet has every column, .csv and .jsonl some, .txt the keys alone.

    Returns:
        How many rows were written.

    Raises:
        DataError: the extension is none of these.
    """
    check_list_name(target)
    form = target.suffix.lower()
    if form == ".parquet":
        return _write_parquet(chosen, target)
    count = 0
    with open_output(target) as stream:
        if form == ".csv":
            stream.write(csv_bytes(LISTED))
        for _, batch in chosen.selected(LISTED):
            for row in batch.to_pylist():
                stream.write(_line(form, row))
                count += 1
    return count


def _line(form: str, row: dict[str, Any]) -> bytes:
    match form:
        case ".csv":
            return csv_bytes([row[name] for name in LISTED])
        case ".jsonl":
            return json_bytes({name: row[name] for name in LISTED}) + b"\n"
    return f"{row['key']}\n".encode()


def _write_parquet(chosen: Filter, target: Path) -> int:
    pa = require("pyarrow", "shards", "writing Parquet")
    parquet = require("pyarrow.parquet", "shards", "writing Parquet")
    count = 0
    with open_output(target) as stream:
        sink = pa.PythonFile(stream, mode="w")
        with parquet.ParquetWriter(sink, chosen.parts.schema, compression="zstd") as file:
            for _, batch in chosen.selected(None):
                count += batch.num_rows
                file.write_batch(batch.replace_schema_metadata(chosen.parts.schema.metadata))
    return count


def write_tars(chosen: Filter, target: str) -> int:
    """Write the pictures that were taken into WebDataset tars, one for each shard that has any.

    From a tar come the samples as they were, with their texts and all else that has their key,
    but without pictures that were not taken. Other pictures have their key for a name.

    Args:
        chosen: the filter.
        target: a folder, at any address.

    Returns:
        How many pictures were written.

    Raises:
        DataError: a picture that was taken cannot be read any more.
    """
    folder = Folder(target)
    used: set[str] = set()
    total = 0
    for shard, taken in _by_shard(chosen):
        name = _tar_name(shard, used)
        with folder.putting(name) as path, tarfile.open(path, "w") as tar:
            copy = _copy_samples if shard.kind == "tar" else _copy_pictures
            written = copy(chosen, shard, taken, tar)
        if written != len(taken):
            raise DataError(
                f"{len(taken) - written:,} of {len(taken):,} pictures that were taken from "
                f"{shard.address} cannot be read any more; {folder.address}/{name} is not complete"
            )
        total += written
    return total


def _by_shard(chosen: Filter) -> Iterator[tuple[Shard, list[dict[str, Any]]]]:
    """The rows taken of each shard, one shard in memory at a time."""
    last: Shard | None = None
    taken: list[dict[str, Any]] = []
    for shard, batch in chosen.selected():
        if last is not None and shard is not last:
            yield last, taken
            taken = []
        last = shard
        taken += batch.select(["key", "uri", "member"]).to_pylist()
    if last is not None:
        yield last, taken


def _tar_name(shard: Shard, used: set[str]) -> str:
    base = posixpath.basename(shard.address).partition(".")[0]
    name = f"{base}.tar" if shard.kind == "tar" and f"{base}.tar" not in used else ""
    name = name or f"{base}-{shard.name[:8]}.tar"
    used.add(name)
    return name


def _copy_samples(
    _: Filter, shard: Shard, taken: list[dict[str, Any]], tar: tarfile.TarFile
) -> int:
    members = {row["member"] for row in taken}
    keys = {row["key"] for row in taken}
    written = 0
    store, path = open_store(shard.address)
    with (
        store.open(path, "rb") as stream,
        tarfile.open(fileobj=stream, mode="r|*") as source,
    ):
        while (member := source.next()) is not None:
            source.members = []  # type: ignore[attr-defined]  # else it keeps every header
            is_picture = is_picture_member(member.name)
            wanted = member.name in members if is_picture else sample_key(member.name) in keys
            if wanted and member.isreg():
                tar.addfile(member, source.extractfile(member))
                written += is_picture
    return written


def _copy_pictures(
    chosen: Filter, shard: Shard, taken: list[dict[str, Any]], tar: tarfile.TarFile
) -> int:
    wanted = Counter((row["key"], row["uri"], row["member"]) for row in taken)
    names: Counter[str] = Counter()
    written = 0
    for where, data in read_shard(chosen.parts.folder, shard):
        place = (where.key, where.uri, where.member)
        if not wanted[place] or isinstance(data, ImageError):
            continue
        wanted[place] -= 1
        name = _picture_name(where.key, where.uri, data)
        names[name] += 1
        if names[name] > 1:
            stem, extension = posixpath.splitext(name)
            name = f"{stem}-{names[name]}{extension}"
        member = tarfile.TarInfo(name)
        member.size = len(data)
        tar.addfile(member, BytesIO(data))
        written += 1
    return written


def _picture_name(key: str, uri: str, data: bytes) -> str:
    """The key with an extension; dots in it would end a WebDataset key."""
    stem, extension = posixpath.splitext(key.lstrip("/"))
    if not is_image_name(f"x{extension}"):
        stem, extension = key.lstrip("/"), posixpath.splitext(uri)[1]
    if not is_image_name(f"x{extension}"):
        extension = _extension(data)
    folder, base = posixpath.split(stem.partition("://")[2] or stem)
    return posixpath.join(folder, base.replace(".", "_")) + extension.lower()


def _extension(data: bytes) -> str:
    for start, extension in ((b"\xff\xd8", ".jpg"), (b"\x89PNG", ".png"), (b"RIFF", ".webp")):
        if data.startswith(start):
            return extension
    return ".img"


def report_json(chosen: Filter) -> str:
    """The counts as JSON, for other programs."""
    found = chosen.found
    return json.dumps(
        {
            "rows": found.rows,
            "fates": {fate.name.lower(): found.fates[fate] for fate in sorted(found.fates)},
            "failures": dict(found.failures),
            "in_lists": dict(found.in_lists),
            "threshold": found.threshold,
        },
        indent=2,
    )
