"""The training loop: batches in, the best weights out; can be killed at any step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from math import ceil, isfinite
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from ilgnet.data.loading import BatchPlan, Inputs
from ilgnet.errors import RecipeError
from ilgnet.models.checkpoints import save_network
from ilgnet.models.ilgnet import ILGNet
from ilgnet.report.progress import track
from ilgnet.training.checkpoint import TrainingProgress, load_checkpoint, save_checkpoint
from ilgnet.training.folder import BEST, CHECKPOINT
from ilgnet.training.losses import total_loss
from ilgnet.training.optimizers import (
    MovingAverage,
    make_optimizer,
    rate_factor,
    set_rates,
    set_training,
)
from ilgnet.training.processes import Processes
from ilgnet.training.recipe import Recipe
from ilgnet.training.run_log import RunLog
from ilgnet.training.trackers import open_trackers
from ilgnet.training.validation import Figures

LOG_EVERY: Final = 20
"""Steps between two entries in the log."""

LOADERS: Final = 8
"""Processes that load pictures for a GPU; a CPU's own work hides the loading."""


class Training:
    """One run of a recipe over its pictures.

    Everything random is a function of the seed and the step, so a run that goes on from a
    checkpoint does what an uninterrupted one does, on a CPU to the bit.

    Args:
        network: with the weights to begin with; frozen as the recipe says, where it computes.
        module: what is run forward: the network itself, or what comes after its frozen trunk.
        recipe: what to do.
        pictures: the training pictures, as `module` takes them.
        validate: measures `module` on the validation pictures; every process calls it.
        folder: for the checkpoint, the best weights and the log.
        identity: names the recipe and the data.
        processes: this process among its peers.
        header: words for the header of the best weights' file.
    """

    def __init__(
        self,
        network: ILGNet,
        module: nn.Module,
        recipe: Recipe,
        pictures: Inputs,
        validate: Callable[[nn.Module], Figures],
        folder: Path,
        identity: str,
        processes: Processes,
        header: dict[str, str] | None = None,
    ) -> None:
        self.header = header
        self.recipe, self.run = recipe, recipe.run
        self.pictures, self.validate = pictures, validate
        self.folder, self.identity, self.processes = folder, identity, processes
        sizes = [pictures.size(index) for index in range(len(pictures))]
        self.plan = BatchPlan(sizes, self.run.batch, self.run.seed)
        self.steps = self.run.steps or ceil(self.run.epochs * self.plan.steps_per_epoch)
        self.evaluate_every = self.run.evaluate_every or self.plan.steps_per_epoch

        self.network, self.module = network, module
        self.optimizer = make_optimizer(self.network, recipe.optimizer)
        self.average = MovingAverage(self.network, self.run.ema) if self.run.ema else None
        self.progress = load_checkpoint(
            folder / CHECKPOINT, self.network, self.optimizer, self.average, identity
        )
        self.progress = replace(self.progress, threads=torch.get_num_threads())
        self.wrapped = processes.wrap(module)

    def fit(self, *, show: bool = False, trackers: Sequence[str] = ()) -> TrainingProgress:
        """Train to the end, from wherever the run is; the best weights are then in BEST.

        Args:
            show: progress and words on stderr.
            trackers: where scalars go besides, see `ilgnet.training.trackers`.
        """
        if self.progress.finished:
            return self.progress
        remaining = range(self.progress.step, self.steps)
        batches = self._batches(remaining)
        losses: list[Tensor] = []
        leads = self.processes.leads
        also = open_trackers(trackers, self.folder, self.recipe) if leads else ()
        with RunLog(self.folder, remaining.start, leads=leads, aloud=show, also=also) as log:
            shown = track(remaining, total=len(remaining), show=show, label="Training, steps")
            for step in shown if leads else remaining:
                losses.append(self._step(step, batches))
                done = step + 1
                self.progress = replace(self.progress, step=done)
                if done % LOG_EVERY == 0 or done == self.steps:
                    self._log(log, losses)
                if done % self.evaluate_every == 0 or done == self.steps:
                    self._evaluate(log)
                if done % self.run.checkpoint_every == 0 or self.progress.finished:
                    self._checkpoint(losses)
                if self.progress.finished:
                    break
        return self.progress

    def leave(self) -> None:
        """Let go of the group of processes, which must outlive nothing that works in it."""
        self.wrapped = self.module

    def _shares(self, step: int) -> tuple[list[list[tuple[int, int]]], int]:
        """This process's micro-batches of a step, and the size of the whole batch."""
        keys, world = self.plan.step(step), self.processes.world
        # Every process takes part in every step, even in one with fewer pictures than processes.
        keys = (keys * world)[: max(len(keys), world)]
        own = keys[self.processes.rank :: world]
        size = self.run.micro_batch or len(own)
        return [own[start : start + size] for start in range(0, len(own), size)], len(keys)

    def _batches(self, steps: range) -> Iterator[Any]:
        on_gpu = self.processes.device.type == "cuda"
        keys = (micro for step in steps for micro in self._shares(step)[0])
        return self.pictures.batches(keys, workers=LOADERS if on_gpu else 0, pin=on_gpu)

    def _step(self, step: int, batches: Iterator[Any]) -> Tensor:
        """One optimiser step; returns this process's share of the batch's loss."""
        set_training(self.network, self.recipe.model)
        set_rates(self.optimizer, rate_factor(self.recipe.schedule, step, self.steps))
        # Dropout's random numbers belong to the step, not to what happened before it.
        torch.manual_seed(_step_seed(self.run.seed, step, self.processes.rank))
        self.optimizer.zero_grad(set_to_none=True)
        micro_batches, size = self._shares(step)
        total = torch.zeros((), device=self.processes.device)
        for number, micro in enumerate(micro_batches, 1):
            pixels, targets = next(batches)
            last = number == len(micro_batches)
            with nullcontext() if last else self._without_sync(), self._autocast():
                logits = self.wrapped(self.processes.place(pixels)).logits
                loss = total_loss(logits, targets.to(self.processes.device), self.recipe.loss)
                # Gradients are averaged over processes; this makes them the whole batch's mean.
                loss = loss * (len(micro) * self.processes.world / size)
                loss.backward()  # type: ignore[no-untyped-call]
            total += loss.detach() / self.processes.world
        if self.recipe.optimizer.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.optimizer.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.network, step)
        return total

    def _without_sync(self) -> Any:
        alone = self.processes.world == 1
        return nullcontext() if alone else self.wrapped.no_sync()  # type: ignore[operator]

    def _autocast(self) -> torch.autocast:
        return autocast(self.recipe, self.processes.device)

    def _log(self, log: RunLog, losses: list[Tensor]) -> None:
        loss = self._mean(losses)
        rate = rate_factor(self.recipe.schedule, self.progress.step - 1, self.steps)
        log.write(
            self.progress.step,
            {"loss": loss, "learning_rate": self.recipe.optimizer.learning_rate * rate},
        )

    def _mean(self, losses: list[Tensor]) -> float:
        """The mean over the latest steps of the loss over all processes; empties the list."""
        own = torch.stack(losses).mean().item() if losses else 0.0
        losses.clear()
        loss = float(sum(self.processes.gather(own)))
        if not isfinite(loss):
            raise RecipeError(
                f"the loss is {loss} at step {self.progress.step}: the learning rate is too high, "
                "or the precision too low. Lower optimizer.learning_rate, set optimizer.clip, or "
                'set run.precision = "float32", and begin again with --restart'
            )
        return loss

    def _evaluate(self, log: RunLog) -> None:
        """Measure on the validation pictures; keep the weights if they are the best so far."""
        with averaged(self.network, self.average):
            figures = self.validate(self.module)
            metric = figures.rising(self.run.select_by)
            better = self.progress.best is None or metric > self.progress.best
            if better and self.processes.leads:
                save_network(self.network, self.folder / BEST, self.header)
        step, stale = self.progress.step, self.progress.stale
        self.progress = (
            replace(self.progress, best=metric, best_step=step, stale=0)
            if better
            else replace(self.progress, stale=stale + 1)
        )
        enough = 0 < self.run.patience <= self.progress.stale
        self.progress = replace(self.progress, finished=enough or step >= self.steps)
        log.write(step, {f"validation/{name}": value for name, value in figures.items()})
        epoch = step / self.plan.steps_per_epoch
        log.say(
            f"step {step} of {self.steps} (epoch {epoch:.1f}): {figures}"
            + (" - the scores hardly differ yet" if figures.degenerate else "")
            + (" - best so far" if better and not figures.degenerate else "")
            + (f"; {self.progress.stale} validations without a gain, stopping" if enough else "")
        )

    def _checkpoint(self, losses: list[Tensor]) -> None:
        self._mean(losses[-1:])  # where the loss is not finite is no place to go on from
        if self.processes.leads:
            save_checkpoint(
                self.folder / CHECKPOINT,
                self.network,
                self.optimizer,
                self.average,
                self.progress,
                self.identity,
            )


def autocast(recipe: Recipe, device: torch.device) -> torch.autocast:
    """The arithmetic that the recipe asks for, as a context."""
    precision = recipe.run.precision
    half = precision == "bfloat16" or (precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=half)


@contextmanager
def averaged(network: nn.Module, average: MovingAverage | None) -> Iterator[None]:
    """Give a network its moving average's values for a while, where there is an average."""
    if average is None:
        yield
        return
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average.values)
    yield
    network.load_state_dict(own)


def _step_seed(seed: int, step: int, rank: int) -> int:
    return int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0] >> 1)
