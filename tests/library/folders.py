"""Folders of files to move about, and what is in them afterwards."""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from pathlib import Path

from ilgnet.library.changes.plan import Edit, How, Plan, Step, Transfer

Tree = dict[str, str]
"""Relative path -> sha256, or "-> target" for a symbolic link."""


def make_shooting(root: Path, *, pictures: int = 5, largest: int = 3000) -> Path:
    """RAW, JPEG and sidecar of some photographs, with random bytes."""
    noise = random.Random(len(str(root)) + pictures)
    for number in range(pictures):
        for suffix in (".CR3", ".JPG", ".xmp"):
            path = root / f"day{number % 2}" / f"IMG_{number}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(noise.randbytes(noise.randint(1, largest)))
            os.utime(path, ns=(number * 10**9 + 7, number * 10**9 + 123_456_789))
    return root


def transfer_plan(root: Path, into: Path, how: How) -> Plan:
    """Every file to the same place below another folder; three files a group."""
    steps: list[Step] = []
    folders = [into]
    for path in sorted(root.rglob("*.*")):
        target = into / path.relative_to(root)
        folders += [target.parent] if target.parent not in folders else []
        group = int(path.stem.partition("_")[2])
        steps.append(Transfer(how, str(path), str(target), group))
    steps.sort(key=lambda step: step.group)
    return Plan("cull", (str(root), str(into)), tuple(map(str, folders)), tuple(steps))


def edit_plan(root: Path) -> Plan:
    """Every sidecar changed in the middle, and a new one beside every RAW."""
    steps: list[Step] = []
    for number, path in enumerate(sorted(root.rglob("*.xmp"))):
        before = path.read_bytes()
        after = before[: len(before) // 2] + b"something new" + before[len(before) // 2 + 3 :]
        steps.append(Edit.between(path, before, after, number))
        new = path.with_name(path.stem + ".CR3.xmp")
        steps.append(Edit.between(new, None, b"a new sidecar", number))
    return Plan("stars", (str(root),), (), tuple(steps))


def tree(*roots: Path) -> Tree:
    """Everything in some folders."""
    found = {}
    for root in roots:
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root.parent))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def contents(*roots: Path) -> Counter[str]:
    """How often each content is there, wherever it is."""
    return Counter(tree(*roots).values())


def times(root: Path) -> dict[str, int]:
    """Times of change."""
    return {str(p): p.stat().st_mtime_ns for p in sorted(root.rglob("*.*"))}
