"""Our default, NIMA and the plain ridge in one table, with paired tests on the same pictures.

    python benchmarks/comparison/table.py ../shared/data --nima NIMA.safetensors
    python benchmarks/comparison/table.py ~/collections --limit 500 --model my-model/

Measures every rated collection that the folder has (benchmarks/judgement/collections_at_hand.py
says how each is found) through `ilgnet.evaluation.model_table`, which is behind `ilgnet evaluate`
with several models. The baselines are those of benchmarks/judgement: NIMA's MobileNet as idealo
trained it, and ridges on the pooled taps of the default's trunks, fitted to OASIS's mean beauty; on
OASIS itself for each fold without its pictures. A model is refused where it has seen a picture.
`--limit` takes the first pictures in the order of the partitions' hash, so that a part of a
collection is no choice of ours; OASIS, which the ridges need whole, is always measured whole.

Writes results/table.txt, .csv, .tex and README.md.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "judgement"))

import run as judgement  # noqa: E402
from collections_at_hand import at_hand  # noqa: E402

from ilgnet.data.partitions import shuffled  # noqa: E402
from ilgnet.data.rated import RatedSet  # noqa: E402
from ilgnet.evaluation.comparison_table import as_csv, as_latex, as_text  # noqa: E402
from ilgnet.evaluation.evaluation import EvaluationOptions  # noqa: E402
from ilgnet.evaluation.model_table import Comparison, Contender, compare  # noqa: E402
from ilgnet.zoo.records import DEFAULT_MODEL  # noqa: E402

RESULTS = HERE / "results"
WHOLE = "oasis"
"""Ridges are learnt on its folds, which need all of it."""


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of collections")
    parser.add_argument("--nima", type=Path, help="NIMA as idealo trained it, Keras names")
    parser.add_argument("--model", action="append", default=[], help="another model's folder")
    parser.add_argument("--limit", type=int, help="pictures of each collection")
    parser.add_argument("--keep", type=Path, help="folder that keeps what takes long")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:  # OASIS is looked at for every ridge
        keep = options.keep or Path(folder)
        tables = [
            _compared(_some(rated, options.limit), options, keep)
            for rated in at_hand(options.folder)
        ]
    options.output.mkdir(parents=True, exist_ok=True)
    for name, form in (("txt", as_text), ("csv", as_csv), ("tex", as_latex)):
        text = form(_joined(tables))
        (options.output / f"table.{name}").write_text(text, encoding="utf-8")
    print(as_text(_joined(tables)))
    if options.output == RESULTS:
        (HERE / "README.md").write_text(_page(_joined(tables), sys.argv[1:]), encoding="utf-8")


def _some(rated: RatedSet, limit: int | None) -> RatedSet:
    if limit is None or rated.name == WHOLE:
        return rated
    return rated.select(shuffled(rated.ids, 0)[:limit])


def _compared(rated: RatedSet, options: Any, keep: Path) -> Comparison:
    models = [DEFAULT_MODEL, *options.model]
    found = judgement.judges(rated, options.folder, models, options.nima, keep)
    contenders = [Contender(name, (scorer,)) for name, scorer, _ in found]
    print(f"{rated.name}: {len(rated.images)} pictures", file=sys.stderr, flush=True)
    return compare(contenders, [rated], EvaluationOptions(replicates=1000))


def _joined(tables: list[Comparison]) -> Comparison:
    """One table of those of single collections, which have the same rows."""
    first = tables[0]
    return replace(
        first,
        collections=tuple(rated for table in tables for rated in table.collections),
        cells=tuple(cell for table in tables for cell in table.cells),
        pairs=tuple(pair for table in tables for pair in table.pairs),
    )


def _page(comparison: Comparison, arguments: list[str]) -> str:
    asked = " ".join(word for word in arguments if not word.startswith("/"))
    return (
        "# Our default, NIMA and the plain ridge\n\n"
        f"    python benchmarks/comparison/table.py {asked}\n\n"
        f"Measured on {date.today().isoformat()} through the path that scores users' pictures; see "
        "[table.py](table.py) for what each row is. As CSV and LaTeX in [results](results). "
        "With `--limit`, the first pictures by the partitions' hash; OASIS is whole. A model is "
        "refused where it has seen pictures. NIMA and the ridges have no record of that: NIMA "
        "learned AVA, the ridges OASIS's other folds, or elsewhere all of OASIS. Accuracy depends "
        "on the boundary at 5 of ten: read it beside the majority rate.\n\n"
        f"```\n{as_text(comparison)}```\n"
    )


if __name__ == "__main__":
    main()
