"""Errors in words for people, without the terms of Python or of the system."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest

from ilgnet.errors import ImageError, ModelError, in_words
from ilgnet.images.decode import read_image
from ilgnet.zoo.records import RECORD_NAME, read_weights


@dataclass
class Record:
    name: str


def raised(code: str) -> BaseException:
    try:
        eval(code, {"Record": Record, "Path": Path, "struct": struct})
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("Path('/nowhere/at/all').read_bytes()", "No such file or directory"),
        ("b'a\\xff'.decode()", "byte 2 does not fit"),
        ("{}['path']", "there is no 'path'"),
        ("Record()", "it lacks name"),
        ("Record(name='a', colour='b')", "there is no field colour"),
        ("struct.unpack('>I', b'')", "it ends before its data does"),
        ("float('much')", "could not convert string to float: 'much'"),
    ],
)
def test_what_python_says_in_words(code: str, words: str) -> None:
    said = in_words(raised(code))
    assert said == words
    assert not any(term in said for term in ("Errno", "codec", "__init__", "Error("))


def test_a_record_that_lacks_something_says_what(tmp_path: Path) -> None:
    for text, words in (("{}", "complete record"), ("{", "JSON"), (json.dumps([1]), "complete")):
        (tmp_path / RECORD_NAME).write_text(text)
        with pytest.raises(ModelError, match=words) as caught:
            read_weights(tmp_path)
        assert "__init__" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG\r\n\x1a\n", "the PNG header is damaged: it ends before its data does"),
        (b"hello\n", 'not a picture that can be decoded (it starts with "hello")'),
        (
            b"\x7fELF\x02",
            "not a picture that can be decoded (it starts with the bytes 7f 45 4c 46 02)",
        ),
    ],
)
def test_what_is_no_picture_is_said_in_words(data: bytes, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(data)
    assert str(caught.value) == words
