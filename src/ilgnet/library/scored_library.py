"""The photographs of a folder that have a score: of the last run, of a catalogue, or of a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ilgnet.errors import LibraryError
from ilgnet.images.sources import Found, find_images
from ilgnet.library.catalogue.catalogue import EVERYTHING, Catalogue, named_model
from ilgnet.library.catalogue.place import Place, library_of
from ilgnet.library.catalogue.rows import Filter
from ilgnet.library.changes.journal import ChangeJournal
from ilgnet.library.choosing.bursts import UNKNOWN_ALIKE, with_bursts
from ilgnet.library.photograph.file_groups import FileGroup
from ilgnet.library.photograph.gather import gather, scored_file, unscored, with_captures
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.photograph.scored_table import read_scored
from ilgnet.library.proposals import moves_of
from ilgnet.library.sidecar.statements import with_opinions
from ilgnet.values import Failure, Outcome
from ilgnet.zoo.records import DEFAULT_MODEL, Similarity

if TYPE_CHECKING:
    from ilgnet.scoring import Scorer


@dataclass(kw_only=True)
class ScoredLibrary:
    """Scores photographs, and knows those that have a score.

    Attributes:
        paths: what was named.
        roots: the folders outside of which nothing is changed.
        place: where the catalogue is; None where there is none.
        creates: the catalogue is made where there is none, and has to work.
        table: what `ilgnet score` wrote, to be read instead of scoring.
        model: as for `ilgnet.load`; None is the model that scored last.
        reads_foreign: folders of other programs are read, too.
        threads: pictures worked on side by side; None takes every core.
        source: what to read instead of what the paths name, called for each run.
        stars_from: the lowest number of stars that is the person's opinion.
        foreign: folders of other programs that were passed over by the last run.
        notes: what a person should know of the last run, in words.
    """

    paths: tuple[str, ...]
    roots: tuple[Path, ...]
    place: Place | None = None
    creates: bool = False
    table: Path | None = None
    model: str | Path | None = DEFAULT_MODEL
    reads_foreign: bool = False
    threads: int | None = None
    source: Callable[[], Iterable[Found]] | None = None
    stars_from: int = 1
    foreign: list[str] = field(default_factory=list, init=False)
    notes: list[str] = field(default_factory=list, init=False)
    _run: _Run | None = field(default=None, init=False, repr=False)

    @property
    def root(self) -> Path:
        """The folder that names in output begin from: the catalogue's, or the first one named."""
        return (self.place.root if self.place else self.roots[0]).resolve()

    @cached_property
    def scorer(self) -> Scorer:
        """The model, loaded when it is first needed, and with it all that decodes and runs."""
        from ilgnet.scoring import load

        return load(self.model or DEFAULT_MODEL, threads=self.threads)

    def images(self) -> Iterator[Found]:
        """What there is to score, in the order in which it will be."""
        if self.source is not None:
            yield from self.source()
            return
        self.foreign.clear()
        yield from find_images(
            self.paths, foreign=self.reads_foreign, passed_over=self.foreign.append
        )

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
        run.has_features = features or self.place is None or self.table is not None
        if keep:
            self._run = run

    def _scored(self, features: bool) -> Iterator[Photograph | Failure]:
        if self.table is not None:
            for outcome in read_scored(self.table):
                yield outcome if isinstance(outcome, Failure) else scored_file(outcome)
        elif (catalogue := self._writable_catalogue()) is None:
            from ilgnet.library.photograph.reading import score_files

            yield from score_files(self.scorer, self.images())
        else:
            from ilgnet.library.catalogue.score_once import score_library

            with catalogue:
                yield from score_library(
                    self.scorer, self.images(), catalogue, features=features, strict=self.creates
                )

    def _writable_catalogue(self) -> Catalogue | None:
        """The catalogue, if one is to be used; one that only happens to be there need not work."""
        if self.place is None:
            if not self.creates:
                self._name_unused()
            return None
        try:
            return Catalogue(self.place, "create" if self.creates else "write")
        except LibraryError as error:
            if self.creates:
                raise
            self.notes.append(f"The catalogue is not used: {error}")
            self.place = None
            return None

    def _name_unused(self) -> None:
        """Say which of several folders have scores of their own that do not fit together."""
        known = [str(root) for root in self.roots if library_of(root) is not None]
        if known:
            self.notes.append(
                f"{len(known)} of these folders have a catalogue ({', '.join(known[:3])}"
                f"{', ...' if len(known) > 3 else ''}); it is used where one folder alone is named"
            )

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
        found = [photo for photo in found if which.takes(photo)]
        found = with_bursts(found, self.similarity) if bursts else found
        return with_opinions(found, self.stars_from) if opinions else found

    def _gathered(
        self, *, features: bool = False, captures: bool = True, folder: str | None = None
    ) -> list[Photograph]:
        """The photographs of the last run, or what the catalogue knows.

        Args:
            features: with the model's features.
            captures: with when they were taken, also those of a table, whose files are read for it.
            folder: those in there, from the folders named.
        """
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
        if folder is not None:
            found = _below(found, [root / folder for root in self.roots])
        return with_captures(found) if self.table is not None and captures else found

    def _catalogued(
        self, catalogue: Catalogue, folder: str | None, features: bool
    ) -> list[Photograph]:
        """What the catalogue knows of the files and folders named."""
        tops = [Path(path) / (folder or "") for path in self.paths]
        one = tops[0] if len(tops) == 1 and tops[0].is_dir() else None
        which = EVERYTHING if one is None else catalogue.within(one)
        model = named_model(catalogue, self.model)
        found = gather(catalogue.scored_files(model, which, features=features))
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
                alike = named_model(catalogue, self.model).similarity
        else:
            alike = self.scorer.weights.similarity
        if alike is None:
            raise LibraryError(UNKNOWN_ALIKE)
        return alike

    def follow(self, journal: ChangeJournal) -> None:
        """After files were moved or written, what was kept of the last run is looked at anew."""
        if self._run is not None:
            self._run = None if self.place is not None else self._run.moved(dict(moves_of(journal)))


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
        files = []
        for file in self.files:
            real = file.path.parent.resolve() / file.path.name
            path = Path(moves.get(str(real), file.path))
            files.append(replace(file, path=path, group=FileGroup((path,))))
        return _Run(files, self.failures, self.has_features)


def _below(found: Iterable[Photograph], tops: Iterable[Path]) -> list[Photograph]:
    """The photographs that are these files or lie in these folders."""
    real = [Path(os.path.realpath(top)) for top in tops]
    return [photo for photo in found if any(photo.path.is_relative_to(top) for top in real)]
