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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.place import user_data_folder
from ilgnet.library.changes.plan import Edit, Plan, step_from_json, step_to_json

FORMAT: Final = 1
_ENDINGS: Final = (b'{"event": "finished"}\n', b'{"event": "undone"}\n')


class Busy(LibraryError):  # noqa: N818 - reads as what it says
    """Another process is at work on a run."""


State = Literal["planned", "done", "failed", "undone", "kept"]
"""Of a step: failed steps were not taken; kept ones could not be taken back."""


@dataclass(slots=True)
class Progress:
    """How far a step is.

    Attributes:
        state: see `State`.
        why: the reason, for "failed" and "kept".
        details: of a step that is done: what taking it back has to check.
    """

    state: State = "planned"
    why: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Journal:
    """One run.

    Attributes:
        path: of the journal's file.
        started: local time, ISO 8601.
        plan: what was going to be done.
        progress: one for each step of the plan.
        finished: the run came to its end (with or without failed steps).
        undoing: taking it back has begun.
        undone: taking it back came to its end.
    """

    path: Path
    started: str
    plan: Plan
    progress: list[Progress]
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

    def count(self, *states: State) -> int:
        """How many steps are in one of these states."""
        return sum(progress.state in states for progress in self.progress)

    def temporary(self, index: int, *, back: bool = False) -> Path:
        """Where a step's file grows until it is whole; known beforehand, so litter is found.

        Args:
            index: of the step.
            back: for taking the step back.
        """
        step = self.plan.steps[index]
        place = step.path if isinstance(step, Edit) else step.source if back else step.target
        return Path(place).with_name(f".ilgnet-{self.name}-{index}.partial")

    def record(self, stream: BinaryIO, index: int, progress: Progress) -> None:
        """Note what became of a step."""
        self.progress[index] = progress
        _append(stream, {"step": index, **_progress_json(progress)})

    def note(self, stream: BinaryIO, event: Literal["finished", "undoing", "undone"]) -> None:
        """Note an event of the whole run, durably."""
        setattr(self, event, True)
        _append(stream, {"event": event})
        os.fsync(stream.fileno())

    @contextlib.contextmanager
    def writing(self) -> Iterator[BinaryIO]:
        """The journal open for appending, held by this process alone.

        Raises:
            Busy: another process is at work on this run.
        """
        with self.path.open("r+b") as stream:
            if not _lock(stream):
                raise Busy(f"another process is still at work on {self.name}; wait for it")
            # A line that a crash cut off is no event.
            end = self.path.read_bytes().rfind(b"\n") + 1
            stream.truncate(end)
            stream.seek(end)
            yield stream


def create_journal(plan: Plan) -> Journal:
    """Write a plan ahead, durably.

    Raises:
        LibraryError: it cannot be written, so nothing will be done.
    """
    now = datetime.now(UTC)  # names sort by time, also when summer time ends
    name = f"{now:%Y%m%d-%H%M%S-%f}-{plan.command}"
    path = journal_folder() / f"{name}.jsonl"
    header = {
        "journal": FORMAT,
        "started": now.astimezone().isoformat(timespec="seconds"),
        "command": plan.command,
        "roots": plan.roots,
        "folders": plan.folders,
        "steps": len(plan.steps),
    }
    temporary = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as stream:
            for record in (header, *map(step_to_json, plan.steps)):
                stream.write(_line(record))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise LibraryError(
            f"the journal cannot be written in {path.parent} ({error.strerror}), "
            "so nothing was done: without it nothing could be taken back"
        ) from error
    return Journal(path, header["started"], plan, [Progress() for _ in plan.steps])  # type: ignore[arg-type]


def read_journal(path: Path) -> Journal:
    """Read a journal.

    Raises:
        LibraryError: it is damaged, or of a later version of this program.
    """
    try:
        # What follows the last line's end was cut off by a crash.
        *lines, _ = path.read_bytes().split(b"\n")
        header, *rest = map(json.loads, lines)
        if header["journal"] != FORMAT:
            raise LibraryError(f"{path} was written by a later version of this program")
        count = header["steps"]
        steps = tuple(map(step_from_json, rest[:count]))
        plan = Plan(header["command"], tuple(header["roots"]), tuple(header["folders"]), steps)
        journal = Journal(path, header["started"], plan, [Progress() for _ in steps])
        for event in rest[count:]:
            _replay(journal, event)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise LibraryError(
            f"the journal {path} is damaged ({error!r}), and nothing was done. It says what an "
            "earlier run did: look whether those pictures are where you want them, then move it "
            "away and run the same command again"
        ) from error
    return journal


def list_journals() -> list[Journal]:
    """All runs, the latest first."""
    paths = sorted(journal_folder().glob("*.jsonl"), reverse=True)
    return [read_journal(path) for path in paths]


def unsettled_journals() -> list[Path]:
    """The runs that did not come to an end, found without reading them all."""
    paths = sorted(journal_folder().glob("*.jsonl"))
    return [path for path in paths if not has_ended(path)]


def has_ended(path: Path) -> bool:
    """Whether a run, or taking it back, came to its end; only the last bytes are read."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 64))
        return stream.read().endswith(_ENDINGS)


def find_journal(name: str | None) -> Journal:
    """A run by its name, or the latest that can be taken back.

    Raises:
        LibraryError: there is none.
    """
    if name is not None:
        path = journal_folder() / f"{Path(name).name}.jsonl"
        if not path.is_file():
            raise LibraryError(f"there is no run called {name!r}. List them: ilgnet undo --list")
        return read_journal(path)
    for journal in list_journals():
        if not journal.undone:
            return journal
    raise LibraryError(f"there is nothing to take back: no run is noted in {journal_folder()}")


def journal_folder() -> Path:
    """Where the journals of this user are."""
    return user_data_folder() / "journals"


def _progress_json(progress: Progress) -> dict[str, Any]:
    record: dict[str, Any] = {"state": progress.state, **progress.details}
    return {**record, "why": progress.why} if progress.why else record


def _replay(journal: Journal, event: dict[str, Any]) -> None:
    if "event" in event:
        setattr(journal, event["event"], True)
        return
    index, state, why = event.pop("step"), event.pop("state"), event.pop("why", "")
    journal.progress[index] = Progress(state, why, event)


def _line(record: dict[str, Any]) -> bytes:
    # ASCII: a file name that is not UTF-8 survives as an escaped surrogate.
    return json.dumps(record, ensure_ascii=True).encode("ascii") + b"\n"


def _append(stream: BinaryIO, record: dict[str, Any]) -> None:
    stream.write(_line(record))
    stream.flush()


def _lock(stream: BinaryIO) -> bool:
    """Take the file for this process; the system frees it however the process ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
