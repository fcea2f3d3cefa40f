"""Scalars for other people's trackers, where they are asked for: Weights & Biases, MLflow.

Nothing is sent unless their own settings say so: without them both write files into the run's
folder, which `wandb sync` and `mlflow ui` read.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ilgnet.errors import ModelError, require
from ilgnet.training.recipe import Recipe
from ilgnet.training.recipe_toml import plain


class Tracker(Protocol):
    """Takes scalars."""

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Take the scalars of a step."""
        ...

    def close(self) -> None:
        """No more will come."""
        ...


class WandbTracker:
    """Weights & Biases; offline and silent unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        mode = os.environ.setdefault("WANDB_MODE", "offline")
        if mode == "offline":  # by itself it reports its own errors, and writes into the home
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
            os.environ.setdefault("WANDB_CACHE_DIR", str((folder / "wandb").absolute()))
        wandb: Any = require("wandb", "wandb", "the tracker wandb")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "ilgnet"),
            name=recipe.name,
            dir=str(folder),
            config=plain(recipe),
            settings=wandb.Settings(silent=mode == "offline", console="off"),
        )

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Log them under the step."""
        self._run.log(dict(scalars), step=step)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


class MlflowTracker:
    """MLflow; in `mlruns` of the run's folder unless MLFLOW_TRACKING_URI says otherwise."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        # By itself it counts its users, and 3.17 refuses to write files, for a database.
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        tracking: Any = require("mlflow.tracking", "mlflow", "the tracker mlflow")
        self._entities: Any = require("mlflow.entities", "mlflow", "the tracker mlflow")
        here = (folder / "mlruns").absolute().as_uri()
        self._client = tracking.MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", here))
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "ilgnet")
        found = self._client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else self._client.create_experiment(experiment)
        self._run = self._client.create_run(number, run_name=recipe.name).info.run_id
        params = [
            self._entities.Param(key, str(value)[:500])
            for key, value in _flat(plain(recipe)).items()
        ]
        self._client.log_batch(self._run, params=params)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Log them under the step."""
        now = int(1000 * time.time())
        metrics = [self._entities.Metric(name, x, now, step) for name, x in scalars.items()]
        self._client.log_batch(self._run, metrics=metrics)

    def close(self) -> None:
        """End the run."""
        self._client.set_terminated(self._run)


TRACKERS: Final[dict[str, Callable[[Path, Recipe], Tracker]]] = {
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}


def open_trackers(names: Sequence[str], folder: Path, recipe: Recipe) -> tuple[Tracker, ...]:
    """The trackers of these names, ready to take scalars.

    Raises:
        ModelError: there is none of this name.
        MissingExtra: its package is not installed.
    """
    unknown = [name for name in names if name not in TRACKERS]
    if unknown:
        raise ModelError(f"no tracker {unknown[0]!r}; there are: {', '.join(TRACKERS)}")
    return tuple(TRACKERS[name](folder, recipe) for name in names)


def _flat(table: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{where}{key}.")
        else:
            flat[f"{where}{key}"] = value
    return flat
