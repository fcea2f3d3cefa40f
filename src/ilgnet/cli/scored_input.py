"""Where scored photographs come from: folders, a library, or what `ilgnet score` wrote."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from ilgnet.cli.library_options import FOLDER, score_with_library
from ilgnet.cli.options import chosen_images, model_options, picture_options, progress_options
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import find_library
from ilgnet.library.catalogue.rows import model_digest
from ilgnet.library.photograph.capture import Capture
from ilgnet.library.photograph.photographs import Photograph, gather, read_file_capture, unscored
from ilgnet.library.photograph.scored_table import EXTENSIONS, read_scored
from ilgnet.report.progress import track
from ilgnet.report.rows import shown
from ilgnet.scoring import Scorer, load
from ilgnet.values import Failure, Outcome, Verdict

Command = TypeVar("Command", bound=Callable[..., Any])


def scored_input_options(command: Command) -> Command:
    """Which photographs; see `ScoredInput`."""
    decorators = (
        picture_options,
        click.option(
            "--library",
            type=FOLDER,
            metavar="DIR",
            help="Use the scores that DIR's catalogue knows, and add what is new.",
        ),
        click.option(
            "--root",
            "roots",
            multiple=True,
            type=FOLDER,
            metavar="DIR",
            help="Touch nothing outside DIR.  [default: the folders named; for a table, this one]",
        ),
        model_options,
        progress_options,
    )
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


@dataclass(frozen=True, slots=True)
class ScoredInput:
    """Scored photographs.

    Attributes:
        photographs: in the order in which they were found.
        failures: what could not be scored, and is not the RAW beside a JPEG that was.
        roots: outside these folders nothing is touched.
        read_capture: when a photograph was taken.
    """

    photographs: list[Photograph]
    failures: list[Failure]
    roots: tuple[Path, ...]
    read_capture: Callable[[Path], Capture] = read_file_capture

    def say_failures(self) -> None:
        """Name what could not be scored, on stderr."""
        for failure in self.failures:
            click.echo(f"not scored: {shown(failure.path)}: {failure.message}", err=True)


def scored_input(
    *,
    paths: tuple[str, ...],
    files_from: str | None,
    library: Path | None,
    roots: tuple[Path, ...],
    model: str,
    threads: int | None,
    quiet: bool,
    progress: bool | None,
    features: bool,
) -> ScoredInput:
    """Score, or read what was scored.

    Args:
        features: keep the model's features with each verdict, for bursts.
        paths: with the rest, as the options of `scored_input_options` give it.
    """
    if len(paths) == 1 and Path(paths[0]).suffix.lower() in EXTENSIONS and not library:
        return _sorted_out(read_scored(Path(paths[0])), roots or (Path(),))
    if library and not paths and files_from is None:
        paths = (str(library),)
    roots = roots or _folders(paths)
    images = chosen_images(paths, files_from)
    scorer = load(model, threads=threads)
    show = False if quiet else progress
    if library:
        scored = score_with_library(scorer, images, library, user_catalogue=False)
        return _from_library(list(track(scored, show=show)), scorer, library, roots, features)
    scored = scorer.score_many(images, features=features)
    return _sorted_out(list(track(scored, show=show)), roots)


def _sorted_out(outcomes: Iterable[Outcome], roots: tuple[Path, ...]) -> ScoredInput:
    run = list(outcomes)
    verdicts = [outcome for outcome in run if isinstance(outcome, Verdict)]
    failures = [outcome for outcome in run if isinstance(outcome, Failure)]
    photographs = gather(verdicts)
    return ScoredInput(photographs, unscored(failures, photographs), roots)


def _from_library(
    outcomes: list[Outcome],
    scorer: Scorer,
    folder: Path,
    roots: tuple[Path, ...],
    features: bool,
) -> ScoredInput:
    """Add the times, and where asked for the features, that the catalogue knows."""
    with Catalogue(find_library(folder), "read") as catalogue:
        model = catalogue.find_model(model_digest(scorer.weights))
        entries = {entry.path: entry for entry in catalogue.entries(model)}
        captures: dict[Path, Capture] = {}
        full: list[Outcome] = []
        for outcome in outcomes:
            entry = None
            if isinstance(outcome, Verdict):
                entry = entries.get(catalogue.relative(outcome.path))
            if entry is not None and isinstance(outcome, Verdict):
                if features:
                    vector = catalogue.features(model, [entry.sha256])[0]
                    outcome = replace(outcome, features=vector)
                path = Path(outcome.path).absolute()
                captures[path.parent.resolve() / path.name] = Capture(entry.taken, entry.camera)
            full.append(outcome)
    found = _sorted_out(full, roots)
    return replace(found, read_capture=lambda path: captures.get(path) or read_file_capture(path))


def _folders(paths: tuple[str, ...]) -> tuple[Path, ...]:
    """The folders that the command line names; this one for lists."""
    return tuple(dict.fromkeys(_folder(path) for path in paths if path != "-")) or (Path(),)


def _folder(path: str) -> Path:
    if Path(path).is_dir():
        return Path(path)
    if Path(path).exists() or not glob.has_magic(path):
        return Path(path).parent
    parts = Path(path).parts
    plain = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:plain])
