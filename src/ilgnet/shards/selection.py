"""What a filter has taken, written down: as a list of keys, or as tars with those pictures."""

from __future__ import annotations

import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

from ilgnet.errors import DataError, ImageError, require
from ilgnet.images.formats import HEAD, find_format, is_image_name
from ilgnet.report.output import open_output
from ilgnet.report.rows import json_bytes, utf8_path
from ilgnet.report.writers import csv_bytes
from ilgnet.shards.filter import Filter
from ilgnet.shards.job import Shard
from ilgnet.shards.pictures import is_picture_member, read_shard, sample_key
from ilgnet.shards.stores import Folder, open_store

LISTED: Final = ("key", "uri", "member", "sha256", "score", "percentile", "technical")
"""The columns of a list in text."""

MOST_SAID: Final = 5
"""Shards that a message names."""


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
        DataError: pictures that were taken cannot be read any more; the others are written.
    """
    folder = Folder(target)
    used: set[str] = set()
    total = 0
    lost: list[str] = []
    for shard, taken in chosen.places():
        name = _tar_name(shard, used)
        with folder.putting(name) as path, tarfile.open(path, "w") as tar:
            if shard.kind == "tar":
                written = _copy_samples(shard, taken, tar)
            else:
                written = _copy_pictures(chosen.parts.folder, shard, taken, tar)
        if written < len(taken):
            gone = f"{len(taken) - written:,} of {len(taken):,} from {shard.address}"
            lost.append(f"{gone}, left out of {name}")
        total += written
    if lost:
        more = f", and from {len(lost) - MOST_SAID:,} more shards" * (len(lost) > MOST_SAID)
        raise DataError(
            f"pictures that were taken cannot be read any more: {'; '.join(lost[:MOST_SAID])}"
            f"{more}. The {total:,} others are in {folder.address}"
        )
    return total


def _tar_name(shard: Shard, used: set[str]) -> str:
    base = posixpath.basename(shard.address).partition(".")[0]
    name = f"{base}.tar" if shard.kind == "tar" and f"{base}.tar" not in used else ""
    name = name or f"{base}-{shard.name[:8]}.tar"
    used.add(name)
    return name


def _copy_samples(shard: Shard, taken: dict[int, str], tar: tarfile.TarFile) -> int:
    keys = set(taken.values())
    written = pictures = 0
    for name, contents in _members(shard):
        is_picture = is_picture_member(name)
        wanted = pictures in taken if is_picture else utf8_path(sample_key(name)) in keys
        pictures += is_picture
        if wanted and (data := contents()) is not None:
            _add(tar, name, data)
            written += is_picture
    return written


def _members(shard: Shard) -> Iterator[tuple[str, Callable[[], bytes | None]]]:
    """Names of a tar's members, and how to read them; ends early where the tar does."""
    store, path = open_store(shard.address)
    try:
        with (
            store.open(path, "rb") as stream,
            tarfile.open(fileobj=stream, mode="r|*") as source,
        ):
            while (member := source.next()) is not None:
                source.members = []  # type: ignore[attr-defined]  # else it keeps every header
                if not member.isdir():
                    yield member.name, partial(_contents, source, member)
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, FileNotFoundError):
        return  # what is missing is counted


def _contents(source: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    stream = source.extractfile(member) if member.isreg() else None
    if stream is None:
        return None
    data = stream.read()
    return data if len(data) == member.size else None


def _copy_pictures(
    folder: Folder, shard: Shard, taken: dict[int, str], tar: tarfile.TarFile
) -> int:
    used: set[str] = set()
    for number, (where, data) in enumerate(read_shard(folder, shard)):
        if number not in taken or isinstance(data, ImageError):
            continue
        stem, extension = _picture_name(where.key, where.uri, data)
        names = chain([stem + extension], (f"{stem}-{again}{extension}" for again in count(2)))
        name = next(name for name in names if name not in used)
        used.add(name)
        _add(tar, name, data)
    return len(used)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, BytesIO(data))


def _picture_name(key: str, uri: str, data: bytes) -> tuple[str, str]:
    """The key and an extension; dots in a key would end it, and `..` would lead out of a folder."""
    stem, extension = posixpath.splitext(key)
    if not is_image_name(f"x{extension}"):
        stem, extension = key, posixpath.splitext(uri)[1]
    if not is_image_name(f"x{extension}"):
        extension = _extension(data)
    parts = (stem.partition("://")[2] or stem).replace("\0", "_").split("/")
    *folders, base = [part for part in parts if part not in ("", ".", "..")] or ["picture"]
    return "/".join([*folders, base.replace(".", "_")]), extension.lower()


def _extension(data: bytes) -> str:
    found = find_format(data[:HEAD])
    if found is None:
        return ".img"
    usual = f".{found.name.lower()}"
    return usual if usual in found.extensions else min(found.extensions)


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
