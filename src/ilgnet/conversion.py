"""Weights from one form to another, checked on the way.

.caffemodel | .safetensors | model -> network -> model folder | Caffe's files

A model that ships its ONNX file alone, as the default does, is read from that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from ilgnet.atomic import new_folder
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.engines.parity import Comparable, Parity, compare
from ilgnet.engines.torch import TorchEngine
from ilgnet.errors import ModelError
from ilgnet.images.preprocess import Filter, Preprocess
from ilgnet.models.caffe.files import read_caffemodel, read_mean, write_mean
from ilgnet.models.caffe.networks import KNOWN_LAYERS
from ilgnet.models.caffe.weights import load_caffe, save_caffe, set_mean
from ilgnet.models.checkpoints import load_network, save_network
from ilgnet.models.export import export_onnx
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import architecture as architecture_entry
from ilgnet.models.registry import create
from ilgnet.training.folder import MEAN_FILE
from ilgnet.training.publish import USUAL_MEAN_ERROR
from ilgnet.training.seen_before import Ancestry, header, write_beside
from ilgnet.training.start import torch_network
from ilgnet.zoo.records import (
    ONNX_NAME,
    RECORD_NAME,
    SAFETENSORS_NAME,
    Weights,
    find_weights,
    read_weights,
    write_weights,
)

Route = Literal["measured", "single_picture", "measured_2016", "single_picture_2016"]
"""How the published networks are fed: "measured", as their accuracies were measured, squeezes the
picture to 256 x 256, takes the centre, and subtracts the mean image; "single_picture", the
original's script for one picture, squeezes it to the input's size and subtracts one mean a
channel. They give different numbers for the same picture.

Both resize with Pillow's antialiased bicubic filter. Those of 2016 resize as the original did, to
the bit: "measured_2016" with OpenCV's bilinear filter of 8-bit numbers (convert_imageset), and
"single_picture_2016" with scikit-image's of order 1 (pycaffe). They need the extra "routes"."""

FILTER_OF: Final[dict[str, Filter]] = {
    "measured_2016": "opencv-bilinear",
    "single_picture_2016": "skimage-linear",
}

CHANNEL_MEANS: Final = {
    "ava1": (91.0018, 99.4639, 107.8456),
    "ava2": (90.0504, 98.5853, 107.5091),
}
"""Published means of the training pictures: blue, green, red, 0..255."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a source file does not say itself.

    Attributes:
        architecture: of the network; empty finds it in a caffemodel or a model folder.
        name: of the weights in results; empty makes one of the architecture and the source.
        route: for networks that subtract a mean.
        mean: a `.binaryproto`, or "ava1" or "ava2" for the published channel means; needed for a
            caffemodel, which has no mean in it.
        licence: of the weights; empty says that it is unknown.
    """

    architecture: str = ""
    name: str = ""
    route: Route = "measured"
    mean: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """Weights on their way from one form to another.

    Attributes:
        network: filled.
        weights: the record, without files yet.
        ancestry: what the weights have seen.
        source: runs the weights as they came; what is written must say the same.
    """

    network: ILGNet
    weights: Weights
    ancestry: Ancestry
    source: Comparable


def convert(source: str | Path, target: Path, options: Options) -> tuple[Weights, Parity]:
    """Make a model folder, ready for `ilgnet score --model`, of weights in another form.

    Args:
        source: a `.caffemodel`, a `.safetensors` file that this package wrote, or a model's folder
            or name.
        target: the folder to make; it must not exist, or be empty.
        options: what the source does not say.

    Returns:
        The record of the new model, and how far it is from its source, in every output.

    Raises:
        ModelError: names or shapes do not fit, the copy says something else than its source, or
            the target exists.
    """
    opened = open_source(source, options)
    with new_folder(target) as folder:
        save_network(opened.network, folder / SAFETENSORS_NAME, header(opened.weights.trained_on))
        export_onnx(opened.network, folder / ONNX_NAME)
        opened.ancestry.hand_on(folder)
        stored = write_weights(opened.weights, folder)
        copy = OnnxEngine(stored.file(ONNX_NAME), together=True)
        try:
            parity = compare(opened.source, copy, stored.preprocess)
            parity.check()
        except ModelError as error:
            raise ModelError(
                f"the copy would not say what {source} says: {error}. Nothing was written"
            ) from error
    return read_weights(target), parity


def convert_to_caffe(source: str | Path, target: Path, options: Options) -> list[Path]:
    """Write weights as Caffe's files: NAME.caffemodel, NAME.prototxt, NAME.binaryproto (the mean).

    What the weights have seen is said in a file beside them, NAME.trained_on.json. The arguments
    are those of `convert`. What was written is read back and compared bit by bit.

    Returns:
        The files.
    """
    opened = open_source(source, options)
    network, weights = opened.network, opened.weights
    mean = network.mean_image
    with new_folder(target) as folder:
        save_caffe(network, folder, weights.name)
        copy = create(weights.architecture, output=weights.output)
        load_caffe(copy, folder / f"{weights.name}.caffemodel")
        _check_identical(network, copy)
        write_beside(folder / f"{weights.name}.caffemodel", weights.trained_on)
        if mean is not None:
            whole = mean_before_crop(mean.numpy(), weights)
            write_mean(folder / f"{weights.name}.binaryproto", whole)
        names = sorted(path.name for path in folder.iterdir())
    return [target / name for name in names]


