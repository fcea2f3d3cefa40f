"""Are the explanations true? Every claim of docs/explanations.md, measured.

    python benchmarks/explain/run.py ../shared --into benchmarks/explain/results.json
    python benchmarks/explain/page.py

`--only` runs some of the steps and leaves what the file has of the others.

Reads photographs under SHARED/data/photos, of which every sixth is reserved by recipes/default: no
model was trained on them, and nothing of the explanations was tuned on them (that was done on
OASIS's). The second model for crops is NIMA, SHARED/models. Needs the extra "train".
Intervals are 95 %, by resampling pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, cast

import numpy as np
import onnx
from attributes import attribute_figures
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from faces import face_figures
from ilgnet.explanation.changes import best_crop, cropped, score_all, small_copy
from ilgnet.explanation.explain import explain
from ilgnet.explanation.heat_map import (
    HeatMap,
    blurred_copy,
    occlusion_map,
    parts,
    plain_card,
    replacement_map,
)
from ilgnet.explanation.targets import Predictor
from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import resize_rgb
from ilgnet.models.export import export_onnx
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.trunks.mobilenet import NIMA_INPUT, MobileNet, load_keras
from ilgnet.scoring import Scorer, load
from ilgnet.zoo.records import ONNX_NAME, Weights, write_weights

RGB = NDArray[np.uint8]
FOLDERS = ("imagenet_samples", "bsds500")
GRID = 14
STEPS = 7


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--pictures", type=int, default=40)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--only", nargs="*")
    given = parser.parse_args()
    pictures = [read_image(path).rgb for path in reserved(given.shared, given.pictures)]
    scorer = load()
    steps: dict[str, Callable[[], Any]] = {
        "curves, parts": lambda: curves(scorer, pictures, "parts"),
        "curves, occlusion": lambda: curves(scorer, pictures, "occlusion"),
        "sums": lambda: sums(scorer, pictures),
        "targets": lambda: alike(pictures, lambda rgb: two_targets(scorer, rgb)),
        "weights": lambda: random_weights(scorer, pictures),
        "flips": lambda: flips(scorer, pictures),
        "shifts": lambda: shifts(scorer, pictures),
        "replacement": lambda: replacements(scorer, pictures),
        "crops": lambda: crops(scorer, pictures, given.shared),
        "time": lambda: times(scorer, pictures),
        "attributes": lambda: attribute_figures(pictures),
        "faces": lambda: face_figures(given.shared),
    }
    for name in given.only or steps:
        found = steps[name]()
        if name not in ("attributes", "faces"):  # these two ask no model
            found = {"model": scorer.weights.name, "pictures": len(pictures), **found}
        record = json.loads(given.into.read_text()) if given.into.exists() else {}
        given.into.write_text(json.dumps({**record, name: found}, indent=1) + "\n")
        print(name, json.dumps(found), file=sys.stderr, flush=True)


def reserved(shared: Path, count: int) -> list[Path]:
    """Pictures of every sixth place, as recipes/default/material.py reserves them, spread out."""
    every = [
        path
        for folder in FOLDERS
        for path in sorted((shared / "data/photos" / folder).iterdir())
        if path.suffix.lower() in (".jpg", ".jpeg", ".png")
    ][5::6]
    return [every[round(i)] for i in np.linspace(0, len(every) - 1, min(count, len(every)))]


# ---- deletion and insertion ----


def curves(scorer: Scorer, pictures: list[RGB], method: str) -> dict[str, Any]:
    """How the score falls as places go, best first, and rises as they come (Petsiuk 2018)."""
    random = np.random.default_rng(0)
    predictor = Predictor(scorer)
    y, x = np.mgrid[:GRID, :GRID] - (GRID - 1) / 2
    areas: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for rgb in pictures:
        seen = cast(RGB, resize_rgb(rgb, scorer.weights.preprocess))
        maps = {
            method: on_grid(map_of(scorer, rgb, method)),
            "random": random.random((GRID, GRID)),
            "centre": -np.hypot(x, y),
        }
        for name, values in maps.items():
            for kind, empty in (("blurred", blurred_copy(seen)), ("card", plain_card(seen))):
                scores = predictor.inputs(steps_of(seen, empty, values))
                half = len(scores) // 2
                pair = float(scores[:half].mean()), float(scores[half:].mean())
                areas.setdefault((name, kind), []).append(pair)
    found: dict[str, Any] = {}
    for kind in ("blurred", "card"):
        ours = np.array(areas[method, kind])
        for prior in ("random", "centre"):
            other = np.array(areas[prior, kind])
            found[f"{kind}, {prior}"] = {
                "deletion": interval(other[:, 0] - ours[:, 0]),
                "insertion": interval(ours[:, 1] - other[:, 1]),
            }
    return found


def map_of(scorer: Scorer, rgb: RGB, method: str) -> HeatMap:
    """A map by one of the two methods."""
    if method == "occlusion":
        return occlusion_map(Predictor(scorer), rgb)
    exact = parts(scorer, rgb)
    assert exact is not None, "this model's head cannot be taken apart"
    return exact.whole


def on_grid(heat: HeatMap) -> NDArray[np.float64]:
    """A map at the curves' resolution."""
    method = Image.Resampling.BOX if heat.values.shape[0] > GRID else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(heat.values).resize((GRID, GRID), method), np.float64)


