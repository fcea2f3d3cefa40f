"""Options of the commands that look at bursts."""

from __future__ import annotations

import click

similarity_option = click.option(
    "--similarity",
    type=click.FloatRange(0, 1),
    metavar="COSINE",
    help="How alike the frames of a burst must be.  [default: as measured for the model]",
)

no_faces_option = click.option(
    "--no-faces", is_flag=True, help="With --why: do not look for faces."
)
