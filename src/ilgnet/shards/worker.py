"""A process that scores shards, and the eye on it.

Decoders are native code that is fed with strangers' bytes: one may loop for ever, or end the
process. So a shard is scored in a child, which says what it is about to decode. Where it falls
silent it is ended; where it dies, it is started again; and the picture that did it has a failure
in the part, like any other bad picture.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ilgnet
from ilgnet.errors import IlgnetError
from ilgnet.shards.job import Shard
from ilgnet.shards.score import Stats

STARTING: Final = 600.0
"""Seconds for a process to load the model."""

WRITING: Final = 600.0
"""Seconds for a part to be written, after its last picture."""

PAUSE: Final = 0.05
"""Seconds between two looks at what the process says: each look takes a core from the decoders."""

MOST_HARMFUL: Final = 10
"""A shard with more harmful pictures is not decoded further."""

MOST_DEATHS: Final = 3
"""A process that dies so often with no picture to blame is not started again."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How shards are worked on.

    Attributes:
        folder: the job's address.
        model: the job's model by another name or path on this machine; None takes the plan's.
        timeout: seconds that a store, or the decoder, may take for one picture.
        threads: of one process.
        gpu: whether the process may use a GPU where there is one.
    """

    folder: str
    model: str | None = None
    timeout: float = 60.0
    threads: int = 1
    gpu: bool = True


class _Died(Exception):  # noqa: N818 - reads as what it says
    def __init__(self, picture: int | None, *, stalled: bool, code: int | None) -> None:
        self.picture = picture
        self.stalled = stalled
        self.code = code


class Worker:
    """One child process; `do` may be called again and again, from one thread at a time."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def do(self, shard: Shard) -> Stats:
        """Score one shard, whatever its pictures do to the process.

        Raises:
            IlgnetError: the model does not fit, a package is missing, or the process dies without
                a picture to blame.
            OSError: the part cannot be written.
        """
        known: dict[int, tuple[str, str]] = {}
        crashes: Counter[int] = Counter()
        threads, restarts, unexplained = self.terms.threads, 0, 0
        while True:
            after = max(known) if len(known) > MOST_HARMFUL else None
            order = {
                "shard": shard.name,
                "known": known,
                "after": after,
                "threads": threads,
                "restarts": restarts,
            }
            try:
                return self._once(order)
            except _Died as died:
                self.close()
                restarts += 1
                picture = died.picture
                if picture is None:
                    unexplained += 1
                    if unexplained == MOST_DEATHS:
                        raise IlgnetError(_unexplained(shard, died)) from died
                elif threads > 1:
                    threads = 1  # then it is known which one it is
                elif died.stalled:
                    text = f"the decoder was still busy with it after {self.terms.timeout:g} s"
                    known[picture] = ("timeout", text)
                else:
                    crashes[picture] += 1
                    if crashes[picture] == 2:
                        known[picture] = (
                            "kills_the_reader",
                            "the process died twice while decoding it",
                        )

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._rest = b""

    @property
    def process(self) -> int | None:
        """The number of the child, where there is one."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _once(self, order: dict[str, Any]) -> Stats:
        if self._process is None:
            self._start()
        self._send(order)
        silence = 1.25 * self.terms.timeout + 1.0  # the store's own patience comes first
        picture: int | None = None
        while True:
            if picture is not None and b"\n" not in self._rest:
                time.sleep(PAUSE)
            line = self._line(silence, picture)
            if line.startswith(b"b"):
                picture = int(line[2:])
            elif line.startswith(b"e"):
                picture, silence = None, WRITING
            elif not line.startswith(b"m"):
                told = json.loads(line)
                if "done" in told:
                    return Stats(**told["done"])
                _raise(told)

    def _start(self) -> None:
        home = str(Path(ilgnet.__file__).parents[1])
        paths = [home, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ilgnet.shards.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
        )
        self._send(
            {
                "folder": self.terms.folder,
                "model": self.terms.model,
                "timeout": self.terms.timeout,
                "gpu": self.terms.gpu,
            }
        )
        told = json.loads(self._line(STARTING, None))
        if "error" in told:
            self.close()
            _raise(told)

    def _send(self, order: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise _Died(None, stalled=False, code=self._process.poll()) from error

    def _line(self, seconds: float, picture: int | None) -> bytes:
        """The next line that the child says."""
        assert self._process is not None
        assert self._process.stdout is not None
        while b"\n" not in self._rest:
            with selectors.DefaultSelector() as selector:
                selector.register(self._process.stdout, selectors.EVENT_READ)
                if not selector.select(seconds):
                    raise _Died(picture, stalled=True, code=None)
            piece = os.read(self._process.stdout.fileno(), 1 << 16)
            if not piece:
                raise _Died(picture, stalled=False, code=self._process.wait())
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def _unexplained(shard: Shard, died: _Died) -> str:
    how = "did not answer" if died.stalled else f"ended with code {died.code}"
    return (
        f"the process for shard {shard.name} ({shard.address}) {how} {MOST_DEATHS} times with no "
        "picture to blame. What it said is above; is there memory enough? Run the command again."
    )


def _raise(told: dict[str, Any]) -> None:
    if told["known"]:
        raise IlgnetError(told["error"])
    raise OSError(told["errno"] or 0, told["error"])
