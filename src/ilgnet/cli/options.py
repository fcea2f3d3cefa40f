"""Options that several commands share."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ilgnet.errors import DataError, in_words
from ilgnet.images.formats import is_image_name, unread_format
from ilgnet.images.sources import Found, find_images
from ilgnet.report.rows import shown
from ilgnet.report.writers import Format
from ilgnet.text_files import read_paths
from ilgnet.zoo.records import DEFAULT_MODEL

Command = TypeVar("Command", bound=Callable[..., Any])

FORMATS: dict[str, Format] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
"""The format that a file's extension asks for."""


def _together(*decorators: Callable[[Any], Any]) -> Callable[[Command], Command]:
    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def seconds(text: str) -> float:
    """A time as people write it, in seconds: 1s, 500ms, 2m, 1.5."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*(ms|s|m|h|)\s*", text)
    value = float(found[1]) * units[found[2]] if found else 0.0
    if not value > 0:
        raise click.BadParameter(f"{text!r} is no time; write it as 1s, 500ms or 2m")
    return value


def no_picture(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """Refuse to write over a picture, as `--report *.jpg` would do."""
    if path is not None and is_image_name(path.name):
        raise click.BadParameter(
            f"{path.name} is the name of a picture; what is written here is none. "
            "Name another file, and the pictures after it."
        )
    return path


_FOREIGN: Final = "ilgnet.foreign_folders"


def _note_foreign(context: click.Context, _option: click.Parameter, given: bool) -> None:
    context.meta[_FOREIGN] = given


picture_options = _together(
    click.argument("paths", nargs=-1, metavar="PATH..."),
    click.option(
        "--files-from",
        type=click.Path(exists=True, dir_okay=False, allow_dash=True),
        metavar="FILE",
        help="Read paths from a list, one a line (UTF-8, or UTF-16 with a mark) or NUL-separated; "
        "- is standard input.",
    ),
    click.option(
        "--foreign-folders",
        is_flag=True,
        expose_value=False,
        callback=_note_foreign,
        help="Also read folders that belong to other programs: photo libraries, previews, "
        "recycle bins. Nothing is ever moved out of them or written there.",
    ),
)
"""Where the pictures are; see `chosen_images`."""

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pictures worked on side by side.  [default: all cores]",
)

frame_options = _together(
    click.option(
        "--every",
        type=seconds,
        metavar="TIME",
        help="Take a frame of each film that is named, for every 1s, 0.5s, 2m ...; needs "
        "pip install 'ilgnet[video]'.",
    ),
)
"""Films among the pictures; see `ilgnet.images.video`."""

model_options = _together(
    click.option(
        "--model",
        default=DEFAULT_MODEL,
        show_default=True,
        metavar="NAME|DIR",
        help="The name of a model or taste (see `ilgnet models`), or a model folder.",
    ),
    threads_option,
)
"""Which model, and how many threads."""

progress_options = _together(
    click.option("--quiet", "-q", is_flag=True, help="Only the data, and errors."),
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show progress on stderr.  [default: where that is a terminal]",
    ),
)
"""How much to say on stderr."""

output_options = _together(
    click.option("--json", "format", flag_value="json", help="One JSON document."),
    click.option("--jsonl", "format", flag_value="jsonl", help="JSON Lines, streamed as scored."),
    click.option("--csv", "format", flag_value="csv", help="CSV, streamed as scored."),
    click.option("--parquet", "format", flag_value="parquet", help="Parquet (with -o)."),
    click.option(
        "--output",
        "-o",
        type=click.Path(path_type=Path),
        callback=no_picture,
        metavar="FILE",
        help="Write there instead of standard output; the extension tells the format.",
    ),
    click.option(
        "--report",
        type=click.Path(path_type=Path),
        callback=no_picture,
        metavar="FILE",
        help="Also write an HTML page with the pictures, one self-contained file.",
    ),
)
"""What to write, and where."""

explain_option = click.option(
    "--explain",
    is_flag=True,
    help="With --report: the page also says why each picture has its score, with a map, readings "
    "and what if. Takes longer.",
)
"""Whether the page has explanations, which are not computed otherwise."""


def chosen_images(paths: tuple[str, ...], files_from: str | None) -> Iterator[Found]:
    """The pictures that the command line asks for.

    Raises:
        click.UsageError: nothing was asked for.
    """
    lists = ["-"] if "-" in paths else []
    lists += [files_from] if files_from and files_from not in lists else []
    named = [path for path in paths if path != "-"]
    if not named and not lists:
        raise click.UsageError("Which pictures? Name files or folders, or use --files-from.")

    context = click.get_current_context()
    foreign = bool(context.meta.get(_FOREIGN))
    passed_over: list[str] = []
    unread: Counter[str] = Counter()

    def images() -> Iterator[Found]:
        search = partial(
            find_images,
            foreign=foreign,
            passed_over=passed_over.append,
            unread=lambda path: unread.update([unread_format(os.path.basename(path))]),
        )
        yield from search(named)
        for name in lists:
            with _open_list(name) as stream:
                # Names in a list are exact: a bracket in one begins no pattern.
                yield from search(read_paths(stream.read), patterns=False)
        if passed_over and not context.params.get("quiet"):
            click.echo(passed_over_words(passed_over), err=True)
        if unread and not context.params.get("quiet"):
            click.echo(unread_words(unread), err=True)

    return images()


def _open_list(name: str) -> FileIO:
    # Unbuffered: a path is worked on when it comes, and a reading thread that is left behind
    # when the run is interrupted holds no lock that the interpreter wants.
    try:
        return FileIO(sys.stdin.fileno() if name == "-" else name, closefd=name != "-")
    except OSError as error:
        raise DataError(f"the list {name} cannot be read: {in_words(error)}") from error


def passed_over_words(folders: list[str]) -> str:
    """How many folders were passed over, and how to read them."""
    kinds = sorted({os.path.basename(folder) for folder in folders})
    some = ", ".join(kinds[:3]) + (", ..." if len(kinds) > 3 else "")
    noun = "folder that belongs" if len(folders) == 1 else "folders that belong"
    return (
        f"Passed over {len(folders):,} {noun} to other programs ({shown(some)}); "
        "--foreign-folders reads them."
    )


def unread_words(unread: Counter[str]) -> str:
    """How many pictures of which formats were met that are not decoded here."""
    counts = ", ".join(f"{count:,} {name}" for name, count in unread.most_common())
    return f"Passed over, because these formats are not decoded here: {counts}."


def chosen_format(format: Format | None, output: Path | None) -> Format:
    """The format asked for by an option, else by the file's extension, else the table."""
    if format:
        return format
    if output is None:
        return "table"
    if output.suffix.lower() not in FORMATS:
        raise click.UsageError(
            f"What format is {output.name}? Give it one of the extensions {', '.join(FORMATS)}, "
            "or name the format with --json, --jsonl, --csv or --parquet. "
            "An HTML page is written with --report."
        )
    return FORMATS[output.suffix.lower()]
