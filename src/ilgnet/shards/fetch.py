"""Bytes from stores that may be slow, stall or fail: read ahead, bounded in memory and in time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from ilgnet.errors import ImageError
from ilgnet.images.files import image_error, open_image_file
from ilgnet.shards.stores import is_local, open_store

T = TypeVar("T")

Fetched = bytes | Callable[[], bytes]
"""A picture's bytes, or how to get them."""

MEMBER_BYTES: Final = 256 * 1024**2
"""A larger picture is refused unread, so that memory stays bounded."""

AHEAD_BYTES: Final = 64 * 1024**2
"""Read ahead of the decoder, and as much again of a store, beside the one picture that is read."""

PIECE_BYTES: Final = AHEAD_BYTES // 16
"""What is asked for side by side of pictures whose size is not known; the rest of a larger one is
asked for when it is its turn."""

GIVE_UP_AFTER: Final = 32
"""So many times in a row without an answer, and the rest of a shard is not asked for."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store may take.

    Attributes:
        seconds: for one picture, or for the next piece of a tar.
        attempts: how often a read that fails is tried, with a pause that doubles.
        pause: seconds before the second attempt.
        ahead: pictures asked for side by side.
    """

    seconds: float = 60.0
    attempts: int = 3
    pause: float = 0.5
    ahead: int = 16


class Stalled(Exception):  # noqa: N818 - reads as what it says
    """There was no answer in time."""


def read_picture(address: str, patience: Patience) -> bytes:
    """All bytes of one picture.

    Raises:
        ImageError: it cannot be read; its code says why.
    """
    start = read_start(address, patience)
    return start if isinstance(start, bytes) else start()


def read_start(address: str, patience: Patience) -> bytes | Callable[[], bytes]:
    """All bytes of a picture, or, of one that is larger than PIECE_BYTES, how to get them.

    Raises:
        ImageError: as `read_picture`.
    """
    # A byte more tells whether there is a rest, and a store is never asked for an empty one.
    start = _tried(address, 0, PIECE_BYTES + 1, patience)
    if len(start) <= PIECE_BYTES:
        return start

    def whole() -> bytes:
        data = start[:PIECE_BYTES] + _tried(address, PIECE_BYTES, MEMBER_BYTES + 1, patience)
        if len(data) > MEMBER_BYTES:
            raise too_large(len(data))
        return data

    return whole


def _tried(address: str, start: int, end: int, patience: Patience) -> bytes:
    for attempt in range(patience.attempts):
        try:
            return _read(address, start, end)
        except ImageError as error:
            if error.code != "io_error" or attempt + 1 == patience.attempts:
                raise
        time.sleep(patience.pause * 2**attempt)
    raise AssertionError("there is at least one attempt")


def _read(address: str, start: int, end: int) -> bytes:
    try:
        store, path = open_store(address)
        if is_local(store):
            with open_image_file(path) as stream:
                stream.seek(start)
                return stream.read(end - start)
        return _download(store, path, start, end)
    except ImageError:
        raise
    except OSError as error:
        # fsspec's own errors carry a class but often no number.
        code = _CODES.get(type(error))
        if code:
            raise ImageError(code, f"the store says: {error or type(error).__name__}") from error
        raise image_error(error) from error
    except Exception as error:  # a store's client raises anything
        raise ImageError("io_error", f"{type(error).__name__}: {error}") from error


def _download(store: Any, path: str, start: int, end: int) -> bytes:
    """One request in the usual case: a billion pictures are a billion of them."""
    try:
        return bytes(store.cat_file(path, start=start, end=end))
    except FileNotFoundError:
        raise
    except Exception:
        if _is_empty(store, path):  # S3 has no range of nothing
            return b""
        raise


def _is_empty(store: Any, path: str) -> bool:
    try:
        return bool(store.size(path) == 0)
    except Exception:  # it cannot tell either
        return False


_CODES: Final = {
    FileNotFoundError: "not_found",
    PermissionError: "permission_denied",
    IsADirectoryError: "is_a_directory",
}


def too_large(size: int) -> ImageError:
    """The failure of a picture with more bytes than are read here."""
    return ImageError(
        "too_large",
        f"{size / 1024**2:.0f} MiB or more; the limit in shards is {MEMBER_BYTES >> 20} MiB",
    )


