"""The door: a folder of photographs, with or without a catalogue, from Python.

    library = ilgnet.open_library("photos/")
    proposal = library.cull(CullRule("count", keep=30), TransferRule("move"))
    proposal.decisions                   what becomes of each photograph, and why
    run = proposal.apply()               nothing is moved or written before this
    run.undo()

The command line, the page and the service do nothing with photographs that cannot be done here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar

from ilgnet.errors import LibraryError
from ilgnet.images.sources import Found, folder_of
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import CatalogueUse, Place, place_for
from ilgnet.library.catalogue.upkeep import Status, status
from ilgnet.library.choosing.bursts import USUAL, BurstRule, Group, find_bursts, with_bursts
from ilgnet.library.choosing.cull import CullRule
from ilgnet.library.choosing.near_duplicates import find_near_duplicates
from ilgnet.library.choosing.plan_marks import BESIDE, CullMarks, MarkRule
from ilgnet.library.choosing.plan_transfers import TransferRule, folder_to_sort_into
from ilgnet.library.choosing.stars import StarRule
from ilgnet.library.photograph.opinion import Choice, Flag
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.photograph.scored_table import is_scored_table
from ilgnet.library.proposals import CullProposal, Proposal, StarsProposal
from ilgnet.library.propose import propose_choices, propose_cull, propose_stars
from ilgnet.library.scored_library import ScoredLibrary
from ilgnet.taste.learnt import TasteLearnt
from ilgnet.zoo.records import DEFAULT_MODEL, Similarity, find_weights

CULL_ALL: Final = CullRule()
STARS: Final = StarRule()

AnyProposal = TypeVar("AnyProposal", bound=Proposal)


def open_library(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    model: str | Path | None = DEFAULT_MODEL,
    catalogue: CatalogueUse | os.PathLike[str] = "found",
    roots: Sequence[str | os.PathLike[str]] = (),
    foreign: bool = False,
    stars_from: int = 1,
    threads: int | None = None,
    images: Callable[[], Iterable[Found]] | None = None,
) -> Library:
    """Open a folder of photographs. Nothing is scored, and nothing on disk changes.

    Args:
        paths: a folder, or several folders, files and patterns; or one table that `ilgnet score`
            wrote (CSV, JSON, JSON Lines).
        model: as for `ilgnet.load`; None takes the model that scored last in the catalogue, or the
            default. Where a model has only scored in the catalogue, its name there will do.
        catalogue: see `CatalogueUse`; or the folder of a library that the paths lie in, whose
            catalogue is made where there is none.
        roots: nothing outside these folders is ever changed; the folders named, if none are given.
        foreign: also read folders that belong to other programs; nothing is ever changed there.
        stars_from: the lowest number of stars that is the person's opinion; a reject always is.
        threads: pictures worked on side by side; None takes every core.
        images: what to read instead of what the paths name, called for each run.

    Raises:
        LibraryError: there is no such folder.
        DataError: the table is not what `ilgnet score` writes.
    """
    named = tuple(
        os.fspath(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)
    )
    own_roots = tuple(Path(root) for root in roots)
    if len(named) == 1 and is_scored_table(named[0]):
        table, own_roots = Path(named[0]), own_roots or (Path(),)
        return Library(paths=named, roots=own_roots, table=table, stars_from=stars_from)
    own_roots = own_roots or tuple(dict.fromkeys(map(folder_of, named))) or (Path(),)
    return Library(
        paths=named,
        roots=own_roots,
        place=place_for(catalogue, own_roots),
        creates=catalogue != "found",
        model=model,
        reads_foreign=foreign,
        threads=threads,
        source=images,
        stars_from=stars_from,
    )


class Library(ScoredLibrary):
    """Photographs that can be scored, grouped, culled and given stars: see `open_library`."""

    def bursts(
        self,
        rule: BurstRule = USUAL,
        *,
        alike: Similarity | None = None,
        faces: bool = False,
    ) -> list[Group]:
        """Frames that were taken together and look alike, the best first, with the reason.

        Args:
            rule: what makes a burst.
            alike: which features are alike; None is what the model's record says.
            faces: a blurred main face counts: every frame of a burst is read again.

        Raises:
            LibraryError: the record says nothing.
        """
        found, alike = self.photographs(features=True), alike or self.similarity
        if faces:
            from ilgnet.library.choosing.faces import with_faces

            found = with_faces(with_bursts(found, alike, rule), threads=self.threads)
        return find_bursts(found, alike, rule)

    def near_duplicates(self, similarity: float | None = None) -> list[Group]:
        """Photographs that look the same whenever they were taken: copies, edits.

        Args:
            similarity: the least cosine of their features; None is what the model's record says.

        Raises:
            LibraryError: the record says nothing.
        """
        least = self.similarity.duplicate if similarity is None else similarity
        return find_near_duplicates(self.photographs(features=True), least)

    def status(self) -> Status:
        """What the catalogue holds, and what the folder does."""
        with Catalogue(self._needed_place(), "read") as catalogue:
            return status(catalogue)

    # Deciding

    def cull(
        self,
        rule: CullRule = CULL_ALL,
        action: TransferRule | CullMarks | None = None,
        *,
        ignore_stars: bool = False,
        bursts: bool = False,
        faces: bool = False,
        alike: Similarity | None = None,
    ) -> CullProposal:
        """Decide what to keep, and plan what is done about it.

        Args:
            rule: what is kept.
            action: how photographs are sorted or marked; None plans nothing.
            ignore_stars: do not look at the person's own stars, rejects and choices.
            bursts: every reason says where a photograph stands in its burst, also where the rule
                does not ask for bursts.
            faces: within bursts a blurred main face counts: every frame of a burst is read again.
            alike: which features are alike in bursts; None is what the model's record says.

        Raises:
            LibraryError: the rule asks for bursts and nobody knows what the pictures look like, or
                there is no room where they should go.
        """
        into = folder_to_sort_into(action if isinstance(action, TransferRule) else None, self.roots)
        needs_bursts = rule.needs_bursts or bursts or faces
        found = self._gathered(features=needs_bursts, captures=rule.per == "day")
        found = with_bursts(found, alike or self.similarity) if needs_bursts else found
        if faces:
            from ilgnet.library.choosing.faces import with_faces

            found = with_faces(found, threads=self.threads)
        if isinstance(action, CullMarks):
            action = replace(action, rule=self._counting(action.rule))
        stars_from = None if ignore_stars else self.stars_from
        return self._followed(
            propose_cull(found, rule, action, self.roots, into, stars_from=stars_from)
        )

    def stars(
        self,
        rule: StarRule | None = STARS,
        marks: MarkRule = BESIDE,
        *,
        labels: Mapping[int, str] | None = None,
    ) -> StarsProposal:
        """Plan to write stars, labels and scores into XMP.

        Args:
            rule: how many stars a score is worth; None writes only scores.
            marks: where they are written.
            labels: a colour label for a number of stars, or for -1, a reject.
        """
        found = self._gathered(captures=False)
        marks = self._counting(marks)
        return self._followed(propose_stars(found, rule, marks, labels or {}, self.roots))

    def write_choices(self, marks: MarkRule = BESIDE) -> Proposal:
        """Plan to write into XMP what the person chose here: stars, and -1 for a reject.

        Args:
            marks: where they are written. What files say already gives way: a choice is the
                person's latest word.
        """
        found = self._gathered(captures=False)
        return self._followed(propose_choices(found, marks, self.roots))

    def learn_taste(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        name: str = "",
        ratings: str | os.PathLike[str] | None = None,
        pairs: str | os.PathLike[str] | None = None,
    ) -> TasteLearnt:
        """Learn what the person likes, from their stars, rejects and choices, or from a table.

        Args:
            folder: where the taste is saved; in the user's data folder if nothing is said.
            name: how results call it, and what `model` takes afterwards; with a folder alone,
                results call it "taste." and the folder's name, and `model` takes that name.
            ratings: a CSV with the columns path and rating, instead of stars.
            pairs: a CSV with the columns winner and loser, instead of stars.

        Raises:
            LibraryError: there is too little to learn from, or nothing that could be learnt, or
                another model goes by that name; nothing was saved.
        """
        from ilgnet.taste.labels import from_opinions, from_pairs, from_ratings
        from ilgnet.taste.learn_from_photographs import learn_and_save
        from ilgnet.taste.save import taste_place

        place = taste_place(None if folder is None else Path(folder), name)
        base = find_weights(self.model or DEFAULT_MODEL)
        if base.base is not None:
            raise LibraryError(f"{base.name} is a taste itself: learn on {base.base.model}")
        found = self.photographs(features=True, opinions=not (ratings or pairs))
        if ratings:
            labelled = from_ratings(found, Path(ratings), self.root)
        elif pairs:
            labelled = from_pairs(found, Path(pairs), self.root)
        else:
            labelled = from_opinions(found)
        return learn_and_save(labelled, base, place)

    # What the person chooses

    def choose(
        self,
        photographs: Photograph | Iterable[Photograph],
        *,
        flag: Flag | None = None,
        stars: int | None = None,
    ) -> None:
        """Note in the catalogue what the person chose; what is noted at once is undone at once.

        `cull`, `stars` and `learn_taste` know these choices, and they count more than what files
        say. A choice replaces the one before it: give both the flag and the stars.

        Args:
            photographs: one or many.
            flag: "pick", "reject", or None for neither.
            stars: 0..5, or None for none.

        Raises:
            LibraryError: there is no catalogue, or a photograph is not in it.
        """
        choice = Choice(flag, stars)
        some = [photographs] if isinstance(photographs, Photograph) else photographs
        self.choose_each((photo, choice) for photo in some)

    def choose_each(self, chosen: Iterable[tuple[Photograph, Choice]]) -> None:
        """As `choose`, with a choice for each; all of them are one step to undo.

        Raises:
            LibraryError: there is no catalogue, or a photograph is not in it.
        """
        with Catalogue(self._needed_place()) as catalogue:
            catalogue.choose((catalogue.relative(photo.path), choice) for photo, choice in chosen)

    def undo_choice(self, *, redo: bool = False) -> int:
        """Take the last choices back, or with `redo` those that were taken back last.

        Returns:
            How many photographs they were about; 0 where there is nothing to take back.
        """
        with Catalogue(self._needed_place()) as catalogue:
            return catalogue.undo_choice(redo=redo)

    def _counting(self, marks: MarkRule) -> MarkRule:
        return replace(marks, stars_from=self.stars_from)

    def _followed(self, proposal: AnyProposal) -> AnyProposal:
        return replace(proposal, follow=self.follow)

    def _needed_place(self) -> Place:
        if self.place is None:
            raise LibraryError(
                f"{', '.join(self.paths)}: there is no catalogue, which this needs. Make one with "
                f"ilgnet score --library {self.roots[0]}, or open_library(..., "
                'catalogue="beside") and score()'
            )
        return self.place
