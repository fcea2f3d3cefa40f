"""Where a report goes: standard output, or a file that appears whole or not at all.

A file is written beside its final name as `NAME.XXXXXXXX.partial` and renamed when it is complete,
so what carries the final name is always complete. When the run ends early, the partial file of a
streamed format is kept under that name (its rows are good, there are just fewer) and that of any
other format is removed. Standard output cannot be taken back: there the exit code tells.
"""

from __future__ import annotations

import errno
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ilgnet.errors import IlgnetError


@contextmanager
def open_output(target: Path | None, *, keep_partial: bool = False) -> Iterator[BinaryIO]:
    """A binary stream for a report.

    Args:
        target: the file to make or replace; None is standard output. A pipe or device is written
            to directly.
        keep_partial: whether rows written before a failure are worth keeping; the exception then
            carries a note that says where they are.

    Raises:
        IlgnetError: the target is a folder, or cannot be created.
    """
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    direct = _is_direct(target)
    with _opened(target, direct) as stream:
        if direct:
            yield stream
        else:
            yield from _complete(stream, target.resolve(), keep_partial)


def discard_output() -> None:
    """Send what is still to come on standard output, and is in its buffer, nowhere: whoever read
    it has left, and Python would complain when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_output(target: Path) -> None:
    """Raise now what `open_output` would raise at the end of a long run; leaves nothing behind."""
    if not _is_direct(target):
        with _opened(target, direct=False) as stream:
            Path(stream.name).unlink()


def _is_direct(target: Path) -> bool:
    return target.exists() and not target.is_file() and not target.is_dir()


def _opened(target: Path, direct: bool) -> BinaryIO:
    try:
        return target.open("wb") if direct else _create_beside(target.resolve())
    except OSError as error:
        raise IlgnetError(
            f"{target} cannot be written: {error.strerror}. Choose another place."
        ) from error


def _create_beside(target: Path) -> BinaryIO:
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    # Not `tempfile`: its files are private, and the mode would stay so after the rename.
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial").open("xb")


def _complete(stream: BinaryIO, target: Path, keep_partial: bool) -> Iterator[BinaryIO]:
    partial = Path(stream.name)
    try:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        if target.is_file():
            partial.chmod(target.stat().st_mode)
        partial.replace(target)
    except BaseException as error:
        stream.close()
        if keep_partial and partial.stat().st_size:
            error.add_note(f"What was finished before is in {partial}")
        else:
            partial.unlink(missing_ok=True)
        raise
