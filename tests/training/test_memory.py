"""The allocator keeps what is freed, in the process that asks for it."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from ilgnet.training.memory import keep_freed_memory

FAULTS = """
import resource, sys
import torch
from ilgnet.training.memory import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
for step in range(30):
    torch.ones(16_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the trap is glibc's alone")
def test_large_buffers_are_used_again() -> None:
    def page_faults(mode: str) -> int:
        command = [sys.executable, "-c", FAULTS, mode]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    page = resource.getpagesize()
    pages_of_a_buffer = 4 * 16_000_000 // page
    saved = page_faults("default") - page_faults("keep")
    assert saved > 20 * pages_of_a_buffer


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
