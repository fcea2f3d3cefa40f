"""The pictures of one shard, in order, with every way that a shard can be damaged as a failure."""

from __future__ import annotations

import lzma
import posixpath
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from ilgnet.errors import ImageError, MissingExtra, require
from ilgnet.images.formats import IMAGE_EXTENSIONS
from ilgnet.shards.fetch import (
    AHEAD_BYTES,
    MEMBER_BYTES,
    Fetched,
    Patience,
    ReadAhead,
    Stalled,
    in_time,
    read_picture,
    read_start,
    too_large,
)
from ilgnet.shards.job import Shard
from ilgnet.shards.plan import key_text, read_list
from ilgnet.shards.stores import Folder, join, open_store

ROWS_AT_ONCE: Final = 32
"""Rows of a Parquet file that are in memory together, where their pictures are small."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a picture is called.

    Attributes:
        key: by which the collection knows it: a column of a manifest, a sample's key in a tar.
        uri: the address of its file, or of the tar or Parquet file that it lies in; empty for a
            row of a manifest that names none.
        member: its name in a tar, or its row in a Parquet file; else None.
    """

    key: str
    uri: str
    member: str | None = None

    @property
    def name(self) -> str:
        """A name that ends in the picture's extension, where one is known."""
        return self.member or self.uri or self.key


ShardPicture = tuple[Where, bytes | ImageError]
"""A picture's encoded bytes, or why there are none."""


def read_shard(
    folder: Folder, shard: Shard, patience: Patience | None = None
) -> Iterator[ShardPicture]:
    """Every picture of a shard, in the same order each time.

    What cannot be read has its place among them: a picture alone where it alone is at fault, else
    one row for the tar or Parquet file, which says after how many pictures it ended.
    """
    patience = patience or Patience()
    match shard.kind:
        case "files":
            return _files(folder, shard, patience)
        case "tar":
            return _whole(shard, patience, partial(_tar, shard.address))
        case "parquet":
            return _whole(shard, patience, partial(_parquet, shard, patience))


def _files(folder: Folder, shard: Shard, patience: Patience) -> Iterator[ShardPicture]:
    def asked() -> Iterator[tuple[Where, Callable[[], Fetched] | ImageError]]:
        for picture in read_list(folder, shard.address):
            where = Where(picture.key, picture.address or "")
            if picture.address is None:
                yield where, ImageError("not_found", picture.problem or "the row names no picture")
            else:
                yield where, partial(read_start, picture.address, patience)

    return in_time(asked(), patience)


def _whole(
    shard: Shard, patience: Patience, pieces: Callable[[], Iterator[ShardPicture]]
) -> Iterator[ShardPicture]:
    """The pictures of one file; where it is damaged, a last row says so."""
    count = 0

    def size(picture: ShardPicture) -> int:
        return len(picture[1]) if isinstance(picture[1], bytes) else 0

    def broken(code: str, message: str) -> ShardPicture:
        name = posixpath.basename(shard.address)
        return Where(name, shard.address), ImageError(code, f"after {count} pictures: {message}")

    try:
        for picture in ReadAhead(pieces(), size, patience.seconds):
            count += 1
            yield picture
    except Stalled as error:
        yield broken("timeout", str(error))
    except ImageError as error:
        yield broken(error.code, error.message)
    except MissingExtra:
        raise
    except FileNotFoundError:
        yield broken("not_found", "the file is not there any more")
    except PermissionError:
        yield broken("permission_denied", "this user may not read the file")
    except (EOFError, tarfile.ReadError) as error:
        ends = isinstance(error, EOFError) or "unexpected end" in str(error)
        yield broken("truncated" if ends else "corrupt", f"{error or 'the file ends too early'}")
    except Exception as error:  # stores, decompressors and Arrow raise many kinds
        yield broken(_code(error), f"{type(error).__name__}: {error}")


def _code(error: Exception) -> str:
    """Whether what was read is damaged, or the reading failed."""
    pa = require("pyarrow", "shards", "reading shards")
    # Arrow says of a damaged page that it is an OSError, one without a number.
    arrows = type(error) is OSError and not error.errno
    damaged = (zlib.error, lzma.LZMAError, pa.ArrowException, ValueError, struct.error)
    return "corrupt" if arrows or isinstance(error, damaged) else "io_error"


