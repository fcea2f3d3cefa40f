"""Text as people's programs write it: UTF-8, UTF-16 with a mark, CSV with any separator."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from ilgnet.errors import DataError, in_words

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16's does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order mark -> the encoding that it announces."""

_PIECE: Final = 1 << 16
_SEPARATORS: Final = ",;\t"
_FILE_URL: Final = "file://"
_NOTHING_TAKEN: Final = "Nothing more of it was taken"


def read_text(path: Path) -> str:
    """The text of a file, plain or gzip, in the encoding that its byte order mark announces.

    Without a mark it is UTF-8; bytes that are not become lone surrogates, as in file names.

    Raises:
        DataError: it cannot be read, or is no text in that encoding.
    """
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {in_words(error)}") from error
    encoding, mark = _announced(data)
    if not mark and b"\0" in data[:_PIECE]:
        raise DataError(
            f"{path} is no text in UTF-8: it holds NUL bytes, as UTF-16 without its mark does. "
            "Save it as UTF-8"
        )
    errors = "surrogateescape" if encoding == "utf-8" else "strict"
    try:
        return data[len(mark) :].decode(encoding, errors)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} begins as {encoding.upper()} and is not: {in_words(error)}. Save it as UTF-8"
        ) from error


def _announced(data: bytes) -> tuple[str, bytes]:
    found = (found for found in _MARKS if data.startswith(found[0]))
    mark, encoding = next(found, (b"", "utf-8"))
    return encoding, mark


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row of a table.

    Attributes:
        line: where it ends in the file, counted from 1.
        cells: column name -> text.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table as text.

    Attributes:
        path: the file.
        columns: names, in order, without the white space around them.
        rows: in order; each has a text for every column.
        separator: comma, semicolon or tab.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    separator: str

    def need(self, *columns: str) -> None:
        """Refuse a table that lacks one of these columns.

        Raises:
            DataError: names what is missing and what there is.
        """
        if not set(columns) <= set(self.columns):
            raise DataError(
                f"{self.path} needs the columns {', '.join(columns)}; its first line names: "
                f"{', '.join(self.columns) or 'nothing'}"
            )

    def number(self, row: CsvRow, column: str) -> float:
        """A cell as a number; where no commas separate, one may be the decimal point.

        Raises:
            DataError: it is none; names the line, the column and the value.
        """
        text = row.cells[column].strip()
        try:
            value = float(text if self.separator == "," else text.replace(",", "."))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(
                f"{self.path}, line {row.line}, column {column!r}: {text!r} is not a number; "
                "correct the cell or take the row out"
            )
        return value


def read_csv(path: Path) -> CsvTable:
    """Read a table of comma, semicolon or tab separated values, in any encoding of `read_text`.

    Spreadsheets save the same table with semicolons where a comma is the decimal point, and with
    tabs in UTF-16 as "Unicode text"; the first line tells.

    Raises:
        DataError: the file cannot be read, its quotes do not close, or a row has another number
            of cells than there are columns.
    """
    text = read_text(path)
    separator, columns, found = _table(path, io.StringIO(text, newline=""))
    return CsvTable(path, columns, tuple(map(_checked, found)), separator)


def stream_csv(read: Callable[[int], bytes], name: str) -> Iterator[CsvRow | DataError]:
    """The rows of a table of any length, in bounded memory; otherwise as `read_csv`.

    Args:
        read: as `read_paths` takes it.
        name: what messages call the table.

    Yields:
        A row, or what is wrong with it where it has another number of cells than there are
        columns.

    Raises:
        DataError: it is no text, or its quotes do not close.
    """
    yield from _table(name, stream_lines(read, name))[2]


def stream_lines(read: Callable[[int], bytes], name: str) -> Iterator[str]:
    """The lines of a text, each with its end, in the encoding that its mark announces.

    Args:
        read: as `read_paths` takes it.
        name: what messages call the text.

    Raises:
        DataError: it is no text in that encoding.
    """
    rest = ""
    for text in _decoded(read, name):
        if "\0" in text:
            raise DataError(
                f"{name} is no text in UTF-8: it holds NUL bytes, as UTF-16 without its mark does. "
                "Save it as UTF-8"
            )
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield f"{line}\n"
    if rest:
        yield rest


