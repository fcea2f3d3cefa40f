"""Make the weights "everyday" again, and measure them. For research and learning: they know PARA.

    python recipes/everyday/make.py ../shared                   with the selection of PARA there
    python recipes/everyday/make.py ../shared --para ~/PARA     with all of its training part

Reads pictures, ratings and NIMA's weights under SHARED, trains a head on the default model's own
file, and writes the model into weights/everyday. Its trunks are the default's, to the bit. About
twenty minutes on two quiet cores with the selection; nothing is random but what the seeds fix. The
numbers in `Plan` were chosen on PARA, so whoever uses them is bound by its terms too.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "default"))

import numpy as np
from copies import Copy, copies, order
from fit import Basis, Network, Pairs, Plan, Wanted, fit, folded, shown
from graft import TAPS, Head, graft, opened
from material import FOLDS, Material, Nima, read_material
from measure import degradation_figures, rank_correlation
from numpy.typing import NDArray
from pictures import Para, Seen, look, read_para
from teacher import ridge
from views import UNTAUGHT, spoilt_views
from views import look as view_pixels
from votes import AVA_MEAN, AVA_MEAN_DEVIATION, VOTES, Array, standing
from words import ABOUT, LICENCE, LIMITS, NAME, SOURCES, asked

from ilgnet.data.overlap import write_trained_on
from ilgnet.engines.onnx import OnnxEngine
from ilgnet.images.decode import read_image
from ilgnet.values import technical_votes
from ilgnet.zoo.measurements import Measurement
from ilgnet.zoo.records import ONNX_NAME, Weights, find_weights, write_weights

OUT = Path(__file__).parents[2] / "weights/everyday/src/ilgnet_everyday"
STRENGTHS = (0.3, 0.6, 0.9)
LANDMARKS = (4, 6)
"""Every fourth picture of the default's and every sixth of PARA span the components."""
COPIED = 600
"""Pictures that are copied; more would do no harm but to the time."""
SEEDS = (0, 1)
"""Of the heads that are averaged; together they are as wide as the default's layer."""
PAIRS = 0.1
"""What `technical` takes of the default's own, beside people's opinion of quality (deviations)."""

Pixels = NDArray[np.uint8]
Rows = NDArray[np.int64]


