"""Options of every command that opens rated pictures."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from ilgnet.data.collections import PARTS
from ilgnet.data.protocols import find_protocol, read_protocol
from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import read_pictures, read_rated
from ilgnet.data.scale import Scale
from ilgnet.data.tables import TableForm
from ilgnet.errors import DataError

Command = TypeVar("Command", bound=Callable[..., Any])


class OpenRated(Protocol):
    """Opens a source with the options that were given."""

    def __call__(
        self, source: Path, *, ratings_needed: bool = True, protocol: str | None = None
    ) -> RatedSet:
        """Open it; without `ratings_needed` a list of ids alone will do."""
        ...


DATA = click.Path(path_type=Path, exists=True)


def scale(text: str | Scale) -> Scale:
    """A rating scale, as in 1..7."""
    try:
        return text if isinstance(text, Scale) else Scale.parse(text)
    except DataError as error:
        raise click.BadParameter(str(error)) from error


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE, divided at the first equals sign."""
    left, equals, right = text.partition("=")
    if not equals or not left:
        raise click.BadParameter(f"{text!r} is not NAME=VALUE")
    return left, right


_OPTIONS = (
    click.option(
        "--images", type=DATA, metavar="DIR", help="Folder of the pictures.  [default: beside]"
    ),
    click.option(
        "--ratings",
        type=DATA,
        metavar="FILE",
        help="For a list of pictures: AVA.txt or a table that rates them.",
    ),
    click.option(
        "--column",
        "columns",
        type=pair,
        multiple=True,
        metavar="ROLE=NAME",
        help="What a table's column holds: picture, mean, votes (its prefix), stars, label, "
        "better, worse, group, category, person.",
    ),
    click.option("--scale", type=scale, metavar="LOW..HIGH", help="Scale of a mean, as in 1..7."),
    click.option(
        "--where",
        type=pair,
        multiple=True,
        metavar="COLUMN=VALUE",
        help="Only the rows of a table with this value.",
    ),
    click.option(
        "--protocol",
        metavar="NAME",
        help="DATA is the folder of a published collection; take the pictures that papers take, "
        "as in ava-official. `ilgnet data protocols` lists them.",
    ),
    click.option(
        "--part",
        type=click.Choice(PARTS),
        default="test",
        show_default=True,
        help="Of the protocol.",
    ),
    click.option(
        "--collection",
        default="",
        metavar="NAME",
        help="The pictures' names are ids of this published collection, as in ava.",
    ),
)


def rated_options(command: Command) -> Command:
    """Add the options and pass a function that opens a source with them, `open_rated`."""

    @functools.wraps(command)
    def wrapped(
        images: Path | None,
        ratings: Path | None,
        columns: tuple[tuple[str, str], ...],
        scale: Scale | None,
        where: tuple[tuple[str, str], ...],
        protocol: str | None,
        part: str,
        collection: str,
        **others: Any,
    ) -> Any:
        form = TableForm(dict(columns), scale, dict(where), collection)

        chosen = protocol

        def open_rated(
            source: Path, *, ratings_needed: bool = True, protocol: str | None = None
        ) -> RatedSet:
            if named := protocol or chosen:
                return read_protocol(find_protocol(named), source, part, images=images)
            read = read_rated if ratings_needed else read_pictures
            return read(source, images=images, ratings=ratings, form=form)

        return command(open_rated=open_rated, **others)

    decorated: Any = wrapped
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]
