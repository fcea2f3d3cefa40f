"""What the commands on a library share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

FOLDER: Final[Any] = click.Path(exists=True, file_okay=False, path_type=Path)
"""A folder that is there."""

library_argument = click.argument("folder", default=".", metavar="[DIR]", type=FOLDER)
"""The library's folder or one below it; the current one where none is given."""
