"""Make the default model again, and measure it.

    make weights SHARED=../shared          (or: python recipes/default/make.py ../shared)

Reads the pictures, ratings and starting weights under SHARED, measures on held-out folds, trains on
everything but the reserved photographs, and writes the model's folder. About twenty minutes and
4 GB on two cores; nothing is random but what the seeds fix.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from card import ABOUT, WORDS
from material import FOLDS, Material, Nima, read_material
from measure import degradation_figures, milliseconds, oasis_figures, rank_correlation
from numpy.typing import NDArray
from taps import PooledTaps, pool_views
from teacher import LITE_INPUT, imagenet_lite2, ridge, similarity
from train import ARCHITECTURE, Head, Plan, Views, calibrate, fit, predict
from views import UNTAUGHT, View, look, spoilt_views, training_views
from votes import (
    AVA_SPREAD,
    AVA_SPREAD_DEVIATION,
    Array,
    gaussian_votes,
    moments,
    on_ava_scale,
    standing,
)

from ilgnet.data.overlap import write_trained_on
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.images.preprocess import prepare
from ilgnet.models.export import export_onnx
from ilgnet.models.ilgnet import ILGNet, NetworkOutput
from ilgnet.models.registry import create
from ilgnet.models.trunks.mobilenet import NIMA_INPUT
from ilgnet.zoo.records import BUILTIN, ONNX_NAME, Weights, read_weights, write_weights

SEEDS = (0, 1, 2)
STRENGTHS = (0.3, 0.6, 0.9)
Rows = NDArray[np.int64]


class Study:
    """Everything that is computed once: pooled taps, NIMA's votes, the teacher's features."""

    def __init__(self, shared: Path, cores: int) -> None:
        self.material = read_material(shared)
        self.nima = Nima(shared / "models/nima_mobilenet_ava.safetensors")
        taps = PooledTaps(self.nima.trunk, list(create(ARCHITECTURE).taps))
        views = training_views(self.material)
        pooled = pool_views(taps, NIMA_INPUT, self.material, views, cores)
        self.data = Views.of(views, pooled)
        self.originals = np.array([self.data.clean[p][0] for p in range(len(self.material.paths))])
        self.nima_votes = self.nima.votes(pooled[self.originals][:, -2048:-1024])
        lite = imagenet_lite2()
        as_they_are = [View(picture) for picture in range(len(self.material.paths))]
        content = pool_views(
            PooledTaps(lite, list(lite.maps)), LITE_INPUT, self.material, as_they_are, cores
        )
        self.kernel = similarity(content, pooled[self.originals])

    @property
    def unrated(self) -> Rows:
        """Unrated pictures that may be trained on."""
        return np.flatnonzero(~self.material.rated & ~self.material.reserved)

    def targets(self, rated: Rows, plan: Plan) -> Array:
        """Votes (N, 10) that the network should give, from the ratings in `rated` alone.

        A rated picture gets its own votes. An unrated one gets the average of the teacher's
        opinion and NIMA's, each as a standing among the unrated pictures; averages vary less than
        what they average, and so do these.
        """
        material, unrated = self.material, ~self.material.rated
        nima_mean, nima_spread = moments(self.nima_votes)

        def average(ratings: Array, opinion: Array, weight: float, width: float) -> Array:
            taught = ridge(self.kernel, rated, ratings[rated])[unrated]
            both = standing(taught, taught) + weight * standing(opinion, opinion)
            return np.concatenate([standing(ratings, ratings[rated]), width * standing(both, both)])

        mean = average(material.mean, nima_mean[unrated], plan.ava, 0.85)
        spread = average(material.std, nima_spread[unrated], 1.0, 0.7)
        return gaussian_votes(on_ava_scale(mean), AVA_SPREAD + AVA_SPREAD_DEVIATION * spread)

    def train(self, rated: Rows, plan: Plan, seed: int) -> tuple[ILGNet, Head]:
        """One run."""
        pictures = np.concatenate([np.repeat(rated, plan.rated), self.unrated])
        return fit(self.nima.trunk, self.data, pictures, self.targets(rated, plan), plan, seed)

    def held_out(self, plan: Plan, seeds: Sequence[int]) -> tuple[Array, Array]:
        """Means and spreads (S, R) by networks that saw nothing of the picture's fold."""
        fold = self.material.fold
        means, spreads = np.empty((2, len(seeds), len(fold)))
        for index, seed in enumerate(seeds):
            for number in range(FOLDS):
                _, head = self.train(np.flatnonzero(fold != number), plan, seed)
                test = np.flatnonzero(fold == number)
                votes = predict(head, self.data.pooled[self.originals[test]])
                means[index, test], spreads[index, test] = moments(votes)
                print(f"seed {seed}, fold {number} done", flush=True)
        return means, spreads


class Served(torch.nn.Module):
    """The network as it is exported: its features are the last map's pooled channels.

    They tell pictures apart by content, which bursts and taste need; the connected layer, which
    the network itself passes on, knows beauty alone.
    """

    def __init__(self, network: ILGNet) -> None:
        super().__init__()
        self.network = network
        self.trunk, self.taps, self.reduce = network.trunk, network.taps, network.reduce

    def forward(self, images: torch.Tensor) -> NetworkOutput:
        """(N, 3, h, w) -> the same output with other features."""
        output = self.network(images)
        *_, last = output.taps.values()
        return output._replace(features=last.mean(dim=(2, 3)))


