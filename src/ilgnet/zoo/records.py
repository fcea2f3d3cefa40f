"""One record for every set of weights: what it is, how to feed it, what it was measured at.

A model is a folder with `model.json` (the record) and the weights beside it: `model.onnx` for
scoring, `model.safetensors` for PyTorch, or both; or `taste.npz`, which changes another model. The
models in this package and those that users
train or convert have the same form, so there is one way to load them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

from ilgnet.atomic import replacing
from ilgnet.errors import ModelError, in_words
from ilgnet.hashing import file_hash
from ilgnet.images.preprocess import Preprocess
from ilgnet.zoo.installed import installed_folders
from ilgnet.zoo.kept import kept_folders
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.measurements import Measurement

RECORD_NAME: Final = "model.json"
ONNX_NAME: Final = "model.onnx"
SAFETENSORS_NAME: Final = "model.safetensors"
TASTE_NAME: Final = "taste.npz"
DEFAULT_MODEL: Final = "default"
BASE_FOLDER: Final = "base"
"""Where a taste keeps the model that it changes, unless that is a built-in one."""

BUILTIN: Final = Path(str(files("ilgnet.zoo"))) / "weights"


@dataclass(frozen=True, slots=True)
class Base:
    """The model that a taste changes.

    Attributes:
        model: the name of a built-in model, or BASE_FOLDER.
        sha256: of its ONNX file.
    """

    model: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Similarity:
    """From which cosine of a model's features on pictures are taken for alike.

    Measured by benchmarks/library/similarity.py for the model's own features; another model has
    others. The rules behind them are in docs/decisions/0052-similarity.md.

    Attributes:
        burst: frames taken within seconds.
        quick: frames within one second, at different times: not unrelated.
        duplicate: near-duplicates, whenever they were taken.
    """

    burst: float
    quick: float
    duplicate: float

    def __post_init__(self) -> None:
        if not all(-1.0 <= value <= 1.0 for value in (self.burst, self.quick, self.duplicate)):
            raise ModelError(f"a cosine lies in -1..1: {self}")

    @classmethod
    def same(cls, cosine: float) -> Similarity:
        """One cosine for all: what somebody says who has not measured each."""
        return cls(cosine, cosine, cosine)


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
        trained_on: what it has seen, and what the weights that it began with had seen; evaluation
            refuses a test list that overlaps with it.
        metrics: what was measured, by data set.
        notes: sentences for people, by heading: limits, worst misses, licences of the sources.
        recipe: the file or command that made it.
        base: for a taste, the model that it changes; else None.
        similarity: which features are alike; None where nobody has measured that.
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
    trained_on: tuple[TrainedOn, ...] = ()
    metrics: dict[str, Measurement] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    recipe: str = ""
    base: Base | None = None
    similarity: Similarity | None = None
    files: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        # Both become names of files; a record may come from anybody.
        for name in (self.name, *self.files):
            if not is_plain_name(name):
                raise ModelError(
                    f"{name!r} is not the name of a file in the model's folder. Do not use this "
                    "model unless you trust who made it; a name of your own is printable, without "
                    "slashes and colons, and does not begin with a dot"
                )

    def file(self, name: str) -> Path:
        """The path of one of the model's files, or an error that says what is there."""
        path = self.folder / name
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
        return {
            "name": self.name,
            "architecture": self.architecture,
            "output": self.output,
            "preprocess": self.preprocess.to_json(),
            "mean_error": self.mean_error,
            "licence": self.licence,
            "about": self.about,
            "trained_on": [entry.to_json() for entry in self.trained_on],
            "metrics": {name: found.to_json() for name, found in self.metrics.items()},
            "notes": {heading: list(sentences) for heading, sentences in self.notes.items()},
            "recipe": self.recipe,
            "base": None if self.base is None else asdict(self.base),
            "similarity": None if self.similarity is None else asdict(self.similarity),
            "files": self.files,
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any], folder: Path) -> Weights:
        """From the stored form.

        Raises:
            KeyError: a value is missing.
            TypeError: a value is of another type, or a key is unknown.
            ModelError: a value is of the right type and impossible.
        """
        base, similarity = record.get("base"), record.get("similarity")
        typed = {
            "preprocess": Preprocess.from_json(record["preprocess"]),
            "trained_on": tuple(map(TrainedOn.from_json, record.get("trained_on", ()))),
            "metrics": {
                name: Measurement.from_json(section)
                for name, section in record.get("metrics", {}).items()
            },
            "notes": {
                heading: tuple(sentences) for heading, sentences in record.get("notes", {}).items()
            },
            "base": None if base is None else Base(**base),
            "similarity": None if similarity is None else Similarity(**similarity),
        }
        return cls(**{**record, **typed}, folder=folder)