def steps_of(seen: RGB, empty: RGB, values: NDArray[np.float64]) -> Iterator[RGB]:
    """The picture as its places go, best first; then the empty one as they come."""
    order = np.argsort(-values.ravel(), kind="stable")
    rank = np.empty(GRID * GRID, int)
    rank[order] = np.arange(GRID * GRID)
    rows = np.arange(seen.shape[0]) * GRID // seen.shape[0]
    columns = np.arange(seen.shape[1]) * GRID // seen.shape[1]
    place = rank.reshape(GRID, GRID)[np.ix_(rows, columns)][:, :, None]
    for start, end in ((seen, empty), (empty, seen)):
        for step in range(1, STEPS):
            yield np.where(place < step * GRID * GRID / STEPS, end, start)


# ---- what a true map must do ----


def sums(scorer: Scorer, pictures: list[RGB]) -> dict[str, Any]:
    """The parts add up to the distance between the two scores."""
    exact = [parts(scorer, rgb) for rgb in pictures]
    missing = [abs(each.missing) for each in exact if each is not None]
    distance = [abs(each.whole.value - each.whole.baseline) for each in exact if each is not None]
    return {
        "largest": max(missing),
        "mean": float(np.mean(missing)),
        "mean distance": float(np.mean(distance)),
        "pictures": len(missing),
    }


def correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Pearson's, of two maps; 0 where one is flat."""
    if one.std() == 0 or other.std() == 0:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def alike(pictures: list[RGB], pair: Callable[[RGB], float | None]) -> dict[str, float]:
    """The mean correlation of pairs of maps, with its interval."""
    found = [value for value in map(pair, pictures) if value is not None]
    return interval(np.array(found))


def two_targets(scorer: Scorer, rgb: RGB) -> float:
    """The map of the score beside that of `technical`."""
    one, other = (occlusion_map(Predictor(scorer, t), rgb) for t in ("score", "technical"))
    return correlation(one.values, other.values)


def random_weights(scorer: Scorer, pictures: list[RGB]) -> dict[str, Any]:
    """Maps of the model beside those of the same network with its weights shuffled."""
    with tempfile.TemporaryDirectory() as folder:
        other = shuffled(scorer, Path(folder))

        def exact(rgb: RGB) -> float | None:
            one, two = parts(scorer, rgb), parts(other, rgb)
            return correlation(one.whole.values, two.whole.values) if one and two else None

        return {
            "occlusion": alike(
                pictures,
                lambda rgb: correlation(
                    occlusion_map(Predictor(scorer), rgb).values,
                    occlusion_map(Predictor(other), rgb).values,
                ),
            ),
            "parts": alike(pictures, exact),
        }


