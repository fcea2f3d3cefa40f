"""Paths, numbers and documents as the commands on a library print them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ilgnet.report.rows import json_bytes, shown


def named(path: str | Path) -> str:
    """A path as people know it: from here where it is below, else in full; fit to print."""
    here = Path.cwd()
    full = Path(path)
    return shown(str(full.relative_to(here) if full.is_relative_to(here) else full))


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.buffer.write(json_bytes(document) + b"\n")
    sys.stdout.buffer.flush()
