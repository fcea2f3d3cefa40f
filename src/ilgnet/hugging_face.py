"""A model as a folder in Hugging Face's layout: config.json, model.safetensors, README.md.

Nothing of their packages is needed, and nothing is sent or fetched: what `save_pretrained` writes
can be pushed with their tools, and what they have downloaded is read by `from_pretrained`. The
config holds the whole record of the model, its preprocessing included, so that its numbers can be
had again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ilgnet.atomic import new_folder, write_whole
from ilgnet.errors import ModelError, in_words
from ilgnet.models.checkpoints import load_network, save_network
from ilgnet.models.export import export_onnx
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import create
from ilgnet.training.seen_before import Ancestry, header
from ilgnet.training.start import torch_network
from ilgnet.zoo.card import model_card
from ilgnet.zoo.records import (
    ONNX_NAME,
    SAFETENSORS_NAME,
    Weights,
    find_weights,
    read_weights,
    write_weights,
)

CONFIG: Final = "config.json"
CARD: Final = "README.md"
MODEL_TYPE: Final = "ilgnet"


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A model from such a folder.

    Attributes:
        network: in evaluation mode, with its weights.
        weights: the record, as the config holds it.
    """

    network: ILGNet
    weights: Weights


def save_pretrained(model: str | Path, target: Path) -> Path:
    """Write a model in Hugging Face's layout.

    Args:
        model: the name or folder of a model.
        target: the folder to make; it must not exist, or be empty.

    Returns:
        The folder.

    Raises:
        ModelError: there is no such model, or the folder holds something.
    """
    weights = find_weights(model)
    network = torch_network(weights)
    config = {"model_type": MODEL_TYPE, "architectures": [weights.architecture]}
    record = {key: value for key, value in weights.to_json().items() if key != "files"}
    with new_folder(target) as folder:
        save_network(network, folder / SAFETENSORS_NAME, header(weights.trained_on))
        Ancestry.of_model(weights).hand_on(folder)
        text = json.dumps({**config, MODEL_TYPE: record}, indent=2, ensure_ascii=False) + "\n"
        write_whole(folder / CONFIG, text.encode())
        write_whole(folder / CARD, _card(weights).encode())
    return target


def from_pretrained(folder: Path) -> Pretrained:
    """Read a model that `save_pretrained` wrote, from a local folder.

    Raises:
        ModelError: the folder is none of ours, or a file of it is missing or damaged.
    """
    record = _record(folder)
    try:
        weights = Weights.from_json({**record, "files": {}}, folder)
    except (KeyError, TypeError) as error:
        raise ModelError(
            f"{folder / CONFIG} is not a complete record: {in_words(error)}"
        ) from error
    network = create(weights.architecture, output=weights.output)
    load_network(network, folder / SAFETENSORS_NAME)
    return Pretrained(network.eval(), weights)


def to_model_folder(source: Path, target: Path) -> Weights:
    """Make a model folder, ready for `ilgnet score --model`, of one in Hugging Face's layout.

    Raises:
        ModelError: see `from_pretrained`; or the target holds something.
    """
    found = from_pretrained(source)
    with new_folder(target) as folder:
        save_network(found.network, folder / SAFETENSORS_NAME, header(found.weights.trained_on))
        export_onnx(found.network, folder / ONNX_NAME)
        Ancestry.of_model(found.weights).hand_on(folder)
        write_weights(replace(found.weights, files={}), folder)
    return read_weights(target)


def _record(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        record: dict[str, Any] = config[MODEL_TYPE]
    except FileNotFoundError as error:
        raise ModelError(
            f"{folder} is no model in Hugging Face's layout: it has no {CONFIG}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is no config of this package: it has no record {MODEL_TYPE!r}"
        ) from error
    return record


def _card(weights: Weights) -> str:
    """The model card under the head that their site reads."""
    simple = all(letter.isalnum() or letter in "-." for letter in weights.licence)
    licence = weights.licence.lower() if simple else "other"
    head = ["---", f"license: {licence}", "library_name: ilgnet"]
    if licence == "other":
        head.append(f"license_name: {json.dumps(weights.licence)}")
    head += [
        "pipeline_tag: image-classification",
        "tags:",
        "- image-aesthetics",
        "- image-quality",
        "---",
        "",
    ]
    return "\n".join(head) + "\n" + model_card(weights)
