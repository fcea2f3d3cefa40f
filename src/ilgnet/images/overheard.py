"""What decoders write on the terminal, taken for the failure row of the picture it is about.

libtiff and LibRaw write to the file descriptor of standard error, without the picture's name, and
Pillow logs, which ends there too. That
descriptor belongs to the whole process, so only the command line, whose process it is, listens:
while pictures are decoded the descriptor leads into a file, and Python's own `sys.stderr` goes to
the terminal by another. Where several pictures were decoded at once and one failed, it is decoded
again alone, and what is written then is its own.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

_STDERR: Final = 2
_MOST: Final = 300
"""Characters of a reason; decoders repeat themselves."""

_NO_NAMES: Final = re.compile(r"^(tempfile\.tif|unknown file|<unknown file>|b'[^']*'): ")


def listen() -> None:
    """From now on, take what decoders write; for a program that owns its process, once.

    Not on Windows, which cannot read a file at a place while something else writes to it, nor where
    no temporary file can be made: there decoders go on writing to the terminal.
    """
    global _ear
    if _ear is not None or not hasattr(os, "pread"):
        return
    with suppress(OSError, ValueError):  # there may be no standard error, or nowhere to write
        writes_there = sys.stderr.fileno() == _STDERR
        notes = tempfile.TemporaryFile()  # noqa: SIM115 - kept as long as the process
        if writes_there:
            own = io.FileIO(os.dup(_STDERR), "w")
            sys.stderr = io.TextIOWrapper(
                own,
                encoding=sys.stderr.encoding,
                errors=sys.stderr.errors,
                line_buffering=True,
                write_through=True,
            )
        _log_to(_STDERR)
        _ear = _Ear(notes)


def _log_to(descriptor: int) -> None:
    """Where nobody has set logging up, write what is logged where decoders write."""
    handler = logging.StreamHandler(open(descriptor, "w", closefd=False))  # noqa: SIM115
    handler.setLevel(logging.WARNING)
    logging.lastResort = handler


@contextmanager
def overheard(*, alone: bool = False) -> Iterator[Callable[[], str]]:
    """Take what is written on standard error meanwhile, where `listen` was called.

    Args:
        alone: wait until nothing else is decoded, so that it is about this picture for certain.

    Yields:
        A function that says what was written since the beginning, in one line.
    """
    if _ear is None:
        yield lambda: ""
        return
    with _ear.hear(alone) as said:
        yield said


class _Ear:
    """Counts who is listening; the descriptor is turned for the first and back after the last."""

    def __init__(self, notes: BinaryIO) -> None:
        self._notes = notes
        self._gate = threading.Condition()
        self._inside = 0
        self._alone = False
        self._waiting = 0
        self._terminal = -1

    @contextmanager
    def hear(self, alone: bool) -> Iterator[Callable[[], str]]:
        self._enter(alone)
        begin = os.fstat(self._notes.fileno()).st_size
        try:
            yield lambda: self._said_since(begin)
        finally:
            self._leave()

    def _enter(self, alone: bool) -> None:
        with self._gate:
            self._waiting += alone
            self._gate.wait_for(lambda: self._may_enter(alone))
            self._waiting -= alone
            self._alone = alone
            self._inside += 1
            if self._inside == 1:
                os.ftruncate(self._notes.fileno(), 0)
                os.lseek(self._notes.fileno(), 0, os.SEEK_SET)
                self._terminal = os.dup(_STDERR)
                os.dup2(self._notes.fileno(), _STDERR)

    def _may_enter(self, alone: bool) -> bool:
        return self._inside == 0 if alone else not (self._alone or self._waiting)

    def _leave(self) -> None:
        with self._gate:
            self._inside -= 1
            self._alone = False
            if self._inside == 0:
                os.dup2(self._terminal, _STDERR)
                os.close(self._terminal)
            self._gate.notify_all()

    def _said_since(self, begin: int) -> str:
        length = os.fstat(self._notes.fileno()).st_size - begin
        if length <= 0:
            return ""
        written = os.pread(self._notes.fileno(), min(length, 1 << 16), begin)
        lines = [
            _NO_NAMES.sub("", line.strip())
            for line in written.decode("utf-8", "replace").splitlines()
        ]
        return "; ".join(dict.fromkeys(filter(None, lines)))[:_MOST]


_ear: _Ear | None = None
