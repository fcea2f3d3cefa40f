"""A training run as one validated record: what a recipe file can say, and what it means.

The text under each field is its documentation: `ilgnet train --keys` prints it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

from ilgnet.errors import RecipeError, in_words
from ilgnet.images.preprocess import Preprocess
from ilgnet.training.recipe_toml import build, dump, override

FINETUNE: Final = Path(str(files("ilgnet.training"))) / "finetune.toml"
"""The everyday recipe: a ready model learns somebody's own taste."""


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise RecipeError(message)


@dataclass(frozen=True, slots=True)
class ModelRecipe:
    """Which network, and which weights it begins with."""

    architecture: str = ""
    """The registry's name of the network; may be left out when `start` is a model."""
    output: Literal["", "votes", "high_low"] = ""
    """What the network predicts: ten votes or two classes. Empty: what it is made for."""
    start: str = ""
    """Weights to begin with: the name or folder of a model; or, for the trunk, a `.safetensors` or
    `.caffemodel` file, or a folder as timm's and open_clip's hubs hand it out. Empty: random
    weights."""
    freeze: Literal["nothing", "norms", "trunk"] = "nothing"
    """What does not learn: "norms" keeps the batch norms' statistics, "trunk" the whole trunk."""
    low_rank: int = 0
    """Rank of the updates that the trunk's fully connected layers learn while all else in the trunk
    stays as it is (LoRA, for vision transformers); they become part of the weights at the end. 0:
    no such updates."""

    def __post_init__(self) -> None:
        _check(self.low_rank >= 0, f"model.low_rank is a rank, 0 or more, not {self.low_rank}")
        _check(
            not (self.low_rank and self.freeze == "trunk"),
            "model.low_rank tunes the trunk, and model.freeze = 'trunk' keeps it as it is; leave "
            "one of them out",
        )
        _check(
            bool(self.architecture or self.start),
            "the recipe names no network; give model.architecture, or model.start to go on "
            "from a model",
        )


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """Which rated pictures are learned from, and which ones choose the best weights."""

    train: str = ""
    """The rated pictures: AVA.txt, a table (CSV, TSV, Parquet), a partition list, or a folder for
    each class."""
    protocol: str = ""
    """A named protocol, such as "ava-official": `train` is then the folder of its collection, and
    its own parts are learned from, validated on and kept for the test."""
    delta: float = 0.0
    """Training pictures whose mean vote is this close to 5 are left out (Murray et al. 2012)."""
    images: str = ""
    """Folder of the pictures. Empty: beside the ratings, or in "images" beside them."""
    ratings: str = ""
    """AVA.txt or a table that rates the pictures, where `train` is a list."""
    columns: dict[str, str] = field(default_factory=dict)
    """Which column of a table is what, where the name does not say it, as in {mean = "beauty"}."""
    scale: str = ""
    """The scale of a table's means, as in "1..7"."""
    where: dict[str, str] = field(default_factory=dict)
    """Column and value: only these rows of a table are read, as in {season = "summer"}."""
    collection: str = ""
    """The published collection whose ids the pictures' names are, such as "ava", so that tests on
    the same pictures are noticed wherever the files lie."""
    validation: str = ""
    """Rated pictures that choose the best weights. Empty: a share of `train` is taken."""
    validation_share: float = 0.1
    """Share of `train` that is kept for validation where no list is given."""
    group: str = ""
    """Column whose values are never divided between training and validation: the shoot, the
    photographer, the theme. Empty: the column "group" where the table has one. AVA's groups are
    its challenges."""
    test: str = ""
    """A list that must share no picture with `train`; it is never read for anything else."""

    def __post_init__(self) -> None:
        _check(
            0.0 < self.validation_share < 0.5,
            f"data.validation_share must lie between 0 and 0.5, not {self.validation_share}",
        )
        _check(0.0 <= self.delta < 5.0, f"data.delta lies in 0..5, not {self.delta}")
        _check(
            not (self.protocol and (self.validation or self.test)),
            "data.protocol brings its own parts; leave data.validation and data.test out",
        )


@dataclass(frozen=True, slots=True)
class AugmentRecipe:
    """How a training picture is varied; validation pictures never are."""

    mirror: bool = True
    """Left and right are exchanged half of the time."""
    crop: Literal["centre", "random"] = "random"
    """Where `preprocess.crop` is cut out, for a network that has one."""
    zoom: float = 1.0
    """A window of at least this share of the width and height is cut out and resized back;
    1 leaves the picture whole."""

    def __post_init__(self) -> None:
        _check(0.5 <= self.zoom <= 1.0, f"augment.zoom must lie in 0.5..1, not {self.zoom}")


@dataclass(frozen=True, slots=True)
class LossRecipe:
    """The weights of the losses' sum; see `ilgnet.training.losses`."""

    emd: float = 0.0
    """Earth mover's distance between the votes (r = 2)."""
    mean: float = 0.0
    """Huber loss of the mean vote, for ratings without votes."""
    ranking: float = 0.0
    """Logistic loss on the order of the pairs within a batch."""
    cross_entropy: float = 0.0
    """Of the label high or low, for networks with two classes."""
    gap: float = 0.5
    """Pairs whose mean votes are closer than this (in votes) are not ranked."""

    def __post_init__(self) -> None:
        weights = (self.emd, self.mean, self.ranking, self.cross_entropy)
        _check(min(weights) >= 0 < max(weights), "the recipe needs a positive loss weight")
        _check(
            not (self.cross_entropy and (self.emd or self.mean)),
            "loss.cross_entropy is for two classes, loss.emd and loss.mean are for ten votes; "
            "choose by the network",
        )