class _Header(tarfile.TarInfo):
    """Remembers what ended the reading: tarfile takes a damaged header for the end of the tar."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tar)
        except tarfile.HeaderError as error:
            tar.ended_by = error  # type: ignore[attr-defined]
            raise


def _tar(address: str) -> Iterator[ShardPicture]:
    """Every picture in a tar, whatever its format; the key as WebDataset takes it from the name."""
    store, path = open_store(address)
    with (
        store.open(path, "rb") as stream,
        tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Header) as tar,
    ):
        while (member := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # else it keeps every header
            if is_picture_member(member.name) and not member.isdir():
                where = Where(sample_key(member.name), address, member.name)
                yield where, _member(tar, member)
        _check_end(tar)


def _member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | ImageError:
    if not member.isreg():
        return ImageError("not_a_file", "this member of the tar is a link or a device")
    if member.size > MEMBER_BYTES:
        return too_large(member.size)
    stream = tar.extractfile(member)
    assert stream is not None
    data = stream.read()
    if len(data) < member.size:
        raise EOFError("the tar ends in the middle of this picture")
    return data


def _check_end(tar: tarfile.TarFile) -> None:
    """Raise an error where a tar does not end as tars do, for then something may be missing."""
    ended_by = getattr(tar, "ended_by", None)
    match type(ended_by).__name__:
        case "EOFHeaderError":
            return
        case "EmptyHeaderError":
            raise EOFError("the tar has no end mark; what came after may be missing")
        case "TruncatedHeaderError":
            raise EOFError("the tar ends in the middle of a header")
    raise ImageError("corrupt", f"a header of the tar is damaged: {ended_by}")


def is_picture_member(name: str) -> bool:
    """Whether a member of a tar is a picture, by its last extension, as in `0001.seg.png`."""
    base = posixpath.basename(name)
    return not base.startswith(".") and posixpath.splitext(base)[1].lower() in IMAGE_EXTENSIONS


def sample_key(name: str) -> str:
    """The key of a member of a WebDataset tar: its name up to the first dot of the last part."""
    folder, base = posixpath.split(name)
    return posixpath.join(folder, base.partition(".")[0])


def _parquet(shard: Shard, patience: Patience) -> Iterator[ShardPicture]:
    parquet = require("pyarrow.parquet", "shards", "reading Parquet")
    assert shard.picture is not None
    store, path = open_store(shard.address)
    columns = [shard.picture, *([shard.key] if shard.key else [])]
    with store.open(path, "rb") as stream:
        file = parquet.ParquetFile(stream, buffer_size=1 << 20)
        groups = range(shard.first, shard.first + shard.groups)
        number = sum(file.metadata.row_group(i).num_rows for i in range(shard.first))
        for group in groups:
            rows = _rows_at_once(file.metadata.row_group(group))
            for batch in file.iter_batches(rows, row_groups=[group], columns=columns):
                for row in batch.to_pylist():
                    yield _row(shard, number, row, patience)
                    number += 1


def _rows_at_once(group: Any) -> int:
    """As many as fit by what they take on average: pictures in Parquet may be very large."""
    average: int = group.total_byte_size // max(1, group.num_rows)
    return max(1, min(ROWS_AT_ONCE, AHEAD_BYTES // max(1, average)))


def _row(shard: Shard, number: int, row: dict[str, Any], patience: Patience) -> ShardPicture:
    assert shard.picture is not None
    picture = row[shard.picture]
    data = picture.get("bytes") if isinstance(picture, dict) else picture
    path = picture.get("path") if isinstance(picture, dict) else None
    key = key_text(row.get(shard.key)) if shard.key else ""
    where = Where(key or path or str(number), shard.address, str(number))
    if data is None and path:
        try:
            return where, read_picture(join(posixpath.dirname(shard.address), path), patience)
        except ImageError as error:
            return where, error
    if data is None:
        return where, ImageError("empty", "this row holds no picture")
    return where, too_large(len(data)) if len(data) > MEMBER_BYTES else data
