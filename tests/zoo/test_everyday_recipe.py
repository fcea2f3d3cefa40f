"""The recipe of "everyday": copies that differ in a flaw alone, slopes, the graft, PARA's files."""

from __future__ import annotations

import csv
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.zoo.records import ONNX_NAME, find_weights

RECIPES = Path(__file__).parents[2] / "recipes"
PARTS = ("taps", "graft", "pictures", "copies", "fit")


@pytest.fixture(scope="module")
def recipe() -> Iterator[dict[str, ModuleType]]:
    """The recipe's files, which import each other, and the default's, by their own names."""
    patch = pytest.MonkeyPatch()
    patch.syspath_prepend(str(RECIPES / "default"))
    patch.syspath_prepend(str(RECIPES / "everyday"))
    before = set(sys.modules)
    yield {name: importlib.import_module(name) for name in PARTS}
    for name in set(sys.modules) - before:
        path = getattr(sys.modules[name], "__file__", None)
        if path is not None and Path(path).is_relative_to(RECIPES):
            del sys.modules[name]
    patch.undo()


def test_a_spoilt_copy_stands_beside_one_that_was_saved_alike(
    recipe: dict[str, ModuleType],
) -> None:
    copies = recipe["copies"]
    saved = 0
    for picture in range(60):
        clean, moved, *spoilt = copies.copies(picture)
        assert copies.copies(picture) == [clean, moved, *spoilt], "chance is fixed"
        assert not clean.flaw
        assert not moved.flaw
        assert len(spoilt) == 4
        for mild, severe in (spoilt[:2], spoilt[2:]):
            assert (mild.flaw, mild.seed, mild.file) == (severe.flaw, severe.seed, severe.file)
            assert mild.strength < severe.strength
            assert not copies.KINDS[mild.flaw].held_out
            assert mild.file in (copies.File(), clean.file)
            saved += mild.file == clean.file
    assert saved > 20
    rgb = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for copy in copies.copies(7):
        assert copy.pixels(rgb).dtype == np.uint8


def test_the_slopes_are_those_of_the_losses(recipe: dict[str, ModuleType]) -> None:
    fit = recipe["fit"]
    random = np.random.default_rng(0)
    plan = fit.Plan(units=5, copied=3, dropout=0.0, quality_order=0.7, order=0.9, alike=1.3)
    network = fit.Network.fresh(7, 5, random)
    network.layers = {name: layer.astype(float) for name, layer in network.layers.items()}
    seen = random.standard_normal((4 * 3, 7))
    margins = np.array([0.3, 5.0, 0.6])
    mask = np.ones((len(seen), 5))

    def loss() -> float:
        original, copy, companion, spoilt = network.forward(seen)[1].reshape(4, 3, 2)
        alike = np.array([plan.alike, 0.3 * plan.alike])
        missed = np.stack([margins, 1.5 * margins], axis=1) - companion + spoilt
        order = np.array([plan.order, plan.quality_order])
        return float((alike * (original - copy) ** 2 + order * np.maximum(missed, 0)).sum() / 3)

    units, said = network.forward(seen)
    slopes = network.slopes(seen, mask, units, fit._copied(said, margins, plan))
    for name, layer in network.layers.items():
        place = tuple(random.integers(side) for side in layer.shape)
        kept, step = layer[place], 1e-6
        layer[place] = kept + step
        above = loss()
        layer[place] = kept - step
        below = loss()
        layer[place] = kept
        assert slopes[name][place] == pytest.approx((above - below) / (2 * step), abs=1e-6), name


