"""Make the default model again, and measure it.

    make weights SHARED=../shared          (or: python recipes/default/make.py ../shared)

Reads the pictures, ratings and starting weights under SHARED, measures on held-out folds, trains on
everything but the reserved photographs, and writes the model's folder. Less than an hour, 11 GB of
memory and 8 GB of disk on two cores; nothing is random but what the seeds fix.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from card import ABOUT, words
from graft import GraftPlan, fresh_graft, grafted, teach
from maps import LITE_TAPS, POOLING, show
from material import FOLDS, Material, Nima, read_material
from measure import degradation_figures, milliseconds, oasis_figures, rank_correlation
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
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
from ilgnet.models.export import export_onnx, store_halves
from ilgnet.models.ilgnet import ILGNet, NetworkOutput, as_vector
from ilgnet.models.registry import architecture
from ilgnet.models.trunks.grafted_lite import FIRST_BLOCK, Graft, GraftedLite
from ilgnet.scoring import Scorer
from ilgnet.training.memory import keep_freed_memory
from ilgnet.values import Verdict
from ilgnet.zoo.records import BUILTIN, ONNX_NAME, Weights, read_weights, write_weights

SEEDS = (0, 1, 2)
STRENGTHS = (0.3, 0.6, 0.9)
Rows = NDArray[np.int64]


INPUT = architecture(ARCHITECTURE).preprocess


class Study:
    """Everything that is computed once: what frozen networks show, NIMA's votes, the teacher."""

    def __init__(self, shared: Path, work: Path, cores: int) -> None:
        self.work = work
        self.material = read_material(shared)
        self.nima = Nima(shared / "models/nima_mobilenet_ava.safetensors")
        self.lite = imagenet_lite2()
        self.views = training_views(self.material)
        self.shown = show(self.lite, INPUT, self.nima, self.material, self.views, work, cores)
        self.originals = np.array([r for r, v in enumerate(self.views) if v.kind == "original"])
        nima_taps = as_vector(
            torch.from_numpy(self.shown.nima[self.originals].astype(np.float32)), POOLING
        ).numpy()
        self.nima_votes = self.nima.votes(nima_taps[:, :1024])
        as_they_are = [View(picture) for picture in range(len(self.material.paths))]
        content = pool_views(
            PooledTaps(self.lite, list(self.lite.maps)),
            LITE_INPUT,
            self.material,
            as_they_are,
            cores,
        )
        self.kernel = similarity(content, nima_taps)

    def grafted(self, pictures: Rows) -> Taught:
        """A graft taught on some pictures, and what the whole trunk then shows of every view."""
        graft = self._graft(pictures, GraftPlan())
        *local, head = (self.shown.pooled[name] for name in LITE_TAPS)
        pooled = np.concatenate([*local, grafted(graft, self.shown), head], axis=1)
        trunk = GraftedLite()
        trunk.lite.load_state_dict(self.lite.state_dict())
        trunk.graft.load_state_dict(graft.state_dict())
        return Taught(trunk.eval(), Views.of(self.views, pooled))

    def _graft(self, pictures: Rows, plan: GraftPlan) -> Graft:
        """The graft that was taught so before, or a newly taught one."""
        asked = f"{plan} {FIRST_BLOCK} {pictures.tolist()} {self.views}"
        path = self.work / f"graft-{hashlib.sha256(asked.encode()).hexdigest()[:12]}.safetensors"
        if path.is_file():
            graft = fresh_graft(self.shown, self.nima)
            graft.load_state_dict(load_file(path))
            return graft.eval()
        graft = teach(self.shown, self.views, pictures, self.nima, plan)
        save_file(graft.state_dict(), path)
        return graft

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

    def train(self, taught: Taught, rated: Rows, plan: Plan, seed: int) -> tuple[ILGNet, Head]:
        """One run of the head."""
        pictures = np.concatenate([np.repeat(rated, plan.rated), self.unrated])
        return fit(taught.trunk, taught.data, pictures, self.targets(rated, plan), plan, seed)

    def held_out(self, taught: Taught, plan: Plan, seeds: Sequence[int]) -> tuple[Array, Array]:
        """Means and spreads (S, R) by networks that saw nothing of the picture's fold.

        Each is exported as the shipped one is and scores the files as users do.
        """
        fold = self.material.fold
        means, spreads = np.empty((2, len(seeds), len(fold)))
        for index, seed in enumerate(seeds):
            for number in range(FOLDS):
                network, head = self.train(taught, np.flatnonzero(fold != number), plan, seed)
                head.fold()
                test = np.flatnonzero(fold == number)
                votes = scored(network, [self.material.paths[row] for row in test])
                means[index, test], spreads[index, test] = moments(votes)
                print(f"seed {seed}, fold {number} done", flush=True)
        return means, spreads


