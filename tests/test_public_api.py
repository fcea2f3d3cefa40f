"""The names that users may rely on. A change here is a change for them: see CHANGELOG."""

from __future__ import annotations

import inspect

import ilgnet
from ilgnet.values import ImageSource

PUBLIC = [
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


def test_the_public_names() -> None:
    assert sorted(ilgnet.__all__) == PUBLIC
    for name in PUBLIC:
        assert getattr(ilgnet, name) is not None


def test_every_public_name_is_documented() -> None:
    for name in PUBLIC:
        thing = getattr(ilgnet, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert inspect.getdoc(thing), name


def test_the_fields_of_a_verdict() -> None:
    assert list(inspect.signature(ilgnet.Verdict).parameters) == [
        "path",
        "score",
        "std",
        "p_high",
        "percentile",
        "votes",
        "width",
        "height",
        "model",
        "preprocess",
        "run_percentile",
        "features",
        "technical",
    ]
    assert list(inspect.signature(ilgnet.Failure).parameters) == ["path", "code", "message"]


def test_what_can_be_scored_is_typed() -> None:
    assert "Any" not in str(ImageSource), "else a type checker lets everything pass"
    for method in (ilgnet.Scorer.score, ilgnet.Scorer.score_many):
        assert "ImageSource" in str(inspect.signature(method))


def test_signatures() -> None:
    assert str(inspect.signature(ilgnet.load)) == (
        "(model: 'str | Path' = 'default', *, threads: 'int | None' = None) -> 'Scorer'"
    )
    score_many = inspect.signature(ilgnet.Scorer.score_many)
    assert list(score_many.parameters) == ["self", "images", "features"]
