"""Scalars for other people's trackers, where they are asked for: Weights & Biases, MLflow.

Nothing is sent unless their own settings say so: without them both write files into the run's
folder, which `wandb sync` and `mlflow ui` read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from ilgnet.errors import MissingExtra, ModelError, require
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
    """Weights & Biases; offline unless WANDB_MODE says otherwise."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        wandb: Any = _required("wandb")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "ilgnet"),
            name=recipe.name,
            dir=str(folder),
            config=plain(recipe),
            mode=os.environ.get("WANDB_MODE", "offline"),
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
        self._mlflow: Any = _required("mlflow")
        if "MLFLOW_TRACKING_URI" not in os.environ:
            self._mlflow.set_tracking_uri((folder / "mlruns").absolute().as_uri())
        self._mlflow.set_experiment("ilgnet")
        self._mlflow.start_run(run_name=recipe.name)
        self._mlflow.log_params({k: str(v)[:500] for k, v in _flat(plain(recipe)).items()})

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Log them under the step."""
        self._mlflow.log_metrics(dict(scalars), step=step)

    def close(self) -> None:
        """End the run."""
        self._mlflow.end_run()


TRACKERS: Final[dict[str, Callable[[Path, Recipe], Tracker]]] = {
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}


def open_trackers(names: Sequence[str], folder: Path, recipe: Recipe) -> tuple[Tracker, ...]:
    """The trackers of these names, ready to take scalars.

    Raises:
        ModelError: there is none of this name, or its package is not installed.
    """
    unknown = [name for name in names if name not in TRACKERS]
    if unknown:
        raise ModelError(f"no tracker {unknown[0]!r}; there are: {', '.join(TRACKERS)}")
    return tuple(TRACKERS[name](folder, recipe) for name in names)


def _required(package: str) -> Any:
    try:
        return require(package, "train", f"the tracker {package}")
    except MissingExtra as error:
        raise MissingExtra(
            f"--track {package} needs the package {package}, which no extra here brings. "
            f"Install it with: pip install {package}"
        ) from error


def _flat(table: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{where}{key}.")
        else:
            flat[f"{where}{key}"] = value
    return flat
