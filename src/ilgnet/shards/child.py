"""The process that scores shards, one after the other, for the one that watches it.

    python -m ilgnet.shards.child     started by `ilgnet.shards.worker`, not by people

Orders come as JSON lines on standard input; what happens goes out as lines: "m" (a picture has
been read), "b 17" (the decoder has picture 17), "e" (all are scored), and JSON for the end of a
shard. When standard input closes, the one that watched has gone, and so does this.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any

from ilgnet.errors import IlgnetError, in_words
from ilgnet.images.overheard import listen
from ilgnet.shards.engine import load_for_shards
from ilgnet.shards.fetch import Patience
from ilgnet.shards.job import read_job
from ilgnet.shards.score import Harmful, Watch, score_shard
from ilgnet.shards.stores import Folder


class _Pipe(Watch):
    """Writes lines to the one that watches."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def say(self, text: str) -> None:
        os.write(self._descriptor, text.encode() + b"\n")

    def moved(self) -> None:
        self.say("m")

    def began(self, index: int) -> None:
        self.say(f"b {index}")

    def ended(self) -> None:
        self.say("e")


def _read_orders(orders: SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin.buffer:
        orders.put(json.loads(line))
    os._exit(0)  # also where a decoder hangs, or a thread waits for a store


def main() -> None:
    """Load the model, then do as ordered."""
    pipe = _Pipe(os.dup(1))
    os.dup2(2, 1)  # a library that prints must not be taken for us
    listen()
    orders: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_read_orders, args=(orders,), daemon=True).start()
    first = orders.get()
    try:
        folder = Folder(first["folder"])
        job, shards = read_job(folder)
        scorer = load_for_shards(first["model"] or job.model, gpu=first["gpu"])
        job.check(scorer.weights)
        by_name = {shard.name: shard for shard in shards}
    except Exception as error:
        pipe.say(json.dumps(_told(error)))
        os._exit(1)
    pipe.say(json.dumps({"ready": True}))
    while True:
        order = orders.get()
        scorer.threads = order["threads"]
        known = {int(place): (code, text) for place, (code, text) in order["known"].items()}
        try:
            stats = score_shard(
                folder,
                job,
                by_name[order["shard"]],
                scorer,
                patience=Patience(seconds=first["timeout"]),
                harmful=Harmful(known, order["after"]),
                watch=pipe,
                restarts=order["restarts"],
            )
        except Exception as error:
            pipe.say(json.dumps(_told(error)))
        else:
            pipe.say(json.dumps({"done": asdict(stats)}))


def _told(error: Exception) -> dict[str, Any]:
    """An error as the other side can raise it again."""
    known = isinstance(error, IlgnetError)
    text = str(error) if known else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError) and error.errno:
        text = ": ".join(filter(None, [error.filename and str(error.filename), in_words(error)]))
    return {"error": text, "errno": getattr(error, "errno", None), "known": known}


if __name__ == "__main__":
    main()
