"""What the commands on a library share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

FOLDER: Final[Any] = click.Path(exists=True, file_okay=False, path_type=Path)
"""A folder that is there."""

stars_from_option = click.option(
    "--stars-from",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    metavar="N",
    help="Stars from N up are your opinion; fewer, as some program may have given, are none.",
)
"""Which of the stars that files hold are a person's."""

library_argument = click.argument("folder", default=".", metavar="[DIR]", type=FOLDER)
"""The library's folder or one below it; the current one where none is given."""
