"""How the system chooses this thread among those that want a processor."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

if sys.platform == "linux":

    def priority() -> tuple[int, int]:
        """The scheduling policy and the real-time priority within it."""
        return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority

    @contextmanager
    def kept_priority() -> Iterator[None]:
        """Give back what a library took: SVT-AV1, run by root, makes its caller a real-time one."""
        policy, level = priority()
        try:
            yield
        finally:
            os.sched_setscheduler(0, policy, os.sched_param(level))

else:

    def priority() -> tuple[int, int]:
        """Only Linux is asked."""
        return 0, 0

    @contextmanager
    def kept_priority() -> Iterator[None]:
        """Only Linux is asked."""
        yield
