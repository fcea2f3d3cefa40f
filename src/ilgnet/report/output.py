"""Where a report goes: standard output, or a file that appears whole or not at all.

When the run ends early, the partial file of a streamed format is kept as `NAME.XXXXXXXX.partial`
(its rows are good, there are just fewer) and that of any other format is removed. Standard output
cannot be taken back: there the exit code tells.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ilgnet.atomic import check_place, streaming
from ilgnet.errors import IlgnetError

_OF_THE_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


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
    with _named(target):
        if target is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif _is_direct(target):
            with _explained(target):
                stream: BinaryIO = target.open("wb")
            with stream:
                yield stream
        else:
            check_output(target)
            with streaming(target, keep_partial=keep_partial) as stream:
                yield stream


@contextmanager
def _named(target: Path | None) -> Iterator[None]:
    """Let what the disk says of a write, which names no file, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno in _OF_THE_DISK and error.filename is None:
            error.filename = "standard output" if target is None else str(target)
        raise


def discard_output() -> None:
    """Send what is still to come on standard output, and is in its buffer, nowhere: whoever read
    it has left, and Python would complain when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_output(target: Path) -> None:
    """Raise now what `open_output` would raise at the end of a long run; leaves nothing behind."""
    if _is_direct(target):
        return
    with _explained(target):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        check_place(target)


def _is_direct(target: Path) -> bool:
    return target.exists() and not target.is_file() and not target.is_dir()


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise IlgnetError(
            f"{target} cannot be written: {error.strerror}. Choose another place."
        ) from error