class Study:
    """Everything that is computed once.

    Rows of what was seen: the default's pictures (OASIS's, then the unrated), PARA's, the copies.
    """

    def __init__(self, shared: Path, para: Path, work: Path, cores: int) -> None:
        self.default = find_weights()
        opened(self.default.file(ONNX_NAME), work / "opened.onnx")
        self.engine = OnnxEngine(work / "opened.onnx")
        self.work, self.cores = work, cores
        self.material: Material = read_material(shared)
        self.para: Para = read_para(para)
        self.own, self.paras = len(self.material.paths), len(self.para.rated.images)
        learned = order(np.flatnonzero(~self.material.reserved).tolist())
        self.copies = [copy for picture in learned[:COPIED].tolist() for copy in copies(picture)]
        seen = self._seen()
        self.taps, self.technical = seen.taps, seen.technical
        learned = np.flatnonzero(~self.material.reserved)
        landmarks = np.concatenate(
            [learned[:: LANDMARKS[0]], np.arange(self.own, self.own + self.paras, LANDMARKS[1])]
        )
        self.basis = Basis.spanned(self.taps[landmarks])
        self.components = self.basis.see(self.taps)
        self.unit = float(self.components[: self.own].std())
        products = self.components[: self.own] @ self.components[: self.own].T
        self.kernel = (products / np.diag(products).mean()).astype(np.float64)
        nima = Nima(shared / "models/nima_mobilenet_ava.safetensors")
        last = self._tap("block13")
        self.nima: Array = nima.votes(last[:, : last.shape[1] // 2]) @ VOTES

    def _look(self, name: str, asked: str, pictures: Sequence[Callable[[], Pixels]]) -> Seen:
        asked = f"{self.default.files[ONNX_NAME]} {asked}"
        return look(
            self.engine, self.default.preprocess, pictures, self.cores, self.work, name, asked
        )

    def _seen(self) -> Seen:
        pixels, side = self.material.pixels, self.default.preprocess.decode_side
        own = self._look("own", str(self.material.paths), [partial(_same, rgb) for rgb in pixels])
        paths = [image.path for image in self.para.rated.images]
        para = self._look(
            "para", self.para.rated.fingerprint, [partial(_read, path, side) for path in paths]
        )
        copied = [partial(copy.pixels, pixels[copy.picture]) for copy in self.copies]
        copies = self._look("copies", str(self.copies), copied)
        parts = (own, para, copies)
        return Seen(
            np.concatenate([part.taps for part in parts]),
            np.concatenate([part.technical for part in parts]),
        )

    def _tap(self, name: str) -> NDArray[np.float32]:
        """A pooled tap of the default's pictures."""
        side = self.default.preprocess.height
        blank = np.zeros((1, 3, side, side), np.float32)
        widths = [2 * m.shape[1] for m in self.engine.fetch([f"tap:{n}" for n in TAPS], blank)]
        end = int(np.cumsum(widths)[TAPS.index(name)])
        columns = slice(end - widths[TAPS.index(name)], end)
        return self.taps[: self.own, columns].astype(np.float32)

    @cached_property
    def pairs(self) -> Pairs:
        """The copies, as rows."""
        first = self.own + self.paras
        original: dict[int, int] = {}
        alike: dict[int, list[int]] = {}
        spoilt: dict[int, list[tuple[int, int, float]]] = {}
        for row, copy in enumerate(self.copies, first):
            original[copy.picture] = copy.picture
            if not copy.flaw:
                alike.setdefault(copy.picture, []).append(row)
            else:
                saved = alike[copy.picture][0]  # the first copy is the one that was saved anew
                companion = copy.picture if copy.file == Copy(0).file else saved
                spoilt.setdefault(copy.picture, []).append((row, companion, copy.strength))
        return Pairs(original, alike, spoilt)

    @property
    def unrated(self) -> Rows:
        """Unrated photographs that may be learned from."""
        return np.flatnonzero(~self.material.rated & ~self.material.reserved)

    def train(self, fold: int | None, seed: int, plan: Plan) -> Network:
        """A head that saw nothing of a fold of PARA and of OASIS; None is all of both."""
        material, para, unrated = self.material, self.para, self.unrated
        oasis = np.flatnonzero(material.fold != fold)
        para_rows = np.flatnonzero(para.fold != fold)
        score, quality = np.full((2, len(self.taps)), np.nan, np.float32)
        score[: len(material.mean)] = standing(material.mean, material.mean[oasis])
        taught = ridge(self.kernel, oasis, material.mean[oasis], blocks=1)
        both = standing(taught, taught[unrated])
        both = both + plan.nima * standing(self.nima, self.nima[unrated])
        score[unrated] = 0.85 * standing(both, both[unrated])[unrated]
        score[self.own :][: self.paras] = standing(para.mean, para.mean[para_rows])
        quality[self.own :][: self.paras] = standing(para.quality, para.quality[para_rows])
        rows = np.concatenate([self.own + para_rows, np.repeat(oasis, plan.oasis), unrated])
        hidden = set(np.flatnonzero(material.fold == fold).tolist())
        hidden |= set(self.pairs.original) - set(oasis.tolist()) - set(unrated.tolist())
        weight = np.ones(len(score), np.float32)
        weight[unrated] = plan.unrated
        wanted = Wanted(score, quality, weight)
        return fit(self.see(plan), rows, wanted, self.pairs.without(hidden), plan, seed)

    def see(self, plan: Plan) -> NDArray[np.float32]:
        """What the head sees of every row."""
        return shown(self.components, self.technical, self.unit, plan)


def _same(rgb: Pixels) -> Pixels:
    return rgb


def _read(path: Path, side: int) -> Pixels:
    return read_image(path, min_side=side).rgb


_study: Study | None = None  # what forked processes share


def _trained(run: tuple[int | None, int]) -> Network:
    assert _study is not None
    return _study.train(*run, Plan())


def main() -> None:
    """Read, measure by folds, train, write, record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--para", type=Path, help="PARA's folder, or a selection with ratings.csv")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--work", type=Path, help="keep there what takes long, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        para = options.para or options.shared / "data/para"
        make(Study(options.shared, para, work, options.cores), options.out)


def make(study: Study, out: Path) -> None:
    """Measure on held-out folds, then train on everything that may be learned from."""
    global _study
    _study = study
    with ProcessPoolExecutor(study.cores, mp_context=get_context("fork")) as pool:
        runs = [(fold, seed) for fold in (*range(FOLDS), None) for seed in SEEDS]
        heads = list(pool.map(_trained, runs))
    *by_fold, network = (
        Network.together(heads[start : start + len(SEEDS)])
        for start in range(0, len(heads), len(SEEDS))
    )
    plan = Plan()
    folds = [network_of.predict(study.see(plan)) for network_of in by_fold]
    figures = fold_figures(study, folds, out / "held_out")
    print(json.dumps(figures, indent=1), flush=True)

    said = network.predict(study.see(plan))[: study.own]
    head = folded(network, study.basis, study.unit, plan, _ava_scale(said[:, 0]))
    head = _standard_technical(study, head)
    out.mkdir(parents=True, exist_ok=True)
    graft(study.default.file(ONNX_NAME), head, out / ONNX_NAME)
    error = figures["PARA, held-out folds"]["mean_error"]
    figures |= shipped_figures(study, head, out / ONNX_NAME)
    record = Weights(
        name=NAME,
        architecture=study.default.architecture,
        output="votes",
        preprocess=study.default.preprocess,
        mean_error=error,
        licence=LICENCE,
        about=ABOUT,
        trained_on=(
            write_trained_on(out, study.para.rated),
            *(write_trained_on(out, rated) for rated in study.material.sets()),
            *(entry for entry in study.default.trained_on if not entry.fingerprint),
        ),
        metrics={name: Measurement.from_json(section) for name, section in figures.items()},
        notes={
            "What was asked of it": asked(figures),
            "Limits": LIMITS,
            "Licences of the sources": SOURCES,
        },
        recipe="recipes/everyday/make.py",
        similarity=study.default.similarity,
    )
    write_weights(record, out)


def _ava_scale(scores: NDArray[np.float32]) -> tuple[float, float]:
    """What a score of 0 and a deviation are worth in votes: so much that these spread as AVA's."""
    deviation = AVA_MEAN_DEVIATION / float(scores.std())
    return AVA_MEAN - deviation * float(scores.mean()), deviation


def _standard_technical(study: Study, head: Head) -> Head:
    """With mean 0 and deviation 1 of `technical` over the default's pictures."""
    head = replace(head, pairs=PAIRS)
    _, technical = head.of(study.taps[: study.own], study.technical[: study.own])
    mean, deviation = float(technical.mean()), float(technical.std())
    output, shift, share = head.output.copy(), head.shift.copy(), head.share.copy()
    output[:, 1] /= deviation
    shift[1] = (shift[1] - mean) / deviation
    share[1] /= deviation
    return replace(head, output=output, shift=shift, share=share, pairs=PAIRS / deviation)


def fold_figures(
    study: Study, folds: Sequence[NDArray[np.float32]], folder: Path
) -> dict[str, dict[str, Any]]:
    """Every picture by the head that saw nothing of its fold; benchmarks/judgement reads them."""
    material, para = study.material, study.para
    rows = slice(study.own, study.own + study.paras)
    oasis = np.empty(len(material.mean))
    scores, quality = np.empty((2, study.paras))
    for number, said in enumerate(folds):
        test = material.fold == number
        oasis[test] = _votes(said[: study.own, 0])[: len(oasis)][test]
        test = para.fold == number
        scores[test] = _votes(said[: study.own, 0], said[rows, 0])[test]
        technical = said[rows, 1] + PAIRS * study.technical[rows]
        quality[test] = technical[test]
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "oasis.csv", _names(material, len(oasis)), oasis)
    _write(folder / "para.csv", para.rated.ids, scores)
    kinds = sorted(set(material.category))
    wanted = AVA_MEAN + AVA_MEAN_DEVIATION * standing(para.mean, para.mean)
    conditions = "Five folds; the head that judges a picture saw nothing of its fold"
    return {
        "PARA, held-out folds": {
            "srcc": rank_correlation(scores, para.mean),
            "srcc_of_technical_quality": rank_correlation(quality, para.quality),
            "mean_error": round(float(np.std(scores - wanted)), 3),
            "images": study.paras,
            "conditions": f"{conditions}, which are whole sessions",
        },
        "OASIS, held-out folds": {
            "srcc": rank_correlation(oasis, material.mean),
            "srcc_by_category": {
                str(kind): rank_correlation(
                    oasis[material.category == kind], material.mean[material.category == kind]
                )
                for kind in kinds
            },
            "images": len(oasis),
            "conditions": f"{conditions}, grouped by theme",
        },
    }


def _votes(own: NDArray[np.float32], said: NDArray[np.float32] | None = None) -> Array:
    """On AVA's scale, as the default's pictures stand."""
    mean, deviation = _ava_scale(own)
    return mean + deviation * (own if said is None else said).astype(np.float64)


def _names(material: Material, count: int) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in material.paths[:count]]


