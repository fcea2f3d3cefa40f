"""Changing files so that a crash at any moment leaves each of them whole, old or new.

Nothing is ever overwritten: a target's name is first taken by creating an empty file, which fails
where there is one already, and the finished file is then renamed onto it. Both work on every file
system, which hard links do not.

On network disks a call can be carried out and its answer lost, so that it fails although it was
done. So no error is believed: what became of the files is looked at. A name is freed again only
where the empty file is still the one that was made to hold it and the file that should have got
the name is still where it was; a copy is removed only where its original is still there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ilgnet.atomic import keep_attributes, rename, sync_file, sync_folder
from ilgnet.hashing import bytes_hash, file_hash
from ilgnet.library.changes.plan import Edit, Transfer

_PIECE: Final = 1 << 20
READ_ONLY: Final = "it is read-only and was left alone; allow writing to it if it may be changed"

_NOT_ALLOWED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


class Refused(Exception):  # noqa: N818 - a refusal is an answer
    """A step cannot be taken, for a reason in words; nothing was changed."""


def take_transfer(step: Transfer, temporary: Path) -> None:
    """Carry out a transfer.

    Args:
        step: the transfer.
        temporary: an unused path in the target's folder.

    Raises:
        Refused: the target exists, or the source is not what it should be.
        OSError: from the system. No content is lost, whichever call it came from; where it could
            be told that nothing happened, nothing is left behind.
    """
    source, target = Path(step.source), Path(step.target)
    if not source.is_file():
        raise Refused("the file is gone" if not os.path.lexists(source) else "it is no file")
    if step.how == "move":
        move(source, target, temporary)
    elif step.how == "copy":
        copy(source, target, temporary)
    else:
        _link(source, target, os.link if step.how == "hardlink" else os.symlink)


def _link(source: Path, target: Path, make: Callable[[Path, Path], None]) -> None:
    if os.path.lexists(target):
        raise Refused(f"{target} exists already")
    try:
        make(source, target)
    except OSError as error:
        if not _leads_to(target, source):
            if isinstance(error, FileExistsError):
                raise Refused(f"{target} exists already") from error
            raise


def _leads_to(link: Path, source: Path) -> bool:
    try:
        return str(link.readlink()) == str(source) if link.is_symlink() else link.samefile(source)
    except OSError:
        return False


def move(source: Path, target: Path, temporary: Path) -> None:
    """Rename, or where that is another device: copy, compare, delete."""
    if source.is_symlink():
        raise Refused("it is a symbolic link; move the file itself, or copy")
    if source.stat().st_dev == target.parent.stat().st_dev:
        try:
            _rename_to_new(source, target)
        except OSError as error:
            if error.errno != errno.EXDEV:  # two mounts of one device are like two devices
                raise
        else:
            return
    before = size_and_time(source)
    copy(source, target, temporary)
    copied = size_and_time(target)
    try:
        sync_folder(target.parent)
        if size_and_time(source) != before:
            raise Refused("it changed while it was copied")
        _remove(source)
    except (OSError, Refused) as error:
        # After an error that leaves it open whether the source is being removed, both stay.
        refused = isinstance(error, Refused) or error.errno in _NOT_ALLOWED
        if refused and source.is_file() and size_and_time(target) == copied:
            _remove(target)
        raise


def copy(source: Path, target: Path, temporary: Path) -> None:
    """Copy with times and mode, read the copy back and compare, then give it its name."""
    with _temporary(temporary):
        written = _write_copy(source, temporary)
        with contextlib.suppress(OSError):  # FAT has neither modes nor extended attributes
            shutil.copystat(source, temporary)
        if file_hash(temporary) != written:
            raise OSError(errno.EIO, "the copy does not read back as it was written")
        _rename_to_new(temporary, target)


def _write_copy(source: Path, temporary: Path) -> str:
    hasher = hashlib.sha256()
    with source.open("rb") as reader, temporary.open("xb") as writer:
        while piece := reader.read(_PIECE):
            hasher.update(piece)
            writer.write(piece)
        writer.flush()
        os.fsync(writer.fileno())
    return hasher.hexdigest()


def take_edit(step: Edit, temporary: Path) -> None:
    """Carry out an edit.

    Raises:
        Refused: the file is not what it was when the plan was made.
        OSError: as for `take_transfer`.
    """
    path = Path(step.path)
    before = _content(path)
    if (None if before is None else bytes_hash(before)) != step.before:
        raise Refused("it has changed since the plan was made")
    write(path, step.applied(before or b""), temporary, new=before is None)


def write(
    path: Path, data: bytes, temporary: Path, *, new: bool, mtime_ns: int | None = None
) -> None:
    """Write a file whole, keeping mode, owner and extended attributes of the one it replaces.

    Raises:
        Refused: the file is read-only; its owner wants it as it is.
        OSError: as for `take_transfer`.
    """
    if not new and is_read_only(path):
        raise Refused(READ_ONLY)
    with _temporary(temporary):
        with temporary.open("xb") as writer:
            writer.write(data)
        if not new:
            keep_attributes(path, temporary)
        if mtime_ns is not None:
            os.utime(temporary, ns=(mtime_ns, mtime_ns))
        sync_file(temporary)
        if new:
            _rename_to_new(temporary, path)
        else:
            rename(temporary, path)


def is_read_only(path: Path) -> bool:
    """Whether a file's owner may not write to it. The administrator may, and should not."""
    return not path.stat().st_mode & stat.S_IWUSR


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _rename_to_new(source: Path, target: Path) -> None:
    """Rename a file to a name that is free: held by an empty file, and freed if it came to that.

    Raises:
        Refused: the name is taken.
        OSError: from the system; the file has its old name.
    """
    try:
        with target.open("xb") as holder:
            held = os.fstat(holder.fileno())
    except FileExistsError as error:
        raise Refused(f"{target} exists already") from error
    try:
        rename(source, target)
    except OSError:
        # After Ctrl+C nothing is freed: the file may have its new name. Settling looks.
        if source.is_file() and _is_empty_holder(target, held):
            _remove(target)
        raise


