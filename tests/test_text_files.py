"""Lists and tables as people's programs write them: understood, or refused in plain words."""

from __future__ import annotations

import gzip
import os
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.errors import DataError
from ilgnet.text_files import read_csv, read_paths, read_text

NAMES = ["a.jpg", "b c.jpg", "Straße/图 1.jpg", "./x"]


def paths(data: bytes) -> list[str]:
    return list(read_paths(BytesIO(data).read1))


def slowly(data: bytes) -> list[str]:
    """The same from a writer that sends one byte at a time."""
    stream = BytesIO(data)
    return list(read_paths(lambda _: stream.read(1)))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (b"a.jpg\nb c.jpg\n", ["a.jpg", "b c.jpg"]),
        (b"a.jpg\r\nb.jpg", ["a.jpg", "b.jpg"]),
        (b"tab\there.jpg\n", ["tab\there.jpg"]),
        (b"a\nb.jpg\0c.jpg\0", ["a\nb.jpg", "c.jpg"]),
        (b"\n \t \r\n\n", []),
        (b"", []),
        (b"\xff.jpg", [os.fsdecode(b"\xff.jpg")]),
        (b"\xef\xbb\xbfa.jpg\r\nb.jpg\r\n", ["a.jpg", "b.jpg"]),
        (b"a.jpg\n\xef\xbb\xbfb.jpg\n", ["a.jpg", "b.jpg"]),  # two lists, one behind the other
        (b"\xef\xbb\xbf", []),
        (b"a.jpg\n.\n", ["a.jpg", "."]),
        (b"file:///home/a%20b.jpg\r\n", ["/home/a b.jpg"]),  # desktops copy files as addresses
        (b"file://localhost/%C3%BC.jpg\nfile:///C:/a.jpg\n", ["/\u00fc.jpg", "C:/a.jpg"]),
        (b"file:///a%FFb.jpg", [os.fsdecode(b"/a\xffb.jpg")]),
        (b"a%20b.jpg\n", ["a%20b.jpg"]),
        (b'"C:\\b c.jpg"\r\n"d.jpg', ["C:\\b c.jpg", '"d.jpg']),  # Windows copies paths in quotes
    ],
)
def test_lists_of_paths(listed: bytes, expected: list[str]) -> None:
    assert paths(listed) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_with_a_mark_in_any_encoding(encoding: str, end: str) -> None:
    listed = "".join(name + end for name in NAMES).encode(encoding)
    assert paths(listed) == slowly(listed) == NAMES
    big = ("\ufeff" + "".join(name + end for name in NAMES)).encode("utf-16-be")
    assert paths(big) == slowly(big) == NAMES


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["/home/a.jpg\r\n", "a.jpg\n", ".\n", "/", "/图/a.jpg\n", "./图"])
def test_utf_16_without_its_mark_is_refused_before_anything_is_taken(
    encoding: str, text: str
) -> None:
    taken: list[str] = []
    with pytest.raises(DataError, match="Save it as UTF-8"):
        taken.extend(read_paths(BytesIO(text.encode(encoding)).read1))
    assert not [path for path in taken if len(path) < 2]


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0/\0.\0",
        b"PK\3\4\n/\n.\n",
        b"\0" * 100,
        b"\xff\xfea\0.\0j\0\xd8",  # UTF-16 that ends in the middle of a letter
        b"\xff\xfe\x00\xd8a\0",  # and with half a pair
    ],
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match="list of paths"):
        paths(data)


@given(st.binary(max_size=200))
def test_bytes_never_become_a_folder_that_they_do_not_spell(data: bytes) -> None:
    try:
        found = paths(data)
    except DataError:
        return
    for path in found:
        letters = path.encode("utf-8", "surrogateescape")
        assert letters in data or data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0\xfe\xff" in data


def test_a_list_longer_than_one_read() -> None:
    listed = [f"folder/{'x' * 90}/{index}.jpg" for index in range(5000)]
    assert paths("\n".join(listed).encode()) == listed
    assert paths("\n".join(listed).encode("utf-16")) == listed


@pytest.mark.parametrize("listed", [b"one.jpg\0two\nlines.jpg\0", b"one.jpg\ntwo.jpg", b"one.jpg"])
def test_a_list_that_comes_slowly_is_the_same_list(listed: bytes) -> None:
    assert slowly(listed) == paths(listed)


def test_a_path_is_there_before_the_next_one_is_sent() -> None:
    sent = [b"a.jpg\n"]

    def read(_: int) -> bytes:
        assert sent, "it waits for more than it needs"
        return sent.pop()

    assert next(read_paths(read)) == "a.jpg"


# Tables


def table(tmp_path: Path, data: bytes, name: str = "table.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


ROWS = [["path", "score", "note"], ["a, b.jpg", "5.25", 'he said "no"'], ["图.jpg", "6", ""]]


def written(separator: str, end: str = "\r\n") -> str:
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in ROWS]
    return "".join(separator.join(row) + end for row in quoted)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("announced", [False, True])
def test_any_spreadsheets_csv(
    separator: str, encoding: str, end: str, announced: bool, tmp_path: Path
) -> None:
    text = f"sep={separator}{end}" * announced + written(separator, end)
    read = read_csv(table(tmp_path, text.encode(encoding)))
    assert [list(read.columns), *(list(row.cells.values()) for row in read.rows)] == ROWS
    assert [read.number(row, "score") for row in read.rows] == [5.25, 6.0]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_decimal_comma_where_commas_do_not_separate(separator: str, tmp_path: Path) -> None:
    text = f"path{separator}score\na.jpg{separator}5,25\n"
    read = read_csv(table(tmp_path, text.encode()))
    assert read.number(read.rows[0], "score") == 5.25


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"path,score\na.jpg,5,2\n", "line 2: 3 cells under 2"),
        (b'path,score\n"a.jpg,5\n', "is not CSV"),
        ("path,score\n".encode("utf-16-le"), "Save it as UTF-8"),
        (b"\xff\xfep\0a", "Save it as UTF-8"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=words):
        read_csv(table(tmp_path, data))


def test_columns_and_numbers_that_are_missing(tmp_path: Path) -> None:
    read = read_csv(table(tmp_path, b"path,score\na.jpg,much\nb.jpg,nan\n"))
    read.need("path", "score")
    with pytest.raises(DataError, match="needs the columns path, model; its first"):
        read.need("path", "model")
    for line, row in enumerate(read.rows, start=2):
        with pytest.raises(DataError, match=f"line {line}, column 'score'"):
            read.number(row, "score")


def test_gzip_and_what_cannot_be_read(tmp_path: Path) -> None:
    packed = table(tmp_path, gzip.compress(b"a\n"), "a.csv.gz")
    assert read_text(packed) == "a\n"
    packed.write_bytes(packed.read_bytes()[:-6])
    for path in (packed, tmp_path / "missing.csv", tmp_path):
        with pytest.raises(DataError, match="cannot be read") as caught:
            read_text(path)
        assert "Errno" not in str(caught.value)
