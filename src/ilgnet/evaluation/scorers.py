"""Who can be measured: our models, a file of predictions, a Python function, a metric of pyiqa."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast

import numpy as np

from ilgnet import scoring
from ilgnet.data.scale import AVA_SCALE, Scale, mean_of_votes
from ilgnet.data.table_files import Row, is_table, open_table
from ilgnet.errors import DataError, IlgnetError, ModelError, in_words
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, Outcome
from ilgnet.zoo.records import RECORD_NAME, Weights

PYTHON: Final = "python:"
PYIQA: Final = "pyiqa:"
SCORES: Final = ("score", "prediction", "predicted", "mos", "mean")
"""Columns of a file of predictions that hold its scores, the first one counts."""

PICTURES: Final = ("id", "path", "file", "image", "image_id", "image_name", "filename")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured.

    Attributes:
        name: for tables.
        feed: how pictures are fed to it, so that its numbers can be had again.
        licence: its terms.
        scale: of its scores; None where that is unknown, so that only what does not depend on the
            scale is measured (ranks, correlations).
        weights: its record, where it is one of our models.
    """

    name: str
    feed: str
    licence: str
    scale: Scale | None = AVA_SCALE
    weights: Weights | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorer from elsewhere says of one picture.

    Attributes:
        path: the picture's id.
        score: a number that rises with quality, on the scale of its `Subject`.
        votes: shares of the votes 1..10, where it tells.
    """

    path: str
    score: float
    votes: tuple[float, ...] | None = None


class ImageScorer(Protocol):
    """Anything that gives pictures scores."""

    @property
    def subject(self) -> Subject:
        """What it is."""
        ...

    def score_many(self, images: Iterable[ImageRef]) -> Iterator[Outcome | Score]:
        """A verdict, score or failure for each picture, in order."""
        ...


def subject_of(scorer: ImageScorer | Scorer) -> Subject:
    """What a scorer is; our own models are known by their record."""
    weights: Weights | None = getattr(scorer, "weights", None)
    if weights is None:
        return cast(ImageScorer, scorer).subject
    feed = f"preprocessing {weights.preprocess.fingerprint()}"
    return Subject(weights.name, feed, weights.licence, weights=weights)


class PredictionsFile:
    """Scores that were made elsewhere, from a table with a picture and a score in each row.

    Also reads what `ilgnet evaluate -o predictions.csv` writes. Pictures are found by their id in
    the list, else by the name of their file.

    Args:
        path: a table, see `ilgnet.data.table_files.open_table`.
        scale: of the scores; None where they are on no known one.
        columns: of the picture and the score, where their names do not say it.
    """

    def __init__(
        self, path: Path, scale: Scale | None = None, columns: tuple[str, str] | None = None
    ) -> None:
        table = open_table(path)
        picture, score = columns or (
            _first(PICTURES, table.header, path, "a picture"),
            _first(SCORES, table.header, path, "a score"),
        )
        rows = [row for row in table.rows if row.text(score)]
        self._scores = {_id(row, picture): row.number(score) for row in rows}
        if not self._scores:
            raise DataError(f"{path} has no score in the column {score!r}")
        self._by_name = {Path(name).name: value for name, value in self._scores.items()}
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        self.subject = Subject(path.stem, f"predictions, sha256 {digest}", "not stated", scale)

    def score_many(self, images: Iterable[ImageRef]) -> Iterator[Outcome | Score]:
        """The score of each picture; a failure where the file has none."""
        for image in images:
            value = self._scores.get(image.id, self._by_name.get(Path(image.id).name))
            if value is None:
                yield Failure(image.id, "not_found", f"{self.subject.name} has no score for it")
            else:
                yield Score(image.id, value)


def _id(row: Row, column: str) -> str:
    name = row.text(column).replace("\\", "/")
    return name if Path(name).suffix else f"{name}.jpg"


def _first(known: Sequence[str], header: Sequence[str], path: Path, what: str) -> str:
    names = {name.strip().lower(): name for name in header}
    for name in known:
        if name in names:
            return names[name]
    raise DataError(
        f"{path} has no column of {what}; it has: {', '.join(header)}. "
        f"Call it one of: {', '.join(known)}"
    )


class FunctionScorer:
    """A Python function from a picture's path to a score, or to ten votes.

    What it raises for one picture becomes that picture's failure.

    Args:
        function: takes a path as text.
        name: for tables.
        licence: its terms.
        scale: of the scores; None where they are on no known one. Ten votes need none.
        feed: how it is fed, for the record.
        sign: -1 where a lower number is better.
    """

    def __init__(
        self,
        function: Callable[[str], Any],
        name: str,
        *,
        licence: str = "not stated",
        scale: Scale | None = None,
        feed: str = "a Python function",
        sign: float = 1.0,
    ) -> None:
        self.subject = Subject(name, feed, licence, scale)
        self._function, self._sign = function, sign

    def score_many(self, images: Iterable[ImageRef]) -> Iterator[Outcome | Score]:
        """Call the function for each picture."""
        for image in images:
            try:
                yield self._score(image)
            except Exception as error:
                yield Failure(image.id, "corrupt", f"{type(error).__name__}: {error}")

    def _score(self, image: ImageRef) -> Score:
        values = _numbers(self._function(str(image.source)))
        if not all(map(math.isfinite, values)):
            raise ValueError(f"it says {values}, which is no number")
        if len(values) == 1:
            return Score(image.id, self._sign * values[0])
        if len(values) != 10 or min(values) < 0 or sum(values) <= 0:
            raise ValueError("it gives neither a score nor ten votes")
        votes = tuple(value / sum(values) for value in values)
        return Score(image.id, mean_of_votes(votes), votes)


def _numbers(said: Any) -> list[float]:
    """A number, a sequence, an array or a tensor as numbers."""
    if hasattr(said, "detach"):
        said = said.detach().cpu()
    return [float(value) for value in np.asarray(said, dtype=np.float64).ravel()]


def open_scorer(
    name: str | Path, *, threads: int | None = None, scale: Scale | None = None
) -> ImageScorer | Scorer:
    """Find what is to be measured.

    Args:
        name: a model's name or folder; a table of predictions (.csv, .tsv, .parquet, .xlsx);
            "python:MODULE:FUNCTION"; or "pyiqa:METRIC", where pyiqa is installed.
        threads: for our own models.
        scale: of the scores of what is not ours.

    Raises:
        IlgnetError: it is not there, or not what its name says.
    """
    text = str(name)
    if text.startswith(PYTHON):
        return _python(text.removeprefix(PYTHON), scale)
    if text.startswith(PYIQA):
        return _pyiqa(text.removeprefix(PYIQA), scale)
    path = Path(text)
    if is_table(path):
        if not path.is_file():
            raise DataError(f"there is no file {path}")
        return PredictionsFile(path, scale)
    return scoring.load(name, threads=threads)


def runs_of(name: str) -> list[str]:
    """The folders of several runs of one recipe, `seed-*`, or the name itself."""
    folder = Path(name)
    runs = sorted(path.parent for path in folder.glob(f"seed-*/{RECORD_NAME}"))
    if runs and not (folder / RECORD_NAME).is_file():
        return [str(run) for run in runs]
    return [name]


def _python(text: str, scale: Scale | None) -> FunctionScorer:
    module, _, function = text.partition(":")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"{PYTHON}{text} is no function that can be imported ({error}); write "
            f"{PYTHON}MODULE:FUNCTION, with the module's folder in PYTHONPATH"
        ) from error
    return FunctionScorer(found, text, scale=scale)


def _pyiqa(metric: str, scale: Scale | None) -> FunctionScorer:
    """A metric of IQA-PyTorch. Its licence is not ours, and forbids commercial use."""
    # torchvision, which pyiqa imports, needs a hand beside PyTorch's CPU build.
    from ilgnet.models.trunks.borrowed import beside_torchvision

    try:
        pyiqa = beside_torchvision("pyiqa", "timm", f"the metric {metric}")
    except IlgnetError as error:
        raise ModelError(
            f"{PYIQA}{metric} needs the package pyiqa, which is no part of this one: its licence, "
            "PolyForm Noncommercial 1.0.0, forbids commercial use. Where that suits you: "
            f"pip install pyiqa ({error.__cause__})"
        ) from error
    try:
        model = pyiqa.create_metric(metric, device="cpu")
    except (OSError, KeyError, ValueError, AssertionError, RuntimeError) as error:
        raise ModelError(
            f"pyiqa cannot make its metric {metric!r}: {in_words(error)}. It fetches the weights "
            "of most metrics by itself, unless they lie in its cache; pyiqa.list_models() names all"
        ) from error
    return FunctionScorer(
        model,
        f"{PYIQA}{metric}",
        licence="PolyForm Noncommercial 1.0.0 (pyiqa); the weights have terms of their own",
        scale=scale,
        feed=f"pyiqa {getattr(pyiqa, '__version__', 'unknown')}, its own reader",
        sign=-1.0 if getattr(model, "lower_better", False) else 1.0,
    )