@dataclass(frozen=True, slots=True)
class OptimizerRecipe:
    """How a gradient becomes a step."""

    name: Literal["sgd", "adamw"] = "adamw"
    """The rule."""
    learning_rate: float = 3e-4
    """Of the trunk's weights, before the schedule."""
    new_multiplier: float = 1.0
    """Times the rate for the layers that are not the trunk's."""
    bias_multiplier: float = 1.0
    """Times the rate for biases."""
    momentum: float = 0.9
    """For "sgd"."""
    weight_decay: float = 0.0
    """Of the weights; biases and norms are not decayed."""
    clip: float = 0.0
    """Longest gradient (its Euclidean norm); 0 does not clip."""

    def __post_init__(self) -> None:
        _check(self.learning_rate > 0, "optimizer.learning_rate must be positive")
        _check(
            self.new_multiplier > 0 and self.bias_multiplier > 0,
            "optimizer.new_multiplier and optimizer.bias_multiplier must be positive",
        )
        _check(0 <= self.momentum < 1, f"optimizer.momentum lies in 0..1, not {self.momentum}")
        _check(self.weight_decay >= 0 <= self.clip, "optimizer: weight_decay and clip are >= 0")


@dataclass(frozen=True, slots=True)
class ScheduleRecipe:
    """How the learning rate changes."""

    name: Literal["constant", "step", "cosine"] = "cosine"
    """"step" multiplies by `gamma` every `every` steps; "cosine" falls to 0 at the end."""
    every: int = 0
    """Steps between two falls, for "step"."""
    gamma: float = 0.96
    """Factor of a fall, for "step"."""
    warmup: int = 0
    """Steps over which the rate rises from 0."""

    def __post_init__(self) -> None:
        _check(
            (self.every > 0) == (self.name == "step"),
            "schedule.every is needed for the schedule 'step' and for no other",
        )
        _check(self.warmup >= 0, "schedule.warmup is a number of steps")


@dataclass(frozen=True, slots=True)
class RunRecipe:
    """How long, how much at a time, how exact."""

    steps: int = 0
    """Length of the run in optimiser steps; or give `epochs`."""
    epochs: float = 0.0
    """Length of the run in passes over the training pictures; or give `steps`."""
    batch: int = 32
    """Pictures a step, over all processes."""
    micro_batch: int = 0
    """Pictures that one process takes at once; gradients add up to the batch. 0: all."""
    evaluate_every: int = 0
    """Steps between two validations. 0: once an epoch."""
    checkpoint_every: int = 200
    """Steps between two checkpoints; a killed run loses at most these."""
    patience: int = 0
    """Validations without improvement after which the run stops. 0: never."""
    select_by: Literal["srcc", "emd", "accuracy", "balanced_accuracy"] = "srcc"
    """The validation figure that chooses the best weights."""
    ema: float = 0.0
    """Decay of the moving average of the weights, which is then what is validated and kept.
    0: no average."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the network's arithmetic. "auto": bfloat16 on a GPU, float32 on a CPU."""
    seed: int = 0
    """Of everything random."""

    def __post_init__(self) -> None:
        _check(
            (self.steps > 0) != (self.epochs > 0),
            "the run's length is either run.steps or run.epochs; give one of them",
        )
        _check(self.batch > 0, f"run.batch must be at least 1, not {self.batch}")
        _check(0 <= self.micro_batch <= self.batch, "run.micro_batch lies in 0..run.batch")
        _check(self.checkpoint_every > 0, "run.checkpoint_every must be at least 1")
        _check(0 <= self.ema < 1, f"run.ema lies in 0..1, not {self.ema}")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole training run."""

    name: str
    """How the trained model is called: architecture.what_it_was_trained_on."""
    model: ModelRecipe
    """The network."""
    loss: LossRecipe
    """What is minimised."""
    run: RunRecipe
    """Length, batch, precision."""
    about: str = ""
    """One paragraph for the model's record."""
    licence: str = "not stated"
    """Of the trained weights, for the model's record."""
    preprocess: Preprocess | None = None
    """How a picture becomes the network's input. Left out: as the model in `model.start`, else as
    the architecture."""
    data: DataRecipe = field(default_factory=DataRecipe)
    """The rated pictures."""
    augment: AugmentRecipe = field(default_factory=AugmentRecipe)
    """Variation of the training pictures."""
    optimizer: OptimizerRecipe = field(default_factory=OptimizerRecipe)
    """From gradients to steps."""
    schedule: ScheduleRecipe = field(default_factory=ScheduleRecipe)
    """The learning rate over time."""


def read_recipe(path: Path, settings: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe file.

    Args:
        path: a TOML file.
        settings: `key=value` changes with dotted keys, as in "run.batch=16".
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return build(Recipe, override(table, settings))
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid TOML: {in_words(error)}") from error
    except RecipeError as error:
        raise RecipeError(f"{path}: {in_words(error)}") from error


def write_recipe(recipe: Recipe) -> str:
    """The resolved recipe as TOML; `read_recipe` reads it back to an equal record."""
    return dump(recipe)
