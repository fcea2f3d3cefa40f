"""Files that appear whole or not at all: the one way in which this program writes a file.

A file grows under a temporary name in the folder where it will be, is flushed to the disk and
closed, and then takes its name, or that of the file that it replaces, in one step. Nothing is open
while it is renamed, and only handles that may write are flushed: Windows allows neither otherwise.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from ilgnet.errors import IlgnetError

_OF_THE_NAME: Final = 50
"""Letters of a file's name that the temporary one begins with; each may have four bytes of 255."""


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Make or replace a file in one step.

    Yields a path in the same folder to write to. When the block ends well, that file takes the
    name `path`, with the mode, the owner and the extended attributes of the file that was there;
    when it raises, the file is removed and whatever was at `path` is untouched. A link stays a
    link: what it leads to is replaced.

    Args:
        path: the file.
        durable: flush to the disk, so that the file is whole after a power cut too. Without it
            only other processes are sure to see it whole.
    """
    path = Path(os.path.realpath(path))
    partial = _beside(path)
    mode = check_place(path)
    try:
        yield partial
        if not path.is_file():
            partial.chmod(mode)  # some libraries make files that only their owner may read
        give_name(partial, path, durable=durable)
    finally:
        partial.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Make or replace a file, and the folders above it, so that no reader sees a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(data)


@contextlib.contextmanager
def streaming(path: Path, *, keep_partial: bool = False) -> Iterator[BinaryIO]:
    """As `replacing`, for a file that is written from its beginning to its end.

    Args:
        path: the file.
        keep_partial: whether what was written before a failure is worth keeping; the exception
            then carries a note that says where it is.
    """
    path = Path(os.path.realpath(path))
    partial = _beside(path, hidden=False)
    try:
        with partial.open("xb") as stream:
            yield stream
        give_name(partial, path)
    except BaseException as error:
        if keep_partial and partial.is_file() and partial.stat().st_size:
            error.add_note(f"What was finished before is in {partial}")
        else:
            partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that becomes `path` when the block ends well, and vanishes otherwise.

    Raises:
        IlgnetError: there is something at `path` already, other than an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise IlgnetError(f"{path} exists already; choose another folder, or remove it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _beside(path)
    partial.mkdir()
    try:
        yield partial
        if path.is_dir():
            path.rmdir()  # Windows renames onto no folder, not even an empty one
        rename(partial, path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    sync_folder(path.parent)


def give_name(partial: Path, path: Path, *, durable: bool = True) -> None:
    """Let a finished file take a name, or the place of the file that has it.

    Args:
        partial: the file, closed, in the folder of `path`.
        path: its name from now on.
        durable: as for `replacing`.
    """
    if path.is_file():
        keep_attributes(path, partial)
    if durable:
        sync_file(partial)
    rename(partial, path)
    if durable:
        with contextlib.suppress(OSError):  # some file systems cannot; the file is there
            sync_folder(path.parent)


def rename(source: Path, target: Path) -> None:
    """Rename a file, over what may be at the target, or a folder.

    On network disks a renaming can be done and its answer lost. So an error is believed only where
    the source is still there.
    """
    before = source.stat()
    try:
        source.replace(target)
    except OSError:
        if not _was_renamed(before, source, target):
            raise


def _was_renamed(before: os.stat_result, source: Path, target: Path) -> bool:
    try:
        after = target.stat()
    except OSError:
        return False
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return same and not os.path.lexists(source)


def keep_attributes(old: Path, new: Path) -> None:
    """Give a new file the mode, the owner and the extended attributes of the one it replaces.

    Desktops keep tags and ratings of their own in extended attributes. The time stays the new one.
    """
    now, status = new.stat().st_mtime_ns, old.stat()
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):
            os.chown(new, status.st_uid, status.st_gid)
    with contextlib.suppress(OSError):  # FAT has neither modes nor extended attributes
        shutil.copystat(old, new)
    os.utime(new, ns=(now, now))


def sync_file(path: Path) -> None:
    """Make what a closed file holds durable."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Make a folder's new names durable, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, *, hidden: bool = True) -> Path:
    # Not `tempfile`: its files are private, and the mode would stay so after the rename.
    # A name may be as long as a file system allows, and this one has more behind it.
    name = f"{path.name[:_OF_THE_NAME]}.{secrets.token_hex(4)}.partial"
    return path.with_name(f".{name}" if hidden else name)


def check_place(path: Path) -> int:
    """Make sure that a file can be made beside a path; that one is removed again.

    Returns:
        The mode that new files get there.

    Raises:
        OSError: none can be made there.
    """
    trial = _beside(Path(os.path.realpath(path)))
    with trial.open("xb") as stream:
        mode = os.fstat(stream.fileno()).st_mode
    trial.unlink()
    return mode & 0o7777
