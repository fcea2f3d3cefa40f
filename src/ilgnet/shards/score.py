"""One shard in, one part out: the function that every scheduler runs."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from ilgnet.errors import ImageError
from ilgnet.hashing import bytes_hash
from ilgnet.scoring import Scorer
from ilgnet.shards.fetch import Patience, Room
from ilgnet.shards.job import Job, Shard
from ilgnet.shards.part import part_row, writing_part
from ilgnet.shards.pictures import Where, read_shard
from ilgnet.shards.stores import Folder
from ilgnet.values import Failure, ImageRef


@dataclass(frozen=True, slots=True)
class Stats:
    """What a shard cost.

    Attributes:
        shard: its name.
        pictures: rows of the part.
        failed: those of them with an error.
        bytes: of encoded pictures.
        wall: seconds.
        cpu: seconds of all threads of the process.
        peak_memory: bytes that the process has held at most, since it began.
        restarts: how often its process had to be ended or had died.
        host: the machine.
        process: its number there.
    """

    shard: str
    pictures: int
    failed: int
    bytes: int
    wall: float
    cpu: float
    peak_memory: int
    restarts: int = 0
    host: str = ""
    process: int = 0


class Watch:
    """Is told how a shard is coming along; this one does not care."""

    def moved(self) -> None:
        """A picture has been read, whatever came of it."""

    def began(self, index: int) -> None:
        """The decoder has been given picture `index`."""

    def ended(self) -> None:
        """Every picture is scored; what is left is to write the part."""


@dataclass(frozen=True, slots=True)
class Harmful:
    """Pictures of a shard that are not to be decoded, by their place in it.

    Attributes:
        known: place -> (code, message).
        after: from this place on nothing is decoded any more; None where all is.
    """

    known: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    after: int | None = None

    def problem(self, index: int) -> tuple[str, str] | None:
        """Why picture `index` is not to be decoded."""
        if self.after is not None and index >= self.after and index not in self.known:
            return "kills_the_reader", (
                f"not tried: {len(self.known)} pictures of this shard have harmed the process"
            )
        return self.known.get(index)


def score_shard(
    folder: Folder,
    job: Job,
    shard: Shard,
    scorer: Scorer,
    *,
    patience: Patience | None = None,
    harmful: Harmful | None = None,
    watch: Watch | None = None,
    restarts: int = 0,
) -> Stats:
    """Score one shard and write its part; doing it twice gives the same part.

    Args:
        folder: the job's.
        job: what to do.
        shard: with what.
        scorer: of the job's model.
        patience: with slow stores.
        harmful: pictures that have a failure instead of being decoded.
        watch: told of every picture.
        restarts: for the figures.

    Raises:
        OSError: the part cannot be written; then there is none.
    """
    begin, busy, size = time.monotonic(), time.process_time(), 0
    watch, harmful, room = watch or Watch(), harmful or Harmful(), Room()
    waiting: deque[tuple[Where, str | None]] = deque()

    def pictures() -> Iterator[ImageRef | Failure]:
        nonlocal size
        for index, (where, data) in enumerate(read_shard(folder, shard, patience)):
            watch.moved()
            digest = None
            if isinstance(data, bytes):
                size += len(data)
                digest = bytes_hash(data)
            waiting.append((where, digest))
            if isinstance(data, ImageError):
                yield Failure(where.name, data.code, data.message)
            elif problem := harmful.problem(index):
                yield Failure(where.name, *problem)
            else:
                room.take(len(data))
                yield ImageRef(where.name, partial(_given, [data], room, watch, index))
            room.wait()

    total = failed = 0
    with writing_part(folder, job, shard) as writer:
        for outcome in scorer.score_many(pictures(), features=job.features):
            where, digest = waiting.popleft()
            writer.write(part_row(where, digest, outcome))
            total += 1
            failed += isinstance(outcome, Failure)
        watch.ended()
    stats = Stats(
        shard=shard.name,
        pictures=total,
        failed=failed,
        bytes=size,
        wall=round(time.monotonic() - begin, 3),
        cpu=round(time.process_time() - busy, 3),
        peak_memory=peak_memory(),
        restarts=restarts,
        host=socket.gethostname(),
        process=os.getpid(),
    )
    folder.write(shard.stats, (json.dumps(asdict(stats)) + "\n").encode())
    return stats


def _given(held: list[bytes], room: Room, watch: Watch, index: int) -> bytes:
    """The bytes, once: from here on only the decoder has them."""
    data = held.pop()
    room.take(-len(data))
    watch.began(index)
    return data


def peak_memory() -> int:
    """Bytes that this process has held at most; 0 where the system does not tell.

    Linux counts into a new process's `ru_maxrss` what its parent held when it was started, so there
    the mark of its own memory is read.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next((1024 * int(line.split()[1]) for line in lines if line[:6] == "VmHWM:"), 0)
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
