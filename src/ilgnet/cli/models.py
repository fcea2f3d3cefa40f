"""`ilgnet models`."""

from __future__ import annotations

import json

import click
from rich.table import Table

from ilgnet.report.console import DataConsole
from ilgnet.zoo.records import Weights, builtin_models, installed_models, kept_models


@click.command()
@click.option("--json", "as_json", is_flag=True, help="The whole records as one JSON document.")
def models(as_json: bool) -> None:
    """List the models in this package, those installed beside it, and your tastes.

    \b
      ilgnet models
      ilgnet models --json | jq '.[0].metrics'

    Any of the names, or a folder made by `ilgnet convert` or `ilgnet train`, can be given to
    `ilgnet score --model`. Packages of weights that are installed beside this one are listed with
    the name that they go by, and with their licence, which may allow less than this package's.
    A taste that you learnt is listed with its folder; to forget it, remove that folder.
    """
    kept = kept_models()
    named = [*installed_models().items(), *kept.items()]
    found = [*builtin_models(), *(weights for _, weights in named)]
    short = {weights.folder: name for name, weights in named}
    if as_json:
        click.echo(json.dumps([weights.to_json() for weights in found], indent=2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "input", "gives", "size", "licence"):
        table.add_column(heading, overflow="fold")
    for weights in found:
        table.add_row(*_row(weights, short.get(weights.folder, weights.name)))
    console = DataConsole()
    console.print(table)
    for weights in found:
        console.print(
            f"\n[bold]{weights.name}[/]\n{weights.about}", soft_wrap=True, highlight=False
        )
    for name, weights in kept.items():
        console.print(f"\n{name}: {weights.folder}", soft_wrap=True, highlight=False, markup=False)


def _row(weights: Weights, name: str) -> tuple[str, ...]:
    preprocess = weights.preprocess
    side = preprocess.crop or preprocess.height
    shape = f"{side} px short side" if preprocess.resize == "aspect" else f"{side} x {side}"
    size = sum((weights.folder / name).stat().st_size for name in weights.files) / 1e6
    return (
        name,
        shape,
        "votes 1..10" if weights.output == "votes" else "high / low",
        f"{size:.1f} MB",
        weights.licence,
    )
