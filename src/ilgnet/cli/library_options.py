"""What the commands on a library share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from ilgnet.images.sources import Found
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures, in_user_folder, library_of
from ilgnet.library.catalogue.score import score_library
from ilgnet.scoring import Scorer
from ilgnet.values import Outcome

FOLDER: Final[Any] = click.Path(exists=True, file_okay=False, path_type=Path)
"""A folder that is there."""

library_argument = click.argument("folder", default=".", metavar="[DIR]", type=FOLDER)
"""The library's folder or one below it; the current one where none is given."""


def score_with_library(
    scorer: Scorer, images: Iterable[Found], folder: Path, *, user_catalogue: bool
) -> Iterator[Outcome]:
    """Score through the catalogue of the library that a folder is in, or of a new one."""
    if user_catalogue:
        library = in_user_folder(folder)
    else:
        library = library_of(folder) or beside_pictures(folder)
    with Catalogue(library, "create") as catalogue:
        yield from score_library(scorer, images, catalogue)