def main() -> None:
    """Read, measure, train, export, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=BUILTIN / "default")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--words", action="store_true", help="only renew the card's sentences")
    options = parser.parse_args()
    if options.words:
        renew_words(options.out)
        return
    torch.set_num_threads(options.cores)
    study, plan = Study(options.shared, options.cores), Plan()
    material = study.material

    means, spreads = study.held_out(plan, SEEDS)
    global_only, _ = study.held_out(replace(plan, local=False), SEEDS[:1])
    oasis = oasis_figures(material, means, spreads) | {
        "srcc_of_local_and_global_features_with_the_first_seed": rank_correlation(
            means[0], material.mean
        ),
        "srcc_of_the_global_features_alone_with_the_first_seed": rank_correlation(
            global_only, material.mean
        ),
        "conditions": "Five folds grouped by theme, mean of three seeds, interval over pictures; "
        "the network that judges a picture saw nothing of its fold",
    }
    print(json.dumps(oasis, indent=1), flush=True)
    worst(material, means.mean(axis=0))

    network, head = study.train(np.flatnonzero(material.rated), plan, seed=0)
    scale_like_ava(study, head)
    head.fold()
    options.out.mkdir(parents=True, exist_ok=True)
    export_onnx(Served(network), options.out / ONNX_NAME)
    figures = {"OASIS, held-out folds": oasis, **shipped_figures(study, options)}
    record = Weights(
        name="ilgnet_mobilenet.ava_oasis",
        architecture=ARCHITECTURE,
        output="votes",
        preprocess=NIMA_INPUT,
        mean_error=oasis["mean_error"],
        licence="Apache-2.0",
        about=ABOUT,
        trained_on=tuple(write_trained_on(options.out, rated) for rated in material.sets()),
        metrics={**figures, **WORDS},
        recipe="recipes/default/make.py",
    )
    write_weights(record, options.out)


def renew_words(folder: Path) -> None:
    """Put the sentences of card.py into a record that is already there."""
    record = read_weights(folder)
    write_weights(replace(record, about=ABOUT, metrics={**record.metrics, **WORDS}), folder)


def scale_like_ava(study: Study, head: Head) -> None:
    """Refit the output layer so that ordinary photographs' scores spread as AVA's do.

    Ordinary are all pictures at hand; no rating is used, only the scores' mean and deviation.
    """
    pooled = study.data.pooled[study.originals]
    for _ in range(3):  # the refit is not exact; what is left shrinks each time
        mean, spread = moments(predict(head, pooled))
        calibrate(head, pooled, gaussian_votes(on_ava_scale(standing(mean, mean)), spread))


def shipped_figures(study: Study, options: argparse.Namespace) -> dict[str, object]:
    """The ONNX file itself, on the photographs that no model was trained on."""
    path, material = options.out / ONNX_NAME, study.material
    engine = OnnxEngine(path)
    reserved = np.flatnonzero(material.reserved)
    views = spoilt_views(reserved.tolist(), UNTAUGHT, STRENGTHS)
    scores = score_views(engine, material, views, options.cores)
    everything = score_views(
        engine, material, [View(p) for p in range(len(material.paths))], options.cores
    )
    nima_mean, _ = moments(study.nima_votes)
    return {
        "Photographs never trained on": {
            "srcc_with_nima": rank_correlation(everything[reserved], nima_mean[reserved]),
            **degradation_figures(views, scores),
            "images": len(reserved),
            "conditions": "The shipped ONNX on every sixth unrated photograph, reserved from the "
            "start; spoilt in ways that training never showed, at strengths 0.3, 0.6 and 0.9",
        },
        "Scale and cost": {
            "mean_score": round(float(everything.mean()), 3),
            "deviation_of_scores": round(float(everything.std()), 3),
            "milliseconds_a_picture": milliseconds(path, NIMA_INPUT.height),
            "megabytes": round(path.stat().st_size / 1e6, 1),
            "conditions": f"{len(everything)} photographs (the scores' mean and deviation were set "
            "on them); ONNX Runtime, one core, batch of eight, fastest of fifteen runs",
        },
    }


def score_views(engine: OnnxEngine, material: Material, views: Sequence[View], cores: int) -> Array:
    """The shipped network's mean votes (V,)."""

    def score(start: int) -> Array:
        images = [prepare(look(material, v), NIMA_INPUT) for v in views[start : start + 8]]
        return moments(engine.run(np.stack(images)).probabilities.astype(np.float64))[0]

    with ThreadPoolExecutor(cores) as pool:
        return np.concatenate(list(pool.map(score, range(0, len(views), 8))))


def worst(material: Material, means: Array, count: int = 12) -> None:
    """Print the pictures whose standing is missed by most, for the card's sentences."""
    error = standing(means, means) - standing(material.mean, material.mean)
    for row in np.argsort(-np.abs(error))[:count]:
        print(
            f"{error[row]:+.2f} deviations: {material.paths[row].name} ({material.category[row]})"
        )


if __name__ == "__main__":
    main()
