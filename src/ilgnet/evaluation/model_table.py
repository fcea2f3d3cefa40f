"""A table of models by collections, with paired tests on the same pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import fmean, stdev

from ilgnet.data.rated import RatedSet
from ilgnet.evaluation.evaluation import (
    Evaluation,
    EvaluationOptions,
    SeenInTrainingError,
    Watch,
    evaluate,
)
from ilgnet.evaluation.measures import mean_figures
from ilgnet.evaluation.paired import Difference, difference
from ilgnet.evaluation.scorers import ImageScorer
from ilgnet.metrics import Measure
from ilgnet.scoring import Scorer


@dataclass(frozen=True, slots=True)
class Contender:
    """A row of the table: a scorer, or several runs of one recipe.

    Attributes:
        name: for the table.
        runs: one scorer for each run.
    """

    name: str
    runs: tuple[ImageScorer | Scorer, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One contender on one collection.

    Attributes:
        contender: its name.
        collection: its name.
        evaluations: one for each run; empty where it was refused.
        refused: why nothing was measured: it has seen pictures of the collection.
        means: of several runs that were measured on the same pictures, the mean of each figure,
            with its interval over pictures.
    """

    contender: str
    collection: str
    evaluations: tuple[Evaluation, ...]
    refused: str = ""
    means: Mapping[str, Measure] = field(default_factory=dict)

    def figure(self, name: str) -> Measure | None:
        """A figure with its interval; of several runs the mean."""
        if name in self.means:
            return self.means[name]
        values = [run.figures[name] for run in self.evaluations if name in run.figures]
        if len(values) == 1:
            return values[0]
        if not values or len(values) != len(self.evaluations):
            return None
        return Measure(fmean(value.value for value in values), math.nan, math.nan)

    def deviation(self, name: str) -> float | None:
        """Standard deviation of a figure over runs; None for a single one."""
        values = [run.figures[name].value for run in self.evaluations if name in run.figures]
        return stdev(values) if len(values) > 1 else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two contenders on one collection; the difference is the first less the second."""

    collection: str
    first: str
    second: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Comparison:
    """The whole table.

    Attributes:
        contenders: the rows' names.
        collections: the columns: rated sets as they were given.
        cells: row by row.
        pairs: every two contenders on every collection that both were measured on.
        options: what was counted, and how.
    """

    contenders: tuple[str, ...]
    collections: tuple[RatedSet, ...]
    cells: tuple[Cell, ...]
    pairs: tuple[Pair, ...]
    options: EvaluationOptions

    def cell(self, contender: str, collection: str) -> Cell:
        """One cell of the table."""
        return next(
            c for c in self.cells if c.contender == contender and c.collection == collection
        )


def compare(
    contenders: Sequence[Contender],
    collections: Sequence[RatedSet],
    options: EvaluationOptions | None = None,
    *,
    watch: Watch = lambda outcomes, total: outcomes,
    done: Callable[[Cell], None] = lambda cell: None,
) -> Comparison:
    """Measure every contender on every collection, and compare every two of them.

    A contender that has seen pictures of a collection is not measured there, unless the options
    remove or allow them; the others are.

    Args:
        contenders: the rows.
        collections: the columns; their names differ.
        options: what is counted; None is the whole list, without pictures that a model knows.
        watch: shows progress.
        done: is told of every finished cell.

    Raises:
        DataError: no picture of a collection can be read.
    """
    options = options or EvaluationOptions()
    cells = []
    for rated in collections:
        for contender in contenders:
            cells.append(_cell(contender, rated, options, watch))
            done(cells[-1])
    return Comparison(
        tuple(contender.name for contender in contenders),
        tuple(collections),
        tuple(cells),
        tuple(_pairs(cells, options)),
        options,
    )


def _cell(contender: Contender, rated: RatedSet, options: EvaluationOptions, watch: Watch) -> Cell:
    try:
        runs = tuple(evaluate(run, rated, options, watch=watch) for run in contender.runs)
    except SeenInTrainingError as error:
        return Cell(contender.name, rated.name, (), str(error))
    means: dict[str, Measure] = {}
    if len(runs) > 1 and len({run.measured_fingerprint for run in runs}) == 1:
        answers = [run.answers for run in runs]
        means = mean_figures(answers, options.replicates, options.seed)
    return Cell(contender.name, rated.name, runs, means=means)


def _pairs(cells: Sequence[Cell], options: EvaluationOptions) -> Iterator[Pair]:
    for first, second in combinations(cells, 2):
        if first.collection != second.collection or not (first.evaluations and second.evaluations):
            continue
        found = difference(
            first.evaluations,
            second.evaluations,
            replicates=options.replicates,
            seed=options.seed,
        )
        if found is not None:
            yield Pair(first.collection, first.contender, second.contender, found)
