"""A library that is open in the page: its photographs, what the person chooses, and one job.

Everything that lasts is in the catalogue and the journals; what is kept here can be read again.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any, Final, Literal, TypedDict

from ilgnet.errors import LibraryError, ServiceError, in_words
from ilgnet.library.catalogue.catalogue import Catalogue, NotCatalogued
from ilgnet.library.catalogue.place import Place
from ilgnet.library.catalogue.upkeep import folders_away
from ilgnet.library.changes.journal import find_journal
from ilgnet.library.changes.plan import step_words
from ilgnet.library.open_library import Library, open_library
from ilgnet.library.photograph.opinion import Choice, Flag
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.proposals import Applied, Proposal, undo
from ilgnet.serve.file_ratings import FileRatings
from ilgnet.serve.open_catalogue import OpenCatalogue
from ilgnet.values import Failure

JobKind = Literal["score", "apply", "undo"]
JobState = Literal["running", "done", "cancelled", "failed"]
SHOWN_STEPS: Final = 500
KEPT_PLANS: Final = 3
"""Plans that may be carried out; older ones are shown again."""

SHOW_SECONDS: Final = 2.0
SHOW_SHARE: Final = 0.1
"""What is scored is shown while the rest is at work: as often as that, and for no more of the time.
"""

_RATE_SECONDS: Final = 20


@dataclass(slots=True)
class Job:
    """Work that takes a while; one at a time.

    Attributes:
        kind: what it is.
        done: pictures or steps that are finished.
        total: of how many; None if nobody knows yet.
        failed: how many of them did not work.
        state: "running", "done", "cancelled" or "failed".
        words: what came of it.
        run: the name of the run, for taking it back.
    """

    kind: JobKind
    total: int | None = None
    done: int = 0
    failed: int = 0
    state: JobState = "running"
    words: str = ""
    run: str | None = None
    _marks: deque[tuple[float, int]] = field(
        default_factory=lambda: deque([(time.monotonic(), 0)], maxlen=_RATE_SECONDS)
    )

    def step(self, *, failed: bool = False) -> None:
        """One more is finished."""
        self.done += 1
        self.failed += failed
        now = time.monotonic()
        if now - self._marks[-1][0] >= 1:
            self._marks.append((now, self.done))

    def to_json(self) -> dict[str, Any]:
        """For the page, with pictures or steps a second lately and the seconds that are left."""
        since, before = self._marks[0]
        seconds = time.monotonic() - since
        rate = (self.done - before) / seconds if self.done > before and seconds > 0 else None
        left = (self.total - self.done) / rate if rate and self.total else None
        names = ("kind", "total", "done", "failed", "state", "words", "run")
        return {**{name: getattr(self, name) for name in names}, "rate": rate, "left": left}


Work = Callable[[Job], JobState]


class News(TypedDict, total=False):
    """What is new of a choice; what is left out stays as it is."""

    flag: Flag | None
    stars: int | None


class NotNow(ServiceError):  # noqa: N818 - reads as what it says
    """The catalogue cannot be written at the moment; the same can be asked again."""


class Session:
    """One open folder. Safe to use from several threads; jobs run in a thread of their own.

    Args:
        folder: the photographs; the catalogue is beside them unless it cannot be.
        model: as in `open_library`.
        threads: pictures scored side by side; None takes every core.

    Attributes:
        photographs: those that have a score, in the order of their paths.
        failures: what has none, and why.
        away: folders that are not there now -> photographs known in them; "" is all of it.
        latest_run: the last run that can be taken back, if it was one in this folder.
        revision: counts up whenever these are read again.
        ratings: what the photographs' files say.
    """

    def __init__(self, folder: Path, model: str | None = None, threads: int | None = None) -> None:
        self._folder, self._model, self._threads = folder, model, threads
        self._lock = threading.RLock()  # of what is kept here; never held while anything waits
        self._choosing = threading.Lock()  # choices are noted and taken over one after the other
        self._catalogue = OpenCatalogue(self._place)
        self._cancel = threading.Event()
        self._job: Job | None = None
        self._work: threading.Thread | None = None
        self._proposals: dict[str, Proposal] = {}
        self.is_closing = False
        self.revision = 0
        self.photographs: list[Photograph] = []
        self._places: dict[str, int] = {}
        self._contents: dict[bytes | None, list[int]] = {}
        self.failures: list[Failure] = []
        self.away: dict[str, int] = {}
        self.latest_run: str | None = None
        self.ratings = FileRatings()
        self.reload()

    def library(self) -> Library:
        """The library, opened anew: jobs and requests share no state but the catalogue."""
        return open_library(
            self._folder, model=self._model, catalogue="beside", threads=self._threads
        )

    def _place(self) -> Place:
        place = self.library().place
        assert place is not None  # "beside"
        return place

    @property
    def name(self) -> str:
        """What the page calls the library."""
        return self._folder.resolve().name or str(self._folder)

    @property
    def id(self) -> str:
        """Tells this folder from others that were open at the same address."""
        return _digest(str(self._folder.resolve()))

    def reload(self, *, again: bool = True) -> None:
        """Read again what the catalogue knows; where there is none yet, nothing is.

        Args:
            again: also look again at what photographs' files say that were read before.
        """
        library = self.library()
        if library.place is None or not library.place.file.is_file():
            with self._lock:  # taken away while it is open: what was known is said to be away
                self.away = {"": len(self.photographs)} if self.photographs else {}
                self.revision += 1
            return
        try:
            photographs = library.photographs(bursts=True)
        except LibraryError:
            # Nobody has measured how alike this model's features are: no bursts then.
            photographs = library.photographs()
        photographs = [
            replace(photo, verdict=replace(photo.verdict, features=None)) for photo in photographs
        ]
        failures, run = library.failures(), self._latest_run(library.root)
        places = {key(photo): number for number, photo in enumerate(photographs)}
        contents: dict[bytes | None, list[int]] = defaultdict(list)
        for number, photo in enumerate(photographs):
            contents[photo.sha256].append(number)
        with self._choosing, Catalogue(library.place, "read") as catalogue:
            away, choices = folders_away(catalogue), catalogue.choices()
            # What was chosen while the photographs were being read is newer than they are.
            newest = [replace(photo, choice=choices.get(photo.sha256)) for photo in photographs]
            with self._lock:
                self.photographs, self._places, self._contents = newest, places, contents
                self.failures, self.away, self.latest_run = failures, away, run
                self._proposals.clear()
                self.revision += 1
        self.ratings.read(photographs, again=again)

    def _latest_run(self, root: Path) -> str | None:
        try:
            journal = find_journal(None)
        except LibraryError:
            return None
        inside = any(Path(each).resolve().is_relative_to(root) for each in journal.plan.roots)
        return journal.name if inside else None

    def find(self, id: str) -> Photograph | None:
        """A photograph by its key; None if it is not of this library."""
        with self._lock:
            place = self._places.get(id)
            return None if place is None else self.photographs[place]

    # Choosing

    def choose(self, changes: Sequence[tuple[str, News]]) -> dict[str, Choice]:
        """Note choices, durably before this returns; those of one call are undone together.

        Returns:
            Key -> choice of every photograph that it is about: copies of one picture share it.

        Raises:
            ServiceError: a key is not of this library.
            NotNow: the catalogue cannot be written.
        """
        with self._choosing:
            chosen: dict[bytes | None, tuple[Photograph, Choice]] = {}
            for id, news in changes:
                photo = self.find(id)
                if photo is None:
                    raise ServiceError(f"there is no photograph {id!r} here; load the page again")
                before = chosen[photo.sha256][1] if photo.sha256 in chosen else photo.choice
                chosen[photo.sha256] = photo, replace(before or Choice(), **news)
            with self._written() as catalogue:
                catalogue.choose(
                    (catalogue.relative(photo.path), choice) for photo, choice in chosen.values()
                )
            return self._take_over({content: choice for content, (_, choice) in chosen.items()})

    def undo_choice(self, *, redo: bool = False) -> dict[str, Choice]:
        """Take the last choices back, or again.

        Returns:
            Key -> choice of every photograph that changed; empty where there was nothing to do.

        Raises:
            NotNow: the catalogue cannot be written.
        """
        with self._choosing:
            with self._written() as catalogue:
                catalogue.undo_choice(redo=redo)
                choices = catalogue.choices()
            with self._lock:
                known = {photo.sha256: photo.choice for photo in self.photographs}
            return self._take_over(
                {c: choices.get(c) for c, before in known.items() if choices.get(c) != before}
            )

    @contextmanager
    def _written(self) -> Iterator[Catalogue]:
        try:
            with self._catalogue.lend() as catalogue:
                yield catalogue
        except NotCatalogued as error:
            raise ServiceError(f"{error}; load the page again") from error
        except LibraryError as error:
            raise NotNow(str(error)) from error

    def _take_over(self, choices: Mapping[bytes | None, Choice | None]) -> dict[str, Choice]:
        """Choices by what files hold, for every photograph that holds it."""
        changed: dict[str, Choice] = {}
        with self._lock:
            for content, choice in choices.items():
                for number in self._contents.get(content, ()):
                    photo = replace(self.photographs[number], choice=choice)
                    self.photographs[number] = photo
                    changed[key(photo)] = choice or Choice()
            if changed:
                self._proposals.clear()  # they were made of other choices
        return changed

    # Plans

    def propose(self, make: Callable[[Library], Proposal]) -> tuple[str, Proposal]:
        """Plan something, and keep the plan so that just this one can be carried out."""
        proposal = make(self.library())
        name = token_hex(8)
        with self._lock:
            self._proposals[name] = proposal
            while len(self._proposals) > KEPT_PLANS:
                del self._proposals[next(iter(self._proposals))]
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

        def work(job: Job) -> JobState:
            return self._note_run(job, proposal.apply(lambda _: job.step()))

        return self._start(Job("apply", total=len(proposal.plan.steps)), work)

    def undo_run(self, name: str | None) -> Job:
        """Take a run of this folder back: the latest, or one by its name.

        Raises:
            ServiceError: there is none, or another job is at work.
        """
        wanted = name or self.latest_run
        if wanted is None:
            raise ServiceError("no run in this folder can be taken back")

        def work(job: Job) -> JobState:
            return self._note_run(job, undo(wanted, lambda _: job.step()))

        return self._start(Job("undo"), work)

    def _note_run(self, job: Job, applied: Applied) -> JobState:
        job.run = applied.name
        # Steps that a run never took, since it was cut off, need no taking back.
        job.failed = applied.journal.count("kept") if job.kind == "undo" else applied.failed
        done = job.done - job.failed
        job.words = f"{done:,} step{'s' * (done != 1)} done"
        if job.failed:
            job.words += f", {job.failed:,} not"
        return "done"

    # Jobs

    def score(self) -> Job:
        """Score what is new or changed.

        Raises:
            ServiceError: another job is at work.
        """

        def work(job: Job) -> JobState:
            library = self.library()
            job.total = sum(1 for _ in library.images())
            outcomes = library.score(keep=False)
            shown, took = time.monotonic(), 0.0
            for outcome in outcomes:
                job.step(failed=isinstance(outcome, Failure))
                if self._cancel.is_set():
                    outcomes.close()  # type: ignore[attr-defined]
                    break
                if time.monotonic() - shown > max(SHOW_SECONDS, took / SHOW_SHARE):
                    shown = time.monotonic()
                    self.reload(again=False)
                    took = time.monotonic() - shown
            scored = job.done - job.failed
            job.words = f"{scored:,} of {job.done:,} pictures have a score"
            return "cancelled" if self._cancel.is_set() else "done"

        return self._start(Job("score"), work)

    def cancel(self) -> None:
        """Stop the scoring that runs; what is scored stays scored."""
        self._cancel.set()

    @property
    def job(self) -> Job | None:
        """The last job, running or not."""
        return self._job

    def _start(self, job: Job, work: Work) -> Job:
        with self._lock:
            if self._job is not None and self._job.state == "running":
                raise ServiceError(f"wait until the running job ({self._job.kind}) is finished")
            self._job = job
            self._cancel.clear()
            self._work = threading.Thread(target=self._run, args=(job, work), name="ilgnet-job")
            self._work.start()
        return job

    def _run(self, job: Job, work: Work) -> None:
        try:
            outcome = work(job)
            self.reload()
        except Exception as error:  # whatever it is, the person is told and the page goes on
            job.words, outcome = f"{job.words} {in_words(error)}".strip(), "failed"
            with suppress(Exception):  # of the two reasons the first one is told
                self.reload()
        job.state = outcome  # when all that it changed can be seen

    # Leaving

    def begin_to_close(self) -> None:
        """Stop scoring, and no longer tell what goes on; a run with files goes on to its end."""
        self.is_closing = True
        self.cancel()

    def close(self) -> None:
        """Wait for the job, and let go of the catalogue."""
        self.begin_to_close()
        if self._work is not None:
            self._work.join()
        self.ratings.stop()
        self._catalogue.close()


def key(photo: Photograph) -> str:
    """How the page names a photograph: by its path, so that copies are told apart."""
    return _digest(str(photo.path))


def _digest(path: str) -> str:
    return sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def choices_to_json(changed: dict[str, Choice]) -> dict[str, Any]:
    """Key -> flag and stars."""
    return {id: {"flag": choice.flag, "stars": choice.stars} for id, choice in changed.items()}


def first_steps(proposal: Proposal) -> list[dict[str, str]]:
    """The first steps of a plan: what is done, to which file, and where it goes."""
    return [step_words(step) for step in proposal.plan.steps[:SHOWN_STEPS]]
