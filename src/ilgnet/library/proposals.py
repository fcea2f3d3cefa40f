"""What would be done to files, carrying it out, and taking it back.

The catalogues of the folders learn where their pictures went.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ilgnet.errors import LibraryError
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import library_of
from ilgnet.library.changes.carry_out import OnStep, apply_plan
from ilgnet.library.changes.carry_out import undo as take_back
from ilgnet.library.changes.journal import ChangeJournal, find_journal
from ilgnet.library.changes.plan import Edit, Plan, Step, Transfer
from ilgnet.library.choosing.cull import Decided
from ilgnet.library.choosing.plan_marks import Mark
from ilgnet.library.choosing.stars import StarScale
from ilgnet.library.photograph.photograph import Photograph

Follow = Callable[[ChangeJournal], object]
"""Called when a run was carried out or taken back: who remembers files learns where they are."""


def _nobody(journal: ChangeJournal) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a plan that was carried out.

    Attributes:
        journal: every step with its outcome.
        follow: see `Follow`.
    """

    journal: ChangeJournal
    follow: Follow = field(default=_nobody, repr=False)

    @property
    def name(self) -> str:
        """The run's name, for `ilgnet undo NAME`."""
        return self.journal.name

    @property
    def done(self) -> int:
        """How many steps were taken."""
        return self.journal.count("done")

    @property
    def failed(self) -> int:
        """How many steps were not taken, or could not be taken back."""
        return self.journal.count("failed", "kept")

    def undo(self) -> Applied:
        """Take the run back; what has changed since stays, with a reason in the journal."""
        undone = undo(self.name)
        self.follow(undone.journal)
        return undone


@dataclass(frozen=True, slots=True)
class Proposal:
    """Something that would be done to files, and is not yet.

    Attributes:
        plan: every step.
        problems: what a person should know, in words.
        marks: what is written into XMP: one for every file that was looked at.
        follow: see `Follow`.
    """

    plan: Plan
    problems: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    follow: Follow = field(default=_nobody, repr=False, kw_only=True)

    def apply(self, on_step: OnStep = lambda _: None) -> Applied:
        """Do it. The catalogues of the folders learn where their pictures went.

        Args:
            on_step: called after each step.

        Raises:
            LibraryError: nothing can be noted, so nothing is done; or the disk is full.
        """
        journal = apply_plan(self.plan, on_step)
        follow_changes(journal)
        self.follow(journal)
        return Applied(journal, self.follow)


@dataclass(frozen=True, slots=True)
class CullProposal(Proposal):
    """What `cull` decided and would do.

    Attributes:
        decisions: one for each photograph, in order.
        sorted_already: photographs that lie in the folders that culling made, and are left out.
        bytes: what would be copied.
        into: where it would be sorted.
    """

    decisions: tuple[Decided, ...] = ()
    sorted_already: int = 0
    bytes: int = 0
    into: Path | None = None


@dataclass(frozen=True, slots=True)
class StarsProposal(Proposal):
    """What `stars` would write.

    Attributes:
        photographs: those that were given stars.
        scale: what the stars were measured in: "run", "ava" or "score"; None without stars.
    """

    photographs: tuple[Photograph, ...] = ()
    scale: StarScale | None = None


def undo(name: str | None = None, on_step: OnStep = lambda _: None) -> Applied:
    """Take a run of `cull` or `stars` back: the latest, or one by its name.

    Raises:
        LibraryError: there is none, or its folder is not there.
    """
    journal = take_back(find_journal(name), on_step)
    follow_changes(journal)
    return Applied(journal)


def moves_of(journal: ChangeJournal) -> list[tuple[str, str]]:
    """From where to where files were moved, or were moved back: absolute paths."""
    return [
        (step.target, step.source) if is_back else (step.source, step.target)
        for step, is_back in _taken(journal)
        if isinstance(step, Transfer) and step.how == "move"
    ]


def edits_of(journal: ChangeJournal) -> list[tuple[str, bytes, bytes]]:
    """Files that were changed, or changed back: absolute path, SHA-256 before and after."""
    edits = []
    for step, is_back in _taken(journal):
        if isinstance(step, Edit) and step.before is not None:
            before, after = bytes.fromhex(step.before), bytes.fromhex(step.after)
            edits.append((step.path, *((after, before) if is_back else (before, after))))
    return edits


def _taken(journal: ChangeJournal) -> Iterator[tuple[Step, bool]]:
    """The steps that were taken, and whether each was taken back."""
    for step, outcome in zip(journal.plan.steps, journal.outcomes, strict=True):
        if outcome.state in ("done", "undone"):
            yield step, outcome.state == "undone"


def follow_changes(journal: ChangeJournal) -> None:
    """Let the catalogues of a run's folders know where their pictures are now, and what is only
    new in their metadata.
    """
    moves, edits = moves_of(journal), edits_of(journal)
    if not moves and not edits:
        return
    places = {library_of(Path(root)) for root in journal.plan.roots if os.path.isdir(root)}
    for place in places:
        # What cannot be noted now, the next scoring finds out by what files hold.
        with suppress(LibraryError):
            if place is not None:
                with Catalogue(place) as catalogue:
                    catalogue.follow(moves)
                    catalogue.follow_edits(edits)