def in_time(
    asked: Iterable[tuple[T, Callable[[], Fetched] | ImageError]], patience: Patience
) -> Iterator[tuple[T, bytes | ImageError]]:
    """Fetch side by side, hand out in order; one that stalls is given up alone.

    Args:
        asked: what each is, and how to get its bytes (or why there are none). Getting them may
            return how to get them, which is then done when its turn comes, and nothing beside it.
        patience: a fetch has its own `seconds`, counted from when it began.
    """
    waiting: deque[tuple[T, _Fetch | ImageError]] = deque()
    source = iter(asked)
    stalled = 0
    for what, get in source:
        waiting.append((what, get if isinstance(get, ImageError) else _Fetch(get)))
        if len(waiting) >= patience.ahead:
            what, fetch = waiting.popleft()
            result = _result(fetch, patience.seconds)
            stalled = stalled + 1 if _is_stall(result) else 0
            yield what, result
            if stalled >= GIVE_UP_AFTER:
                break
    for what, fetch in waiting:
        result = _result(fetch, patience.seconds)
        stalled = stalled + 1 if _is_stall(result) else 0
        yield what, result
    for what, get in source:
        reason = get if isinstance(get, ImageError) else _not_asked()
        yield what, reason


def _result(fetch: _Fetch | ImageError, seconds: float) -> bytes | ImageError:
    result = fetch if isinstance(fetch, ImageError) else fetch.result(seconds)
    return _result(_Fetch(result), seconds) if callable(result) else result


def _is_stall(result: bytes | ImageError) -> bool:
    return isinstance(result, ImageError) and result.code == "timeout"


def _not_asked() -> ImageError:
    return ImageError(
        "timeout", f"not asked for: the store did not answer {GIVE_UP_AFTER} times in a row"
    )


class _Fetch:
    """One read in a thread of its own, which may be left behind where it hangs."""

    def __init__(self, get: Callable[[], Fetched]) -> None:
        self._future: Future[Fetched] = Future()
        self._begun = time.monotonic()
        # A daemon: a thread that hangs for ever must not keep the process from ending.
        threading.Thread(target=self._run, args=(get,), daemon=True).start()

    def _run(self, get: Callable[[], Fetched]) -> None:
        try:
            self._future.set_result(get())
        except BaseException as error:
            self._future.set_exception(error)

    def result(self, seconds: float) -> Fetched | ImageError:
        try:
            return self._future.result(max(0.0, self._begun + seconds - time.monotonic()))
        except ImageError as error:
            return error
        except TimeoutError:
            return ImageError("timeout", f"the store has not answered for {seconds:g} s")
        except Exception as error:
            return ImageError("io_error", f"{type(error).__name__}: {error}")


class Room:
    """Counts the bytes that wait for the decoder; whoever would read more waits for room."""

    def __init__(self) -> None:
        self._held = 0
        self._change = threading.Condition()

    def wait(self) -> None:
        """Until less than AHEAD_BYTES wait."""
        with self._change:
            self._change.wait_for(lambda: self._held < AHEAD_BYTES)

    def take(self, size: int) -> None:
        """So many more wait; less than nothing gives room back."""
        with self._change:
            self._held += size
            self._change.notify_all()


class ReadAhead(Generic[T]):
    """Runs an iterator of pieces in a thread of its own; a piece that does not come is noticed.

    Args:
        pieces: what is read, one after the other.
        size: bytes that a piece holds; no more than AHEAD_BYTES wait, or one piece.
        seconds: to wait for a piece.
    """

    def __init__(self, pieces: Iterator[T], size: Callable[[T], int], seconds: float) -> None:
        self._pieces = pieces
        self._size = size
        self._seconds = seconds
        self._ready: deque[T | BaseException | None] = deque()
        self._held = 0
        self._left = False
        self._change = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            for piece in self._pieces:
                self._put(piece, self._size(piece))
                if self._left:
                    return
            self._put(None, 0)
        except BaseException as error:
            self._put(error, 0)

    def _put(self, piece: T | BaseException | None, size: int) -> None:
        with self._change:
            self._change.wait_for(
                lambda: self._left or not self._ready or self._held + size <= AHEAD_BYTES
            )
            self._ready.append(piece)
            self._held += size
            self._change.notify_all()

    def __iter__(self) -> Iterator[T]:
        try:
            while True:
                with self._change:
                    if not self._change.wait_for(lambda: self._ready, self._seconds):
                        raise Stalled(f"the store has not answered for {self._seconds:g} s")
                    piece = self._ready.popleft()
                    if piece is None:
                        return
                    if isinstance(piece, BaseException):
                        raise piece
                    self._held -= self._size(piece)
                    self._change.notify_all()
                yield piece
        finally:
            with self._change:
                self._left = True
                self._change.notify_all()
