"""`ilgnet demo`."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

import click

from ilgnet.cli.options import no_picture
from ilgnet.report.gallery import write_gallery
from ilgnet.report.output import check_output
from ilgnet.report.rows import best_first, with_run_percentiles
from ilgnet.report.writers import open_writer
from ilgnet.scoring import load
from ilgnet.values import ImageRef


@click.command()
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("ilgnet-demo.html"),
    callback=no_picture,
    show_default=True,
    metavar="FILE",
    help="Where to write the page.",
)
def demo(output: Path) -> None:
    """Score the sample photographs that come with the package and write a report.

    \b
      ilgnet demo
      ilgnet demo -o page.html
    """
    check_output(output)
    with as_file(files("ilgnet") / "samples") as folder:
        samples = [ImageRef(path.name, path) for path in sorted(folder.glob("*.jpg"))]
        run = best_first(with_run_percentiles(load().score_many(samples)))
        with open_writer("table") as write:
            for outcome in run:
                write(outcome)
        write_gallery(run, output, open_picture=lambda name: folder / name)
    click.echo(f"The pictures and their scores: {output.resolve().as_uri()}", err=True)
