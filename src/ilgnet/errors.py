"""The errors that users see.

    IlgnetError
    ├── ImageError      one picture cannot be read; carries a `code` (see FAILURE_CODES)
    ├── ModelError      a model's files are missing, damaged or do not fit together
    ├── DataError       a data set, list or table is not what it should be
    ├── RecipeError     a training recipe has an unknown key or an impossible value
    ├── LibraryError    the catalogue, a sidecar, a plan or a journal cannot be used as asked
    ├── ServiceError    the HTTP service cannot run as asked, or did not answer
    └── MissingExtra    a feature needs an optional package; the message names the install line

Every message says what is wrong, with which value, and what to do next.
"""

from __future__ import annotations

import re
import struct
from importlib import import_module
from types import ModuleType
from typing import Final

FAILURE_CODES: Final = {
    "not_found": "there is no such file (or it vanished during the run)",
    "is_a_directory": "a folder with a picture's name",
    "not_a_file": "a device, socket or pipe",
    "link_loop": "a symbolic link that leads back to itself",
    "permission_denied": "the file may not be read by this user",
    "empty": "the file has no bytes",
    "truncated": "the picture ends before its data does",
    "corrupt": "the picture's data is damaged",
    "unsupported_format": "not a picture, or one that needs an extra to decode",
    "too_large": "more pixels or bytes than the limit",
    "io_error": "the operating system could not read the file",
    "timeout": "a store did not answer, or the decoder did not end, in the time allowed",
    "kills_the_reader": "reading it has ended the process that did; passed over until it changes",
}
"""Every code that a failed picture can carry, with its meaning."""


class IlgnetError(Exception):
    """Base of all errors that this package raises on purpose."""


class ImageError(IlgnetError):
    """One picture cannot be read. `code` is a key of FAILURE_CODES."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        assert code in FAILURE_CODES, code
        self.code = code
        self.message = message


class ModelError(IlgnetError):
    """A model's files are missing, damaged, or do not fit together."""


class DataError(IlgnetError):
    """A data set, list or table is not what it should be."""


class RecipeError(IlgnetError):
    """A training recipe has an unknown key or an impossible value."""


class LibraryError(IlgnetError):
    """The catalogue, a sidecar, a plan or a journal cannot be used as asked."""


class ServiceError(IlgnetError):
    """The HTTP service cannot run as asked, or did not answer."""


class MissingExtra(IlgnetError):  # noqa: N818 - reads as what it says
    """A feature needs an optional package."""


def in_words(error: BaseException) -> str:
    """What an exception of Python or the system says, in words for people.

    Numbers of system errors, names of exception classes and Python's own terms are left out.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error) or "the system gives no reason"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1:,} does not fit"
    if isinstance(error, SyntaxError) and error.args and isinstance(error.args[0], Exception):
        return in_words(error.args[0])  # Pillow hands on what its readers meet in this way
    if isinstance(error, EOFError | IndexError | struct.error):
        return "it ends before its data does"
    if isinstance(error, TypeError):
        # What a constructor says of its arguments, which are a record's fields.
        fields = ", ".join(re.findall(r"'(\w+)'", str(error)))
        if "missing" in str(error) and fields:
            return f"it lacks {fields}"
        if "unexpected keyword" in str(error) and fields:
            return f"there is no field {fields}"
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]!r}" if error.args else "something is missing"
    return str(error) or "no reason is given"


def amount(count: int, noun: str) -> str:
    """1 file, 2 files."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra brings it.

    Args:
        module: dotted name of the module.
        extra: the extra of this package that installs it.
        purpose: what the caller wants it for, as in "writing Parquet".
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{purpose} needs the package {module.partition('.')[0]!r}, which is not installed. "
            f"Install it with: pip install 'ilgnet[{extra}]'"
        ) from error
