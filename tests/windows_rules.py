"""Some rules of Windows' file system, imitated: tests on Linux break them with an error.

What is imitated: a file that is open is neither renamed, replaced nor removed, and a handle that
may not write is not flushed (Python opens files without sharing deletion; `_commit` wants a
writable handle). Windows itself was not run.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def watch_as_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the end of the test, what Windows would refuse is a PermissionError."""
    for name in ("replace", "rename", "unlink", "remove"):
        monkeypatch.setattr(os, name, _refusing_open_files(getattr(os, name)))
    sync = os.fsync

    def fsync(descriptor: int) -> None:
        if not fcntl.fcntl(descriptor, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(f"flushing a read-only handle: {descriptor}")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    for module in ("atomic", "library.changes.file_operations", "library.changes.carry_out"):
        monkeypatch.setattr(f"ilgnet.{module}.sync_folder", lambda folder: None)  # as there


def _refusing_open_files(done: Callable[..., None]) -> Callable[..., None]:
    def checked(*paths: Any, **options: Any) -> None:
        for path in paths:
            if os.path.isfile(path) and _is_open(Path(os.path.realpath(path))):
                raise PermissionError(f"it is open: {path}")
        done(*paths, **options)

    return checked


def _is_open(path: Path) -> bool:
    """Whether this process has a file open, by Linux's list of open files."""
    for link in Path("/proc/self/fd").iterdir():
        try:
            if link.readlink() == path:
                return True
        except OSError:
            continue
    return False
