"""A whole training run: from a recipe and rated pictures to a model folder."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ilgnet.data.loading import Inputs
from ilgnet.data.overlap import listed
from ilgnet.errors import RecipeError
from ilgnet.images.preprocess import normalise
from ilgnet.models.caffe.files import write_mean
from ilgnet.models.caffe.weights import set_mean
from ilgnet.models.checkpoints import load_network
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.low_rank import merge_low_rank
from ilgnet.models.pretrained import start_trunk, trunk_file
from ilgnet.models.registry import architecture, create
from ilgnet.scoring import free_cores, usable_cores
from ilgnet.training.checkpoint import threads_of
from ilgnet.training.folder import BEST, CHECKPOINT, FOLDER, MEAN_FILE, claim, report_unreadable
from ilgnet.training.frozen import AboveTrunk, TrunkVectors
from ilgnet.training.loop import Training
from ilgnet.training.memory import keep_freed_memory
from ilgnet.training.optimizers import freeze
from ilgnet.training.processes import Processes, join_processes
from ilgnet.training.publish import Trained, publish
from ilgnet.training.recipe import Recipe
from ilgnet.training.run_log import say
from ilgnet.training.seen_before import Ancestry, header
from ilgnet.training.split import LoadedSplit, load_split, read_split
from ilgnet.training.start import start_from_model
from ilgnet.training.validation import Validation, refuse_undefined
from ilgnet.user_folders import user_cache_folder
from ilgnet.zoo.lineage import joined
from ilgnet.zoo.records import SAFETENSORS_NAME, Weights, find_weights

MEAN_OF: Final = 2000
"""Training pictures whose mean a network that subtracts one is given."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run needs to know that is no part of its recipe.

    Attributes:
        cache: folder of decoded pictures; None takes `ilgnet/pictures` in the user's cache folder.
        device: "auto", "cpu" or "cuda".
        threads: of the processor; None takes the cores that others leave free, or what the run
            began with where it goes on.
        restart: begin again where the folder holds a run or a model.
        show: progress and words on stderr; False is silence.
        trackers: where scalars go beside the log and TensorBoard: "wandb", "mlflow".
    """

    cache: Path | None = None
    device: str = "auto"
    threads: int | None = None
    restart: bool = False
    show: bool = True
    trackers: tuple[str, ...] = ()


def train(recipe: Recipe, out: Path, surroundings: Surroundings | None = None) -> Trained | None:
    """Train, or go on from where a killed run was; then publish and measure.

    Args:
        recipe: what to do.
        out: the model's folder.
        surroundings: what is no part of the recipe.

    Returns:
        The trained model; None in those of torchrun's processes that do not lead.
    """
    around = surroundings or Surroundings()
    keep_freed_memory()
    peers = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # torchrun's, on this machine
    threads = around.threads or _threads(out, peers, around)
    torch.set_num_threads(threads)
    with join_processes(around.device) as processes:
        base = _base_model(recipe)
        recipe = resolved(recipe, base)
        loaded = _loaded_split(recipe, around, processes, threads)
        refuse_undefined(loaded.validation.targets, recipe.run.select_by)
        folder = out / FOLDER
        if processes.leads:
            claim(out, recipe, restart=around.restart)
            report_unreadable(folder, loaded.failures)
        processes.gather(None)  # nobody looks for a checkpoint before a restart has removed it
        ancestry = _ancestry(recipe, base)
        network, remarks = _begin(recipe, base, loaded, ancestry)
        if processes.leads and loaded.train.mean is not None:
            write_mean(out / MEAN_FILE, loaded.train.mean)
        freeze(network, recipe.model)
        # The layout in which convolutions are fastest, on CPUs too.
        network.to(processes.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if processes.leads and around.show:
            say(_opening(recipe, loaded, remarks))
        module, learned, kept = _inputs(network, recipe, loaded, around)
        batch = recipe.run.micro_batch or recipe.run.batch
        validation = Validation(kept, batch, processes)
        split = loaded.split
        seen = joined(ancestry.trained_on, (listed(split.train), listed(split.validation)))
        training = Training(
            network,
            module,
            recipe,
            learned,
            validation,
            folder,
            loaded.identity,
            processes,
            header(seen),
        )
        try:
            training.fit(show=around.show, trackers=around.trackers)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note("Give the same command again to go on from the last checkpoint.")
            raise
        training.leave()
        if not processes.leads:
            return None
        network.cpu()
        load_network(network, folder / BEST)
        merge_low_rank(network.trunk)
        return publish(
            network, recipe, split, base, ancestry, out, remarks=remarks, show=around.show
        )


def _threads(out: Path, peers: int, around: Surroundings) -> int:
    """As many threads as the run began with, else as many as there are free cores.

    Threads wait for each other at every layer: with one more than there are free cores a step
    takes many times as long.
    """
    usable = max(1, usable_cores() // peers)
    begun = None if around.restart else threads_of(out / FOLDER / CHECKPOINT)
    if begun is not None:
        return min(begun, usable)
    free = max(1, free_cores() // peers)
    if free < usable and around.show and os.environ.get("RANK", "0") == "0":
        say(
            f"Other processes are busy here: computing with {free} of {usable} threads, because "
            "more would wait for each other. --threads changes that."
        )
    return free


def resolved(recipe: Recipe, base: Weights | None) -> Recipe:
    """The recipe with nothing left open: network, output and preprocessing are named."""
    name = recipe.model.architecture or (base.architecture if base else "")
    entry = architecture(name)
    if base and base.architecture != name:
        raise RecipeError(
            f"model.start is {base.name}, a {base.architecture}; the recipe asks for {name}. "
            "Leave model.architecture out, or begin with the trunk's weights alone: "
            f"{_trunk(base, recipe.model.start)}"
        )
    output = recipe.model.output or (base.output if base else entry.output)
    preprocess = recipe.preprocess or (base.preprocess if base else entry.preprocess)
    if recipe.loss.cross_entropy and output == "votes":
        raise RecipeError(
            "loss.cross_entropy is for networks with two classes, and this one has ten votes; "
            'set model.output = "high_low", or take loss.emd'
        )
    if (recipe.loss.emd or recipe.loss.mean) and output == "high_low":
        raise RecipeError(
            "loss.emd and loss.mean are for networks with ten votes, and this one has two classes; "
            'set model.output = "votes", or take loss.cross_entropy'
        )
    if recipe.run.select_by == "emd" and output == "high_low":
        raise RecipeError(
            "run.select_by is emd, which a network with two classes has not; take srcc, accuracy "
            "or balanced_accuracy"
        )
    if preprocess.filter != "pillow-bicubic" and recipe.augment.zoom < 1.0:
        raise RecipeError(
            f"augment.zoom resizes with Pillow, and preprocess.filter is {preprocess.filter!r}; "
            "set augment.zoom = 1.0"
        )
    model = replace(recipe.model, architecture=name, output=output)
    return replace(recipe, model=model, preprocess=preprocess)


def _trunk(base: Weights, start: str) -> str:
    """How to begin with no more than the trunk of a model."""
    if SAFETENSORS_NAME in base.files:
        return f'model.start = "{base.folder / SAFETENSORS_NAME}"'
    return f'`ilgnet convert {start} copy`, then model.start = "copy/{SAFETENSORS_NAME}"'


def _base_model(recipe: Recipe) -> Weights | None:
    """The model that the recipe starts from; None where it starts fresh or from a trunk's file."""
    start = recipe.model.start
    if not start or trunk_file(start):
        return None
    return find_weights(start)


