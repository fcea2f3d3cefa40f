"""ILGNet looks at photographs and says how good they look.

import ilgnet

scorer = ilgnet.load()
verdict = scorer.score("photo.jpg")
verdict.score        # mean vote, 1 (worst) to 10 (best), on AVA's scale
verdict.percentile   # share of AVA's pictures that scored lower, 0..100

for outcome in scorer.score_many(paths):   # Verdict or Failure, in input order
    ...

library = ilgnet.open_library("photos/")
proposal = library.cull(ilgnet.CullRule("count", 30), ilgnet.TransferRule("move"))
run = proposal.apply()   # nothing is moved or written before this
run.undo()

ilgnet.explain("photo.jpg").sentences        # why, with the evidence beside it
ilgnet.compare("a.jpg", "b.jpg").sentences   # why one scores higher
for lost in ilgnet.why_frames_lost(library.bursts()):
    lost.photograph.name, lost.words         # "softer: 0.6 px; tilted 3.0\u00b0"
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from ilgnet.client import Client
from ilgnet.errors import (
    DataError,
    IlgnetError,
    ImageError,
    LibraryError,
    MissingExtra,
    ModelError,
    RecipeError,
    ServiceError,
)
from ilgnet.images.sources import find_images
from ilgnet.report.arrow import to_arrow, to_pandas
from ilgnet.scoring import Scorer, load
from ilgnet.values import Difference, Failure, ImageRef, Outcome, ScoreDistribution, Verdict
from ilgnet.zoo.records import Weights, builtin_models

if TYPE_CHECKING:
    from ilgnet.data.readers import read_rated
    from ilgnet.engines.torch import open_network
    from ilgnet.evaluation.evaluation import evaluate
    from ilgnet.explanation.compare import Comparison, compare
    from ilgnet.explanation.explain import Explanation, explain
    from ilgnet.explanation.frames import LostFrame, why_frames_lost
    from ilgnet.library.catalogue.rows import Filter
    from ilgnet.library.choosing.bursts import BurstRule
    from ilgnet.library.choosing.cull import CullRule
    from ilgnet.library.choosing.plan_marks import CullMarks, MarkRule
    from ilgnet.library.choosing.plan_transfers import TransferRule
    from ilgnet.library.choosing.stars import StarRule
    from ilgnet.library.open_library import Library, open_library
    from ilgnet.library.photograph.photograph import Photograph
    from ilgnet.library.proposals import undo
    from ilgnet.training.pipeline import train
    from ilgnet.training.recipe import read_recipe

_LATER: Final = {
    "BurstRule": "library.choosing.bursts",
    "Comparison": "explanation.compare",
    "CullMarks": "library.choosing.plan_marks",
    "CullRule": "library.choosing.cull",
    "Explanation": "explanation.explain",
    "LostFrame": "explanation.frames",
    "why_frames_lost": "explanation.frames",
    "Filter": "library.catalogue.rows",
    "Library": "library.open_library",
    "MarkRule": "library.choosing.plan_marks",
    "Photograph": "library.photograph.photograph",
    "StarRule": "library.choosing.stars",
    "TransferRule": "library.choosing.plan_transfers",
    "compare": "explanation.compare",
    "explain": "explanation.explain",
    "open_library": "library.open_library",
    "undo": "library.proposals",
    "train": "training.pipeline",
    "read_recipe": "training.recipe",
    "read_rated": "data.readers",
    "open_network": "engines.torch",
    "evaluate": "evaluation.evaluation",
}
"""Where names are that are imported when they are first asked for: scoring needs none of them, and
some need extras."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'ilgnet' has no attribute {name!r}")
    return getattr(import_module(f"ilgnet.{_LATER[name]}"), name)


__version__ = version("ilgnet")

__all__ = [
    "BurstRule",
    "Client",
    "Comparison",
    "CullMarks",
    "CullRule",
    "DataError",
    "Difference",
    "Explanation",
    "Failure",
    "Filter",
    "IlgnetError",
    "ImageError",
    "ImageRef",
    "Library",
    "LibraryError",
    "LostFrame",
    "MarkRule",
    "MissingExtra",
    "ModelError",
    "Outcome",
    "Photograph",
    "RecipeError",
    "ScoreDistribution",
    "Scorer",
    "ServiceError",
    "StarRule",
    "TransferRule",
    "Verdict",
    "Weights",
    "__version__",
    "builtin_models",
    "compare",
    "evaluate",
    "explain",
    "find_images",
    "load",
    "open_library",
    "open_network",
    "read_rated",
    "read_recipe",
    "to_arrow",
    "to_pandas",
    "train",
    "undo",
    "why_frames_lost",
]
