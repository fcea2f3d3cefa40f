"""The journal: what was going to be done, written before anything is, and how far it came.

One file for each run, JSON Lines, in the user's data folder: a header, every step of the plan,
then one line for each event. The plan appears whole or not at all (a rename); events are appended.
What a crash cuts off is found out from the files themselves, never guessed from the journal.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from ilgnet.atomic import streaming
from ilgnet.errors import LibraryError
from ilgnet.library.changes.plan import Edit, Plan, Transfer, step_from_json, step_to_json
from ilgnet.user_folders import user_data_folder

FORMAT: Final = 2
"""1 had no found companions; it is read as well."""

KEEP_UNDONE: Final = timedelta(days=30)
KEEP_FINISHED: Final = timedelta(days=730)
KEEP_LATEST: Final = 100
"""See `prune_journals`."""

_FINISHED: Final = b'{"event": "finished"}\n'
_UNDONE: Final = b'{"event": "undone"}\n'
_EVENTS: Final = ("finished", "undoing", "undone")
_LOCKED_AT: Final = 1 << 40
"""A byte that no journal reaches: Windows lets nobody read bytes that are locked."""


class Busy(LibraryError):  # noqa: N818 - reads as what it says
    """Another process is at work on a run."""


class JournalError(LibraryError):
    """A run's journal cannot be read or written."""


StepState = Literal["planned", "done", "failed", "undone", "kept"]
"""Failed steps were not taken; kept ones could not be taken back."""


@dataclass(slots=True)
class StepOutcome:
    """How far a step is.

    Attributes:
        state: see `StepState`.
        why: the reason, for "failed" and "kept".
        details: of a step that is done: what taking it back has to check.
    """

    state: StepState = "planned"
    why: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class ChangeJournal:
    """One run.

    Attributes:
        path: of the journal's file.
        started: local time, ISO 8601.
        plan: what was going to be done; at the end of it, companions that were found beside moved
            files when the run was taken back.
        outcomes: one for each step of the plan.
        finished: the run came to its end (with or without failed steps).
        undoing: taking it back has begun.
        undone: taking it back came to its end.
    """

    path: Path
    started: str
    plan: Plan
    outcomes: list[StepOutcome]
    finished: bool = False
    undoing: bool = False
    undone: bool = False

    @property
    def name(self) -> str:
        """How the person calls the run, as 20260503-184210-123456-cull."""
        return self.path.stem

    @property
    def lost_root(self) -> str | None:
        """A folder of the run that is not there: a disk or card that is not connected."""
        made = set(self.plan.folders)  # what the run makes itself need not be there
        places = [os.path.dirname(root) if root in made else root for root in self.plan.roots]
        return next((place for place in places if not os.path.isdir(place)), None)

    def count(self, *states: StepState) -> int:
        """How many steps are in one of these states."""
        return sum(outcome.state in states for outcome in self.outcomes)

    def temporary(self, index: int, *, back: bool = False) -> Path:
        """Where a step's file grows until it is whole; known beforehand, so litter is found.

        Args:
            index: of the step.
            back: for taking the step back.
        """
        step = self.plan.steps[index]
        place = step.path if isinstance(step, Edit) else step.source if back else step.target
        return Path(place).with_name(f".ilgnet-{self.name}-{index}.partial")

    def record(self, stream: BinaryIO, index: int, outcome: StepOutcome) -> None:
        """Note what became of a step.

        Raises:
            JournalError: it cannot be written.
        """
        self.outcomes[index] = outcome
        self._append(stream, {"step": index, **_outcome_json(outcome)})

    def add_found(self, stream: BinaryIO, step: Transfer) -> None:
        """Note a companion that was made since beside a file that the run moved.

        From here on it is a step like the others, as if the run had moved it too.

        Raises:
            JournalError: it cannot be written.
        """
        self._add_found(step)
        self._append(stream, {"found": step_to_json(step)})

    def note(self, stream: BinaryIO, event: Literal["finished", "undoing", "undone"]) -> None:
        """Note an event of the whole run, durably.

        Raises:
            JournalError: it cannot be written.
        """
        setattr(self, event, True)
        self._append(stream, {"event": event}, durable=True)

    def replay(self, event: dict[str, Any]) -> None:
        """Take in an event that was read.

        Raises:
            ValueError, KeyError, TypeError, IndexError: it is none.
        """
        if "event" in event:
            if event["event"] not in _EVENTS:
                raise ValueError(f"unknown event {event['event']!r}")
            setattr(self, event["event"], True)
        elif "found" in event:
            step = step_from_json(event["found"])
            if not isinstance(step, Transfer):
                raise ValueError("what was found is no transfer")
            self._add_found(step)
        else:
            details = dict(event)
            index, state = details.pop("step"), details.pop("state")
            self.outcomes[index] = StepOutcome(state, details.pop("why", ""), details)

    @contextlib.contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """The journal open for appending, held by this process alone.

        Raises:
            Busy: another process is at work on this run.
            JournalError: it cannot be opened.
        """
        with _explained(self.path):
            stream: BinaryIO = self.path.open("r+b", buffering=0)
        with stream:
            if not _lock(stream):
                raise Busy(f"another process is still at work on {self.name}; wait for it")
            try:
                with _explained(self.path):
                    _drop_torn_line(stream)
                yield stream
            finally:
                _unlock(stream)

    def _add_found(self, step: Transfer) -> None:
        self.plan = replace(self.plan, steps=(*self.plan.steps, step))
        self.outcomes.append(StepOutcome("done"))

    def _append(self, stream: BinaryIO, record: dict[str, Any], *, durable: bool = False) -> None:
        line = _line(record)
        try:
            while line:
                line = line[stream.write(line) or 0 :]
            if durable:
                os.fsync(stream.fileno())
        except OSError as error:
            raise JournalError(
                f"the journal {self.path} cannot be written ({error.strerror}). Every file is "
                "whole. Make room, then run any ilgnet command that moves or writes, or ilgnet "
                f"undo {self.name}: it looks at the files and goes on from there"
            ) from error