def _write(path: Path, ids: Sequence[str], scores: Array) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["file", "score"])
        table.writerows((i, f"{score:.4f}") for i, score in zip(ids, scores, strict=True))


def shipped_figures(study: Study, head: Head, file: Path) -> dict[str, dict[str, Any]]:
    """The head as the file has it, on the photographs that no model was trained on."""
    material = study.material
    reserved = np.flatnonzero(material.reserved)
    views = spoilt_views(reserved[::2].tolist(), UNTAUGHT, STRENGTHS)
    spoilt = study._look(
        "spoilt", str(views), [partial(view_pixels, material, view) for view in views]
    )
    scores, technical = head.of(spoilt.taps, spoilt.technical)
    frame = scores + np.array([technical_votes(value) for value in technical])
    everything, _ = head.of(study.taps[: study.own], study.technical[: study.own])
    return {
        "Photographs never trained on": {
            "srcc_with_nima": rank_correlation(everything[reserved], study.nima[reserved]),
            "by_score_and_technical": degradation_figures(views, frame),
            "by_the_score_alone": degradation_figures(views, scores),
            "images": len(reserved),
            "conditions": "Every sixth unrated photograph, reserved from the start; every second "
            "of them spoilt in ways that training never showed, at strengths 0.3, 0.6 and 0.9",
        },
        "Scale and cost": {
            "mean_score": round(float(everything.mean()), 3),
            "deviation_of_scores": round(float(everything.std()), 3),
            "time_against_the_default": _times(file, study.default.file(ONNX_NAME)),
            "megabytes": round(file.stat().st_size / 1e6, 1),
            "conditions": f"{study.own} photographs (the scores' mean and deviation were set on "
            "them); times of processor, one picture, fastest of forty, in turn with the default's",
        },
    }


def _times(file: Path, other: Path, rounds: int = 40) -> float:
    """How many times as long a file takes as another, on one core."""
    engines = OnnxEngine(file), OnnxEngine(other)
    image = np.random.default_rng(0).uniform(-1, 1, (1, 3, 224, 224)).astype(np.float32)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for engine, kept in zip(engines, times, strict=True):
            start = time.process_time()
            engine.run(image)
            kept.append(time.process_time() - start)
    return round(min(times[0]) / min(times[1]), 3)


if __name__ == "__main__":
    main()
