"""Which photographs a command is about: folders, a library, or what `ilgnet score` wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from ilgnet.cli.library_options import FOLDER, stars_from_option
from ilgnet.cli.option_records import as_record, refuse_idle
from ilgnet.cli.options import chosen_images, model_options, picture_options, progress_options
from ilgnet.cli.plan_output import say_notes
from ilgnet.images.sources import Found
from ilgnet.library.open_library import Library, open_library
from ilgnet.library.photograph.scored_table import is_scored_table
from ilgnet.report.progress import track
from ilgnet.report.rows import shown

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Source:
    """What the command line says about which photographs.

    Attributes:
        paths: files, folders, patterns, a table, or "-" for a list on standard input.
        files_from: a list, or "-".
        library: the folder of a library, whose catalogue is used and added to.
        roots: outside these folders nothing is touched.
        model: a name or folder.
        threads: pictures worked on side by side.
        stars_from: the lowest number of stars that is an opinion.
        quiet: say only data and errors.
        progress: whether to show it; None where stderr is a terminal.
    """

    paths: tuple[str, ...]
    files_from: str | None
    library: Path | None
    roots: tuple[Path, ...]
    model: str
    threads: int | None
    stars_from: int
    quiet: bool
    progress: bool | None

    def __post_init__(self) -> None:
        if len(self.paths) == 1 and is_scored_table(self.paths[0]):
            refuse_idle("pictures to score: a table has its scores", "library")

    @property
    def show(self) -> bool | None:
        """Whether to show progress."""
        return False if self.quiet else self.progress

    def score(self, library: Library, *, features: bool) -> None:
        """Score, or read what was scored, and name what could not be."""
        for _ in track(library.score(features=features), show=self.show):
            pass
        say_notes(library.notes)
        for failure in library.failures():
            click.echo(f"not scored: {shown(failure.path)}: {failure.message}", err=True)

    def open(self) -> Library:
        """The library that they are in; nothing is scored yet."""
        if len(self.paths) == 1 and is_scored_table(self.paths[0]):
            return open_library(self.paths, roots=self.roots, stars_from=self.stars_from)
        paths = self.paths
        if self.library and not paths and self.files_from is None:
            paths = (str(self.library),)
        images = chosen_images(paths, self.files_from)
        return opened(
            paths,
            self.files_from,
            images,
            model=self.model,
            library=self.library,
            roots=self.roots,
            stars_from=self.stars_from,
            threads=self.threads,
        )


def opened(
    paths: tuple[str, ...],
    files_from: str | None,
    images: Iterable[Found],
    *,
    model: str,
    library: Path | None = None,
    roots: tuple[Path, ...] = (),
    stars_from: int = 1,
    threads: int | None = None,
) -> Library:
    """The library that pictures of the command line are in; lists use none unless it is named."""
    listed = "-" in paths or files_from is not None
    return open_library(
        [path for path in paths if path != "-"],
        model=model,
        catalogue=library or ("none" if listed else "found"),
        roots=roots,
        stars_from=stars_from,
        threads=threads,
        images=lambda: images,
    )


scored_input_options = as_record(
    "source",
    Source,
    picture_options,
    click.option(
        "--library",
        type=FOLDER,
        metavar="DIR",
        help="Use the scores that DIR's catalogue knows, and add what is new.  "
        "[default: the catalogue of the folder named, where there is one]",
    ),
    click.option(
        "--root",
        "roots",
        multiple=True,
        type=FOLDER,
        metavar="DIR",
        help="Touch nothing outside DIR.  [default: the folders named; for a table, this one]",
    ),
    stars_from_option,
    model_options,
    progress_options,
)
"""Which photographs; see `Source`."""
