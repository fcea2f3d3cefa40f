"""The door: a folder of photographs, with or without a catalogue, from Python.

    library = ilgnet.open_library("photos/")
    proposal = library.cull(CullRule("count", keep=30), TransferRule("move"))
    proposal.decisions                   what becomes of each photograph, and why
    run = proposal.apply()               nothing is moved or written before this
    run.undo()

The command line, the page and the service do nothing with photographs that cannot be done here.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from ilgnet.errors import LibraryError
from ilgnet.hashing import file_hash
from ilgnet.images.sources import Found, find_images
from ilgnet.library.catalogue.catalogue import EVERYTHING, Catalogue, named_model
from ilgnet.library.catalogue.place import Place, beside_pictures, in_user_folder, library_of
from ilgnet.library.catalogue.rows import Filter
from ilgnet.library.catalogue.score_once import score_library
from ilgnet.library.catalogue.upkeep import Status, status
from ilgnet.library.changes.journal import ChangeJournal
from ilgnet.library.changes.plan import Plan
from ilgnet.library.choosing.bursts import (
    UNKNOWN_ALIKE,
    USUAL,
    BurstRule,
    Group,
    find_bursts,
    with_bursts,
)
from ilgnet.library.choosing.cull import CullRule, choose
from ilgnet.library.choosing.faces import with_faces
from ilgnet.library.choosing.near_duplicates import find_near_duplicates
from ilgnet.library.choosing.plan_marks import (
    BESIDE,
    CullMarks,
    MarkRule,
    notes_of,
    now,
    plan_marks,
)
from ilgnet.library.choosing.plan_transfers import (
    TransferRule,
    folder_to_sort_into,
    is_sorted_already,
    plan_transfers,
)
from ilgnet.library.choosing.stars import StarRule, give_stars
from ilgnet.library.photograph.gather import gather, scored_file, unscored
from ilgnet.library.photograph.opinion import Choice, Flag
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.photograph.reading import score_files, with_captures
from ilgnet.library.photograph.scored_table import EXTENSIONS, read_scored
from ilgnet.library.proposals import CullProposal, MarksProposal, StarsProposal, moves_of
from ilgnet.library.sidecar.opinions import Statements, with_opinions
from ilgnet.scoring import Scorer, load
from ilgnet.taste.labels import from_opinions, from_pairs, from_ratings
from ilgnet.taste.learn import Learnt, learn
from ilgnet.taste.save import save_taste
from ilgnet.values import Failure, Outcome
from ilgnet.zoo.records import DEFAULT_MODEL, Similarity, Weights, find_weights

CatalogueUse = Literal["found", "beside", "user", "none"]
"""Whether there is a catalogue: one that lies in or above the folder, if any ("found"); one in the
folder, made where there is none ("beside"); one in the user's data folder ("user"); or none."""