def shuffled(scorer: Scorer, folder: Path) -> Scorer:
    """The model with the values of every weight in another order (Adebayo 2018)."""
    random = np.random.default_rng(0)
    model = onnx.load(str(scorer.weights.file(ONNX_NAME)))
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.ndim >= 2:
            mixed = random.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(onnx.numpy_helper.from_array(mixed, tensor.name))
    onnx.save(model, str(folder / ONNX_NAME))
    write_weights(scorer.weights, folder)
    return load(folder)


def flips(scorer: Scorer, pictures: list[RGB]) -> dict[str, Any]:
    """The map of a mirrored picture, mirrored back, beside the picture's."""
    return followed(scorer, pictures, lambda rgb: (rgb, rgb[:, ::-1]), lambda a, b: (a, b[:, ::-1]))


def shifts(scorer: Scorer, pictures: list[RGB]) -> dict[str, Any]:
    """The maps of two parts of a picture, one place apart, where they overlap."""

    def two(rgb: RGB) -> tuple[RGB, RGB]:
        step = rgb.shape[1] // 8
        return rgb[:, : 7 * step], rgb[:, step : 8 * step]

    def common(a: NDArray[Any], b: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        step = a.shape[1] // 7
        return a[:, step:], b[:, :-step]

    return followed(scorer, pictures, two, common)


def followed(
    scorer: Scorer,
    pictures: list[RGB],
    versions: Callable[[RGB], tuple[RGB, RGB]],
    common: Callable[[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]],
) -> dict[str, Any]:
    """How alike the maps of two versions are; and as they lie, unmoved, to compare."""
    found: dict[str, list[float]] = {}
    for rgb in pictures:
        one, other = (np.ascontiguousarray(version) for version in versions(rgb))
        maps = {
            "occlusion": [occlusion_map(Predictor(scorer), each).values for each in (one, other)]
        }
        exact = [parts(scorer, each) for each in (one, other)]
        if exact[0] is not None and exact[1] is not None:
            maps["parts"] = [each.whole.values for each in exact if each is not None]
        for name, (a, b) in maps.items():
            found.setdefault(name, []).append(correlation(*common(a, b)))
            found.setdefault(f"{name}, unmoved", []).append(correlation(a, b))
    return {name: interval(np.array(values)) for name, values in found.items()}


# ---- one frame beside another ----


def replacements(scorer: Scorer, pictures: list[RGB]) -> dict[str, Any]:
    """Does the map of A over B find where B was degraded, and is B mended fastest in its order?

    B is A with two of its ninths blurred. The order of the map is beside a random one.
    """
    random = np.random.default_rng(0)
    predictor = Predictor(scorer, "frame_score")
    first, both, mended = [], [], []
    for rgb in pictures:
        seen = cast(RGB, resize_rgb(rgb, scorer.weights.preprocess))
        degraded = random.choice(9, 2, replace=False)
        frame, blurred = seen.copy(), blurred_copy(seen)
        rows, columns = (np.arange(side) * 3 // side for side in seen.shape[:2])
        inside = np.isin(3 * rows[:, None] + columns, degraded)
        frame[inside] = blurred[inside]
        heat = replacement_map(predictor, frame, seen)
        order = np.argsort(-on_thirds(heat.values))
        first.append(float(order[0] in degraded))
        both.append(float(set(order[:2]) == set(degraded)))
        curves_ = []
        for values in (on_grid(heat), random.random((GRID, GRID))):
            scores = predictor.inputs(steps_of(frame, seen, values))
            curves_.append(float(scores[: len(scores) // 2].mean()))
        mended.append(curves_[0] - curves_[1])
    return {
        "the first ninth is a degraded one (by chance 0.22)": interval(np.array(first)),
        "the first two are the degraded ones (by chance 0.03)": interval(np.array(both)),
        "votes by which mending in its order is ahead of a random order": interval(
            np.array(mended)
        ),
    }


def on_thirds(values: NDArray[Any]) -> NDArray[np.float64]:
    """The sums of a map over the ninths of the picture, row by row."""
    rows, columns = (np.arange(side) * 3 // side for side in values.shape)
    place = 3 * rows[:, None] + columns
    weights = values.ravel().astype(np.float64)
    return np.bincount(place.ravel(), weights=weights, minlength=9).astype(np.float64)


# ---- time ----

LARGE: int = 4000
"""Long side in pixels of the pictures that are explained for the clock: 12 megapixels."""


IDLE: float = 0.5
"""Load below which a machine does nothing else."""


def times(scorer: Scorer, pictures: list[RGB]) -> dict[str, Any]:
    """Seconds from a JPEG file of 12 megapixels to its explanation, and beside it to its score.

    Processor seconds, of all threads together, hardly depend on what else the machine does; those
    of the clock are told only where it does nothing else.
    """
    load = os.getloadavg()[0]
    taken: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.jpg"
        for rgb in [pictures[0], *pictures]:  # the first one warms up
            size = (LARGE, 3 * LARGE // 4)
            Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC).save(path, quality=90)
            for name, work in (
                ("scored", lambda: scorer.score(path)),
                ("without what if", lambda: explain(path, scorer, changes=False)),
                ("explained", lambda: explain(path, scorer)),
            ):
                begun = perf_counter(), process_time()
                work()
                spent = perf_counter() - begun[0], process_time() - begun[1]
                taken.setdefault(name, []).append(spent)
    every = {name: np.array(each[1:]) for name, each in taken.items()}
    found: dict[str, Any] = {}
    for place, kind in enumerate(("seconds", "processor seconds")):
        for name, each in every.items() if place or load < IDLE else ():
            found[f"{kind}, {name}"] = interval(each[:, place])
    ratio = every["explained"][:, 1] / every["scored"][:, 1]
    return {
        **found,
        "processor seconds, in times of scored": interval(ratio),
        "threads": scorer.threads,
        "load of the minute before": load,
    }


# ---- crops on a second model ----


def crops(scorer: Scorer, pictures: list[RGB], shared: Path) -> dict[str, Any]:
    """How often NIMA, too, prefers the suggested crop to the whole; and any crop of its size."""
    random = np.random.default_rng(0)
    gains, others, ours = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        nima = second_model(shared, Path(folder))
        for rgb in pictures:
            crop = best_crop(scorer, rgb)
            if crop is None:
                continue
            side = crop.box[2] - crop.box[0]
            left, top = random.uniform(0, 1 - side, 2)
            small = small_copy(rgb, nima)
            boxes = [crop.box, (left, top, left + side, top + side)]
            whole, best, other = score_all(nima, [small, *(cropped(small, b) for b in boxes)])
            ours.append(crop.gain)
            gains.append(best.score - whole.score)
            others.append(other.score - whole.score)
    gain, other_gain = np.array(gains), np.array(others)
    return {
        "suggested": len(gains),
        "of": len(pictures),
        "gain": interval(np.array(ours)),
        "second model prefers": interval((gain > 0).astype(float)),
        "second model's gain": interval(gain),
        "second model prefers a random crop of that size": interval((other_gain > 0).astype(float)),
        "second model's gain by a random crop": interval(other_gain),
    }


def second_model(shared: Path, folder: Path) -> Scorer:
    """NIMA as it was trained on AVA, as a model folder."""
    import torch

    arrays = load_file(shared / "models/nima_mobilenet_ava.safetensors")
    trunk = MobileNet()
    load_keras(trunk, arrays)
    network = ILGNet(trunk, {"block13": None}, "mean", None, "votes").eval()
    network.output.weight.data = torch.from_numpy(arrays["dense_1/kernel"].T.copy())
    network.output.bias.data = torch.from_numpy(arrays["dense_1/bias"].copy())
    export_onnx(network, folder / ONNX_NAME)
    record = Weights(
        name="nima",
        architecture="nima",
        output="votes",
        preprocess=NIMA_INPUT,
        mean_error=0.5,
        licence="Apache-2.0",
        about="NIMA.",
    )
    write_weights(record, folder)
    return load(folder)


def interval(values: NDArray[np.float64]) -> dict[str, float]:
    """A mean with its 95 % interval over pictures."""
    random = np.random.default_rng(0)
    means = values[random.integers(0, len(values), (2000, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


if __name__ == "__main__":
    main()
