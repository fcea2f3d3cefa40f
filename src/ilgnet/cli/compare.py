"""`ilgnet compare`: why one photograph scores higher than another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from ilgnet.cli.exits import EXIT_OK
from ilgnet.cli.explain import measured_words
from ilgnet.cli.options import model_options
from ilgnet.explanation.compare import Comparison
from ilgnet.explanation.compare import compare as compared
from ilgnet.report.rows import shown
from ilgnet.scoring import load


@click.command()
@click.argument("one", type=click.Path(path_type=Path), metavar="PICTURE")
@click.argument("other", type=click.Path(path_type=Path), metavar="PICTURE")
@click.option("--no-faces", is_flag=True, help="Do not look for faces.")
@click.option(
    "--similarity",
    type=click.FloatRange(0, 1),
    metavar="COSINE",
    help="How alike frames of one scene must be.  [default: as measured for the model]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text.")
@model_options
def compare(
    one: Path,
    other: Path,
    no_faces: bool,
    similarity: float | None,
    as_json: bool,
    model: str,
    threads: int | None,
) -> int:
    """Say why one of two photographs scores higher: the places and readings that differ.

    Two frames of one scene are compared place by place, with what is worse in the one that is
    behind; pictures of different scenes are only set side by side.

    \b
      ilgnet compare IMG_1.jpg IMG_2.jpg
      ilgnet compare IMG_1.jpg IMG_2.jpg --json | jq '.differences[].words'
    """
    scorer = load(model, threads=threads)
    found = compared(one, other, scorer, faces=not no_faces, similarity=similarity)
    text = json.dumps(found.to_json(), ensure_ascii=True) if as_json else _text(found)
    click.echo(text)
    return EXIT_OK


_SCENE: Final = {
    True: "These look like frames of one scene.",
    False: "These look like different scenes.",
    None: "Whether these are of one scene is not known: how alike such frames are was not measured "
    "for this model. Say it with --similarity.",
}


def _text(found: Comparison) -> str:
    lines = [_SCENE[found.one_scene]]
    lines += [f"  {sentence}" for sentence in found.sentences]
    for word, verdict, readings in zip(
        ("better", "other "), (found.better, found.worse), found.attributes, strict=True
    ):
        technical = "" if verdict.technical is None else f" {verdict.technical:+.2f}"
        lines.append(f"{word}  {verdict.score:.2f}{technical}  {shown(verdict.path)}")
        lines.append(f"        {measured_words(readings)}")
    return "\n".join(line for line in lines if line)
