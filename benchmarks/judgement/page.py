"""Write README.md from the results beside it, so that no figure is copied by hand.

python benchmarks/judgement/page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ilgnet.zoo.records import DEFAULT_MODEL, find_weights

RESULTS = Path(__file__).parent / "results"

INTRODUCTION = """\
# Judgement: do scores agree with people who had no part in them?

    python benchmarks/judgement/run.py ../shared/data --nima NIMA.safetensors
    python benchmarks/judgement/run.py --steadiness ../shared/data/photos

Every rated collection at hand, through the path that scores users' pictures. SRCC and PLCC are
Spearman's and Pearson's correlation of score and mean rating; a pair is right if the picture that
people rated higher scores higher. Brackets are 95 % bootstrap intervals over pictures (over groups
for pairs); differences are of the same resampled pictures. "Ridge": linear on the pooled taps of
the default's trunks, fitted to OASIS's mean beauty. Scores of a picture that a model learned from
are by networks that saw nothing of its fold, or left out. Written by [page.py](page.py) from
[results](results).
"""

STEADY_BARS = {
    "JPEG 95": 0.05,
    "JPEG 85": 0.05,
    "JPEG 75": 0.08,
    "WebP 80": 0.08,
    "three quarters of the size": 0.05,
    "one and a half times the size": 0.05,
    "mirrored": 0.10,
    "cropped by 3 %": 0.10,
}
"""The most that scores should move, root mean square in votes."""


def write_page(results: Path = RESULTS) -> None:
    """Write README.md anew, beside the folder of the results."""
    (results.parent / "README.md").write_text(page(results), encoding="utf-8")


def page(results: Path = RESULTS) -> str:
    """The text of README.md."""
    collections: list[Any] = []
    steadiness: list[Any] = []
    for path in sorted(results.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        (collections if "collection" in result else steadiness).append(result)
    sections = [*map(_collection, collections), *map(_steadiness, steadiness)]
    return "\n".join([INTRODUCTION, *("\n".join([*lines, ""]) for lines in sections)])


def _collection(result: dict[str, Any]) -> Iterator[str]:
    yield f"## {result['collection']}"
    yield ""
    yield (
        f"{result['images']:,} pictures, fingerprint `{result['fingerprint']}`, {result['date']}: "
        f"{result['about'] or 'as given'}."
    )
    yield ""
    yield "| | SRCC | PLCC | pairs in order | default against it |"
    yield "|---|---|---|---|---|"
    yield from _by_card(result)
    against = {row["against"]: row["srcc"] for row in result["differences"]}
    for name, found in result["models"].items():
        figures = found["figures"]
        pairs = figures.get("pairs_in_group")
        gain = against.get(name)
        yield (
            f"| {name} | {_interval(figures['srcc'])} | {_interval(figures['plcc'])} | "
            f"{_interval(pairs) if pairs else ''} | {_gain(gain) if gain else ''} |"
        )
    for name, remark in result["remarks"].items():
        yield ""
        yield f"{name}: {remark.rstrip('.')}."
    categories = [found["categories"] for found in result["models"].values()]
    if not any(categories):
        return
    yield ""
    names = list(dict.fromkeys(name for each in categories for name in each))
    yield f"| SRCC by category | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for model, found in result["models"].items():
        cells = [
            _interval(found["categories"][name]["srcc"]) if name in found["categories"] else ""
            for name in names
        ]
        yield f"| {model} | {' | '.join(cells)} |"


def _by_card(result: dict[str, Any]) -> Iterator[str]:
    """The default's own figure by folds, from its record, where it was trained on a collection."""
    measured = find_weights().metrics.get(f"{result['collection'].upper()}, held-out folds")
    if measured is not None and DEFAULT_MODEL not in result["models"]:
        figure = measured.figure("srcc")
        low, high = figure.interval or (None, None)
        measure = {"value": figure.value, "low": low, "high": high}
        yield f"| default, by its card | {_interval(measure)} |  |  |  |"


def _interval(measure: dict[str, Any]) -> str:
    if measure["low"] is None:
        return f"{measure['value']:.3f}"
    return f"{measure['value']:.3f} ({measure['low']:.3f} to {measure['high']:.3f})"


def _gain(measure: dict[str, float]) -> str:
    return f"{measure['value']:+.3f} ({measure['low']:+.3f} to {measure['high']:+.3f})"


def _steadiness(result: dict[str, Any]) -> Iterator[str]:
    yield "## Steadiness"
    yield ""
    yield (
        f"{result['images']} photographs spread evenly over {result['of']:,} (fingerprint "
        f"`{result['fingerprint']}`, {result['date']}), each saved, resized, mirrored and cropped "
        "anew: how far its score moves, root mean square in votes. Scores of ordinary photographs "
        "differ by 0.73 (standard deviation)."
    )
    yield ""
    models = result["models"]
    yield f"| | asked | {' | '.join(models)} |"
    yield f"|---|---|{'---|' * len(models)}"
    for change, most in STEADY_BARS.items():
        cells = []
        for found in models.values():
            move = found["moves"][change]
            verdict = "met" if move["rms"] <= most else "missed"
            cells.append(f"{move['rms']:.3f} ({move['low']:.3f} to {move['high']:.3f}), {verdict}")
        yield f"| {change} | at most {most:.2f} | {' | '.join(cells)} |"


if __name__ == "__main__":
    write_page()
