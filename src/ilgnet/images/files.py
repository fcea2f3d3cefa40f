"""Opening a picture's file, with every way that it can go wrong turned into a failure code."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Final

from ilgnet.errors import ImageError

MAX_BYTES: Final = 2 * 1024**3
"""A larger file is refused unread: no camera writes one."""

_CODES: Final = {
    errno.ENOENT: ("not_found", "there is no such file"),
    errno.ENOTDIR: ("not_found", "there is no such file"),
    errno.ENAMETOOLONG: ("not_found", "the name is longer than the file system allows"),
    errno.ELOOP: ("link_loop", "the symbolic link leads back to itself"),
    errno.EACCES: ("permission_denied", "this user may not read the file"),
    errno.EPERM: ("permission_denied", "this user may not read the file"),
    errno.EISDIR: ("is_a_directory", "this is a folder, not a picture"),
}


def image_error(error: OSError) -> ImageError:
    """The failure that stands for an operating system's error."""
    code, message = _CODES.get(
        error.errno or 0, ("io_error", f"the file cannot be read: {error.strerror or error}")
    )
    return ImageError(code, message)


def open_image_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular, non-empty file of sane size for reading.

    A pipe or device is never opened: reading one could wait for ever.

    Raises:
        ImageError: with the code that fits.
    """
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError("is_a_directory", "this is a folder, not a picture")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not_a_file", "this is a device, socket or pipe, not a picture")
        if status.st_size == 0:
            raise ImageError("empty", "the file has no bytes")
        if status.st_size > MAX_BYTES:
            raise ImageError(
                "too_large",
                f"the file has {status.st_size / 1024**3:.1f} GiB; "
                f"the limit is {MAX_BYTES / 1024**3:.0f} GiB",
            )
        return Path(path).open("rb")
    except ValueError as error:  # a NUL byte in the name
        raise ImageError("not_found", "no file can have this name: it holds a NUL byte") from error
    except OSError as error:
        raise image_error(error) from error
