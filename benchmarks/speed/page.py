"""Write README.md from the results beside it, so that no figure is copied by hand.

python benchmarks/speed/page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

LEAST = {
    "times the plain script": 7,
    "share of the bound": 0.9,
    "share of the bound with resizing": 0.9,
}

INTRODUCTION = """\
# Speed and memory

`make bench` measures scoring against the plain script that people write (Pillow decodes the whole
picture, PyTorch runs eagerly, one picture at a time) and against the bound that scaled decoding and
the model set together on the same cores, 1 / (1/decode + 1/model); once with decoding alone, and
once with the resizing that has to follow. All are timed in turn in one run on JPEGs made for it (12
and 24 megapixels, 2 to 4 MB), so the ratios can be trusted where the rates depend on the machine.
Written by [page.py](page.py) from [results](results).
"""


def write_page(results: Path = RESULTS) -> None:
    """Write README.md anew, beside the folder of the results."""
    (results.parent / "README.md").write_text(page(results), encoding="utf-8")


def page(results: Path = RESULTS) -> str:
    """The text of README.md."""
    found = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))
    ]
    return "\n".join([INTRODUCTION, *map(_section, found)])


def _section(result: dict[str, Any]) -> str:
    return "\n".join([*_conditions(result["conditions"]), *_bars(result), *_rates(result), ""])


def _conditions(given: dict[str, Any]) -> Iterator[str]:
    packages = ", ".join(f"{name} {version}" for name, version in given["packages"].items())
    pictures = "; ".join(
        f"{sizes['files']} of {size}, {sizes['smallest MB']} to {sizes['largest MB']} MB"
        for size, sizes in given["pictures"].items()
    )
    yield f"## {given['processor']}, {given['cores']} cores"
    yield ""
    yield f"{given['date']}; {given['system']}; load before the run {given['load before']};"
    yield f"{packages}."
    yield (
        f"Model {given['model']} ({given['architecture']}, preprocessing {given['preprocess']}). "
        f"Pictures: {pictures}. {given['rounds']} rounds."
    )
    yield ""


def bars(result: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What is asked of scoring: (what, how much is asked, how much was measured, whether met)."""
    found = []
    for size, speed in result["speed"].items():
        for name, least in LEAST.items():
            ratio = speed[name]
            shown = {key: f"{value:.2f}" for key, value in ratio.items()}
            found.append(
                (
                    f"{name}, {size}",
                    f"at least {least:g}",
                    f"{shown['median']} ({shown['min']} to {shown['max']})",
                    ratio["median"] >= least,
                )
            )
    memory, scores, first = result["memory"], result["scores"], result["first score"]
    apart = scores["largest difference in votes"]
    return [
        *found,
        (
            f"peak resident memory, {memory['pictures']:,} pictures",
            "less than 400 MB",
            f"{memory['peak resident MB']:.0f} MB, {memory['rows']:,} rows",
            memory["peak resident MB"] < 400 and memory["rows"] == memory["pictures"],
        ),
        (
            f"Spearman with the plain script, {scores['pictures']} pictures",
            "more than 0.999",
            f"{scores['spearman']:.5f}",
            scores["spearman"] > 0.999,
        ),
        ("largest difference of a score", "at most 0.1", f"{apart:.3f}", apart <= 0.1),
        (
            "start of the command to the first score",
            "about 1 s",
            f"{first['median s']:.2f} s (at most {first['max s']:.2f} s)",
            first["median s"] < 1.2,
        ),
    ]


def _bars(result: dict[str, Any]) -> Iterator[str]:
    yield "| | asked | measured: median (least to greatest) | |"
    yield "|---|---|---|---|"
    for what, asked, measured, met in bars(result):
        yield f"| {what} | {asked} | {measured} | {'met' if met else 'missed'} |"
    yield ""


def _rates(result: dict[str, Any]) -> Iterator[str]:
    (first, *_) = result["speed"].values()
    names = list(first["pictures a second"])
    yield f"| pictures a second | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(names)}"
    for size, speed in result["speed"].items():
        rates = speed["pictures a second"]
        yield f"| {size} | {' | '.join(f'{rates[name]:.1f}' for name in names)} |"
    yield ""
    limits = [
        f"{speed['pictures a second']['bound'] / speed['pictures a second']['plain script']:.1f} "
        f"times the plain script at {size}"
        for size, speed in result["speed"].items()
    ]
    yield f"No scoring is faster than the bound, which is {' and '.join(limits)}."


if __name__ == "__main__":
    write_page()
