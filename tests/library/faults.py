"""System calls that fail, before they are carried out or after: their answer was lost.

Everything that reaches the file system through `os` and `io.open` is counted; one call, by its
number, raises an error.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

import pytest

When = Literal["before", "after"]

_CHANGING: Final = (
    "replace rename link symlink unlink rmdir mkdir fsync utime chmod chown open ftruncate".split()
)
_LOOKING: Final = ("stat", "lstat", "readlink", "scandir")
_ERRORS: Final = (errno.EIO, errno.ETIMEDOUT, errno.EACCES)


class Faults:
    """Counts calls, and lets one of them fail.

    Args:
        number: of the call that fails, from 1; 0 lets all pass.
        when: whether it is carried out all the same.
        persistent: every call after it fails as well, and is not carried out.
    """

    def __init__(self, number: int = 0, when: When = "before", *, persistent: bool = False) -> None:
        self.number, self.when, self.persistent = number, when, persistent
        self.calls: list[str] = []
        self._off = False

    @contextmanager
    def at_work(self) -> Iterator[Faults]:
        """From here to the end of the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name in (*_CHANGING, *_LOOKING):
                patch.setattr(os, name, self._wrapped(name, getattr(os, name)))
            patch.setattr(io, "open", self._opened(io.open))
            yield self

    def _wrapped(self, name: str, done: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.calls.append(name)
            number = len(self.calls)
            if number == self.number and self.when == "after":
                _drop(name, done(*args, **options))
            if number == self.number or (self.persistent and number > self.number > 0):
                raise OSError(_ERRORS[self.number % len(_ERRORS)], f"injected into {name}")
            return done(*args, **options)

        return call

    def _opened(self, done: Callable[..., Any]) -> Callable[..., Any]:
        opened = self._wrapped("open file", done)
        return lambda *args, **options: _File(opened(*args, **options), self)


def _drop(name: str, result: Any) -> None:
    """What nobody gets to see is closed."""
    if name == "open":
        os.close(result)
    elif name in ("open file", "scandir"):
        result.close()


class _File:
    """An open file whose reading and writing is counted."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file = file
        for name in ("read", "write", "flush", "truncate"):
            setattr(self, name, faults._wrapped(name, getattr(file, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)  # type: ignore[attr-defined]
