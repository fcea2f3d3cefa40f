"""How much memory there is, and how it is kept.

Freed memory is kept, so that large buffers are not handed back and asked for again at every step.

glibc returns every large block to the system when it is freed and gets it back, zeroed, page by
page, at the next operation; training on a CPU spends a third to two thirds of its time there.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

# From glibc's malloc.h, see mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_MAX: Final = -4

CONTAINER: Final = Path("/sys/fs/cgroup/memory.max")
"""Where Linux says what a container may use, "max" for no limit of its own."""

USUAL_MEMORY: Final = 16 << 30
"""Taken where the system does not say."""


def memory_size() -> int:
    """Bytes of this machine's memory, or of the part that a container may use."""
    try:
        installed = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return USUAL_MEMORY
    try:
        return min(installed, int(CONTAINER.read_text()))
    except (OSError, ValueError):
        return installed


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to keep what is freed, for the rest of this process.

    Does what MALLOC_TRIM_THRESHOLD_ and its companions do when they are set before a process
    starts, without starting it again.

    Returns:
        Whether the allocator is glibc's and has agreed.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 64 << 20))
    return all(mallopt(setting, value) == 1 for setting, value in settings)