CULL_ALL: Final = CullRule()
STARS: Final = StarRule()


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
    named = [os.fspath(p) for p in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    own_roots = tuple(Path(root) for root in roots)
    if len(named) == 1 and is_table(named[0]):
        return Library(
            named, own_roots or (Path(),), None, stars_from=stars_from, table=Path(named[0])
        )
    own_roots = own_roots or _folders(named)
    return Library(
        named,
        own_roots,
        _place(catalogue, own_roots),
        model=model,
        creates=catalogue != "found",
        foreign=foreign,
        stars_from=stars_from,
        threads=threads,
        images=images,
    )


def is_table(path: str) -> bool:
    """Whether a path is taken for a table that `ilgnet score` wrote."""
    return Path(path).suffix.lower() in EXTENSIONS and not os.path.isdir(path)


class Library:
    """Photographs that can be scored, grouped, culled and given stars: see `open_library`.

    Attributes:
        paths: what was named.
        roots: the folders outside of which nothing is changed.
        place: where the catalogue is; None where there is none.
        stars_from: the lowest number of stars that is the person's opinion.
        foreign: folders of other programs that were passed over by the last run.
        notes: what a person should know of the last run, in words.
    """

    def __init__(
        self,
        paths: Sequence[str],
        roots: tuple[Path, ...],
        place: Place | None,
        *,
        model: str | Path | None = DEFAULT_MODEL,
        creates: bool = False,
        foreign: bool = False,
        stars_from: int = 1,
        threads: int | None = None,
        images: Callable[[], Iterable[Found]] | None = None,
        table: Path | None = None,
    ) -> None:
        self.paths = tuple(paths)
        self.roots = roots
        self.place = place
        self.stars_from = stars_from
        self.foreign: list[str] = []
        self.notes: list[str] = []
        self._model = model
        self._creates = creates
        self._reads_foreign = foreign
        self._threads = threads
        self._images = images
        self._table = table
        self._run: _Run | None = None

    @property
    def root(self) -> Path:
        """The folder that names in output begin from: the catalogue's, or the first one named."""
        return (self.place.root if self.place else self.roots[0]).resolve()

    @cached_property
    def scorer(self) -> Scorer:
        """The model, loaded when it is first needed."""
        return load(self._model or DEFAULT_MODEL, threads=self._threads)

    def images(self) -> Iterator[Found]:
        """What there is to score, in the order in which it will be."""
        if self._images is not None:
            yield from self._images()
            return
        self.foreign = []
        yield from find_images(
            self.paths, foreign=self._reads_foreign, passed_over=self.foreign.append
        )

    # Looking

    def score(self, *, features: bool = False, keep: bool = True) -> Iterator[Outcome]:
        """Score what is new or changed, in order; known verdicts come without work.

        With a catalogue each is kept there a second later at most. Stop early by closing the
        iterator: what is scored stays scored.

        Args:
            features: keep the features that were computed for what comes next, such as bursts;
                without a catalogue they are always kept.
            keep: remember the run here, so that `photographs` are those of this run.

        Yields:
            A verdict or failure for each picture.
        """
        run, self.notes = _Run(), []
        for item in self._scored(features):
            if keep:
                run.add(item)
            yield item if isinstance(item, Failure) else item.verdict
        run.has_features = features or self.place is None or self._table is not None
        if keep:
            self._run = run

    def _scored(self, features: bool) -> Iterator[Photograph | Failure]:
        if self._table is not None:
            yield from map(_from_table, read_scored(self._table))
        elif (catalogue := self._writable_catalogue()) is None:
            yield from score_files(self.scorer, self.images())
        else:
            with catalogue:
                yield from score_library(
                    self.scorer,
                    self.images(),
                    catalogue,
                    features=features,
                    strict=self._creates,
                )

    def _writable_catalogue(self) -> Catalogue | None:
        """The catalogue, if one is to be used; one that only happens to be there need not work."""
        if self.place is None:
            return None
        try:
            return Catalogue(self.place, "create" if self._creates else "write")
        except LibraryError as error:
            if self._creates:
                raise
            self.notes.append(f"The catalogue is not used: {error}")
            self.place = None
            return None

    def photographs(
        self,
        which: Filter = EVERYTHING,
        *,
        features: bool = False,
        bursts: bool = False,
        opinions: bool = False,
    ) -> list[Photograph]:
        """The photographs that have a score: of the last run, else of the catalogue.

        Without a catalogue everything is scored first, if it was not yet.

        Args:
            which: by score, day and folder.
            features: with the model's features.
            bursts: with the numbers of their bursts.
            opinions: with what the person said of them, in sidecars, pictures and here.

        Raises:
            LibraryError: the catalogue does not hold what is asked for.
        """
        found = self._gathered(features=features or bursts, folder=which.folder)
        found = with_captures(found) if self._table is not None else found
        found = [photo for photo in found if which.takes(photo.score, photo.day)]
        found = with_bursts(found, self.similarity) if bursts else found
        return with_opinions(found, self.stars_from) if opinions else found

    def _gathered(self, *, features: bool, folder: str | None = None) -> list[Photograph]:
        """The photographs of the last run, or what the catalogue knows."""
        run, chosen = self._run, {}
        if self.place is not None:
            with Catalogue(self.place, "read") as catalogue:
                if run is None:
                    return self._catalogued(catalogue, folder, features)
                chosen = catalogue.choices()
        if run is None or (features and not run.has_features):
            run = self._finished_run(features)
        found = run.photographs
        if chosen:
            found = [replace(photo, choice=chosen.get(photo.sha256)) for photo in found]
        return found if folder is None else _below(found, [root / folder for root in self.roots])

    def _catalogued(
        self, catalogue: Catalogue, folder: str | None, features: bool
    ) -> list[Photograph]:
        """What the catalogue knows of the files and folders named."""
        tops = [Path(path) for path in self.paths]
        if folder is not None:
            tops = [top / folder for top in tops]
        one = tops[0] if len(tops) == 1 and tops[0].is_dir() else None
        which = EVERYTHING if one is None else catalogue.within(one)
        files = catalogue.scored_files(
            named_model(catalogue, self._model), which, features=features
        )
        found = gather(files)
        return found if one is not None else _below(found, tops)

    def _finished_run(self, features: bool) -> _Run:
        for _ in self.score(features=features):
            pass
        assert self._run is not None
        return self._run

    def failures(self) -> list[Failure]:
        """What could not be scored, and is not the RAW beside a JPEG that was."""
        if self._run is None and self.place is not None:
            with Catalogue(self.place, "read") as catalogue:
                return list(catalogue.failures())
        return unscored(self._run.failures, self._run.photographs) if self._run else []

    @property
    def similarity(self) -> Similarity:
        """Which of the model's features are alike, as its record says.

        Raises:
            LibraryError: nobody has measured that for this model.
        """
        if self._run is None and self.place is not None:
            with Catalogue(self.place, "read") as catalogue:
                alike = named_model(catalogue, self._model).similarity
        else:
            alike = self.scorer.weights.similarity
        if alike is None:
            raise LibraryError(UNKNOWN_ALIKE)
        return alike

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
            found = with_faces(with_bursts(found, alike, rule), threads=self._threads)
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
    ) -> CullProposal:
        """Decide what to keep, and plan what is done about it.

        Args:
            rule: what is kept.
            action: how photographs are sorted or marked; None plans nothing.
            ignore_stars: do not look at the person's own stars, rejects and choices.
            bursts: every reason says where a photograph stands in its burst, also where the rule
                does not ask for bursts.
            faces: within bursts a blurred main face counts: every frame of a burst is read again.

        Raises:
            LibraryError: the rule asks for bursts and nobody knows what the pictures look like, or
                there is no room where they should go.
        """
        into = folder_to_sort_into(action if isinstance(action, TransferRule) else None, self.roots)
        needs_bursts = rule.needs_bursts or bursts or faces
        found = self._gathered(features=needs_bursts)
        if self._table is not None and rule.per == "day":
            found = with_captures(found)
        found = with_bursts(found, self.similarity) if needs_bursts else found
        found = with_faces(found, threads=self._threads) if faces else found
        total = len(found)
        found = [photo for photo in found if not is_sorted_already(photo.path, into)]
        already = total - len(found)
        said: dict[Path, Statements] = {}
        found = found if ignore_stars else with_opinions(found, self.stars_from, said=said)
        decided = choose(found, rule)
        problems = [problem for photo in found for problem in photo.opinion.problems]
        if action is None:
            plan = Plan("cull", (), (), ())
            return CullProposal(plan, _once(problems), self._follow, tuple(decided), already)
        if isinstance(action, CullMarks):
            only = [one for one in decided if one.decision in action.only]
            wanted = [(one.photograph, action.notes(one)) for one in only]
            marked = plan_marks(wanted, self._counting(action.rule), self.roots, "cull", said)
            problems += marked.problems
            return CullProposal(
                marked.plan, _once(problems), self._follow, tuple(decided), already, marked.marks
            )
        moved = plan_transfers(decided, action, self.roots)
        problems += moved.problems
        return CullProposal(
            moved.plan,
            _once(problems),
            self._follow,
            tuple(decided),
            already,
            bytes=moved.bytes,
            into=into,
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
        found = self._gathered(features=False)
        ratings = [None] * len(found) if rule is None else give_stars(found, rule)
        date = now()
        wanted = []
        for photo, rating in zip(found, ratings, strict=True):
            label = None if rating is None else (labels or {}).get(rating)
            wanted.append((photo, notes_of(photo.verdict, date, rating, label)))
        marked = plan_marks(wanted, self._counting(marks), self.roots, "stars")
        scale = None if rule is None else rule.scale(len(found))
        return StarsProposal(
            marked.plan, marked.problems, self._follow, marked.marks, tuple(found), scale
        )

    def _counting(self, marks: MarkRule) -> MarkRule:
        return replace(marks, stars_from=self.stars_from)

    def write_choices(self, marks: MarkRule = BESIDE) -> MarksProposal:
        """Plan to write into XMP what the person chose here: stars, and -1 for a reject.

        Args:
            marks: where they are written. What files say already gives way: a choice is the
                person's latest word.
        """
        chosen = [photo for photo in self._gathered(features=False) if photo.choice is not None]
        date = now()
        wanted = []
        for photo in with_opinions(chosen):
            rating = photo.opinion.rating or 0
            wanted.append((photo, replace(notes_of(photo.verdict, date, rating), own=True)))
        marked = plan_marks(wanted, replace(marks, overwrite=True), self.roots, "choices")
        return MarksProposal(marked.plan, marked.problems, self._follow, marked.marks)

    def learn_taste(
        self,
        folder: str | os.PathLike[str],
        *,
        name: str | None = None,
        ratings: str | os.PathLike[str] | None = None,
        pairs: str | os.PathLike[str] | None = None,
    ) -> TasteLearnt:
        """Learn what the person likes, from their stars, rejects and choices, or from a table.

        Args:
            folder: where the taste is saved; afterwards a model like any other.
            name: how results call it; "taste." and the folder's name if nothing is said.
            ratings: a CSV with the columns path and rating, instead of stars.
            pairs: a CSV with the columns winner and loser, instead of stars.

        Raises:
            LibraryError: there is too little to learn from, or nothing that could be learnt;
                nothing was saved.
        """
        target, weights = Path(folder), find_weights(self._model or DEFAULT_MODEL)
        if weights.base is not None:
            raise LibraryError(f"{weights.name} is a taste itself: learn on {weights.base.model}")
        found = self.photographs(features=True, opinions=not (ratings or pairs))
        if ratings:
            labelled = from_ratings(found, Path(ratings), self.root)
        elif pairs:
            labelled = from_pairs(found, Path(pairs), self.root)
        else:
            labelled = from_opinions(found)
        figures = learn(labelled.features, labelled.stock, labelled.opinions, labelled.groups)
        rated = [photo.sha256 or _hash(photo.path) for photo in labelled.photographs]
        name = name or f"taste.{target.resolve().name}"
        saved = save_taste(figures, weights, target, name, rated)
        return TasteLearnt(saved, figures, labelled.left_out)

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

    def _follow(self, journal: ChangeJournal) -> None:
        """After files were moved or written, what was kept of the last run is looked at anew."""
        if self.place is not None:
            self._run = None
        elif self._run is not None:
            self._run = self._run.moved(dict(moves_of(journal)))

    def _needed_place(self) -> Place:
        if self.place is None:
            raise LibraryError(
                f"{', '.join(self.paths)}: there is no catalogue, which this needs. Make one with "
                f"ilgnet score --library {self.roots[0]}, or open_library(..., "
                'catalogue="beside") and score()'
            )
        return self.place


@dataclass(frozen=True, slots=True)
class TasteLearnt:
    """A taste that was learnt and saved.

    Attributes:
        weights: its record; `ilgnet.load(weights.folder)` scores with it.
        figures: how often it agrees with the person, measured on days that it has not seen.
        left_out: what was said of pictures that are not there, and what could not be read.
    """

    weights: Weights
    figures: Learnt
    left_out: tuple[str, ...]


@dataclass
class _Run:
    """What a run of scoring met."""

    files: list[Photograph] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    has_features: bool = False

    def add(self, item: Photograph | Failure) -> None:
        if isinstance(item, Failure):
            self.failures.append(item)
        else:
            self.files.append(item)

    @cached_property
    def photographs(self) -> list[Photograph]:
        """What the files are, looked at once."""
        return gather(self.files)

    def moved(self, moves: Mapping[str, str]) -> _Run:
        """The same run where files have another place."""
        real = {file.path: file.path.parent.resolve() / file.path.name for file in self.files}
        files = [
            replace(file, path=Path(moves.get(str(real[file.path]), file.path)))
            for file in self.files
        ]
        return _Run(files, self.failures, self.has_features)


def _below(found: Iterable[Photograph], tops: Iterable[Path]) -> list[Photograph]:
    """The photographs that are these files or lie in these folders."""
    real = [Path(os.path.realpath(top)) for top in tops]
    return [photo for photo in found if any(photo.path.is_relative_to(top) for top in real)]


def _hash(path: Path) -> bytes:
    return bytes.fromhex(file_hash(path))


def _once(problems: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problems))


def _from_table(outcome: Outcome) -> Photograph | Failure:
    return outcome if isinstance(outcome, Failure) else scored_file(outcome)


def _place(catalogue: CatalogueUse | os.PathLike[str], roots: Sequence[Path]) -> Place | None:
    if catalogue == "none":
        return None
    if isinstance(catalogue, os.PathLike):
        folder = Path(catalogue)
        return library_of(folder) or beside_pictures(folder)
    if catalogue == "found":
        places = {library_of(root) if root.is_dir() else None for root in roots}
        return places.pop() if len(places) == 1 else None
    if len(roots) != 1:
        raise LibraryError("a catalogue is kept for one folder; several were named")
    (root,) = roots
    return (
        in_user_folder(root) if catalogue == "user" else library_of(root) or beside_pictures(root)
    )


def _folders(paths: Iterable[str]) -> tuple[Path, ...]:
    """The folders that paths and patterns name; this one for lists."""
    return tuple(dict.fromkeys(map(_folder, paths))) or (Path(),)


def _folder(path: str) -> Path:
    if Path(path).is_dir():
        return Path(path)
    if os.path.lexists(path) or not glob.has_magic(path):
        return Path(path).parent
    parts = Path(path).parts
    plain = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:plain])
