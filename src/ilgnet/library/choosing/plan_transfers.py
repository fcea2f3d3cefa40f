"""Planning where culled photographs go: whole groups, never over a file, never outside."""

from __future__ import annotations

import filecmp
import os
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ilgnet.errors import LibraryError
from ilgnet.images.foreign import foreign_folder
from ilgnet.library.changes.plan import How, Plan, Step, Transfer
from ilgnet.library.choosing.cull import DECISIONS, Decided, Decision
from ilgnet.library.photograph.companions import renamed
from ilgnet.library.photograph.photograph import Photograph

_MOST_NAMESAKES: Final = 10_000


@dataclass(frozen=True, slots=True)
class TransferRule:
    """Where photographs go.

    Attributes:
        how: copy, move, hardlink or symlink.
        into: the folder in which keep, maybe and reject are made; None for the one that is culled.
        only: the decisions that are carried out.
        flat: put all pictures straight into the folder of their decision, instead of keeping the
            sub-folders that they come from.
    """

    how: How
    into: Path | None = None
    only: tuple[Decision, ...] = DECISIONS
    flat: bool = False


@dataclass(frozen=True, slots=True)
class TransferPlan:
    """A plan of transfers, and what is left out of it.

    Attributes:
        plan: the transfers.
        problems: photographs that stay where they are, and why, in words.
        bytes: what will be written.
    """

    plan: Plan
    problems: tuple[str, ...]
    bytes: int


def plan_transfers(
    decided: Sequence[Decided], rule: TransferRule, roots: Sequence[Path]
) -> TransferPlan:
    """Plan to sort photographs into folders. Files are looked at, none is changed.

    A name that is taken gets a number, the same for all files of the photograph. What has been
    copied or linked there before is left out.

    Args:
        decided: the photographs with what becomes of them.
        rule: where they go.
        roots: the folders that they come from; from elsewhere none is taken.

    Raises:
        LibraryError: the folder to sort into is not there and cannot be made, or has no room; or
            there are several roots, and it is not said into which folder.
    """
    into = _resolved_into(folder_to_sort_into(rule, roots))
    roots = tuple(root.resolve() for root in roots)
    planner = _Planner(rule, into, roots)
    for number, decision in enumerate(decided):
        if decision.decision in rule.only:
            planner.add(decision.photograph, decision.decision, number)
    _check_room(into, planner.bytes)
    folders = tuple(str(folder) for folder in planner.new_folders())
    steps = tuple(planner.steps)
    plan = Plan("cull", tuple(map(str, dict.fromkeys((*roots, into)))), folders, steps)
    return TransferPlan(plan, tuple(planner.problems), planner.bytes)


def folder_to_sort_into(rule: TransferRule | None, roots: Sequence[Path]) -> Path:
    """Where keep, maybe and reject are made.

    Raises:
        LibraryError: there are several roots, and it is not said which.
    """
    if rule is not None and rule.into is not None:
        return rule.into
    if rule is not None and len(roots) > 1:
        raise LibraryError(
            f"{len(roots)} folders are culled: say where to sort with --into DIR "
            "(in Python: TransferRule(into=...))"
        )
    return roots[0]


def is_sorted_already(path: Path, into: Path) -> bool:
    """Whether a picture is in one of the folders that culling makes."""
    folder = into.resolve()
    return any(path.is_relative_to(folder / decision) for decision in DECISIONS)


def _resolved_into(into: Path) -> Path:
    folder = into.resolve()
    if not folder.parent.is_dir() or (os.path.lexists(folder) and not folder.is_dir()):
        raise LibraryError(
            f"{into} cannot be sorted into: "
            + ("it is no folder" if folder.parent.is_dir() else f"{folder.parent} is not there")
        )
    return folder


