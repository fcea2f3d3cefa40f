"""`ilgnet convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import click

from ilgnet.errors import require

Route = Literal["measured", "single_picture", "measured_2016", "single_picture_2016"]


@click.command()
@click.argument("source")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--to",
    type=click.Choice(["model", "caffe"]),
    default="model",
    show_default=True,
    help="A model folder (ONNX and safetensors), or Caffe's files.",
)
@click.option("--architecture", default="", help="The network, where the source does not say.")
@click.option("--name", default="", help="Name of the weights in results.")
@click.option(
    "--route",
    type=click.Choice(get_args(Route)),
    default="measured",
    show_default=True,
    help="How the published networks are fed: as their accuracies were measured (squeezed to "
    "256 x 256, centre, mean image), or as the original's script for one picture does; with _2016, "
    "resized to the bit as then.",
)
@click.option("--mean", default="", help="FILE.binaryproto, ava1 or ava2; for a caffemodel.")
@click.option("--licence", default="", help="Of the weights; unknown unless given.")
def convert(
    source: str,
    target: Path,
    to: str,
    architecture: str,
    name: str,
    route: Route,
    mean: str,
    licence: str,
) -> None:
    """Turn weights from one form into another, and check that nothing changed.

    SOURCE is a .caffemodel, a .safetensors file, or a model's name or folder. TARGET is a new
    folder.
    Every layer must find its place by name and shape; otherwise the list of those that do not is
    printed, and nothing is written.

    \b
    The weights of 2016, ready to score:
      ilgnet convert ILGnet-AVA1.caffemodel ilgnet-2016 --mean AVA1_mean.binaryproto
      ilgnet score --model ilgnet-2016 photos/

    \b
    A trained model for Caffe, and its safetensors for ONNX Runtime:
      ilgnet convert my-model caffe-files --to caffe
      ilgnet convert model.safetensors my-model --architecture ilgnet_inception_v1
    """
    require("torch", "train", "converting weights")
    from ilgnet import conversion

    options = conversion.Options(architecture, name, route, mean, licence)
    if to == "caffe":
        for path in conversion.convert_to_caffe(source, target, options):
            click.echo(str(path))
        click.echo("Read back: every number identical.", err=True)
        return
    weights, parity = conversion.convert(source, target, options)
    click.echo(str(target))
    click.echo(
        f"{weights.name}: {weights.architecture}, {weights.output}. Beside its source on "
        f"{parity.pictures} pictures it differs in {parity}.",
        err=True,
    )
