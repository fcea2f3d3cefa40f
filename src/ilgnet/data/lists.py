"""Lists of pictures: `<id>.jpg <label>` a line as ILGNet published them, or ids alone as AVA's own.

Plain or gzip, read as they are.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO, cast

from ilgnet.atomic import write_whole
from ilgnet.data.rated import fingerprint, refuse_repeats
from ilgnet.errors import DataError, in_words

_LABELS: Final = {"0": False, "1": True}


@dataclass(frozen=True, slots=True)
class ImageList:
    """A list of pictures in its order.

    Attributes:
        name: of the file and its folder.
        ids: file names inside the pictures' folder; no id occurs twice.
        labels: high (True) or low (False) for each id, or None for a list without labels.
    """

    name: str
    ids: tuple[str, ...]
    labels: tuple[bool, ...] | None = None

    @property
    def fingerprint(self) -> str:
        """See `ilgnet.data.rated.fingerprint`."""
        return fingerprint(self.ids)

    @property
    def high_share(self) -> float | None:
        """Share of high labels, 0..1."""
        return None if self.labels is None else sum(self.labels) / len(self.labels)


def read_list(path: Path) -> ImageList:
    """Read a list of pictures, one a line: `<file> <0 or 1>` or `<file>`, plain or gzip.

    A name without an extension (AVA's own `.jpgl` lists hold bare ids) gets `.jpg`.

    Raises:
        DataError: names the file and the line.
    """
    ids: list[str] = []
    labels: list[bool] = []
    for number, line in read_lines(path):
        # Names may hold spaces: only a last field of 0 or 1 is a label.
        name, _, last = line.rpartition(" ")
        if name and last in _LABELS:
            labels.append(_LABELS[last])
        else:
            name = line
        if labels and len(labels) != len(ids) + 1:
            raise DataError(
                f"{path}, line {number}: {line!r} is not '<id>.jpg <0 or 1>' as the lines before"
            )
        ids.append(name.strip() if Path(name).suffix else f"{name.strip()}.jpg")
    if not ids:
        raise DataError(f"{path} lists no picture; expected lines such as '953619.jpg 1'")
    refuse_repeats(ids, str(path))
    return ImageList(set_name(path), tuple(ids), tuple(labels) if labels else None)


def write_list(path: Path, pictures: ImageList) -> None:
    """Write a list in the published form, atomically."""
    labels = [None] * len(pictures.ids) if pictures.labels is None else pictures.labels
    lines = (
        f"{name}\n" if label is None else f"{name} {int(label)}\n"
        for name, label in zip(pictures.ids, labels, strict=True)
    )
    write_whole(path, "".join(lines).encode())


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file, plain or gzip, that are not blank, with their numbers from 1."""
    with open_text(path) as stream:
        for number, line in enumerate(stream, 1):
            if text := line.strip():
                yield number, text


@contextmanager
def open_text(path: Path) -> Iterator[TextIO]:
    """Open a text file in UTF-8, plain or gzip; whatever goes wrong is a DataError."""
    try:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as stream:
            yield cast(TextIO, stream)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text file in UTF-8: {in_words(error)}") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {in_words(error)}") from error


def set_name(path: Path) -> str:
    """How results call a data set: its file (or folder) and the folder that it lies in."""
    return "/".join(path.absolute().parts[-2:])