def create_journal(plan: Plan) -> ChangeJournal:
    """Write a plan ahead, durably.

    Raises:
        LibraryError: it cannot be written, so nothing will be done.
    """
    now = datetime.now(UTC)  # names sort by time, also when summer time ends
    path = journal_folder() / f"{now:{_NAMED}}-{plan.command}.jsonl"
    started = now.astimezone().isoformat(timespec="seconds")
    header = {
        "journal": FORMAT,
        "started": started,
        "command": plan.command,
        "roots": plan.roots,
        "folders": plan.folders,
        "steps": len(plan.steps),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with streaming(path) as stream:
            stream.writelines(_line(record) for record in (header, *map(step_to_json, plan.steps)))
    except OSError as error:
        raise LibraryError(
            f"the journal cannot be written in {path.parent} ({error.strerror}), "
            "so nothing was done: without it nothing could be taken back"
        ) from error
    return ChangeJournal(path, started, plan, [StepOutcome() for _ in plan.steps])


def read_journal(path: Path) -> ChangeJournal:
    """Read a journal.

    Raises:
        JournalError: it is damaged, or of a later version of this program.
    """
    with _explained(path):
        # What follows the last line's end was cut off by a crash.
        lines = path.read_bytes().split(b"\n")[:-1]
    number = 0
    try:
        header = json.loads(lines[0])
        if header["journal"] not in range(1, FORMAT + 1):
            raise JournalError(f"{path} was written by a later version of this program")
        count = header["steps"]
        steps = []
        for number, line in enumerate(lines[1 : count + 1], 1):  # noqa: B007 - the error says it
            steps.append(step_from_json(json.loads(line)))
        if len(steps) < count:
            raise ValueError("steps are missing")
        roots, folders = tuple(header["roots"]), tuple(header["folders"])
        plan = Plan(header["command"], roots, folders, tuple(steps))
        journal = ChangeJournal(path, header["started"], plan, [StepOutcome() for _ in steps])
        for number, line in enumerate(lines[count + 1 :], count + 1):  # noqa: B007
            journal.replay(json.loads(line))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise JournalError(
            f"the journal {path} is damaged in line {number + 1}, so its run cannot be taken back, "
            "and nothing was done. Other runs can. It says what the run did: look whether those "
            "pictures are where you want them, then delete it"
        ) from error
    return journal


def list_journals() -> list[ChangeJournal]:
    """All runs whose journal can be read, the latest first."""
    return [run for run in _read_all() if isinstance(run, ChangeJournal)]


def damaged_journals() -> list[JournalError]:
    """What is wrong with the journals that cannot be read, the latest first."""
    return [run for run in _read_all() if isinstance(run, JournalError)]


def _read_all() -> Iterator[ChangeJournal | JournalError]:
    for path in _paths():
        try:
            yield read_journal(path)
        except JournalError as error:
            yield error


def unsettled_journals() -> list[ChangeJournal]:
    """The runs that did not come to an end, the first one first; of the others only the end is
    read. One that is damaged is passed over: it hinders only its own taking back.
    """
    found = []
    for path in reversed(_paths()):
        with contextlib.suppress(JournalError):
            if not has_ended(path):
                found.append(read_journal(path))
    return found


def has_ended(path: Path) -> bool:
    """Whether a run, or taking it back, came to its end; only the last bytes are read."""
    return _end(path).endswith((_FINISHED, _UNDONE))


def _end(path: Path) -> bytes:
    with _explained(path), path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 64))
        return stream.read()


