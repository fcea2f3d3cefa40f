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

MEMBER_BYTES: Final = 256 * 1024**2
"""A larger picture in a tar or a store is refused unread, so that memory stays bounded."""

AHEAD_BYTES: Final = 64 * 1024**2
"""Read ahead of the network, at most, beside the picture that is waited for."""

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
    for attempt in range(patience.attempts):
        try:
            return _read(address)
        except ImageError as error:
            if error.code != "io_error" or attempt + 1 == patience.attempts:
                raise
        time.sleep(patience.pause * 2**attempt)
    raise AssertionError("there is at least one attempt")


def _read(address: str) -> bytes:
    try:
        store, path = open_store(address)
        if is_local(store):
            with open_image_file(path) as stream:
                return stream.read()
        return _download(store, path)
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


def _download(store: Any, path: str) -> bytes:
    """One request in the usual case: a billion pictures are a billion of them."""
    try:
        data = bytes(store.cat_file(path, start=0, end=MEMBER_BYTES + 1))
    except FileNotFoundError:
        raise
    except Exception:
        if _is_empty(store, path):  # S3 has no range of nothing
            return b""
        raise
    if len(data) > MEMBER_BYTES:
        raise too_large(len(data))
    return data


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
    asked: Iterable[tuple[T, Callable[[], bytes] | ImageError]], patience: Patience
) -> Iterator[tuple[T, bytes | ImageError]]:
    """Fetch side by side, hand out in order; one that stalls is given up alone.

    Args:
        asked: what each is, and how to get its bytes (or why there are none).
        patience: a fetch has its own `seconds`, counted from when it began.
    """
    waiting: deque[tuple[T, _Fetch | ImageError]] = deque()
    source = iter(asked)
    held = stalled = 0
    for what, get in source:
        waiting.append((what, get if isinstance(get, ImageError) else _Fetch(get)))
        held = sum(f.size for _, f in waiting if isinstance(f, _Fetch))
        while len(waiting) >= patience.ahead or (held > AHEAD_BYTES and len(waiting) > 1):
            what, fetch = waiting.popleft()
            held -= fetch.size if isinstance(fetch, _Fetch) else 0
            result = _result(fetch, patience.seconds)
            stalled = stalled + 1 if _is_stall(result) else 0
            yield what, result
            if stalled >= GIVE_UP_AFTER:
                break
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
    return fetch if isinstance(fetch, ImageError) else fetch.result(seconds)


def _is_stall(result: bytes | ImageError) -> bool:
    return isinstance(result, ImageError) and result.code == "timeout"


def _not_asked() -> ImageError:
    return ImageError(
        "timeout", f"not asked for: the store did not answer {GIVE_UP_AFTER} times in a row"
    )


class _Fetch:
    """One read in a thread of its own, which may be left behind where it hangs."""

    def __init__(self, get: Callable[[], bytes]) -> None:
        self._future: Future[bytes] = Future()
        self._begun = time.monotonic()
        # A daemon: a thread that hangs for ever must not keep the process from ending.
        threading.Thread(target=self._run, args=(get,), daemon=True).start()

    def _run(self, get: Callable[[], bytes]) -> None:
        try:
            self._future.set_result(get())
        except BaseException as error:
            self._future.set_exception(error)

    @property
    def size(self) -> int:
        """Bytes that have come, and wait."""
        done = self._future.done() and self._future.exception() is None
        return len(self._future.result()) if done else 0

    def result(self, seconds: float) -> bytes | ImageError:
        try:
            return self._future.result(max(0.0, self._begun + seconds - time.monotonic()))
        except ImageError as error:
            return error
        except TimeoutError:
            return ImageError("timeout", f"the store has not answered for {seconds:g} s")
        except Exception as error:
            return ImageError("io_error", f"{type(error).__name__}: {error}")


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
