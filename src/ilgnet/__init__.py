"""ILGNet looks at photographs and says how good they look.

import ilgnet

scorer = ilgnet.load()
verdict = scorer.score("photo.jpg")
verdict.score        # mean vote, 1 (worst) to 10 (best), on AVA's scale
verdict.percentile   # share of AVA's pictures that scored lower, 0..100

for outcome in scorer.score_many(paths):   # Verdict or Failure, in input order
    ...
"""

from importlib.metadata import version

from ilgnet.errors import (
    DataError,
    IlgnetError,
    ImageError,
    LibraryError,
    MissingExtra,
    ModelError,
    RecipeError,
)
from ilgnet.images.sources import find_images
from ilgnet.report.arrow import to_arrow, to_pandas
from ilgnet.scoring import Scorer, load
from ilgnet.values import Failure, ImageRef, Outcome, ScoreDistribution, Verdict
from ilgnet.zoo.records import Weights, builtin_models

__version__ = version("ilgnet")

__all__ = [
    "DataError",
    "Failure",
    "IlgnetError",
    "ImageError",
    "ImageRef",
    "LibraryError",
    "MissingExtra",
    "ModelError",
    "Outcome",
    "RecipeError",
    "ScoreDistribution",
    "Scorer",
    "Verdict",
    "Weights",
    "__version__",
    "builtin_models",
    "find_images",
    "load",
    "to_arrow",
    "to_pandas",
]