def _size(count: int) -> str:
    """Bytes as people say them."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def _check_room(into: Path, wanted: int) -> None:
    free = shutil.disk_usage(into if into.is_dir() else into.parent).free
    if wanted > free:
        raise LibraryError(
            f"{into} has room for {_size(free)} and {_size(wanted)} are wanted. "
            "Nothing was done. Make room, choose another disk with --into, or choose fewer "
            "with --only keep"
        )


class _Planner:
    """Collects steps and keeps track of the names that are taken."""

    def __init__(self, rule: TransferRule, into: Path, roots: tuple[Path, ...]) -> None:
        self.rule, self.into, self.roots = rule, into, roots
        self.steps: list[Step] = []
        self.problems: list[str] = []
        self.bytes = 0
        self.device = (into if into.is_dir() else into.parent).stat().st_dev
        self._taken: set[str] = set()
        self._folders: dict[Path, None] = {}

    def add(self, photo: Photograph, decision: Decision, number: int) -> None:
        """Plan one photograph, or say why not."""
        owner = foreign_folder(photo.path)
        if owner is not None:
            self.problems.append(f"{photo.path} stays: {owner} belongs to another program")
            return
        root = next((root for root in self.roots if photo.path.is_relative_to(root)), None)
        if root is None:
            names = " and ".join(map(str, self.roots))
            self.problems.append(f"{photo.path} stays: it is outside {names}")
            return
        if self.rule.how == "move" and any(path.is_symlink() for path in photo.group.files):
            self.problems.append(f"{photo.path} stays: a symbolic link is not moved; use --copy")
            return
        if self.rule.how == "hardlink" and photo.path.stat().st_dev != self.device:
            self.problems.append(
                f"{photo.path} stays: {self.into} is another disk, where no hard link leads; "
                "use --copy or --symlink"
            )
            return
        below = Path() if self.rule.flat else photo.path.parent.relative_to(root)
        targets = self._free_names(photo, self.into / decision / below)
        for source, target in targets:
            self.steps.append(Transfer(self.rule.how, str(source), str(target), number))
            self._taken.add(_comparable(target))
            self.bytes += self._written(source)
        if targets:
            self._folders.update(dict.fromkeys(_chain(targets[0][1].parent, self.into)))
            self.problems += [
                f"{stranger} stays: it is named after {photo.name}, but no program that we know "
                "writes such a file"
                for stranger in photo.group.strangers
            ]

    def _free_names(self, photo: Photograph, folder: Path) -> list[tuple[Path, Path]]:
        """Pairs of source and target; none where everything is there already."""
        stem = photo.group.common_name
        for number in range(_MOST_NAMESAKES):
            suffix = f"-{number}" if number else ""
            pairs = [
                (path, folder / renamed(path.name, stem, stem + suffix))
                for path in photo.group.files
            ]
            if all(self._is_there(source, target) for source, target in pairs):
                return []
            if not any(self._is_taken(target) for _, target in pairs):
                return pairs
        raise LibraryError(f"{folder} has {_MOST_NAMESAKES} pictures called {stem} already")

    def _is_taken(self, target: Path) -> bool:
        return _comparable(target) in self._taken or os.path.lexists(target)

    def _is_there(self, source: Path, target: Path) -> bool:
        if self.rule.how == "move" or not target.is_file() or _comparable(target) in self._taken:
            return False
        if self.rule.how == "copy":
            return not target.is_symlink() and filecmp.cmp(source, target, shallow=False)
        return target.samefile(source)

    def _written(self, source: Path) -> int:
        status = source.stat()
        elsewhere = status.st_dev != self.device
        copied = self.rule.how == "copy" or (self.rule.how == "move" and elsewhere)
        return status.st_size if copied else 0

    def new_folders(self) -> Iterable[Path]:
        """The folders to make, a parent before its children."""
        return sorted(folder for folder in self._folders if not folder.is_dir())


def _chain(folder: Path, top: Path) -> list[Path]:
    """A folder and all above it, up to and with the top."""
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(top))]


def _comparable(path: Path) -> str:
    """Names that some file systems take for the same are the same here."""
    return unicodedata.normalize("NFC", str(path)).casefold()
