"""Reading a picture in a process of its own, which may die of it.

Decoders are native code, and a damaged picture can end the process that reads it. What a run that
died was reading is tried here by the next one, a picture at a time:

    with Trial(min_side=448) as trial:
        trial.fatal("photos/IMG_1.jpg")      "" or how it ended the reader
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final, Self

from ilgnet.errors import ImageError, LibraryError
from ilgnet.images.files import open_image_file
from ilgnet.library.photograph.capture import read_capture

TRIAL_SECONDS: Final = 120.0
"""A reader that has not finished one picture by then never will."""

_READY, _DONE = b"r", b"."
_ASKED: Final = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
"""Signals by which somebody ends a process: no fault of the picture."""


class Trial:
    """A reader in a child process; started when it is first needed, and again when it has died."""

    def __init__(self, min_side: int, *, seconds: float = TRIAL_SECONDS) -> None:
        """Prepare to read as scoring does.

        Args:
            min_side: as for `read_image`.
            seconds: the most that one picture may take.
        """
        self._min_side = min_side
        self._seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._end(self._child)

    def fatal(self, path: str | os.PathLike[str]) -> str:
        """How reading a picture ends the reader, in words; "" where it does not.

        Raises:
            LibraryError: the reader cannot be started, or was told to end from outside.
        """
        child = self._child or self._start()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        assert child.stdin
        assert child.stdout
        clock = threading.Timer(self._seconds, give_up)
        clock.start()
        try:
            with contextlib.suppress(OSError):  # it is dead, which the answer will say
                child.stdin.write(os.fsencode(os.path.abspath(path)) + b"\0")
                child.stdin.flush()
            answer = child.stdout.read(1)
        finally:
            clock.cancel()
        if answer == _DONE:
            return ""
        code = self._end(child)
        if late.is_set():
            return f"its reader was not done after {self._seconds:.0f} seconds"
        if -code in _ASKED:
            raise LibraryError("the process that tries pictures was ended. Run the command again")
        return f"its reader died ({_words(code)})"

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", __name__, str(self._min_side)]
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
            start_new_session=True,  # Ctrl+C is for this process, which then ends the child
        )
        assert child.stdout
        if child.stdout.read(1) != _READY:
            code = self._end(child)
            raise LibraryError(
                f"the process that tries pictures cannot be started ({_words(code)})"
            )
        self._child = child
        return child

    def _end(self, child: subprocess.Popen[bytes]) -> int:
        self._child = None
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if pipe:
                    pipe.close()
        return child.wait()


def _words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _read_all(min_side: int) -> None:
    """The child: read every picture that is named on standard input, and say so."""
    from ilgnet.images.decode import read_image

    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a decoder prints is no answer
    answers.write(_READY)
    rest = b""
    while piece := os.read(0, 1 << 16):
        *whole, rest = (rest + piece).split(b"\0")
        for name in whole:
            with contextlib.suppress(ImageError):
                path = Path(os.fsdecode(name))
                with open_image_file(path) as stream:
                    read_capture(stream)
                read_image(path, min_side=min_side)
            answers.write(_DONE)


if __name__ == "__main__":
    _read_all(int(sys.argv[1]))
