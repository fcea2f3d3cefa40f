"""Streams: in order, bounded, and what is ready is handed out while the stream waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue

import pytest

from ilgnet.streams import map_batches


def doubled(batch: list[int]) -> list[int]:
    return [2 * item for item in batch]


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 1000])
@pytest.mark.parametrize("threads", [1, 4])
def test_results_are_in_order(length: int, threads: int) -> None:
    found = list(map_batches(doubled, range(length), threads=threads, size=8))
    assert found == [2 * item for item in range(length)]


def test_what_is_ready_does_not_wait_for_the_stream() -> None:
    source: Queue[int | None] = Queue()
    results = map_batches(doubled, iter(source.get, None), threads=2, size=8)
    for item in range(5):
        source.put(item)
        assert next(results) == 2 * item  # the stream has not ended, nor a batch become full
    source.put(None)
    assert list(results) == []


def test_a_stream_without_pauses_gives_full_batches() -> None:
    sizes: list[int] = []

    def work(batch: list[int]) -> list[int]:
        sizes.append(len(batch))
        return batch

    assert len(list(map_batches(work, range(83), threads=3, size=8))) == 83
    assert sorted(sizes) == [3, *[8] * 10]


def test_no_more_is_read_than_is_needed() -> None:
    read: list[int] = []

    def stream() -> Iterator[int]:
        for item in range(10_000):
            read.append(item)
            yield item

    results = map_batches(doubled, stream(), threads=2, size=8)
    assert next(results) == 0
    assert len(read) <= 8 * 4 + 1
    results.close()  # type: ignore[attr-defined]
    assert len(read) <= 8 * 4 + 1


def test_an_error_of_the_stream_comes_after_what_it_gave() -> None:
    def stream() -> Iterator[int]:
        yield from range(11)
        raise ValueError("the list ends in the middle")

    results = map_batches(doubled, stream(), threads=2, size=8)
    assert [next(results) for _ in range(11)] == [2 * item for item in range(11)]
    with pytest.raises(ValueError, match="in the middle"):
        next(results)


def test_an_error_of_the_work_is_raised_and_all_threads_end() -> None:
    def work(batch: list[int]) -> list[int]:
        if 16 in batch:
            raise ValueError("broken")
        return batch

    results = map_batches(work, range(10_000), threads=2, size=8)
    with pytest.raises(ValueError, match="broken"):
        list(results)
    assert not [t for t in threading.enumerate() if t.name.startswith("ilgnet")]
