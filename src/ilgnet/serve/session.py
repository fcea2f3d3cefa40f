"""A library that is open in the page: its photographs, what the person chooses, and one job.

Everything that lasts is in the catalogue and the journals; what is kept here can be read again.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Literal

from ilgnet.errors import LibraryError, ServiceError
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.changes.plan import step_words
from ilgnet.library.open_library import Library, open_library
from ilgnet.library.photograph.opinion import Choice, Flag
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.proposals import Applied, Proposal, undo
from ilgnet.values import Failure

JobKind = Literal["score", "apply", "undo"]
SHOWN_STEPS: Final = 500


@dataclass(slots=True)
class Job:
    """Work that takes a while; one at a time.

    Attributes:
        kind: what it is.
        done: pictures or steps that are finished.
        total: of how many; None if nobody knows yet.
        failed: how many of them did not work.
        started: when, in seconds of a clock that only goes forward.
        state: "running", "done", "cancelled" or "failed".
        words: what came of it.
        run: the name of the run, for taking it back.
    """

    kind: JobKind
    total: int | None = None
    done: int = 0
    failed: int = 0
    started: float = field(default_factory=time.monotonic)
    state: Literal["running", "done", "cancelled", "failed"] = "running"
    words: str = ""
    run: str | None = None

    def to_json(self) -> dict[str, Any]:
        """For the page, with pictures or steps a second and the seconds that are left."""
        seconds = time.monotonic() - self.started
        rate = self.done / seconds if self.done and seconds > 0 else None
        left = (self.total - self.done) / rate if rate and self.total else None
        names = ("kind", "total", "done", "failed", "state", "words", "run")
        return {**{name: getattr(self, name) for name in names}, "rate": rate, "left": left}


class Session:
    """One open folder. Safe to use from several threads; jobs run in a thread of their own.

    Args:
        folder: the photographs; the catalogue is beside them unless it cannot be.
        model: as in `open_library`.
        threads: pictures scored side by side; None takes every core.
    """

    def __init__(self, folder: Path, model: str | None = None, threads: int | None = None) -> None:
        self._folder, self._model, self._threads = folder, model, threads
        self._lock = threading.RLock()
        self._cancel = threading.Event()
        self._job: Job | None = None
        self._proposals: dict[str, Proposal] = {}
        self.revision = 0
        self.photographs: list[Photograph] = []
        self._places: dict[str, int] = {}
        self._contents: dict[bytes | None, list[int]] = {}
        self.failures: list[Failure] = []
        self.reload()

    def library(self) -> Library:
        """The library, opened anew: jobs and requests share no state but the catalogue."""
        return open_library(
            self._folder, model=self._model, catalogue="beside", threads=self._threads
        )

    @property
    def name(self) -> str:
        """What the page calls the library."""
        return self._folder.resolve().name or str(self._folder)

    def reload(self) -> None:
        """Read again what the catalogue knows; where there is none yet, nothing is."""
        library = self.library()
        photographs: list[Photograph] = []
        failures: list[Failure] = []
        if library.place is not None and library.place.file.is_file():
            try:
                photographs = library.photographs(bursts=True)
            except LibraryError:
                # Nobody has measured how alike this model's features are: no bursts then.
                photographs = library.photographs()
            failures = library.failures()
        with self._lock:
            self.photographs = [
                replace(photo, verdict=replace(photo.verdict, features=None))
                for photo in photographs
            ]
            self.failures = failures
            self._places = {key(photo): n for n, photo in enumerate(self.photographs)}
            self._contents = defaultdict(list)
            for number, photo in enumerate(self.photographs):
                self._contents[photo.sha256].append(number)
            self._proposals.clear()
            self.revision += 1

    def find(self, id: str) -> Photograph | None:
        """A photograph by its key; None if it is not of this library."""
        with self._lock:
            place = self._places.get(id)
            return None if place is None else self.photographs[place]

    # Choosing

    def choose(self, changes: Sequence[tuple[str, Choice]]) -> dict[str, Choice]:
        """Note choices, durably before this returns; those of one call are undone together.

        Returns:
            Key -> choice of every photograph that changed: copies of one picture share it.

        Raises:
            ServiceError: a key is not of this library.
        """
        with self._lock:
            chosen = []
            for id, choice in changes:
                photo = self.find(id)
                if photo is None:
                    raise ServiceError(f"there is no photograph {id!r} here; load the page again")
                chosen.append((photo, choice))
            self.library().choose_each(chosen)
            return self._take_over({photo.sha256: choice for photo, choice in chosen})

    def undo_choice(self, *, redo: bool = False) -> dict[str, Choice]:
        """Take the last choices back, or again.

        Returns:
            Key -> choice of every photograph that changed; empty where there was nothing to do.
        """
        with self._lock:
            library = self.library()
            library.undo_choice(redo=redo)
            assert library.place is not None
            with Catalogue(library.place, "read") as catalogue:
                choices = catalogue.choices()
            known = {photo.sha256: photo.choice for photo in self.photographs}
            return self._take_over(
                {c: choices.get(c) for c, before in known.items() if choices.get(c) != before}
            )

    def _take_over(self, choices: Mapping[bytes | None, Choice | None]) -> dict[str, Choice]:
        """Choices by what files hold, for every photograph that holds it."""
        changed: dict[str, Choice] = {}
        for content, choice in choices.items():
            for number in self._contents.get(content, ()):
                photo = replace(self.photographs[number], choice=choice)
                self.photographs[number] = photo
                changed[key(photo)] = choice or Choice()
        self.revision += bool(changed)
        return changed

    # Plans

    def propose(self, make: Callable[[Library], Proposal]) -> tuple[str, Proposal]:
        """Plan something, and keep the plan so that just this one can be carried out."""
        proposal = make(self.library())
        name = token_hex(8)
        with self._lock:
            self._proposals[name] = proposal
        return name, proposal

    def apply(self, name: str) -> Job:
        """Carry out a plan that was shown.

        Raises:
            ServiceError: there is no such plan, or another job is at work.
        """
        with self._lock:
            proposal = self._proposals.get(name)
        if proposal is None:
            raise ServiceError("the plan is no longer current; look at it again")

        def work(job: Job) -> None:
            self._note_run(job, proposal.apply(lambda _: self._step(job)))

        return self._start(Job("apply", total=len(proposal.plan.steps)), work)

    def undo_run(self, name: str | None) -> Job:
        """Take a run back: the latest, or one by its name.

        Raises:
            ServiceError: another job is at work.
        """

        def work(job: Job) -> None:
            self._note_run(job, undo(name, lambda _: self._step(job)))

        return self._start(Job("undo"), work)

    def _step(self, job: Job) -> None:
        job.done += 1

    def _note_run(self, job: Job, applied: Applied) -> None:
        job.run, job.failed = applied.name, applied.failed
        job.words = f"{job.done - job.failed} steps done" + (
            f", {job.failed} not" if job.failed else ""
        )

    # Jobs

    def score(self) -> Job:
        """Score what is new or changed.

        Raises:
            ServiceError: another job is at work.
        """

        def work(job: Job) -> None:
            library = self.library()
            job.total = sum(1 for _ in library.images())
            outcomes = library.score(keep=False)
            for outcome in outcomes:
                job.done += 1
                job.failed += isinstance(outcome, Failure)
                if self._cancel.is_set():
                    outcomes.close()  # type: ignore[attr-defined]
                    job.state = "cancelled"
                    return
            job.words = f"{job.done - job.failed} photographs have a score"

        return self._start(Job("score"), work)

    def cancel(self) -> None:
        """Stop the scoring that runs; what is scored stays scored."""
        self._cancel.set()

    @property
    def job(self) -> Job | None:
        """The last job, running or not."""
        return self._job

    def _start(self, job: Job, work: Callable[[Job], None]) -> Job:
        with self._lock:
            if self._job is not None and self._job.state == "running":
                raise ServiceError(f"wait until the running job ({self._job.kind}) is finished")
            self._job = job
            self._cancel.clear()
        threading.Thread(target=self._run, args=(job, work), name="ilgnet-job").start()
        return job

    def _run(self, job: Job, work: Callable[[Job], None]) -> None:
        try:
            work(job)
        except Exception as error:  # whatever it is, the person is told and the page goes on
            job.words, outcome = str(error), "failed"
        else:
            outcome = job.state if job.state == "cancelled" else "done"
        self.reload()
        job.state = outcome  # type: ignore[assignment]


def key(photo: Photograph) -> str:
    """How the page names a photograph: by its path, so that copies are told apart."""
    return sha256(str(photo.path).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def choices_to_json(changed: dict[str, Choice]) -> dict[str, Any]:
    """Key -> flag and stars."""
    return {id: {"flag": choice.flag, "stars": choice.stars} for id, choice in changed.items()}


def flag_of(text: str | None) -> Flag | None:
    """A flag as the page writes it.

    Raises:
        ServiceError: it is none.
    """
    if text not in ("pick", "reject", None):
        raise ServiceError(f"a flag is 'pick', 'reject' or null, not {text!r}")
    return text  # type: ignore[return-value]


def first_steps(proposal: Proposal) -> list[dict[str, str]]:
    """The first steps of a plan: what is done, to which file, and where it goes."""
    return [step_words(step) for step in proposal.plan.steps[:SHOWN_STEPS]]
