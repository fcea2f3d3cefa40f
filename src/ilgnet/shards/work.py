"""Working through a job on one machine: a pool of processes, a shard each."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from queue import SimpleQueue

from ilgnet.errors import DataError
from ilgnet.scoring import usable_cores
from ilgnet.shards.job import Shard, finished, read_job
from ilgnet.shards.parts import failure_codes
from ilgnet.shards.score import Stats
from ilgnet.shards.stores import Folder
from ilgnet.shards.worker import Terms, Worker


@dataclass(frozen=True, slots=True)
class Share:
    """Every `of`-th shard of a job, from number `index` on.

    Attributes:
        index: 0 .. of - 1.
        of: in how many shares the job is divided.
    """

    index: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.of:
            raise DataError(
                f"share {self.index}/{self.of} is not there: they are numbered "
                f"0/{self.of} to {self.of - 1}/{self.of}"
            )


def work(
    terms: Terms, todo: Sequence[Shard], *, workers: int | None = None, again: bool = False
) -> Iterator[Stats]:
    """Score shards in processes of this machine.

    Any number of these may run at once, on any machines that reach the job's folder: two that meet
    at one shard write the same part.

    Args:
        terms: the job and how to work.
        todo: its shards, see `unfinished`.
        workers: processes; None starts one for each core this process may use.
        again: do also those that have a part.

    Yields:
        What each finished shard cost.

    Raises:
        IlgnetError: see `Worker.do`.
        OSError: a part cannot be written. What is finished stays; run again to go on.
    """
    folder = Folder(terms.folder)
    count = min(workers or usable_cores(), max(1, len(todo)))
    idle: SimpleQueue[Worker] = SimpleQueue()
    everyone = [Worker(terms) for _ in range(count)]
    for worker in everyone:
        idle.put(worker)

    def do(shard: Shard) -> Stats | None:
        if not again and folder.exists(shard.part):
            return None  # another worker has been here
        worker = idle.get()
        try:
            return worker.do(shard)
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(count, thread_name_prefix="ilgnet-shards")
    waiting = iter(todo)
    running: set[Future[Stats | None]] = set()
    try:
        while True:
            for shard in waiting:
                running.add(pool.submit(do, shard))
                if len(running) == count:
                    break
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                stats = future.result()
                if stats is not None:
                    yield stats
    finally:
        for worker in everyone:
            worker.close()
        pool.shutdown(wait=True, cancel_futures=True)


def unfinished(
    folder: Folder, share: Share | None = None, again: Sequence[str] = ()
) -> list[Shard]:
    """The shards that have no part, or one with a failure of the codes `again`.

    With a share each worker has its own; without, each has all, in an order of its own, so that
    those who do not know of each other seldom meet.
    """
    _, shards = read_job(folder)
    done = finished(folder)
    if share is not None:
        shards = shards[share.index :: share.of]
    todo = [s for s in shards if s.name not in done or (again and _failed(folder, s, again))]
    if share is None:
        random.Random().shuffle(todo)
    return todo


def _failed(folder: Folder, shard: Shard, codes: Sequence[str]) -> bool:
    return not failure_codes(folder, shard).keys().isdisjoint(codes)