def is_plain_name(name: object) -> bool:
    """Whether a text can be a file's name on every system and leads to no other folder."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= 200
        and name.isprintable()
        and not name.startswith(".")
        and not set(name) & set('/\\:*?"<>|')
    )


def read_weights(folder: Path) -> Weights:
    """Read the record of a model folder."""
    path = folder / RECORD_NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(f"{folder} is not a model: it has no {RECORD_NAME}") from error
    except ValueError as error:
        raise ModelError(f"{path} is not valid JSON: {in_words(error)}") from error
    try:
        return Weights.from_json(record, folder)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a complete record: {in_words(error)}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {in_words(error)}") from error


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


def kept_models() -> dict[str, Weights]:
    """The models that the user keeps by a name; those that are gone or damaged are left out."""
    return dict(_readable(kept_folders()))


def _readable(folders: Mapping[str, Path]) -> Iterator[tuple[str, Weights]]:
    for name, folder in folders.items():
        with suppress(ModelError):
            yield name, read_weights(folder)


def licence_of(name: str) -> str | None:
    """The licence of a model by the name in its record; None where no such model is installed."""
    for models in (
        builtin_models,
        lambda: installed_models().values(),
        lambda: kept_models().values(),
    ):
        for weights in models():
            if weights.name == name:
                return weights.licence
    return None


def find_weights(model: str | Path = DEFAULT_MODEL) -> Weights:
    """The record of a model by its name or folder.

    Args:
        model: "default", the name or folder name of a built-in model, the name of one that another
            distribution brings, or that of a taste that was learnt; or a model's folder: a `Path`,
            or a text. What could be both, such as "default", is the model of that name; write the
            folder as "./default".

    Raises:
        ModelError: there is no such model, or its record is damaged.
    """
    if isinstance(model, Path) or set(model) & {"/", os.sep, os.altsep} or set(model) <= {"."}:
        return read_weights(Path(model))
    builtin = builtin_models()
    for weights in builtin:
        if model in (weights.name, weights.folder.name):
            return weights
    installed = installed_models()
    kept = kept_folders()
    if model in kept and is_model_folder(kept[model]):
        return read_weights(kept[model])  # an error, where it is damaged
    for short, weights in [*installed.items(), *_readable(kept)]:
        if model in (weights.name, short):
            return weights
    if is_model_folder(Path(model)):
        return read_weights(Path(model))
    if model in kept:
        raise ModelError(f"the model {model!r} was in {kept[model]}, where none is now")
    own = (name for weights in builtin for name in (weights.folder.name, weights.name))
    names = ", ".join([*own, *installed, *kept])
    raise ModelError(
        f"no model {model!r}: it is neither one of the models in this package, installed beside "
        f"it or kept by you ({names}) nor a folder with a {RECORD_NAME}"
    )


def is_model(model: str) -> bool:
    """Whether a name or folder on the command line means a model."""
    try:
        find_weights(model)
    except ModelError:
        return is_model_folder(Path(model))  # a damaged one is reported, not passed over
    return True


def is_model_folder(folder: Path) -> bool:
    """Whether a folder has a record, whole or damaged."""
    return (folder / RECORD_NAME).is_file()


def find_base(taste: Weights) -> Weights:
    """The model that a taste changes: a built-in one, or the one in the taste's own folder.

    Raises:
        ModelError: it is not there, or not the one that the taste was learnt on.
    """
    assert taste.base is not None
    name = taste.base.model
    again = "Learn it again with: ilgnet taste learn"
    if name == BASE_FOLDER:
        base = read_weights(taste.folder / BASE_FOLDER)
    elif is_plain_name(name):
        base = next((w for w in builtin_models() if name in (w.name, w.folder.name)), taste)
    else:
        raise ModelError(
            f"the taste in {taste.folder} points out of its folder, to {name}. {again}"
        )
    if base.base is not None or base.files.get(ONNX_NAME) != taste.base.sha256:
        raise ModelError(
            f"the taste in {taste.folder} was learnt on another version of {name}. {again}"
        )
    return base