def mean_before_crop(mean: NDArray[np.float32], weights: Weights) -> NDArray[np.float32]:
    """The mean image as Caffe wants it, of the picture before the crop: (3, height, width).

    A model that was trained here has it in its folder. Of others only the centre is known, which is
    all that testing looks at: its edges are repeated outwards.
    """
    preprocess = weights.preprocess
    stored = weights.folder / MEAN_FILE
    if stored.is_file():
        return read_mean(stored)
    shape = (preprocess.height, preprocess.width)
    if preprocess.crop is None or mean.shape[1:] != (preprocess.crop, preprocess.crop):
        return mean
    before = [(side - preprocess.crop) // 2 for side in shape]
    after = [side - preprocess.crop - start for side, start in zip(shape, before, strict=True)]
    edges = ((0, 0), *zip(before, after, strict=True))
    return np.pad(mean, edges, mode="edge")


def open_source(source: str | Path, options: Options) -> Opened:
    """The network of a source, filled, with its record (without files yet) and its ancestry."""
    path = Path(source)
    if path.suffix == ".caffemodel":
        return _from_caffe(path, options)
    if path.suffix == ".safetensors":
        return _from_safetensors(path, options)
    if path.suffix == ".onnx":
        raise ModelError(
            f"{source} does not say what it is: give its model folder, the one with {RECORD_NAME}"
        )
    weights = find_weights(source)
    network = torch_network(weights)
    engine: Comparable = TorchEngine(network)
    if ONNX_NAME in weights.files:
        engine = OnnxEngine(weights.file(ONNX_NAME), together=True)
    named = replace(weights, name=options.name or weights.name)
    return Opened(network, named, Ancestry.of_model(weights), engine)


def _from_safetensors(source: Path, options: Options) -> Opened:
    if not options.architecture:
        raise ModelError(f"{source} does not say which network it is for; name the architecture")
    network = create(options.architecture)
    load_network(network, source)
    preprocess = architecture_entry(options.architecture).preprocess
    return _opened(network, source, options.architecture, preprocess, options)


def _from_caffe(source: Path, options: Options) -> Opened:
    name = options.architecture or _recognise(source)
    network = create(name)
    load_caffe(network, source)
    mean = _read_mean(options.mean)
    preprocess = architecture_entry(name).preprocess
    if options.route in ("measured", "measured_2016"):
        set_mean(network, mean)
    else:
        side = preprocess.crop or preprocess.height
        blue, green, red = (float(value) for value in mean.mean(axis=(1, 2)))
        preprocess = Preprocess("warp", side, side, channels="BGR", mean=(blue, green, red))
    preprocess = replace(preprocess, filter=FILTER_OF.get(options.route, "pillow-bicubic"))
    return _opened(network, source, name, preprocess, options)


def _recognise(source: Path) -> str:
    layers = read_caffemodel(source)
    for layer, name in KNOWN_LAYERS.items():
        if layer in layers:
            return name
    raise ModelError(
        f"{source} is none of the published networks (its layers: {', '.join(layers)}); name the "
        "architecture. To start a trunk from GoogLeNet's own weights, give them to ilgnet train"
    )


def _read_mean(mean: str) -> NDArray[np.float32]:
    if mean in CHANNEL_MEANS:
        means = np.asarray(CHANNEL_MEANS[mean], np.float32)[:, None, None]
        return np.tile(means, (1, 256, 256))
    if not mean:
        raise ModelError(
            "a caffemodel has no mean in it: give, as --mean, the .binaryproto that it was trained "
            f"with, or one of the published channel means ({', '.join(CHANNEL_MEANS)})"
        )
    return read_mean(Path(mean))


def _opened(
    network: ILGNet, source: Path, architecture: str, preprocess: Preprocess, options: Options
) -> Opened:
    ancestry = Ancestry.of_file(source)
    weights = Weights(
        name=options.name or f"{architecture}.{source.stem}",
        architecture=architecture,
        output=network.output_kind,
        preprocess=preprocess,
        mean_error=USUAL_MEAN_ERROR,
        licence=options.licence or "unknown: ask whoever trained these weights",
        about=f"Converted from {source.name}; not measured here.",
        trained_on=ancestry.trained_on,
        recipe=f"ilgnet convert {source.name}",
    )
    return Opened(network, weights, ancestry, TorchEngine(network))


def _check_identical(one: ILGNet, other: ILGNet) -> None:
    others = other.state_dict()
    for name, value in one.state_dict().items():
        same = name == "mean_image" or name.endswith("num_batches_tracked")
        if not same and not np.array_equal(value.numpy(), others[name].numpy()):
            raise ModelError(f"{name} came back from Caffe's file changed; the disk may be full")
