"""The names that users may rely on. A change here is a change for them: see CHANGELOG."""

from __future__ import annotations

import inspect
import pickle
import typing
from importlib.resources import files
from pathlib import Path

import pytest

import ilgnet
from ilgnet.values import ImageSource

PUBLIC = [
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
        "look",
    ]
    assert list(inspect.signature(ilgnet.Failure).parameters) == ["path", "code", "message"]


def test_what_can_be_scored_is_typed() -> None:
    assert typing.Any not in typing.get_args(ImageSource), (
        "else a type checker lets everything pass"
    )
    for method in (ilgnet.Scorer.score, ilgnet.Scorer.score_many):
        assert "ImageSource" in str(inspect.signature(method))


def test_type_hints_can_be_evaluated() -> None:
    for name in PUBLIC:
        thing = getattr(ilgnet, name)
        if inspect.isfunction(thing):
            assert typing.get_type_hints(thing), name
        elif inspect.isclass(thing):
            typing.get_type_hints(thing)
            for _, method in inspect.getmembers(thing, inspect.isfunction):
                if method.__module__.startswith("ilgnet"):
                    typing.get_type_hints(method)


def test_a_scorer_travels_to_another_process() -> None:
    sample = str(files("ilgnet") / "samples" / "cat.jpg")
    scorer = ilgnet.load(threads=1)
    copy = pickle.loads(pickle.dumps(scorer))
    assert copy.score(sample) == scorer.score(sample)


def test_a_string_is_one_path() -> None:
    samples = str(files("ilgnet") / "samples")
    assert list(ilgnet.find_images(samples)) == list(ilgnet.find_images([samples]))
    with pytest.raises(TypeError, match="many pictures"):
        ilgnet.load(threads=1).score_many(samples)  # when it is called, not when it is read


def test_signatures() -> None:
    assert str(inspect.signature(ilgnet.load)) == (
        "(model: 'str | Path' = 'default', *, threads: 'int | None' = None, "
        "engine: 'EngineName' = 'onnx', providers: 'Sequence[str]' = ()) -> 'Scorer'"
    )
    score_many = inspect.signature(ilgnet.Scorer.score_many)
    assert list(score_many.parameters) == ["self", "images", "features"]


def test_doors_to_measuring_training_and_the_network(tmp_path: Path) -> None:
    samples = files("ilgnet") / "samples"
    for name, label in (("cat.jpg", "high"), ("grass.jpg", "low")):
        (tmp_path / "rated" / label).mkdir(parents=True)
        (tmp_path / "rated" / label / name).write_bytes((samples / name).read_bytes())
    scorer = ilgnet.load(threads=1, providers=["CPUExecutionProvider"])
    assert ilgnet.evaluate(scorer, ilgnet.read_rated(tmp_path / "rated")).listed == 2
    wrong = tmp_path / "recipe.toml"
    wrong.write_text("no_such = 1\n")
    with pytest.raises(ilgnet.RecipeError):
        ilgnet.train(ilgnet.read_recipe(wrong), tmp_path / "out")
    with pytest.raises(ilgnet.ModelError):
        ilgnet.open_network(tmp_path)