def test_a_head_learns_what_it_is_shown(recipe: dict[str, ModuleType]) -> None:
    fit = recipe["fit"]
    random = np.random.default_rng(1)
    seen = random.standard_normal((600, 9)).astype(np.float32)
    truth = seen[:, 0] - 0.5 * seen[:, 1]
    quality = np.where(np.arange(600) < 300, seen[:, 2], np.nan).astype(np.float32)
    wanted = fit.Wanted(truth, quality, np.ones(600, np.float32))
    pairs = fit.Pairs({0: 500}, {0: [501]}, {0: [(502, 503, 0.5)]})
    plan = fit.Plan(units=24, epochs=30, decay=0.1, order=0.0, alike=0.0, batch=64, copied=1)
    network = fit.fit(seen, np.arange(500), wanted, pairs, plan, seed=0)
    said = network.predict(seen[504:])
    assert np.corrcoef(said[:, 0], truth[504:])[0, 1] > 0.9
    assert np.corrcoef(said[:, 1], seen[504:, 2])[0, 1] > 0.8
    two = fit.Network.together([network, network])
    np.testing.assert_allclose(two.predict(seen), network.predict(seen), atol=1e-4)


def test_the_grafted_file_says_what_the_head_says(
    recipe: dict[str, ModuleType], tmp_path: Path
) -> None:
    graft = recipe["graft"]
    default = find_weights().file(ONNX_NAME)
    graft.opened(default, tmp_path / "opened.onnx")
    engine = OnnxEngine(tmp_path / "opened.onnx")
    random = np.random.default_rng(0)
    batch = random.uniform(-1, 1, (3, 3, 64, 96)).astype(np.float32)
    (taps,) = engine.fetch([graft.SEEN], batch)
    maps = engine.fetch([f"tap:{name}" for name in graft.TAPS], batch)
    pooled = [np.concatenate([m.mean((2, 3)), m.std((2, 3))], axis=1) for m in maps]
    np.testing.assert_allclose(taps, np.concatenate(pooled, axis=1), atol=2e-3)
    before = engine.run(batch, features=True)
    weight = random.standard_normal((taps.shape[1], 8)).astype(np.float32) / 400
    head = graft.Head(
        weight=weight,
        bias=random.standard_normal(8).astype(np.float32),
        order=random.standard_normal(8).astype(np.float32),
        output=random.standard_normal((8, 2)).astype(np.float32) / 4,
        shift=np.array([5.4, 0.1], np.float32),
        share=np.array([0.2, 0.3], np.float32),
        pairs=0.25,
    )
    graft.graft(default, head, tmp_path / "grafted.onnx")
    after = OnnxEngine(tmp_path / "grafted.onnx").run(batch, features=True)
    score, technical = head.of(taps, before.technical)
    np.testing.assert_array_equal(after.features, before.features)
    np.testing.assert_allclose(after.technical, technical, atol=2e-3)
    means = after.probabilities @ np.arange(1, 11)
    np.testing.assert_allclose(means, score, atol=0.1)  # votes end at 1 and 10


def test_para_is_read_as_its_authors_pack_it(recipe: dict[str, ModuleType], tmp_path: Path) -> None:
    steps = [f"{1 + k / 2:.1f}" for k in range(9)]
    header = ["imageName", "sessionId", "semantic"]
    header += [f"aestheticScore_{s}" for s in steps] + [f"qualityScore_{s}" for s in steps]
    folder = tmp_path / "PARA"
    (folder / "annotation").mkdir(parents=True)
    (folder / "imgs").mkdir()
    with (folder / "annotation/PARA-GiaaTrain.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(header)
        for number in range(6):
            beauty, quality = [0] * 9, [0] * 9
            beauty[number], quality[8 - number] = 10, 10
            table.writerow([f"p{number}.jpg", f"session{number // 2}", "food", *beauty, *quality])
    para = recipe["pictures"].read_para(folder)
    assert [image.id for image in para.rated.images][:2] == ["session0/p0.jpg", "session0/p1.jpg"]
    assert np.all(np.diff(para.mean) > 0)
    assert np.all(np.diff(para.quality) < 0)
    assert para.fold.tolist() == [0, 0, 1, 1, 2, 2]
