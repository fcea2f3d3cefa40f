"""A plan: every change that is going to be made to files, as plain data.

A plan is made by looking only. It is shown to the person, written ahead into a journal, and only
then carried out, step by step.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.hashing import bytes_hash

How = Literal["copy", "move", "hardlink", "symlink"]
HOWS: Final[tuple[How, ...]] = ("copy", "move", "hardlink", "symlink")


@dataclass(frozen=True, slots=True)
class Transfer:
    """A file that gets another place, or one more.

    Attributes:
        how: copy, move, hardlink or symlink.
        source: absolute path.
        target: absolute path where nothing is yet.
        group: steps of one number succeed together or not at all.
    """

    how: How
    source: str
    target: str
    group: int

    @property
    def changes(self) -> tuple[str, ...]:
        """The paths in whose folders a name comes or goes."""
        return (self.target, self.source) if self.how == "move" else (self.target,)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of some bytes of a file, or a new file.

    Attributes:
        path: absolute path.
        before: sha256 of the file, or None when there is none yet.
        after: sha256 of the file when the change is made.
        start: where the bytes differ.
        removed: what stands there before.
        inserted: what stands there after.
        group: steps of one number succeed together or not at all.
    """

    path: str
    before: str | None
    after: str
    start: int
    removed: bytes
    inserted: bytes
    group: int

    @property
    def changes(self) -> tuple[str, ...]:
        """As of `Transfer`."""
        return (self.path,)

    @classmethod
    def between(cls, path: Path, before: bytes | None, after: bytes, group: int) -> Edit:
        """The edit that turns one content into the other."""
        old = before or b""
        start = _common(old, after)
        limit = min(len(old), len(after)) - start
        end = _common(old[::-1][:limit], after[::-1][:limit])
        return cls(
            path=str(path),
            before=None if before is None else bytes_hash(before),
            after=bytes_hash(after),
            start=start,
            removed=old[start : len(old) - end],
            inserted=after[start : len(after) - end],
            group=group,
        )

    def applied(self, before: bytes) -> bytes:
        """The content after the edit."""
        return before[: self.start] + self.inserted + before[self.start + len(self.removed) :]

    def reverted(self, after: bytes) -> bytes:
        """The content before the edit."""
        return after[: self.start] + self.removed + after[self.start + len(self.inserted) :]


Step = Transfer | Edit


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to take.

    Attributes:
        command: the name of the command that made it.
        roots: absolute folders; nothing outside them is changed.
        folders: absolute paths of the folders to make, a parent before its children.
        steps: in the order in which they are taken; a group's steps stand together.
    """

    command: str
    roots: tuple[str, ...]
    folders: tuple[str, ...]
    steps: tuple[Step, ...]


def _common(first: bytes, second: bytes) -> int:
    """The length of the common beginning, by halving: pictures are too long for a loop."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def check_inside(folder: Path, roots: Iterable[str]) -> None:
    """Refuse a folder that, with all links followed, is in none of the roots.

    Raises:
        LibraryError: it is outside.
    """
    real = Path(os.path.realpath(folder))
    if not any(real.is_relative_to(os.path.realpath(root)) for root in roots):
        raise LibraryError(
            f"{folder} is outside {' and '.join(roots)}, and nothing outside is touched"
        )


def step_to_json(step: Step) -> dict[str, Any]:
    """Plain JSON types; bytes in base 64."""
    record = asdict(step)
    for name in ("removed", "inserted"):
        if name in record:
            record[name] = base64.b64encode(record[name]).decode("ascii")
    return record


def step_from_json(record: dict[str, Any]) -> Step:
    """Read the form that `step_to_json` writes."""
    if "how" in record:
        return Transfer(**record)
    data = {name: base64.b64decode(record[name]) for name in ("removed", "inserted")}
    return Edit(**{**record, **data})


def step_words(step: Step) -> dict[str, str]:
    """A step as JSON says it: what is done (`how`), to which file, and where it goes (`target`)."""
    if isinstance(step, Edit):
        return {"how": "create" if step.before is None else "edit", "path": step.path}
    return {"how": step.how, "path": step.source, "target": step.target}
