"""Carrying plans out, taking them back, and tidying up after a crash."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import BinaryIO, Final

from ilgnet.atomic import sync_folder
from ilgnet.errors import LibraryError
from ilgnet.hashing import file_hash
from ilgnet.library.changes.file_operations import (
    Refused,
    settle_edit,
    settle_transfer,
    take_edit,
    take_transfer,
    undo_edit,
    undo_transfer,
)
from ilgnet.library.changes.journal import (
    Busy,
    ChangeJournal,
    JournalError,
    StepOutcome,
    create_journal,
    has_ended,
    prune_journals,
    read_journal,
    unsettled_journals,
)
from ilgnet.library.changes.plan import Edit, Plan, Step, Transfer, check_inside
from ilgnet.library.photograph.companions import renamed
from ilgnet.library.photograph.file_groups import Folder

_HOPELESS: Final = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENODEV}
"""After one of these the next step would fail too."""

_CUT_OFF: Final = "the run was cut off before"

OnStep = Callable[[StepOutcome], object]


def apply_plan(plan: Plan, on_step: OnStep = lambda _: None) -> ChangeJournal:
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
    prune_journals()
    journal = create_journal(plan)
    try:
        _carry_out(journal, on_step)
    except KeyboardInterrupt as interrupt:
        settle_interrupted()
        interrupt.add_note(f"What was done so far can be taken back: ilgnet undo {journal.name}")
        raise
    return journal


def _carry_out(journal: ChangeJournal, on_step: OnStep) -> None:
    plan = journal.plan
    with journal.writing() as stream:
        if has_ended(journal.path):  # between writing the plan and locking it
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
            with contextlib.suppress(JournalError):
                journal.note(stream, "finished")
            raise LibraryError(_stopped(journal, error)) from error
        _make_durable(plan)
        journal.note(stream, "finished")


def _make_durable(plan: Plan) -> None:
    """Sync the folders once, at the end: after a power cut each renaming is there or is not, and
    both are settled by looking; only what is deleted needs its copy to be durable before.
    """
    for folder in {Path(path).parent for step in plan.steps for path in step.changes}:
        with contextlib.suppress(OSError):  # gone, or a file system that cannot
            sync_folder(folder)


def _stopped(journal: ChangeJournal, error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    done = f"{journal.count('done')} of {len(journal.plan.steps)} steps were done"
    return (
        f"stopped: {error.strerror}{where}. {done}, the others not begun; no file is lost. "
        f"Make room and run again, or take back what was done: ilgnet undo {journal.name}"
    )


def _apply_group(
    journal: ChangeJournal, stream: BinaryIO, group: list[int], on_step: OnStep
) -> None:
    for position, index in enumerate(group):
        try:
            details = _take(journal, index)
        except (OSError, Refused, LibraryError) as error:
            if isinstance(error, OSError):
                found = _settle_one(journal, index)
                if found.state == "done":  # whatever the system said
                    journal.record(stream, index, found)
                    continue
            _give_up(journal, stream, group, position, error)
            for member in group:
                on_step(journal.outcomes[member])
            if isinstance(error, OSError) and error.errno in _HOPELESS:
                raise
            return
        journal.record(stream, index, StepOutcome("done", details=details))
    for index in group:
        on_step(journal.outcomes[index])


def _give_up(
    journal: ChangeJournal, stream: BinaryIO, group: list[int], position: int, error: Exception
) -> None:
    """Note why a step failed, and take back what was done of its group."""
    journal.record(stream, group[position], StepOutcome("failed", _words(error)))
    for index in group[position + 1 :]:
        journal.record(
            stream, index, StepOutcome("failed", "left with the file that it belongs to")
        )
    for index in reversed(group[:position]):
        _undo_one(journal, stream, index)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)


def _take(journal: ChangeJournal, index: int) -> dict[str, object]:
    step, temporary = journal.plan.steps[index], journal.temporary(index)
    _check_places(step, journal.plan)
    if isinstance(step, Transfer):
        take_transfer(step, temporary)
        return _details(step)
    path = Path(step.path)
    details: dict[str, object] = {"mtime_ns": path.stat().st_mtime_ns} if path.exists() else {}
    take_edit(step, temporary)
    return details


def _check_places(step: Step, plan: Plan) -> None:
    """Refuse a step that changes anything outside the plan's folders.

    Raises:
        LibraryError: it would.
    """
    for path in step.changes:
        check_inside(Path(path).parent, plan.roots)


def _details(step: Transfer) -> dict[str, object]:
    """What taking a transfer back has to check."""
    return {"sha256": file_hash(Path(step.target))} if step.how == "copy" else {}


def undo(journal: ChangeJournal, on_step: OnStep = lambda _: None) -> ChangeJournal:
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
        try:
            _find_companions(journal, stream)
        except OSError as error:
            raise LibraryError(
                f"nothing was taken back: {error.filename} cannot be looked at "
                f"({error.strerror}). Run the same command again"
            ) from error
        for index in reversed(range(len(journal.plan.steps))):
            if journal.outcomes[index].state in ("done", "kept"):
                _undo_one(journal, stream, index)
                on_step(journal.outcomes[index])
        _make_durable(journal.plan)
        for folder in reversed(journal.plan.folders):
            with contextlib.suppress(OSError):  # not empty: somebody uses it
                Path(folder).rmdir()
        if not journal.count("kept"):
            journal.note(stream, "undone")
    return journal


def _find_companions(journal: ChangeJournal, stream: BinaryIO) -> None:
    """Companions that were made since beside moved pictures go back with them, as steps of the run.

    They are the last steps, so they go back first: after a crash the picture is still where they
    are looked for.
    """
    steps = journal.plan.steps
    known = {step.target for step in steps if isinstance(step, Transfer)}
    folders: dict[Path, Folder] = {}
    for step, outcome in zip(steps, tuple(journal.outcomes), strict=True):
        if not isinstance(step, Transfer) or step.how != "move":
            continue
        source, target = Path(step.source), Path(step.target)
        if outcome.state not in ("done", "kept") or not target.is_file():
            continue
        folder = folders.get(target.parent) or folders.setdefault(
            target.parent, Folder(target.parent)
        )
        group = folder.group_of(target)
        tail = len(target.name) - len(group.common_name)
        before = source.name[: len(source.name) - tail]
        for companion in group.companions:
            if str(companion) not in known:
                known.add(str(companion))
                name = renamed(companion.name, group.common_name, before)
                place = source.with_name(name)
                journal.add_found(stream, Transfer("move", str(place), str(companion), step.group))


def _undo_one(journal: ChangeJournal, stream: BinaryIO, index: int) -> None:
    details = journal.outcomes[index].details
    try:
        _take_back(journal, index)
    except (OSError, Refused, LibraryError) as error:
        if not (isinstance(error, OSError) and _settle_one_back(journal, index)):
            journal.record(stream, index, StepOutcome("kept", _words(error), details))
            return
    journal.record(stream, index, StepOutcome("undone"))


def _take_back(journal: ChangeJournal, index: int) -> None:
    step, temporary = journal.plan.steps[index], journal.temporary(index, back=True)
    details = journal.outcomes[index].details
    _check_places(step, journal.plan)
    if isinstance(step, Edit):
        undo_edit(step, temporary, details.get("mtime_ns"))
    else:
        undo_transfer(step, temporary, details.get("sha256"))


def settle_interrupted() -> list[ChangeJournal]:
    """Tidy up after runs that a crash cut off; runs that are still going are left alone, and so
    are those whose folders are not there now: on a disk that is away nothing can be looked at.

    Every file is then at exactly one place, whole, and what belongs together is together.

    Returns:
        The runs that were settled.
    """
    settled = []
    for found in unsettled_journals():
        if found.lost_root is not None:
            continue
        # A journal that cannot be read or written hinders only its own run.
        with contextlib.suppress(Busy, JournalError), found.writing() as stream:
            journal = read_journal(found.path)  # another process may have been at it
            if not journal.finished:
                _settle(journal, stream)
                settled.append(journal)
            elif journal.undoing and journal.count("done"):
                _settle_back(journal, stream, range(len(journal.plan.steps)))
                settled.append(journal)
    return settled


def _settle(journal: ChangeJournal, stream: BinaryIO) -> None:
    """Finish the steps that were begun; then take back those whose group is not whole."""
    for index, outcome in enumerate(journal.outcomes):
        if outcome.state == "planned":
            journal.record(stream, index, _settle_one(journal, index))
    for group in _groups(journal.plan):
        states = {journal.outcomes[index].state for index in group}
        if "done" in states and states != {"done"}:
            _settle_back(journal, stream, group)
            for index in reversed(group):
                if journal.outcomes[index].state == "done":
                    _undo_one(journal, stream, index)
    journal.note(stream, "finished")


def _settle_one(journal: ChangeJournal, index: int) -> StepOutcome:
    step, temporary = journal.plan.steps[index], journal.temporary(index)
    try:
        if isinstance(step, Edit):
            if settle_edit(step, temporary):
                return StepOutcome("done")
        elif settle_transfer(step, temporary):
            return StepOutcome("done", details=_details(step))
    except (OSError, Refused) as error:
        return StepOutcome("failed", _words(error))
    return StepOutcome("failed", _CUT_OFF)


def _settle_back(journal: ChangeJournal, stream: BinaryIO, indices: Iterable[int]) -> None:
    """The same for steps that were being taken back."""
    for index in indices:
        if journal.outcomes[index].state == "done" and _settle_one_back(journal, index):
            journal.record(stream, index, StepOutcome("undone"))


def _settle_one_back(journal: ChangeJournal, index: int) -> bool:
    """Whether a step that was being taken back is back; taking it back again says why not."""
    step, temporary = journal.plan.steps[index], journal.temporary(index, back=True)
    with contextlib.suppress(Refused, OSError):
        if isinstance(step, Transfer) and step.how == "move":
            return settle_transfer(replace(step, source=step.target, target=step.source), temporary)
        temporary.unlink(missing_ok=True)
    return False


def _groups(plan: Plan) -> Iterator[list[int]]:
    """The indices of steps that belong together."""
    for _, group in groupby(range(len(plan.steps)), key=lambda index: plan.steps[index].group):
        yield list(group)