def _is_empty_holder(path: Path, held: os.stat_result) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    same = (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)
    return same and stat.S_ISREG(found.st_mode) and found.st_size == 0


def _remove(path: Path) -> None:
    """Remove a file; an error counts only where it is still there."""
    try:
        path.unlink()
    except OSError:
        if os.path.lexists(path):
            raise


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[None]:
    """For temporary files alone, which are never the only ones of their content."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # settling finds it by its name
            path.unlink(missing_ok=True)
        raise


def undo_transfer(step: Transfer, temporary: Path, sha256: str | None) -> None:
    """Take a transfer back; one that is back already is left alone.

    What was moved goes back as it is now: a sidecar that was written since belongs with its
    picture, and moving loses nothing.

    Args:
        step: the transfer as it was carried out.
        temporary: an unused path in the source's folder.
        sha256: of the target, for a copy.

    Raises:
        Refused: something has changed since, and taking it back would lose it.
        OSError: from the system; nothing is left behind.
    """
    source, target = Path(step.source), Path(step.target)
    if not os.path.lexists(target):
        if os.path.lexists(source):
            return
        raise Refused("the file is gone")
    if step.how == "move":
        _move_back(source, target, temporary)
        return
    if step.how == "symlink":
        if not target.is_symlink() or str(target.readlink()) != step.source:
            raise Refused("it is no longer the link that was made")
    elif not source.is_file():
        raise Refused(f"the original, {source}, is gone; this is the only one left")
    elif step.how == "hardlink":
        if not target.samefile(source) or target.stat().st_nlink < 2:
            raise Refused("it is no longer a second name of the original")
    elif file_hash(target) != sha256:
        raise Refused("it has changed since")
    elif file_hash(source) != sha256:
        raise Refused(f"the original, {source}, has changed since; this is the only copy of it")
    _remove(target)


def _move_back(source: Path, target: Path, temporary: Path) -> None:
    if os.path.lexists(source):
        raise Refused(f"there is something at {source} again")
    source.parent.mkdir(parents=True, exist_ok=True)
    move(target, source, temporary)


def undo_edit(step: Edit, temporary: Path, mtime_ns: int | None) -> None:
    """Take an edit back; one that is back already is left alone.

    Args:
        step: the edit as it was carried out.
        temporary: an unused path in the same folder.
        mtime_ns: when the file had changed before the edit, where that is known; it gets that time
            again, so that who remembers files by their times finds it unchanged.

    Raises:
        Refused: the file has changed since.
        OSError: from the system; nothing is left behind.
    """
    path = Path(step.path)
    after = _content(path)
    found = None if after is None else bytes_hash(after)
    if found == step.before:
        return
    if after is None or found != step.after:
        raise Refused("the file is gone" if after is None else "it has changed since")
    if step.before is None:
        _remove(path)
    else:
        write(path, step.reverted(after), temporary, new=False, mtime_ns=mtime_ns)


def settle_transfer(step: Transfer, temporary: Path) -> bool:
    """Bring a transfer that was cut off to one side or the other.

    Returns:
        Whether it is done now.

    Raises:
        Refused: both files exist and differ; both stay.
    """
    source, target = Path(step.source), Path(step.target)
    temporary.unlink(missing_ok=True)
    if step.how == "symlink":
        return target.is_symlink() and str(target.readlink()) == step.source
    if not source.is_file() or not target.is_file():
        return target.is_file()
    if target.samefile(source):
        return step.how == "hardlink"
    if target.stat().st_size == 0:  # the name was taken, the file not yet there
        _remove(target)
        return False
    if file_hash(source) != file_hash(target):
        raise Refused(f"{source} and {target} both exist and differ; look at both")
    if step.how == "move":
        sync_folder(target.parent)
        _remove(source)
    return True


def settle_edit(step: Edit, temporary: Path) -> bool:
    """Bring an edit that was cut off to one side or the other; whether it is done now."""
    path = Path(step.path)
    temporary.unlink(missing_ok=True)
    content = _content(path)
    if step.before is None and content == b"":  # the name was taken, the file not yet there
        _remove(path)
        return False
    return content is not None and bytes_hash(content) == step.after


def size_and_time(path: Path) -> tuple[int, int]:
    """Bytes and nanoseconds: what tells, without reading, that a file is as it was."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns
