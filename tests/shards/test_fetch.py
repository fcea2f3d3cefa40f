"""Reading ahead: in order, bounded in memory, and never waiting for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ilgnet.errors import ImageError
from ilgnet.shards import fetch
from ilgnet.shards.fetch import (
    Patience,
    ReadAhead,
    Room,
    Stalled,
    in_time,
    read_picture,
    read_start,
)


def test_results_keep_their_order() -> None:
    gate = threading.Event()

    def late() -> bytes:
        gate.wait()
        return b"late"

    def early() -> bytes:
        gate.set()
        return b"early"

    found = list(in_time([(0, late), (1, early), (2, ImageError("empty", "x"))], Patience()))
    assert [what for what, _ in found] == [0, 1, 2]
    assert [data for _, data in found[:2]] == [b"late", b"early"]


def test_no_more_is_asked_for_than_patience_says() -> None:
    asked: list[int] = []
    waiting = in_time(
        ((n, lambda n=n: asked.append(n) or b"x") for n in range(100)),  # type: ignore[misc]
        Patience(ahead=4),
    )
    next(waiting)
    assert len(asked) <= 5


def test_large_pictures_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "AHEAD_BYTES", 1000)
    held: list[int] = []
    pieces = (b"x" * 400 for _ in range(20))

    def watched() -> Iterator[bytes]:
        for piece in pieces:
            held.append(1)
            yield piece

    reading = iter(ReadAhead(watched(), len, 5.0))
    for taken in range(1, 21):
        next(reading)
        assert len(held) <= taken + 3, "two wait, and one is in the reader's hand"


def test_a_reader_that_fails_is_heard() -> None:
    def failing() -> Iterator[bytes]:
        yield b"one"
        raise EOFError("cut")

    reading = iter(ReadAhead(failing(), len, 5.0))
    assert next(reading) == b"one"
    with pytest.raises(EOFError, match="cut"):
        next(reading)


def test_a_reader_that_stalls_is_noticed() -> None:
    release = threading.Event()

    def stalling() -> Iterator[bytes]:
        yield b"one"
        release.wait()

    reading = iter(ReadAhead(stalling(), len, 0.2))
    assert next(reading) == b"one"
    with pytest.raises(Stalled):
        next(reading)
    release.set()


def test_a_store_that_fails_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[ImageError | bytes] = [ImageError("io_error", "busy"), b"data"]

    def read(*_: object) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, ImageError):
            raise answer
        return answer

    monkeypatch.setattr(fetch, "_read", read)
    assert read_picture("s3://b/x.jpg", Patience(pause=0.0)) == b"data"
    answers[:] = [ImageError("not_found", "gone")] * 3
    with pytest.raises(ImageError, match="gone"):
        read_picture("s3://b/x.jpg", Patience(pause=0.0))
    assert len(answers) == 2, "what is not there is not asked for again"


def test_of_large_pictures_one_is_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece of each side by side; all of it when its turn comes."""
    monkeypatch.setattr(fetch, "PIECE_BYTES", 1000)
    monkeypatch.setattr(fetch, "MEMBER_BYTES", 5000)
    sizes = [1, 999, 1000, 1001, 4999, 5000, 5001]
    asked = []
    for size in sizes:
        (tmp_path / str(size)).write_bytes((bytes(range(256)) * 20)[:size])
        asked.append((size, partial(read_start, str(tmp_path / str(size)), Patience())))
    first = [type(get()) is bytes for _, get in asked]
    assert first == [size <= 1000 for size in sizes]
    found = dict(in_time(asked, Patience()))
    for size in sizes[:-1]:
        assert found[size] == (tmp_path / str(size)).read_bytes()
    assert getattr(found[5001], "code", None) == "too_large"


def test_who_reads_waits_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "AHEAD_BYTES", 100)
    room, passed = Room(), threading.Event()
    room.take(99)
    room.wait()
    room.take(1)
    waiting = threading.Thread(target=lambda: (room.wait(), passed.set()))
    waiting.start()
    assert not passed.is_set()
    room.take(-1)
    assert passed.wait(10)
    waiting.join()