def _loaded_split(
    recipe: Recipe, around: Surroundings, processes: Processes, threads: int
) -> LoadedSplit:
    split = read_split(recipe.data, recipe.run.seed)
    preprocess = recipe.preprocess
    assert preprocess is not None, "the recipe is resolved"

    def load(show: bool) -> LoadedSplit:
        return load_split(
            split,
            around.cache or _cache_folder(),
            preprocess,
            recipe.augment,
            seed=recipe.run.seed,
            threads=threads,
            show=show,
        )

    # One process fills the cache; the others, which may have another disk, look after it.
    first = load(around.show) if processes.leads else None
    processes.gather(None)
    return first or load(show=False)


def _cache_folder() -> Path:
    return user_cache_folder() / "pictures"


def _inputs(
    network: ILGNet, recipe: Recipe, loaded: LoadedSplit, around: Surroundings
) -> tuple[nn.Module, Inputs, Inputs]:
    """What runs, on which inputs to learn from, and on which for validation."""
    if recipe.model.freeze != "trunk":
        return network, loaded.train, loaded.validation
    learned, kept = (
        TrunkVectors(pictures, network, show=around.show)
        for pictures in (loaded.train, loaded.validation)
    )
    return AboveTrunk(network), learned, kept


def _ancestry(recipe: Recipe, base: Weights | None) -> Ancestry:
    """What the weights that the run begins with have seen."""
    if base is not None:
        return Ancestry.of_model(base)
    start = trunk_file(recipe.model.start) if recipe.model.start else None
    return Ancestry.of_file(start) if start and start.is_file() else Ancestry()


def _begin(
    recipe: Recipe, base: Weights | None, loaded: LoadedSplit, ancestry: Ancestry
) -> tuple[ILGNet, str]:
    """The network with the weights that the run begins with, and these in words."""
    torch.manual_seed(recipe.run.seed)
    network = create(recipe.model.architecture, output=recipe.model.output or None)
    if base is not None:
        return network, start_from_model(network, base)
    if network.mean_image is not None:  # unless the trunk comes with a mean of its own
        mean = _mean_picture(loaded)
        set_mean(network, mean)
        if network.mean_image.shape[-1] == _crop(recipe) and mean.shape[1] > 1:
            loaded.train.mean = mean
    remarks = "began with random weights"
    path = trunk_file(recipe.model.start) if recipe.model.start else None
    if path:
        if not path.is_file():
            raise RecipeError(f"model.start names a file that is not there: {path}")
        remarks = "; ".join(
            (
                f"began with the trunk of {path.name}",
                *start_trunk(network, path).remarks,
                *ancestry.remarks,
            )
        )
    return network, remarks


def _crop(recipe: Recipe) -> int | None:
    """The side of the crop that the network sees; None without one."""
    assert recipe.preprocess is not None, "the recipe is resolved"
    return recipe.preprocess.crop


def _mean_picture(loaded: LoadedSplit) -> NDArray[np.float32]:
    """The mean of some training pictures before the crop, (3, h, w).

    One value a channel where the pictures differ in shape.
    """
    pictures = loaded.train.pictures[:: max(1, len(loaded.train) // MEAN_OF)]
    alike = len({(picture.height, picture.width) for picture in pictures}) == 1
    total = np.zeros((3, 1, 1), np.float64)
    for picture in pictures:
        pixels = normalise(picture.read(), loaded.train.preprocess)
        total = total + (pixels if alike else pixels.mean(axis=(1, 2), keepdims=True))
    return (total / len(pictures)).astype(np.float32)


def _opening(recipe: Recipe, loaded: LoadedSplit, remarks: str) -> str:
    split = loaded.split
    lost = f"; {len(loaded.failures)} could not be read" if loaded.failures else ""
    return (
        f"{recipe.name}: {recipe.model.architecture} {remarks}. "
        f"{len(split.train.images):,} pictures to learn from, "
        f"{len(split.validation.images):,} for validation{lost}."
    )
