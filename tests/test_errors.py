"""Errors in words for people, without the terms of Python or of the system."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from ilgnet.errors import ModelError, in_words
from ilgnet.zoo.records import RECORD_NAME, read_weights


@dataclass
class Record:
    name: str


def raised(code: str) -> BaseException:
    try:
        eval(code, {"Record": Record, "Path": Path})
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
