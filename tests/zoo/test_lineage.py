"""What weights have seen is said in every record, and goes down every line of descent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.conversion import Options, convert, convert_to_caffe
from ilgnet.data.overlap import FOLDER, find_overlap, write_trained_on
from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.engines.taste import Taste
from ilgnet.errors import DataError, ModelError
from ilgnet.evaluation.evaluation import EvaluationOptions, evaluate
from ilgnet.metrics import Measure
from ilgnet.models.caffe.files import write_mean
from ilgnet.models.checkpoints import read_metadata, save_network
from ilgnet.models.export import export_onnx
from ilgnet.models.registry import architecture, create
from ilgnet.scoring import load
from ilgnet.taste.learnt import Agreement, Learnt
from ilgnet.taste.save import save_taste, taste_place
from ilgnet.training.pipeline import Surroundings, train
from ilgnet.training.recipe import (
    DataRecipe,
    LossRecipe,
    ModelRecipe,
    Recipe,
    RunRecipe,
)
from ilgnet.training.seen_before import HEADER, Ancestry, header
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.records import (
    ONNX_NAME,
    SAFETENSORS_NAME,
    Weights,
    builtin_models,
    read_weights,
    write_weights,
)

TINY = "ilgnet_mobilenet_tiny"
AVA_PART = TrainedOn("somebody's trunk", collection="ava")


def pictures(folder: Path, first: int, count: int, name: str) -> RatedSet:
    """Coarse coloured noise, no two alike, with a table that rates it."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, images = ["file,mean"], []
    for number in range(first, first + count):
        random = np.random.default_rng(number)
        coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        path = folder / f"{name}{number}.jpg"
        Image.fromarray(coarse).resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=90)
        mean = round(3.0 + 4.0 * (number - first) / count, 2)
        rows.append(f"{path.name},{mean}")
        images.append(RatedImage(path.name, path, mean=mean))
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return RatedSet(f"{folder.name}/{name}.csv", tuple(images))


@dataclass(frozen=True)
class Ancestor:
    """A model that has learned from some pictures, and began with weights that had seen AVA."""

    weights: Weights
    learned: RatedSet
    work: Path


@pytest.fixture(scope="module")
def ancestor(tmp_path_factory: pytest.TempPathFactory) -> Ancestor:
    work = tmp_path_factory.mktemp("lineage")
    learned = pictures(work / "pictures", 0, 12, "old")
    pictures(work / "pictures", 100, 16, "new")
    folder = work / "ancestor"
    folder.mkdir()
    network = create(TINY).eval()
    entry = write_trained_on(folder, learned)
    seen = (entry, AVA_PART)
    save_network(network, folder / SAFETENSORS_NAME, header(seen))
    export_onnx(network, folder / ONNX_NAME)
    preprocess = architecture(TINY).preprocess
    record = Weights("old.model", TINY, "votes", preprocess, 0.6, "", "", trained_on=seen)
    return Ancestor(write_weights(record, folder), learned, work)


def trained(ancestor: Ancestor, start: str, out: Path) -> Weights:
    recipe = Recipe(
        name="new.model",
        model=ModelRecipe(start=start, architecture=TINY),
        loss=LossRecipe(mean=1.0),
        run=RunRecipe(steps=1, batch=4, evaluate_every=1000),
        data=DataRecipe(
            train=str(ancestor.work / "pictures/new.csv"), scale="1..10", validation_share=0.3
        ),
    )
    around = Surroundings(cache=ancestor.work / "cache", threads=1, show=False)
    done = train(recipe, out, around)
    assert done is not None
    return done.weights


def fine_tuned(ancestor: Ancestor, out: Path) -> Weights:
    return trained(ancestor, str(ancestor.weights.folder), out)


def from_its_safetensors(ancestor: Ancestor, out: Path) -> Weights:
    return trained(ancestor, str(ancestor.weights.folder / SAFETENSORS_NAME), out)


def from_a_bare_safetensors(ancestor: Ancestor, out: Path) -> Weights:
    bare = out.parent / "bare" / "start.safetensors"
    bare.parent.mkdir()
    shutil.copy(ancestor.weights.folder / SAFETENSORS_NAME, bare)
    return trained(ancestor, str(bare), out)


def from_the_best_of_a_run(ancestor: Ancestor, out: Path) -> Weights:
    first = fine_tuned(ancestor, out.parent / "first")
    best = first.folder / "training" / "best.safetensors"
    assert {entry["name"] for entry in json.loads(read_metadata(best)[HEADER])} >= {
        ancestor.learned.name
    }
    return trained(ancestor, str(best), out)


def converted(ancestor: Ancestor, out: Path) -> Weights:
    return convert(ancestor.weights.folder, out, Options())[0]


def converted_from_safetensors(ancestor: Ancestor, out: Path) -> Weights:
    source = ancestor.weights.folder / SAFETENSORS_NAME
    return convert(source, out, Options(architecture=TINY))[0]


def taste(ancestor: Ancestor, out: Path) -> Weights:
    share = Agreement(Measure(0.8, 0.7, 0.9), 100, 12)
    direction = np.zeros(create(TINY).output.in_features, np.float32)
    gain = Measure(0.2, 0.1, 0.3)
    learnt = Learnt(Taste(direction, 1.0, 0.0), share, share, gain, 0.5, 0.4, 0.5, 1.0, 60, 12)
    rated = [bytes([n] * 32) for n in (1, 2)]
    return save_taste(learnt, ancestor.weights, taste_place(out, "taste.mine"), rated)