@dataclass(frozen=True)
class Taught:
    """A trunk whose graft is taught, and what it shows of every training view."""

    trunk: GraftedLite
    data: Views


class Served(torch.nn.Module):
    """The network as it is exported: its features are the pooled channels of the Lite's last map.

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


def write_onnx(network: ILGNet, path: Path) -> None:
    """As the package ships it."""
    export_onnx(Served(network), path)
    store_halves(path)


def scored(network: ILGNet, paths: Sequence[Path]) -> Array:
    """Votes (N, 10) of files, through the way that users score."""
    with tempfile.TemporaryDirectory() as folder:
        write_onnx(network, Path(folder) / ONNX_NAME)
        weights = Weights("held_out", ARCHITECTURE, "votes", INPUT, 1.0, "", "")
        outcomes = Scorer(weights, OnnxEngine(Path(folder) / ONNX_NAME)).score_many(paths)
        return np.array([outcome.votes for outcome in outcomes if isinstance(outcome, Verdict)])


def main() -> None:
    """Read, measure, train, export, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=BUILTIN / "default")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, help="keep there what takes long, and use it again")
    parser.add_argument("--words", action="store_true", help="only renew the card's sentences")
    options = parser.parse_args()
    if options.words:
        renew_words(options.out)
        return
    torch.set_num_threads(options.cores)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        make(Study(options.shared, work, options.cores), Plan(), options)


def make(study: Study, plan: Plan, options: argparse.Namespace) -> None:
    """Measure on held-out folds, then train on everything that may be learned from."""
    material = study.material
    # For measuring, not even the graft, which learns from no rating, sees a rated picture.
    taught = study.grafted(study.unrated)
    means, spreads = study.held_out(taught, plan, SEEDS)
    global_only, _ = study.held_out(taught, replace(plan, local=False), SEEDS[:1])
    oasis = oasis_figures(material, means, spreads) | {
        "srcc_of_local_and_global_features_with_the_first_seed": rank_correlation(
            means[0], material.mean
        ),
        "srcc_of_the_global_features_alone_with_the_first_seed": rank_correlation(
            global_only, material.mean
        ),
        "conditions": "Five folds grouped by theme, mean of three seeds, interval over pictures; "
        "the network that judges a picture saw nothing of its fold, was exported as the shipped "
        "one and scored the files",
    }
    print(json.dumps(oasis, indent=1), flush=True)
    worst(material, means.mean(axis=0))

    taught = study.grafted(np.flatnonzero(~material.reserved))
    network, head = study.train(taught, np.flatnonzero(material.rated), plan, seed=0)
    scale_like_ava(head, taught.data.pooled[study.originals])
    head.fold()
    options.out.mkdir(parents=True, exist_ok=True)
    write_onnx(network, options.out / ONNX_NAME)
    figures = {"OASIS, held-out folds": oasis, **shipped_figures(study, options)}
    record = Weights(
        name="ilgnet_grafted_lite2.ava_oasis",
        architecture=ARCHITECTURE,
        output="votes",
        preprocess=INPUT,
        mean_error=oasis["mean_error"],
        licence="Apache-2.0",
        about=ABOUT,
        trained_on=tuple(write_trained_on(options.out, rated) for rated in material.sets()),
        metrics={**figures, **words(figures)},
        recipe="recipes/default/make.py",
    )
    write_weights(record, options.out)


def renew_words(folder: Path) -> None:
    """Put the sentences of card.py into a record that is already there."""
    record = read_weights(folder)
    figures = {name: part for name, part in record.metrics.items() if isinstance(part, dict)}
    write_weights(replace(record, about=ABOUT, metrics={**figures, **words(figures)}), folder)


def scale_like_ava(head: Head, pooled: torch.Tensor) -> None:
    """Refit the output layer so that ordinary photographs' scores spread as AVA's do.

    Ordinary are all pictures at hand; no rating is used, only the scores' mean and deviation.
    """
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
            "milliseconds_a_picture": milliseconds(path, INPUT.height),
            "megabytes": round(path.stat().st_size / 1e6, 1),
            "conditions": f"{len(everything)} photographs (the scores' mean and deviation were set "
            "on them); ONNX Runtime, one core, batch of eight, fastest of fifteen runs",
        },
    }


def score_views(engine: OnnxEngine, material: Material, views: Sequence[View], cores: int) -> Array:
    """The shipped network's mean votes (V,)."""

    def score(start: int) -> Array:
        images = [prepare(look(material, v), INPUT) for v in views[start : start + 8]]
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