def _table(
    name: Path | str, lines: Iterator[str]
) -> tuple[str, tuple[str, ...], Iterator[CsvRow | DataError]]:
    """The separator, the columns, and the rows as they are asked for."""
    first = next(lines, "")
    separator = _separator(first)
    # "sep=" is Excel's own way to say it.
    text = lines if first.startswith("sep=") else chain([first], lines)
    reader = csv.reader(text, delimiter=separator, strict=True)

    def read() -> Iterator[list[str]]:
        try:
            yield from reader
        except csv.Error as error:
            raise DataError(f"{name}, line {reader.line_num}, is not CSV: {error}") from error

    every = read()
    columns = tuple(cell.strip() for cell in next(every, []))
    rows = (_row(name, columns, reader.line_num, cells) for cells in every if cells)
    return separator, columns, rows


def _separator(line: str) -> str:
    """The separator that the first line has most of; a comma where it has none."""
    first = line.rstrip("\r\n")
    if first.startswith("sep=") and first[4:] in _SEPARATORS:
        return first[4:]
    return max(_SEPARATORS, key=first.count)


def _row(
    name: Path | str, columns: tuple[str, ...], line: int, cells: list[str]
) -> CsvRow | DataError:
    if len(cells) != len(columns):
        return DataError(
            f"{name}, line {line}: {len(cells)} cells under {len(columns)} column names; "
            "put values that hold the separator in double quotes"
        )
    return CsvRow(line, dict(zip(columns, cells, strict=True)))


def _checked(row: CsvRow | DataError) -> CsvRow:
    if isinstance(row, DataError):
        raise row
    return row


def read_paths(read: Callable[[int], bytes]) -> Iterator[str]:
    """Paths from a list: separated by NUL bytes if there are any, else one a line.

    Lines may end in CRLF, stand in double quotes or be addresses of files (file:///...), and the
    list may be UTF-8 or UTF-16 with a mark, as Windows writes them; a line of white space is none.
    UTF-16 without a mark, in which every letter has a NUL byte of its own, is refused, and so is
    what is no text: their entries would be single letters such as "." and "/".

    Args:
        read: gives up to so many bytes as soon as there are any, and none at the end, such as the
            `read1` of an open file. A list may be longer than memory.

    Raises:
        DataError: what was read is no list of paths.
    """
    rest, separator = "", ""
    for text in _decoded(read, "the list of paths"):
        rest += text
        separator = separator or next((mark for mark in "\0\n" if mark in rest), "")
        if separator:
            *whole, rest = rest.split(separator)
            for entry in whole:
                yield from _path(entry, separator)
    if rest:
        yield from _path(rest, separator)


def _decoded(read: Callable[[int], bytes], name: str) -> Iterator[str]:
    """The text of a stream as it comes; a mark at its beginning tells the encoding."""
    start = piece = read(_PIECE)
    # What a slow writer has sent so far is wanted now, if it cannot be a part of a mark.
    while piece and any(mark.startswith(start) for mark, _ in _MARKS):
        piece = read(_PIECE)
        start += piece
    encoding, mark = _announced(start)
    errors = sys.getfilesystemencodeerrors() if encoding == "utf-8" else "strict"
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    piece = start[len(mark) :]
    try:
        while piece:
            yield decoder.decode(piece)
            piece = read(_PIECE)
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{name} is not {encoding.upper()}, as it should be by its beginning: "
            f"{in_words(error)}. Save it as UTF-8. {_NOTHING_TAKEN}"
        ) from error


def _path(entry: str, separator: str) -> Iterator[str]:
    """One entry of a list as a path; an empty line is none."""
    if separator == "\0":
        if len(entry) < 2:
            raise DataError(
                "the list of paths holds NUL bytes that stand closer than paths are long, as in "
                "UTF-16 without its mark. Save it as UTF-8; a path of one letter is written ./a in "
                f"a list separated by NUL bytes. {_NOTHING_TAKEN}"
            )
        yield entry
        return
    entry = entry.removesuffix("\r").removeprefix("\ufeff")  # a mark of a list that was appended
    if any(letter < " " and letter != "\t" for letter in entry):
        raise DataError(
            f"a line of the list of paths holds control characters ({entry[:40]!r}), so it is no "
            "text. Names that really hold them come in a list separated by NUL bytes, as from "
            f"find -print0. {_NOTHING_TAKEN}"
        )
    if len(entry) > 2 and entry[0] == entry[-1] == '"':
        entry = entry[1:-1]  # "Copy as path"; a picture's name ends in letters
    if entry.startswith(_FILE_URL):
        entry = _from_url(entry)
    if entry.strip():
        yield entry


def _from_url(url: str) -> str:
    """The path in file:///home/a%20b.jpg, as desktops copy files (RFC 8089)."""
    path = "/" + url.removeprefix(_FILE_URL).partition("/")[2]
    path = unquote(path, errors=sys.getfilesystemencodeerrors())
    return path[1:] if path[2:3] == ":" else path  # /C:/Users
