"""`ilgnet explain`: why a photograph has its score."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ilgnet.atomic import replacing
from ilgnet.cli.exits import EXIT_NOTHING, EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.options import chosen_images, model_options, no_picture, picture_options
from ilgnet.errors import ImageError
from ilgnet.explanation.attributes import Attributes
from ilgnet.explanation.explain import Explanation, read_picture
from ilgnet.explanation.explain import explain as explained
from ilgnet.explanation.overlay import encoded, overlay
from ilgnet.explanation.sentences import readings_in_words
from ilgnet.explanation.targets import TARGETS, Target
from ilgnet.images.sources import Found
from ilgnet.report.output import check_output, open_output
from ilgnet.report.rows import json_bytes, shown
from ilgnet.scoring import Scorer, load
from ilgnet.values import Failure, ImageRef


@click.command()
@picture_options
@click.option(
    "--target",
    type=click.Choice(list(TARGETS)),
    default="score",
    show_default=True,
    help="What is explained.",
)
@click.option(
    "--overlay",
    "overlays",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write each picture with its map over it into DIR, as NAME.explained.png.",
)
@click.option("--no-changes", is_flag=True, help="Do not try edits and crops: quicker.")
@click.option("--no-faces", is_flag=True, help="Do not look for faces.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object a picture.")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    callback=no_picture,
    metavar="FILE",
    help="With --json: write there instead of standard output.",
)
@model_options
def explain(
    paths: tuple[str, ...],
    files_from: Any,
    target: Target,
    overlays: Path | None,
    no_changes: bool,
    no_faces: bool,
    as_json: bool,
    output: Path | None,
    model: str,
    threads: int | None,
) -> int:
    """Say why photographs have their scores, with the evidence.

    A map of what raises and lowers the score, from the model that gave it; what was measured in
    the pixels; what edits and crops would change; whose eyes are closed. See docs/explanations.md
    for what each means and how far it can be trusted. Of faces nothing is computed that tells who
    somebody is.

    \b
      ilgnet explain photo.jpg
      ilgnet explain photos/ --overlay maps/
      ilgnet explain photo.jpg --json | jq .sentences
      ilgnet explain photo.jpg --target technical      sharpness, noise, exposure, tilt, framing

    Exit codes are those of `ilgnet score`.
    """
    if output is not None and not as_json:
        raise click.UsageError("--output is for --json: say --json, or leave it out.")
    images = chosen_images(paths, files_from)
    if output is not None:
        check_output(output)
    scorer = load(model, threads=threads)
    if overlays:
        overlays.mkdir(parents=True, exist_ok=True)
    count, failed = 0, 0
    with open_output(output) as stream:
        for found in _explained(images, scorer, target, not no_changes, not no_faces):
            count += 1
            if isinstance(found, Failure):
                failed += 1
                click.echo(f"{shown(found.path)}: {found.message}", err=True)
                if as_json:
                    error = {"code": found.code, "message": found.message}
                    stream.write(json_bytes({"path": found.path, "error": error}) + b"\n")
                continue
            ref, explanation = found
            written = _write_overlay(ref, explanation, scorer, overlays) if overlays else None
            if as_json:
                record = {**explanation.to_json(), "overlay": written and os.fspath(written)}
                stream.write(json_bytes({**record, "error": None}) + b"\n")
            else:
                stream.write(text_of(explanation, written).encode("utf-8", "replace"))
            stream.flush()
    if count == 0:
        click.echo("No picture was found.", err=True)
        return EXIT_NOTHING
    return EXIT_UNREADABLE if failed else EXIT_OK


def _explained(
    images: Iterator[Found], scorer: Scorer, target: Target, changes: bool, faces: bool
) -> Iterator[tuple[ImageRef, Explanation] | Failure]:
    for image in images:
        if isinstance(image, Failure):
            yield image
            continue
        try:
            found = explained(image, scorer, target=target, changes=changes, faces=faces)
        except ImageError as error:
            yield Failure(image.id, error.code, error.message.removeprefix(f"{image.id}: "))
        else:
            yield image, found


def _write_overlay(ref: ImageRef, explanation: Explanation, scorer: Scorer, folder: Path) -> Path:
    """Write one overlay; never over a file that another picture of this name left."""
    crop = explanation.crop
    image = overlay(read_picture(ref, scorer), explanation.map, crop=crop.box if crop else None)
    name = Path(ref.id).name
    target, number = folder / f"{name}.explained.png", 2
    while target.exists():
        target, number = folder / f"{name}.{number}.explained.png", number + 1
    with replacing(target) as partial:
        partial.write_bytes(encoded(image))
    return target


def text_of(explanation: Explanation, written: Path | None) -> str:
    """A few lines for people."""
    verdict, parts, faces = explanation.verdict, explanation.parts, explanation.faces
    lines = [f"{shown(verdict.path)}  {verdict.score:.2f}"]
    lines += [f"  {sentence}" for sentence in explanation.sentences]
    if parts is not None and parts.local is not None and parts.global_ is not None:
        local, whole = float(parts.local.values.sum()), float(parts.global_.values.sum())
        lines.append(
            f"  Score      {parts.whole.baseline:.2f} for a plain card of its mean colour "
            f"{local:+.2f} detail {whole:+.2f} the whole"
        )
    lines.append(f"  Measured   {measured_words(explanation.attributes)}")
    if explanation.changes:
        tried = ", ".join(f"{c.edit} {c.score:+.2f}" for c in explanation.changes)
        lines.append(f"  What if    {tried}")
    if explanation.crop is not None:
        left, top, right, bottom = (100 * side for side in explanation.crop.box)
        lines.append(
            f"  Best crop  {left:.0f}-{right:.0f} % across, {top:.0f}-{bottom:.0f} % down: "
            f"{explanation.crop.gain:+.2f}"
        )
    if faces:
        words = [
            f"{face.side:.0f} px{f', eyes {face.eyes}' if face.eyes else ''}" for face in faces
        ]
        lines.append(f"  Faces      {'; '.join(words)}")
    if written is not None:
        lines.append(f"  Map        {shown(os.fspath(written))}")
    return "\n".join(lines) + "\n"


def measured_words(attributes: Attributes) -> str:
    """The readings in words and units, those that are known."""
    return ", ".join(f"{name} {words}" for name, words in readings_in_words(attributes))
