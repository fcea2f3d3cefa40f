"""Files at any address: a local path, s3://, gs://, https://, memory://, all that fsspec opens."""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

from ilgnet.atomic import replacing
from ilgnet.errors import DataError, MissingExtra, require

_BRACES: Final = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MAGIC: Final = re.compile(r"[*?\[]")
_WHOLE_PUTS: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "memory"})
"""Stores in which an object appears whole or not at all; elsewhere it is moved into place."""


TOGETHER: Final = 1_000
"""Small files that are in memory together."""


def open_store(address: str) -> tuple[Any, str]:
    """The fsspec file system of an address, and the path in it.

    Raises:
        MissingExtra: fsspec, or the package for this kind of address, is not installed.
        DataError: there is no such kind of address.
    """
    fsspec = require("fsspec", "shards", "reading and writing shards")
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise MissingExtra(
            f"{address} needs a package that is not installed: {error}. "
            "S3 comes with: pip install 'ilgnet[shards]'"
        ) from error
    except ValueError as error:
        raise DataError(f"{address} is no address that can be opened: {error}") from error
    return found


def is_local(store: Any) -> bool:
    """Whether the files lie on this machine's own file systems."""
    return "file" in _protocols(store)


def _protocols(store: Any) -> tuple[str, ...]:
    protocol = store.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def join(address: str, name: str) -> str:
    """The address of a file below a folder; `name` itself where it is an address of its own."""
    if "://" in name or name.startswith("/"):
        return name
    return posixpath.join(address, name)


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a store.

    Attributes:
        address: by which `open_store` finds it.
        key: its path below the folder that was named, or its name.
        named: whether it was named itself, or by a pattern; else it was found in a folder.
        version: what changes when the file is written again.
    """

    address: str
    key: str
    named: bool
    version: str


def listed(address: str) -> Iterator[Listed]:
    """The files that an address names, in the order of their names.

    Args:
        address: a file, a folder (with all below it but hidden names), or a pattern: `*`, `?`,
            `[..]` as in a shell, and `{0000..0999}` as WebDataset writes it.

    Raises:
        DataError: nothing is there.
    """
    fresh = ""
    for one in _expanded(address):
        store, path = open_store(one)
        folder = posixpath.dirname(path)
        if folder != fresh:
            fresh = folder
            store.invalidate_cache()
            if one != address:
                # One listing tells of all files of a range, which a store would be asked for
                # one by one; it remembers them. Some, such as https, have none.
                with suppress(Exception):
                    store.ls(folder, detail=True)
        try:
            yield from _listed(store, path.rstrip("/") or "/")
        except FileNotFoundError as error:
            raise DataError(f"there is nothing at {one}") from error


def _expanded(address: str) -> Iterator[str]:
    ranges = [
        [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        for first, last in _BRACES.findall(address)
    ]
    pieces = _BRACES.sub("\0", address).split("\0")
    for numbers in product(*ranges):
        yield pieces[0] + "".join(n + text for n, text in zip(numbers, pieces[1:], strict=True))


def _listed(store: Any, path: str) -> Iterator[Listed]:
    if _MAGIC.search(path):
        found = store.glob(path, detail=True)
        folder = posixpath.dirname(path[: _MAGIC.search(path).start()])  # type: ignore[union-attr]
        if not any(info["type"] == "file" for info in found.values()):
            raise FileNotFoundError(path)
        for name in sorted(found):
            if found[name]["type"] == "file":
                yield _file(store, found[name], name, folder, named=True)
        return
    info = store.info(path)
    if info["type"] != "directory":
        yield _file(store, info, path, posixpath.dirname(path), named=True)
        return
    for name, info in _walked(store, path):
        yield _file(store, info, name, path, named=False)


def _walked(store: Any, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A folder and all below it; one listing in memory at a time."""
    for info in sorted(store.ls(folder, detail=True), key=lambda entry: str(entry["name"])):
        name = info["name"].rstrip("/")
        if posixpath.basename(name).startswith(".") or name == folder:
            continue
        if info["type"] == "directory":
            yield from _walked(store, name)
        else:
            yield name, info


def _file(store: Any, info: dict[str, Any], path: str, folder: str, *, named: bool) -> Listed:
    address = path if is_local(store) else str(store.unstrip_protocol(path))
    # The store's own mark of a version, else the size and time.
    mark = info.get("ETag") or info.get("etag") or info.get("md5") or info.get("mtime") or ""
    key = path.removeprefix(folder.rstrip("/") + "/")
    return Listed(address, key, named, f"{info.get('size')}:{mark}")


class Folder:
    """A folder at any address, whose files appear whole or not at all.

    Attributes:
        address: as given; a local one is made absolute.
    """

    def __init__(self, address: str) -> None:
        self.store, self.path = open_store(address)
        self.local = is_local(self.store)
        self.address = self.path if self.local else address.rstrip("/")

    def file(self, name: str) -> str:
        """The path of a file, for `self.store`."""
        return posixpath.join(self.path, name)

    def exists(self, name: str) -> bool:
        """Whether there is such a file now, whatever was listed before."""
        self.store.invalidate_cache(posixpath.dirname(self.file(name)))
        return bool(self.store.exists(self.file(name)))

    def names(self, below: str) -> list[str]:
        """The names of the files in a sub-folder; none where it is not there."""
        folder = self.file(below)
        self.store.invalidate_cache(folder)
        try:
            entries = self.store.ls(folder, detail=True)
        except FileNotFoundError:
            return []
        names = [posixpath.basename(e["name"]) for e in entries if e["type"] == "file"]
        return sorted(name for name in names if not name.startswith("."))

    def read(self, name: str) -> bytes:
        """All bytes of a file."""
        return bytes(self.store.cat_file(self.file(name)))

    def read_many(self, names: Sequence[str]) -> Iterator[bytes]:
        """The bytes of small files, asked for side by side; what is not there does not come."""
        for start in range(0, len(names), TOGETHER):
            paths = [self.file(name) for name in names[start : start + TOGETHER]]
            yield from self.store.cat(paths, on_error="omit").values()

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a small file."""
        with self.putting(name) as path:
            path.write_bytes(data)

    @contextmanager
    def putting(self, name: str) -> Iterator[Path]:
        """A local path to write to; when the block ends well, the file has its name."""
        if self.local:
            target = Path(self.file(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as partial:
                yield partial
            return
        with tempfile.TemporaryDirectory(prefix="ilgnet-") as scratch:
            partial = Path(scratch) / "partial"
            yield partial
            self._put(partial, self.file(name))

    def _put(self, source: Path, target: str) -> None:
        if _WHOLE_PUTS.intersection(_protocols(self.store)):
            self.store.put_file(str(source), target)
            return
        self.store.makedirs(posixpath.dirname(target), exist_ok=True)
        beside = posixpath.join(posixpath.dirname(target), f".{posixpath.basename(target)}.partial")
        self.store.put_file(str(source), beside)
        self.store.mv(beside, target)
