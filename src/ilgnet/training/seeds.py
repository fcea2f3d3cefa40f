"""Several runs that differ in their seed alone: how much of a figure is chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

from ilgnet.training.pipeline import Surroundings, train
from ilgnet.training.publish import Trained
from ilgnet.training.recipe import Recipe
from ilgnet.training.summary import SHOWN


def train_seeds(recipe: Recipe, out: Path, seeds: int, surroundings: Surroundings) -> list[Trained]:
    """Train a recipe several times, in OUT/seed-0, OUT/seed-1, ...

    Which pictures are for validation depends on the seed too, unless the recipe lists them.

    Args:
        recipe: what to do; the runs' seeds are its own and those after it.
        out: the folder of the runs; `ilgnet evaluate --model OUT` measures all of them.
        seeds: how many.
        surroundings: what is no part of the recipe.

    Returns:
        One trained model a seed; none in those of torchrun's processes that do not lead.
    """
    runs = []
    for number in range(seeds):
        one = replace(recipe, run=replace(recipe.run, seed=recipe.run.seed + number))
        trained = train(one, out / f"seed-{number}", surroundings)
        runs += [trained] if trained is not None else []
    return runs


def over_seeds(runs: Sequence[Trained], out: Path) -> str:
    """The figures as mean and standard deviation over the runs, for people."""
    lines = [f"Over {len(runs)} seeds, mean ± standard deviation:"]
    for name, title in SHOWN:
        values = [
            run.evaluation.figures[name].value
            for run in runs
            if name in run.evaluation.figures and not math.isnan(run.evaluation.figures[name].value)
        ]
        if len(values) == len(runs):
            lines.append(f"  {title}: {fmean(values):.3f} ± {stdev(values):.3f}")
    lines.append(f"Measure them together with\n  ilgnet evaluate --model {out} --data ...")
    return "\n".join(lines)
