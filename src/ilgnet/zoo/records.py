"""One record for every set of weights: what it is, how to feed it, what it was measured at.

A model is a folder with `model.json` (the record) and the weights beside it: `model.onnx` for
scoring, `model.safetensors` for PyTorch, or both; or `taste.npz`, which changes another model. The
models in this package and those that users
train or convert have the same form, so there is one way to load them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from ilgnet.atomic import replacing
from ilgnet.errors import ModelError
from ilgnet.hashing import file_hash
from ilgnet.images.preprocess import Preprocess
from ilgnet.zoo.installed import installed_folders

RECORD_NAME: Final = "model.json"
ONNX_NAME: Final = "model.onnx"
SAFETENSORS_NAME: Final = "model.safetensors"
TASTE_NAME: Final = "taste.npz"
DEFAULT_MODEL: Final = "default"

BUILTIN: Final = Path(str(files("ilgnet.zoo"))) / "weights"


@dataclass(frozen=True, slots=True)
class Weights:
    """The record of one set of weights.

    Attributes:
        name: how results call it, `architecture.what_it_was_trained_on`.
        architecture: the entry of `ilgnet.models.registry` that builds the network.
        output: "votes" (ten probabilities for votes 1..10) or "high_low" (two: low, high).
        preprocess: how a picture becomes the network's input.
        mean_error: standard deviation of the error of the mean vote on unseen pictures, in votes;
            turns a score into `p_high`.
        licence: of the weights, as an SPDX expression or in words.
        about: one paragraph for people.
        trained_on: what it has seen, each {"name", "images", "fingerprint"}; evaluation refuses
            a test list that overlaps with it.
        metrics: what was measured, by data set; each value with its conditions.
        recipe: the file or command that made it.
        base: for a taste, the model that it changes: {"model": its name or folder, "sha256": of
            its ONNX file}; else None.
        files: sha256 of every file of the folder that belongs to the model.
        folder: where the files are; not part of the stored record.
    """

    name: str
    architecture: str
    output: Literal["votes", "high_low"]
    preprocess: Preprocess
    mean_error: float
    licence: str
    about: str
    trained_on: tuple[dict[str, Any], ...] = ()
    metrics: dict[str, Any] = field(default_factory=dict)
    recipe: str = ""
    base: dict[str, str] | None = None
    files: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default=Path(), compare=False)

    def file(self, name: str) -> Path:
        """The path of one of the model's files, or an error that says what is there."""
        path = self.folder / plain_name(name, self.folder)
        if name not in self.files or not path.is_file():
            raise ModelError(
                f"model {self.name!r} in {self.folder} has no {name}; it has: "
                f"{', '.join(sorted(self.files)) or 'no weights'}. "
                "Make it with: ilgnet convert"
            )
        return path

    def verify(self) -> None:
        """Check every file against its sha256; a damaged or missing file is an error."""
        for name, expected in self.files.items():
            actual = file_hash(self.file(name))
            if actual != expected:
                raise ModelError(
                    f"{self.folder / name} is not the file that its record describes "
                    f"(sha256 {actual[:12]}..., expected {expected[:12]}...). Install it again."
                )

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        record = asdict(self)
        del record["folder"]
        record["preprocess"] = self.preprocess.to_json()
        record["trained_on"] = list(self.trained_on)
        return record


def plain_name(name: str, folder: Path) -> str:
    """A name that a record gives, which may come from anywhere: it must not lead out of a folder.

    Raises:
        ModelError: it is more than the name of a file.
    """
    if name in ("", ".", "..") or any(sign in name for sign in "/\\:\0"):
        raise ModelError(
            f"the {RECORD_NAME} in {folder} names {name!r}, which is not the name of a file in "
            "that folder. Do not use this model unless you trust who made it"
        )
    return name


def read_weights(folder: Path) -> Weights:
    """Read the record of a model folder."""
    path = folder / RECORD_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{folder} is not a model: it has no {RECORD_NAME}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {error}") from error
    try:
        record["preprocess"] = Preprocess.from_json(record["preprocess"])
        record["trained_on"] = tuple(record.get("trained_on", ()))
        return Weights(**record, folder=folder)
    except (KeyError, TypeError) as error:
        raise ModelError(f"{path} is not a complete record: {error}") from error


def write_weights(weights: Weights, folder: Path) -> Weights:
    """Write the record into a folder whose weight files are already there; fills in `files`.

    Returns the record as `read_weights` would read it.
    """
    present = {
        name: file_hash(folder / name)
        for name in (ONNX_NAME, SAFETENSORS_NAME, TASTE_NAME)
        if (folder / name).is_file()
    }
    record = {**weights.to_json(), "files": present}
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    with replacing(folder / RECORD_NAME) as partial:
        partial.write_text(text, encoding="utf-8")
    return read_weights(folder)


def builtin_models() -> list[Weights]:
    """The models inside this package, the default first."""
    folders = sorted(
        (path.parent for path in BUILTIN.glob(f"*/{RECORD_NAME}")),
        key=lambda folder: (folder.name != DEFAULT_MODEL, folder.name),
    )
    return [read_weights(folder) for folder in folders]


def installed_models() -> dict[str, Weights]:
    """The models of other distributions, by the name that `--model` takes.

    Raises:
        ModelError: one of them is not a whole model.
    """
    return {name: read_weights(folder) for name, folder in installed_folders().items()}


def licence_of(name: str) -> str | None:
    """The licence of a model by the name in its record; None where no such model is installed."""
    for models in (builtin_models, lambda: installed_models().values()):
        for weights in models():
            if weights.name == name:
                return weights.licence
    return None


def find_weights(model: str | Path = DEFAULT_MODEL) -> Weights:
    """The record of a model by its name or folder.

    Args:
        model: "default", the name or folder name of a built-in model, the name of one that another
            distribution brings, or a path to a model folder.
    """
    folder = Path(model)
    if (folder / RECORD_NAME).is_file():
        return read_weights(folder)
    builtin = builtin_models()
    for weights in builtin:
        if str(model) in (weights.name, weights.folder.name):
            return weights
    installed = installed_models()
    for short, weights in installed.items():
        if str(model) in (weights.name, short):
            return weights
    names = ", ".join([*(weights.name for weights in builtin), *installed]) or "none"
    raise ModelError(
        f"no model {str(model)!r}: it is neither a folder with a {RECORD_NAME} "
        f"nor one of the models in this package or installed beside it ({names})"
    )


def find_base(taste: Weights) -> Weights:
    """The model that a taste changes.

    Raises:
        ModelError: it is not there, or not the one that the taste was learnt on.
    """
    assert taste.base is not None
    base = find_weights(taste.base["model"])
    if base.files.get(ONNX_NAME) != taste.base["sha256"]:
        raise ModelError(
            f"the taste in {taste.folder} was learnt on another version of {taste.base['model']}. "
            "Learn it again with: ilgnet taste learn"
        )
    return base