WAYS: tuple[Callable[[Ancestor, Path], Weights], ...] = (
    fine_tuned,
    from_its_safetensors,
    from_a_bare_safetensors,
    from_the_best_of_a_run,
    converted,
    converted_from_safetensors,
    taste,
)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_making_a_model_remembers_what_came_before(
    ancestor: Ancestor, tmp_path: Path, way: Callable[[Ancestor, Path], Weights]
) -> None:
    made = way(ancestor, tmp_path / "made")
    assert read_weights(made.folder) == made
    assert made.trained_on[:2] == ancestor.weights.trained_on
    overlap = find_overlap(made, ancestor.learned)
    assert overlap.leaked == {ancestor.learned.name: ancestor.learned.ids}
    if way is not from_a_bare_safetensors:  # entries alone: other lists cannot be compared
        part = ancestor.learned.without(ancestor.learned.ids[3:])
        assert find_overlap(made, part).ids == set(part.ids)
    of_ava = replace(
        ancestor.learned,
        images=tuple(RatedImage(f"{n}.jpg", Path("gone"), 5.0, collection="ava") for n in (7, 8)),
    )
    assert find_overlap(made, of_ava).possible == {AVA_PART.name: ("7.jpg", "8.jpg")}


def test_a_bare_file_that_says_nothing_is_unknown_and_that_is_said(
    ancestor: Ancestor, tmp_path: Path
) -> None:
    bare = tmp_path / "from_somewhere.safetensors"
    save_network(create(TINY), bare)
    made = trained(ancestor, str(bare), tmp_path / "made")
    unknown = TrainedOn.unknown("from_somewhere.safetensors")
    assert made.trained_on[0] == unknown
    assert "whatever from_somewhere.safetensors was trained on is unknown" in made.about
    rated = pictures(tmp_path / "others", 500, 12, "other")
    assert find_overlap(made, rated).unchecked == (str(unknown),)
    assert evaluate(load(made.folder), rated).overlap.ids == frozenset()  # not refused


def test_a_file_that_is_not_the_record_s_own_is_not_taken_for_it(
    ancestor: Ancestor, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(ancestor.weights.folder, folder)
    save_network(create(TINY), folder / SAFETENSORS_NAME)  # another file under the same name
    said = Ancestry.of_file(folder / SAFETENSORS_NAME).trained_on
    assert said == (TrainedOn.unknown(SAFETENSORS_NAME),)


def test_a_damaged_header_is_an_error(tmp_path: Path) -> None:
    save_network(create(TINY), tmp_path / "x.safetensors", {HEADER: '[{"name": 3}]'})
    with pytest.raises(ModelError, match="damaged things"):
        Ancestry.of_file(tmp_path / "x.safetensors")


def test_caffe_s_files_hand_it_on_too(tmp_path: Path) -> None:
    name, folder = "ilgnet_inception_v1_tiny", tmp_path / "model"
    network = create(name).eval()
    folder.mkdir()
    save_network(network, folder / SAFETENSORS_NAME)
    export_onnx(network, folder / ONNX_NAME)
    record = Weights("caffe.one", name, "high_low", architecture(name).preprocess, 0.6, "", "")
    write_weights(replace(record, trained_on=(AVA_PART,)), folder)
    written = convert_to_caffe(folder, tmp_path / "caffe", Options())
    caffemodel = next(path for path in written if path.suffix == ".caffemodel")
    assert Ancestry.of_file(caffemodel).trained_on == (AVA_PART,)
    write_mean(tmp_path / "mean.binaryproto", np.zeros((3, 256, 256), np.float32))
    options = Options(architecture=name, mean=str(tmp_path / "mean.binaryproto"))
    back, _ = convert(caffemodel, tmp_path / "back", options)
    assert back.trained_on == (AVA_PART,)
    # The published ones came without a word; they are known by their layers.
    caffemodel.with_suffix(".trained_on.json").unlink()
    (published,) = Ancestry.of_file(caffemodel).trained_on
    assert (published.collection, published.known) == ("ava", False)


@pytest.mark.parametrize("weights", builtin_models(), ids=lambda weights: weights.name)
def test_every_record_in_the_package_says_what_was_seen(weights: Weights) -> None:
    assert weights.trained_on
    for entry in weights.trained_on:
        assert entry.known or entry.collection or entry == TrainedOn.unknown(entry.name)
        if entry.known:
            assert (weights.folder / FOLDER / f"{entry.fingerprint}.txt.gz").is_file()
    about = f"{weights.about} {weights.notes}"
    if "AVA" in about:  # whoever names AVA among its teachers has seen some of it
        assert any(entry.collection == "ava" or "AVA" in entry.name for entry in weights.trained_on)
    ava = RatedSet("AVA", (RatedImage("953619.jpg", Path("gone"), 5.0, collection="ava"),))
    assert find_overlap(weights, ava).ids == {"953619.jpg"}
    with pytest.raises(DataError, match="may have been trained on 1 of the 1 pictures"):
        evaluate(load(weights.folder), ava)
    with pytest.raises(DataError, match="could be read"):  # allowed, and then not there
        evaluate(load(weights.folder), ava, EvaluationOptions(overlap="allow"))