def find_journal(name: str | None) -> ChangeJournal:
    """A run by its name, or the latest that can be taken back.

    Raises:
        LibraryError: there is none; or the latest is damaged, and another has to be named, since
            what was done last is usually taken back first.
    """
    if name is not None:
        path = journal_folder() / f"{Path(name).name}.jsonl"
        if not path.is_file():
            raise LibraryError(f"there is no run called {name!r}. List them: ilgnet undo --list")
        return read_journal(path)
    which = "no run"
    for run in _read_all():
        if isinstance(run, JournalError):
            raise JournalError(f"{run}. Take an earlier run back by its name: ilgnet undo --list")
        if not run.undone:
            return run
        which = "no other run"
    raise LibraryError(f"there is nothing to take back: {which} is noted in {journal_folder()}")


def prune_journals(now: datetime | None = None) -> list[Path]:
    """Delete the journals of runs that nobody will take back any more.

    Runs that were taken back are forgotten after `KEEP_UNDONE`. Others are kept for
    `KEEP_FINISHED`, and the latest `KEEP_LATEST` for ever. A run that is not settled is never
    forgotten, nor is one whose name or end is not understood.

    Returns:
        The journals that were deleted.
    """
    now = now or datetime.now(UTC)
    paths = _paths()
    pruned = []
    for place, path in enumerate(paths):
        with contextlib.suppress(OSError, JournalError):  # a journal that stays does no harm
            if _is_old(path, now, latest=place < KEEP_LATEST):
                path.unlink()
                pruned.append(path)
    return pruned


_NAMED: Final = "%Y%m%d-%H%M%S-%f"


def _is_old(path: Path, now: datetime, *, latest: bool) -> bool:
    try:
        started = datetime.strptime(path.stem[:22], _NAMED).replace(tzinfo=UTC)
    except ValueError:
        return False
    end, age = _end(path), now - started
    if end.endswith(_UNDONE):
        return age > KEEP_UNDONE
    return end.endswith(_FINISHED) and age > KEEP_FINISHED and not latest


def _paths() -> list[Path]:
    """Of all journals, the latest run first."""
    with _explained(journal_folder()):
        return sorted(journal_folder().glob("*.jsonl"), reverse=True)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error


def journal_folder() -> Path:
    """Where the journals of this user are."""
    return user_data_folder() / "journals"


def _outcome_json(outcome: StepOutcome) -> dict[str, Any]:
    record: dict[str, Any] = {"state": outcome.state, **outcome.details}
    return {**record, "why": outcome.why} if outcome.why else record


def _line(record: dict[str, Any]) -> bytes:
    # ASCII: a file name that is not UTF-8 survives as an escaped surrogate.
    return json.dumps(record, ensure_ascii=True).encode("ascii") + b"\n"


def _drop_torn_line(stream: BinaryIO) -> None:
    """A line that a crash cut off is no event."""
    stream.seek(0)
    end = stream.read().rfind(b"\n") + 1
    stream.truncate(end)
    stream.seek(end)


def _lock(stream: BinaryIO) -> bool:
    """Take the file for this process; the system frees it however the process ends."""
    try:
        if os.name == "nt":
            import msvcrt

            stream.seek(_LOCKED_AT)
            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _unlock(stream: BinaryIO) -> None:
    """Windows frees a lock some time after the file is closed, if nobody does it before."""
    if os.name == "nt":
        import msvcrt

        with contextlib.suppress(OSError):
            stream.seek(_LOCKED_AT)
            msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined,unused-ignore]
