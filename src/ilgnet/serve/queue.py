"""One engine for all requests: pictures wait in one bounded queue and are scored in small batches.

A thread that is free takes its share of what waits at that moment, so a picture that comes alone is
scored at once, and many that come together share a run of the network where that is quicker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Condition, Thread
from time import monotonic
from typing import Final

from ilgnet.errors import in_words
from ilgnet.images.picture import at_most
from ilgnet.scoring import BATCH, Scorer
from ilgnet.values import Failure, ImageRef, Outcome

_FRESH: Final = 0.1
"""Weight of the last batch in the mean time of a picture."""


class QueueFull(Exception):  # noqa: N818 - reads as what it says
    """So many pictures wait that no more are taken; `seconds` is when to ask again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many pictures are waiting; ask again in {seconds} s")
        self.seconds = seconds


@dataclass(slots=True)
class _Waiting:
    image: ImageRef
    answer: asyncio.Future[Outcome]
    loop: asyncio.AbstractEventLoop


class ScoringQueue:
    """Scores what requests bring, in the order in which it came.

    Args:
        scorer: the model; its `threads` work side by side.
        limit: pictures that may wait.
        pixels: of one picture; one that has more is a failure. None is what its format allows.
    """

    def __init__(self, scorer: Scorer, limit: int, pixels: int | None = None) -> None:
        self.scorer = scorer
        self.limit = limit
        self.pixels = pixels
        self._waiting: deque[_Waiting] = deque()
        self._changed = Condition()
        self._open = True
        self._working = 0
        self._seconds = 0.05  # of one picture, as measured while it runs
        self._threads = [
            Thread(target=self._work, name=f"ilgnet-serve-{number}", daemon=True)
            for number in range(scorer.threads)
        ]
        for thread in self._threads:
            thread.start()

    def __len__(self) -> int:
        """Pictures that wait."""
        return len(self._waiting)

    def submit(self, images: Sequence[ImageRef]) -> list[asyncio.Future[Outcome]]:
        """Take pictures, all or none; called from the event loop.

        A future that is cancelled before its turn is passed over.

        Raises:
            QueueFull: they do not fit in.
        """
        loop = asyncio.get_running_loop()
        with self._changed:
            if len(self._waiting) + len(images) > self.limit or not self._open:
                ahead = (len(self._waiting) + self._working) * self._seconds
                raise QueueFull(max(1, round(ahead / self.scorer.threads)))
            taken = [_Waiting(image, loop.create_future(), loop) for image in images]
            self._waiting += taken
            self._changed.notify(len(taken))
        return [each.answer for each in taken]

    def close(self) -> None:
        """Finish what was taken, then stop the threads."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _take(self) -> list[_Waiting]:
        """A share of what waits; empty when the queue is closed and nothing is left."""
        with self._changed:
            while self._open and not self._waiting:
                self._changed.wait()
            share = -(-len(self._waiting) // self.scorer.threads)
            taken = [self._waiting.popleft() for _ in range(min(BATCH, share))]
            self._working += len(taken)
        return taken

    def _work(self) -> None:
        while batch := self._take():
            wanted = [each for each in batch if not each.answer.cancelled()]
            started = monotonic()
            try:
                with at_most(self.pixels):
                    outcomes = self.scorer.score_batch([each.image for each in wanted])
            except Exception as error:  # a fault of ours is one request's, never the service's
                outcomes = [_fault(each.image, error) for each in wanted]
            with self._changed:
                self._working -= len(batch)
                if wanted:
                    each_took = (monotonic() - started) / len(wanted)
                    self._seconds += _FRESH * (each_took - self._seconds)
            for each, outcome in zip(wanted, outcomes, strict=True):
                each.loop.call_soon_threadsafe(_answer, each.answer, outcome)


def _answer(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():  # the caller may have left
        future.set_result(outcome)


def _fault(image: ImageRef, error: Exception) -> Failure:
    return Failure(image.id, "io_error", f"scoring failed: {in_words(error)}")
