"""Carrying plans out, taking them back, and tidying up after a crash."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final

from ilgnet.errors import LibraryError
from ilgnet.library.changes.file_operations import (
    Refused,
    file_digest,
    move,
    settle_edit,
    settle_transfer,
    sync_folder,
    take_edit,
    take_transfer,
    undo_edit,
    undo_transfer,
)
from ilgnet.library.changes.journal import (
    Busy,
    Journal,
    Progress,
    create_journal,
    has_ended,
    read_journal,
    unsettled_journals,
)
from ilgnet.library.changes.plan import Edit, Plan, Transfer, check_inside
from ilgnet.library.photograph.files import Folder

_HOPELESS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENODEV}
"""After one of these the next step would fail too."""

_CUT_OFF: Final = "the run was cut off before"

OnStep = Callable[[Progress], object]


def apply_plan(plan: Plan, on_step: OnStep = lambda _: None) -> Journal:
    """Carry a plan out, group by group; a group succeeds whole or leaves no trace.

    Args:
        plan: what to do.
        on_step: called after each step.

    Returns:
        The journal, with what became of each step.

    Raises:
        LibraryError: the journal cannot be written, or the disk is full or read-only; what was
            done stays done and can be taken back.
    """
    settle_interrupted()
    journal = create_journal(plan)
    try:
        _carry_out(journal, on_step)
    except KeyboardInterrupt as interrupt:
        settle_interrupted()
        interrupt.add_note(f"What was done so far can be taken back: ilgnet undo {journal.name}")
        raise
    return journal


def _carry_out(journal: Journal, on_step: OnStep) -> None:
    plan = journal.plan
    with journal.writing() as stream:
        if has_ended(journal.path):
            raise Busy(
                f"another process took {journal.name} for a run that was cut off. Nothing was "
                "done; run the same command again"
            )
        try:
            for folder in plan.folders:
                check_inside(Path(folder), plan.roots)
                Path(folder).mkdir(exist_ok=True)
            for group in _groups(plan):
                _apply_group(journal, stream, group, on_step)
        except OSError as error:
            with contextlib.suppress(OSError):
                journal.note(stream, "finished")
            raise LibraryError(_stopped(journal, error)) from error
        _make_durable(plan)
        journal.note(stream, "finished")


def _make_durable(plan: Plan) -> None:
    """Sync the folders once, at the end: after a power cut each renaming is there or is not, and
    both are settled by looking; only what is deleted needs its copy to be durable before.
    """
    paths = [
        path
        for step in plan.steps
        for path in ((step.path,) if isinstance(step, Edit) else (step.source, step.target))
    ]
    for folder in {Path(path).parent for path in paths}:
        with contextlib.suppress(OSError):  # gone, or a file system that cannot
            sync_folder(folder)


def _stopped(journal: Journal, error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    done = f"{journal.count('done')} of {len(journal.plan.steps)} steps were done"
    return (
        f"stopped: {error.strerror}{where}. {done}, the others not begun; no file is lost. "
        f"Make room and run again, or take back what was done: ilgnet undo {journal.name}"
    )


def _apply_group(journal: Journal, stream: BinaryIO, group: list[int], on_step: OnStep) -> None:
    for position, index in enumerate(group):
        try:
            details = _take(journal, index)
        except (OSError, Refused, LibraryError) as error:
            _give_up(journal, stream, group, position, error)
            for member in group:
                on_step(journal.progress[member])
            if isinstance(error, OSError) and error.errno in _HOPELESS:
                raise
            return
        journal.record(stream, index, Progress("done", details=details))
    for index in group:
        on_step(journal.progress[index])


def _give_up(
    journal: Journal, stream: BinaryIO, group: list[int], position: int, error: Exception
) -> None:
    """Note why a step failed, and take back what was done of its group."""
    journal.record(stream, group[position], Progress("failed", _words(error)))
    for index in group[position + 1 :]:
        journal.record(stream, index, Progress("failed", "left with the file that it belongs to"))
    for index in reversed(group[:position]):
        _undo_one(journal, stream, index)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def _take(journal: Journal, index: int) -> dict[str, object]:
    step, temporary = journal.plan.steps[index], journal.temporary(index)
    if isinstance(step, Edit):
        check_inside(Path(step.path).parent, journal.plan.roots)
        path = Path(step.path)
        before = {"mtime_ns": path.stat().st_mtime_ns} if path.exists() else {}
        take_edit(step, temporary)
        return dict(before)
    check_inside(Path(step.target).parent, journal.plan.roots)
    if step.how == "move":
        check_inside(Path(step.source).parent, journal.plan.roots)
    take_transfer(step, temporary)
    return _details(step)


def _details(step: Transfer) -> dict[str, object]:
    """What taking a transfer back has to check."""
    return {"sha256": file_digest(Path(step.target))} if step.how == "copy" else {}


def undo(journal: Journal, on_step: OnStep = lambda _: None) -> Journal:
    """Take a run back, last step first; what has changed since stays, with a reason.

    Running it again tries what could not be taken back before.

    Returns:
        The journal, with what became of each step.

    Raises:
        LibraryError: another process is at work on the run, its folder is not there, or the
            journal cannot be written.
    """
    settle_interrupted()
    journal = read_journal(journal.path)
    if journal.lost_root is not None:
        raise LibraryError(
            f"{journal.lost_root}, where {journal.name} was at work, is not there. Connect the "
            "disk or card, or put the folder back, and run the same command again"
        )
    with journal.writing() as stream:
        journal.note(stream, "undoing")
        _carry_companions(journal)
        for index in reversed(range(len(journal.plan.steps))):
            if journal.progress[index].state in ("done", "kept"):
                _undo_one(journal, stream, index)
                on_step(journal.progress[index])
        _make_durable(journal.plan)
        for folder in reversed(journal.plan.folders):
            with contextlib.suppress(OSError):  # not empty: somebody uses it
                Path(folder).rmdir()
        if not journal.count("kept"):
            journal.note(stream, "undone")
    return journal


def _carry_companions(journal: Journal) -> None:
    """Sidecars that were made since beside moved pictures go back with them.

    They go first: after a crash the picture is still where they are looked for.
    """
    steps = journal.plan.steps
    known = {step.target for step in steps if isinstance(step, Transfer)}
    folders: dict[Path, Folder] = {}
    for index, step in enumerate(steps):
        if not isinstance(step, Transfer) or step.how != "move":
            continue
        source, target = Path(step.source), Path(step.target)
        if journal.progress[index].state in ("done", "kept") and target.is_file():
            folder = folders.get(target.parent)
            if folder is None:
                folder = folders[target.parent] = Folder(target.parent)
            for companion in folder.group_of(target).companions:
                if str(companion) not in known:
                    end = companion.name[len(target.stem) :]
                    _carry(journal, index, companion, source.with_name(source.stem + end))


def _carry(journal: Journal, index: int, companion: Path, place: Path) -> None:
    temporary = journal.temporary(index, back=True)
    back = Transfer("move", str(companion), str(place), journal.plan.steps[index].group)
    with contextlib.suppress(OSError, Refused):  # it stays, whole, where it is
        check_inside(companion.parent, journal.plan.roots)
        if companion.exists() and not settle_transfer(back, temporary):
            place.parent.mkdir(parents=True, exist_ok=True)
            move(companion, place, temporary)


def _undo_one(journal: Journal, stream: BinaryIO, index: int) -> None:
    details = journal.progress[index].details
    try:
        _take_back(journal, index)
    except (OSError, Refused, LibraryError) as error:
        journal.record(stream, index, Progress("kept", _words(error), details))
    else:
        journal.record(stream, index, Progress("undone"))


def _take_back(journal: Journal, index: int) -> None:
    step, temporary = journal.plan.steps[index], journal.temporary(index, back=True)
    details = journal.progress[index].details
    if isinstance(step, Edit):
        check_inside(Path(step.path).parent, journal.plan.roots)
        undo_edit(step, temporary, details.get("mtime_ns"))
        return
    check_inside(Path(step.target).parent, journal.plan.roots)
    if step.how == "move":
        check_inside(Path(step.source).parent, journal.plan.roots)
    undo_transfer(step, temporary, details.get("sha256"))


def settle_interrupted() -> list[Journal]:
    """Tidy up after runs that a crash cut off; runs that are still going are left alone, and so
    are those whose folders are not there now: on a disk that is away nothing can be looked at.

    Every file is then at exactly one place, whole, and what belongs together is together.

    Returns:
        The runs that were settled.
    """
    settled = []
    for path in unsettled_journals():
        journal = read_journal(path)
        if journal.lost_root is not None:
            continue
        with contextlib.suppress(Busy), journal.writing() as stream:
            if not journal.finished:
                _settle(journal, stream)
                settled.append(journal)
            elif journal.undoing and journal.count("done"):
                _settle_back(journal, stream, range(len(journal.plan.steps)))
                settled.append(journal)
    return settled


def _settle(journal: Journal, stream: BinaryIO) -> None:
    """Finish the steps that were begun; then take back those whose group is not whole."""
    for index, progress in enumerate(journal.progress):
        if progress.state == "planned":
            journal.record(stream, index, _settle_one(journal, index))
    for group in _groups(journal.plan):
        states = {journal.progress[index].state for index in group}
        if "done" in states and states != {"done"}:
            _settle_back(journal, stream, group)
            for index in reversed(group):
                if journal.progress[index].state == "done":
                    _undo_one(journal, stream, index)
    journal.note(stream, "finished")


def _settle_one(journal: Journal, index: int) -> Progress:
    step, temporary = journal.plan.steps[index], journal.temporary(index)
    try:
        if isinstance(step, Edit):
            if settle_edit(step, temporary):
                return Progress("done")
        elif settle_transfer(step, temporary):
            return Progress("done", details=_details(step))
    except (OSError, Refused) as error:
        return Progress("failed", _words(error))
    return Progress("failed", _CUT_OFF)


def _settle_back(journal: Journal, stream: BinaryIO, indices: Iterable[int]) -> None:
    """The same for steps that were being taken back."""
    for index in indices:
        step, temporary = journal.plan.steps[index], journal.temporary(index, back=True)
        if journal.progress[index].state != "done":
            continue
        with contextlib.suppress(Refused, OSError):  # taking it back again says why
            if isinstance(step, Edit):
                temporary.unlink(missing_ok=True)
            elif step.how == "move":
                back = replace(step, source=step.target, target=step.source)
                if settle_transfer(back, temporary):
                    journal.record(stream, index, Progress("undone"))


def _groups(plan: Plan) -> Iterator[list[int]]:
    """The indices of steps that belong together."""
    for _, group in groupby(range(len(plan.steps)), key=lambda index: plan.steps[index].group):
        yield list(group)
