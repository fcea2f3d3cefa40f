"""Make the default model again, and measure it.

    make weights SHARED=../shared          (or: python recipes/default/make.py ../shared)

Reads the pictures, ratings and starting weights under SHARED, measures on held-out folds, trains on
everything but the reserved photographs, and writes the model's folder. About half an hour on two
quiet cores, with 13 GB of disk; nothing is random but what the seeds fix.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from card import ABOUT, words
from material import FOLDS, Material, Nima, read_material
from measure import (
    degradation_figures,
    milliseconds,
    oasis_figures,
    preferred_figures,
    rank_correlation,
)
from numpy.typing import NDArray
from taps import PooledTaps, keep, pool_views
from teacher import LITE_INPUT, imagenet_lite, ridge, similarity
from technical import frames, learn_order, standardise
from train import ARCHITECTURE, Head, Plan, Views, calibrate, fit, predict
from views import FAMILY, UNTAUGHT, View, frame_views, look, spoilt_views, training_views, whole
from votes import (
    AVA_SPREAD,
    AVA_SPREAD_DEVIATION,
    Array,
    gaussian_votes,
    moments,
    on_ava_scale,
    standing,
)

from ilgnet.data.degradations import Pixels
from ilgnet.data.overlap import write_trained_on
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.images.preprocess import prepare
from ilgnet.models.export import export_onnx, store_halves
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import architecture, create
from ilgnet.models.technical import TechnicalHead
from ilgnet.models.trunks.paired_lite import LOOKED_AT, PairedLite
from ilgnet.scoring import Scorer
from ilgnet.training.memory import keep_freed_memory
from ilgnet.values import Verdict, technical_votes
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.measurements import Measurement
from ilgnet.zoo.records import (
    BUILTIN,
    ONNX_NAME,
    Similarity,
    Weights,
    read_weights,
    write_weights,
)

SEEN_BY_THE_TRUNKS = (
    TrainedOn(
        "AVA, by the MobileNet of NIMA",
        collection="ava",
        note="idealo trained it on a random split of AVA's votes that is not published",
    ),
    TrainedOn(
        "ImageNet (ILSVRC 2012), by EfficientNet-Lite 2",
        collection="imagenet",
        note="its thousand classes, no rating",
    ),
)
"""What the weights that training begins with had seen; nobody can list it."""

SIMILARITY = Similarity(burst=0.67, quick=0.47, duplicate=0.92)
"""Of this model's features, by benchmarks/library/similarity.py; measure it anew after a change of
the trunk."""

SEEDS = (0, 1, 2)
STRENGTHS = (0.3, 0.6, 0.9)
Rows = NDArray[np.int64]


INPUT = architecture(ARCHITECTURE).preprocess


class Study:
    """Everything that is computed once: the frozen trunk's taps, NIMA's votes, the teacher.

    Args:
        shared: where the data are.
        work: a folder that keeps the taps, which take long; they are used again if they fit.
        cores: to run on.
    """

    def __init__(self, shared: Path, work: Path, cores: int) -> None:
        self.material = read_material(shared)
        nima, lite2 = Nima(shared / "models/nima_mobilenet_ava.safetensors"), imagenet_lite(2)
        self.work, self.cores = work, cores
        self.trunk = PairedLite()
        self.trunk.lite.load_state_dict(lite2.state_dict())
        self.trunk.mobilenet.load_state_dict(nima.trunk.state_dict())
        self.trunk.eval()
        taps = PooledTaps(self.trunk, list(create(ARCHITECTURE).taps))
        views = training_views(self.material)
        pooled = keep(
            work, "taps", f"{ARCHITECTURE} {list(taps.taps)} {views}",
            lambda: pool_views(taps, INPUT, self.material, views, cores),
        )  # fmt: skip
        self.data = Views.of(views, pooled)
        self.originals = np.array([self.data.clean[p][0] for p in range(len(self.material.paths))])
        last = taps.columns("block13")
        ava = pooled[self.originals, last]
        self.nima_votes = nima.votes(ava[:, : ava.shape[1] // 2])
        as_they_are = [View(picture) for picture in range(len(self.material.paths))]
        content = keep(
            work, "teacher", f"{LITE_INPUT} {self.material.paths}",
            lambda: pool_views(
                PooledTaps(lite2, list(lite2.maps)), LITE_INPUT, self.material, as_they_are, cores
            ),
        )  # fmt: skip
        self.kernel = similarity(content, ava)

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
        """One run of the head."""
        pictures = np.concatenate([np.repeat(rated, plan.rated), self.unrated])
        return fit(self.trunk, self.data, pictures, self.targets(rated, plan), plan, seed)

    def technical(self) -> TechnicalHead:
        """The network of the second output; it learns from no rating, so there are no folds."""
        data = frames(
            self.trunk.lite, INPUT, self.material, frame_views(self.material), self.work, self.cores
        )
        network = learn_order(data, {name: self.trunk.maps[name].channels for name in LOOKED_AT})
        standardise(network, data)
        return network

    def held_out(self, plan: Plan, seeds: Sequence[int]) -> tuple[Array, Array]:
        """Means and spreads (S, R) by networks that saw nothing of the picture's fold.

        Each is exported as the shipped one is and scores the files as users do.
        """
        fold = self.material.fold
        means, spreads = np.empty((2, len(seeds), len(fold)))
        for index, seed in enumerate(seeds):
            for number in range(FOLDS):
                network, head = self.train(np.flatnonzero(fold != number), plan, seed)
                head.fold()
                test = np.flatnonzero(fold == number)
                votes = scored(network, [self.material.paths[row] for row in test])
                means[index, test], spreads[index, test] = moments(votes)
                print(f"seed {seed}, fold {number} done", flush=True)
        return means, spreads


def write_onnx(network: ILGNet, path: Path) -> None:
    """As the package ships it."""
    export_onnx(network.eval(), path)
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
        "the network that judges a picture saw nothing of its fold, was exported as the shipped "
        "one and scored the files",
    }
    print(json.dumps(oasis, indent=1), flush=True)
    worst(material, means.mean(axis=0))

    network, head = study.train(np.flatnonzero(material.rated), plan, seed=0)
    scale_like_ava(head, study.data.pooled[study.originals])
    head.fold()
    options.out.mkdir(parents=True, exist_ok=True)
    assert network.technical is not None
    network.technical.load_state_dict(study.technical().state_dict())
    write_onnx(network, options.out / ONNX_NAME)
    figures = {"OASIS, held-out folds": oasis, **shipped_figures(study, options)}
    record = Weights(
        name="ilgnet_paired_lite2.ava_oasis",
        architecture=ARCHITECTURE,
        output="votes",
        preprocess=INPUT,
        mean_error=oasis["mean_error"],
        licence="Apache-2.0",
        about=ABOUT,
        trained_on=(
            *(write_trained_on(options.out, rated) for rated in material.sets()),
            *SEEN_BY_THE_TRUNKS,
        ),
        metrics={name: Measurement.from_json(section) for name, section in figures.items()},
        notes=words(figures),
        recipe="recipes/default/make.py",
        similarity=SIMILARITY,
    )
    write_weights(record, options.out)


def renew_words(folder: Path) -> None:
    """Put the sentences of card.py into a record that is already there."""
    record = read_weights(folder)
    figures = {name: measured.to_json() for name, measured in record.metrics.items()}
    write_weights(replace(record, about=ABOUT, notes=words(figures)), folder)


def scale_like_ava(head: Head, pooled: torch.Tensor) -> None:
    """Refit the output layer so that ordinary photographs' scores spread as AVA's do.

    Ordinary are all pictures at hand; no rating is used, only the scores' mean and deviation.
    """
    for _ in range(3):  # the refit is not exact; what is left shrinks each time
        mean, spread = moments(predict(head, pooled))
        calibrate(head, pooled, gaussian_votes(on_ava_scale(standing(mean, mean)), spread))


def shipped_figures(study: Study, options: argparse.Namespace) -> dict[str, Any]:
    """The ONNX file itself, on the photographs that no model was trained on."""
    path, material = options.out / ONNX_NAME, study.material
    engine = OnnxEngine(path)
    reserved = np.flatnonzero(material.reserved)
    views = spoilt_views(reserved.tolist(), UNTAUGHT, STRENGTHS)
    as_spoilt, cores = partial(look, material), options.cores
    scores, technical = score_views(engine, views, as_spoilt, cores)
    everything, _ = score_views(
        engine, [View(p) for p in range(len(material.paths))], as_spoilt, cores
    )
    turned = [v for v in views if v.strength and FAMILY[v.kind] in ("tilt", "crop")]
    beside = frame_scores(*score_views(engine, turned, partial(whole, material), cores))
    spoilt = frame_scores(scores, technical)[[views.index(view) for view in turned]]
    nima_mean, _ = moments(study.nima_votes)
    return {
        "Photographs never trained on": {
            "srcc_with_nima": rank_correlation(everything[reserved], nima_mean[reserved]),
            "by_score_and_technical": degradation_figures(views, frame_scores(scores, technical)),
            "by_the_score_alone": degradation_figures(views, scores),
            "by_score_and_technical_with_equal_pixels": preferred_figures(turned, spoilt, beside),
            "images": len(reserved),
            "conditions": "The shipped ONNX on every sixth unrated photograph, reserved from the "
            "start; spoilt in ways that training never showed, at strengths 0.3, 0.6 and 0.9. With "
            "equal pixels: beside the whole picture, made as small as the turned or cropped one",
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


def frame_scores(scores: Array, technical: Array) -> Array:
    """As `Verdict.frame_score`: (V,)."""
    return scores + np.array([technical_votes(float(value)) for value in technical])


def score_views(
    engine: OnnxEngine, views: Sequence[View], picture: Callable[[View], Pixels], cores: int
) -> tuple[Array, Array]:
    """The shipped network's mean votes (V,), and what it says beside them (V,)."""

    def score(start: int) -> tuple[Array, Array]:
        images = [prepare(picture(v), INPUT) for v in views[start : start + 8]]
        output = engine.run(np.stack(images))
        assert output.technical is not None
        mean, _ = moments(output.probabilities.astype(np.float64))
        return mean, output.technical.astype(np.float64)

    with ThreadPoolExecutor(cores) as pool:
        means, technical = zip(*pool.map(score, range(0, len(views), 8)), strict=True)
    return np.concatenate(means), np.concatenate(technical)


def worst(material: Material, means: Array, count: int = 12) -> None:
    """Print the pictures whose standing is missed by most, for the card's sentences."""
    error = standing(means, means) - standing(material.mean, material.mean)
    for row in np.argsort(-np.abs(error))[:count]:
        print(
            f"{error[row]:+.2f} deviations: {material.paths[row].name} ({material.category[row]})"
        )


if __name__ == "__main__":
    main()
