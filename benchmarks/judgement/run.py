"""How well do scores agree with people who had no part in them, and do they keep their place?

    python benchmarks/judgement/run.py ../shared/data --nima NIMA.safetensors
    python benchmarks/judgement/run.py ~/collections --model everyday --model my-model/
    python benchmarks/judgement/run.py --steadiness ../shared/data/photos

Scores every rated collection that the folder has (collections_at_hand.py says how each is found;
`--data NAME=FILE` adds another) with the default, with ridges on its trunks and, where its weights
are given, with NIMA, and with every `--model`; all through `ilgnet evaluate`'s functions. A model
is not measured on pictures that it was trained on: where its folder holds
`held_out/COLLECTION.csv`, scores by networks that saw nothing of a picture's fold, those count
(recipes write them), else the pictures are left out.

With --steadiness, the same photographs are saved, resized, mirrored and cropped anew, and the
moves of their scores are measured instead. Writes JSON into results and README.md from it.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from baselines import RIDGES, Known, folds, from_scores, look, nima
from collections_at_hand import RATINGS, about, at_hand, read_selection
from page import RESULTS, write_page
from steadiness import measure_steadiness

from ilgnet import metrics
from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.data.scale import Scale
from ilgnet.data.tables import TableForm
from ilgnet.errors import DataError
from ilgnet.evaluation.evaluation import Evaluation, EvaluationOptions, evaluate
from ilgnet.evaluation.record import to_json
from ilgnet.scoring import load
from ilgnet.zoo.records import DEFAULT_MODEL

FIGURES = ("srcc", "plcc", "pairs_in_group")
REPLICATES = 200


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="folder of collections")
    parser.add_argument("--model", action="append", default=[], help="name or folder of a model")
    parser.add_argument("--nima", type=Path, help="NIMA as idealo trained it, Keras names")
    parser.add_argument(
        "--data", action="append", default=[], metavar="NAME=FILE", help="another collection"
    )
    parser.add_argument("--scale", help="of --data, as in 1..5")
    parser.add_argument("--steadiness", type=Path, metavar="DIR", help="folder of photographs")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep there what takes long")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="folder of results")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    models = [DEFAULT_MODEL, *options.model]
    if options.steadiness:
        write(options.output / "steadiness.json", measure_steadiness(options.steadiness, models))
    if options.folder:
        given = [_given(text, options.scale) for text in options.data]
        for rated in [*at_hand(options.folder), *given]:
            found = measure(rated, options.folder, models, options.nima, options.keep)
            write(options.output / f"{rated.name}.json", found)
    if options.output == RESULTS:
        write_page()


def write(path: Path, result: dict[str, Any]) -> None:
    """Write one result."""
    path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{path} written", flush=True)


def _given(text: str, scale: str | None) -> RatedSet:
    name, _, file = text.partition("=")
    form = TableForm({}, Scale.parse(scale) if scale else None)
    return replace(read_rated(Path(file), form=form), name=name)


def measure(
    rated: RatedSet,
    folder: Path,
    models: list[str],
    nima_file: Path | None,
    keep: Path | None,
) -> dict[str, Any]:
    """Every model on one collection, and how much better one is than another."""
    found: dict[str, Evaluation] = {}
    left_out: dict[str, str] = {}
    for name, scorer, known in judges(rated, folder, models, nima_file, keep):
        protocol = EvaluationOptions(overlap="allow" if known else "remove", replicates=REPLICATES)
        try:
            evaluation = evaluate(scorer, rated, protocol)
        except DataError as error:  # it was trained on all of them
            left_out[name] = str(error)
            continue
        found[name] = evaluation
        if evaluation.overlap.ids and not known:
            left_out[name] = f"without {len(evaluation.overlap.ids)} that it was trained on"
        value = evaluation.figures["srcc"]
        print(f"{rated.name}, {name}: {value.value:.3f}", flush=True)
    return {
        "collection": rated.name,
        "about": about(rated.name),
        "date": date.today().isoformat(),
        "images": len(rated.images),
        "fingerprint": rated.fingerprint,
        "scale": rated.scale,
        "remarks": left_out,
        "models": {name: _figures(evaluation) for name, evaluation in found.items()},
        "differences": list(_differences(found)),
    }


def judges(
    rated: RatedSet,
    folder: Path,
    models: list[str],
    nima_file: Path | None,
    keep: Path | None,
) -> Iterator[tuple[str, Any, bool]]:
    """Name, scorer, and whether its verdicts are by networks that saw nothing of the pictures."""
    seen = look(rated, keep)
    theirs = dict(zip(rated.ids, seen.scores.tolist(), strict=True))
    for model in models:
        short, scorer = Path(model).name, load(model)
        held_out = scorer.weights.folder / "held_out" / f"{rated.name}.csv"
        if held_out.is_file():
            yield short, from_scores(short, _scores(held_out)), True
        elif model == DEFAULT_MODEL:
            yield short, from_scores(short, theirs, scorer.weights), False
        else:
            yield short, scorer, False

    def known(name: str, scores: Any) -> tuple[str, Known, bool]:
        return name, from_scores(name, dict(zip(rated.ids, scores.tolist(), strict=True))), True

    if nima_file is not None:
        yield known("NIMA", nima(seen.taps, nima_file))
    oasis = folder / "oasis"
    if not (oasis / RATINGS).is_file():
        return  # the ridges have nothing to be fitted to
    learnt_on = read_selection("oasis", oasis)
    truth = np.array([image.mean for image in learnt_on.images], float)
    if learnt_on.ids == rated.ids:
        fold = folds(oasis / RATINGS)
        for name, ridge in RIDGES.items():
            yield known(name, ridge.by_folds(seen.taps, truth, fold))
        return
    taps = look(learnt_on, keep).taps
    for name, ridge in RIDGES.items():
        yield known(name, ridge.predict(taps, truth, seen.taps))


def _scores(path: Path) -> dict[str, float]:
    with path.open(newline="", encoding="utf-8") as stream:
        return {row["file"]: float(row["score"]) for row in csv.DictReader(stream)}


def _figures(evaluation: Evaluation) -> dict[str, Any]:
    record = to_json(evaluation)
    return {
        "model": record["model"],
        "images": record["measured"]["images"],
        "fingerprint": record["measured"]["fingerprint"],
        "failures": len(record["measured"]["failures"]),
        "figures": {n: record["metrics"][n] for n in FIGURES if n in record["metrics"]},
        "categories": {
            row["name"]: {"images": row["images"], "srcc": row["metrics"]["srcc"]}
            for row in record["categories"]
        },
    }


def _differences(found: dict[str, Evaluation]) -> Iterator[dict[str, Any]]:
    """The default against each other one, on the pictures that both were measured on."""
    for one, other in ((DEFAULT_MODEL, name) for name in found if name != DEFAULT_MODEL):
        if one not in found:
            return
        scores = [
            {j.image.id: (j.score, j.image.mean) for j in found[name].predictions}
            for name in (one, other)
        ]
        shared = sorted(scores[0].keys() & scores[1].keys())
        if shared:
            first, second = (np.array([said[i][0] for i in shared]) for said in scores)
            truth = np.array([scores[0][i][1] for i in shared], float)
            srcc = _difference(first, second, truth)
            yield {"of": one, "against": other, "images": len(shared), "srcc": srcc}


def _difference(one: Any, other: Any, truth: Any) -> dict[str, float]:
    places = [metrics.dense_ranks(values) for values in (one, other, truth)]

    def gain(rows: metrics.Indices) -> dict[str, float]:
        a, b, t = (values[rows] for values in places)
        return {"gain": metrics.srcc(t, a) - metrics.srcc(t, b)}

    measured = metrics.bootstrap(gain, len(truth), replicates=REPLICATES)["gain"]
    return {k: round(float(getattr(measured, k)), 4) for k in ("value", "low", "high")}


if __name__ == "__main__":
    main()
