"""Work on a stream side by side, with results in order and as soon as they are there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Semaphore, Thread
from typing import Final, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

PATIENCE: Final = 0.1
"""Seconds that an unfinished batch waits for more items before it is worked on as it is."""

_LEAVE: Final = 1.0
"""Seconds that a stream which nobody reads any more is waited for."""


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


@dataclass(frozen=True, slots=True)
class _End:
    """The stream is over; `error` is what it raised."""

    error: BaseException | None


class _Done:
    """A batch is finished."""


def map_batches(
    work: Callable[[list[T]], list[R]], items: Iterable[T], *, threads: int, size: int
) -> Iterator[R]:
    """Apply `work` to batches of a stream of any length, in bounded memory.

    The stream is read in a thread of its own: while it waits for its next item (a pipe that stays
    open, a slow disk), what came before is worked on and handed out. Batches are full unless the
    stream pauses.

    Args:
        work: a batch of at most `size` items to as many results; called from several threads.
        items: the stream; what it raises is raised here, after the results of what came before.
        threads: batches worked on side by side.
        size: items of a batch.

    Yields:
        One result for each item, in order.
    """
    events: SimpleQueue[_Item[T] | _End | _Done] = SimpleQueue()
    # One batch gathers while every thread has one and another is ready; no more is read.
    room = Semaphore(size)
    left = Event()
    reader = Thread(
        target=_read, args=(items, events, room, left), name="ilgnet-stream", daemon=True
    )
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ilgnet")
    pending: deque[Future[list[R]]] = deque()
    waiting: list[T] = []
    end: _End | None = None

    def start_batch() -> None:
        batch = waiting[:size]
        del waiting[:size]
        future = pool.submit(work, batch)
        future.add_done_callback(lambda _: events.put(_Done()))
        pending.append(future)
        for _ in batch:
            room.release()

    reader.start()
    try:
        while end is None or waiting or pending:
            full = len(waiting) >= size or end is not None
            if waiting and full and len(pending) <= threads:
                start_batch()
            elif pending and pending[0].done():
                yield from pending.popleft().result()
            else:
                unfinished = waiting and not full and len(pending) <= threads
                try:
                    event = events.get(timeout=PATIENCE if unfinished else None)
                except Empty:
                    start_batch()
                    continue
                if isinstance(event, _Item):
                    waiting.append(event.value)
                elif isinstance(event, _End):
                    end = event
        if end.error is not None:
            raise end.error
    finally:
        left.set()
        room.release()
        pool.shutdown(wait=True, cancel_futures=True)
        reader.join(_LEAVE)


def _read(
    items: Iterable[T], events: SimpleQueue[_Item[T] | _End | _Done], room: Semaphore, left: Event
) -> None:
    try:
        stream = iter(items)
        while room.acquire() and not left.is_set():
            events.put(_Item(next(stream)))
    except StopIteration:
        events.put(_End(None))
    except BaseException as error:  # raised again where the results are read
        events.put(_End(error))
