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
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from ilgnet.client import Client
    from ilgnet.data.readers import read_rated
    from ilgnet.engines.torch import open_network
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
    from ilgnet.evaluation.evaluation import evaluate
    from ilgnet.explanation.compare import Comparison, compare
    from ilgnet.explanation.explain import Explanation, explain
    from ilgnet.explanation.frames import LostFrame, why_frames_lost
    from ilgnet.images.sources import find_images
    from ilgnet.library.catalogue.rows import Filter
    from ilgnet.library.choosing.bursts import BurstRule
    from ilgnet.library.choosing.cull import CullRule
    from ilgnet.library.choosing.plan_marks import CullMarks, MarkRule
    from ilgnet.library.choosing.plan_transfers import TransferRule
    from ilgnet.library.choosing.stars import StarRule
    from ilgnet.library.open_library import Library, open_library
    from ilgnet.library.photograph.photograph import Photograph
    from ilgnet.library.proposals import undo
    from ilgnet.report.data_frames import to_arrow, to_pandas
    from ilgnet.scoring import Scorer, load
    from ilgnet.training.pipeline import train
    from ilgnet.training.recipe import read_recipe
    from ilgnet.values import Difference, Failure, ImageRef, Outcome, ScoreDistribution, Verdict
    from ilgnet.zoo.records import Weights, builtin_models

    __version__: str

_WHERE: Final = {
    "client": ("Client",),
    "data.readers": ("read_rated",),
    "engines.torch": ("open_network",),
    "errors": (
        "DataError",
        "IlgnetError",
        "ImageError",
        "LibraryError",
        "MissingExtra",
        "ModelError",
        "RecipeError",
        "ServiceError",
    ),
    "evaluation.evaluation": ("evaluate",),
    "explanation.compare": ("Comparison", "compare"),
    "explanation.explain": ("Explanation", "explain"),
    "explanation.frames": ("LostFrame", "why_frames_lost"),
    "images.sources": ("find_images",),
    "library.catalogue.rows": ("Filter",),
    "library.choosing.bursts": ("BurstRule",),
    "library.choosing.cull": ("CullRule",),
    "library.choosing.plan_marks": ("CullMarks", "MarkRule"),
    "library.choosing.plan_transfers": ("TransferRule",),
    "library.choosing.stars": ("StarRule",),
    "library.open_library": ("Library", "open_library"),
    "library.photograph.photograph": ("Photograph",),
    "library.proposals": ("undo",),
    "report.data_frames": ("to_arrow", "to_pandas"),
    "scoring": ("Scorer", "load"),
    "training.pipeline": ("train",),
    "training.recipe": ("read_recipe",),
    "values": ("Difference", "Failure", "ImageRef", "Outcome", "ScoreDistribution", "Verdict"),
    "zoo.records": ("Weights", "builtin_models"),
}
"""Where the public names are. Each is imported when it is first asked for: the command line pays
for what a command needs, scoring needs nothing of the library, and some names need extras."""

_MODULE_OF: Final = {name: module for module, names in _WHERE.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        found: Any = version("ilgnet")
    elif name in _MODULE_OF:
        found = getattr(import_module(f"ilgnet.{_MODULE_OF[name]}"), name)
    else:
        raise AttributeError(f"module 'ilgnet' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


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
