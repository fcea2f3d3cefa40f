"""Write README.md from results.json, so that no figure is copied by hand.

python benchmarks/fuzz/page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CODES = ("scored", "truncated", "corrupt", "unsupported_format", "too_large", "empty")

INTRODUCTION = """\
# Damaged pictures

    python benchmarks/fuzz/run.py
    python benchmarks/fuzz/run.py --show 17

Pictures of every format that is read are damaged and scored as `ilgnet score` does it, and their
capture time is read. Half of the damage is blind (bits, bytes, numbers, cuts, pieces left out,
repeated, put in or overwritten); the other half knows the format: every frame marker of JPEG, its
sizes and components, its segments; every box and its length, of 32 and 64 bits; types, counts and
values of TIFF's entries; PNG's chunks, with their checksums made right again; RIFF's chunks. The
sources are small photographs from scikit-image's wheel and files made in code; RAF and CR3 are
headers around a JPEG, which no camera wrote. What counts: each file has one row, no process dies,
none takes longer than it may, and no exception is anything but that row. Written by
[page.py](page.py) from [results.json](results.json).
"""


def page(result: dict[str, Any]) -> str:
    """The page as Markdown."""
    return "\n".join([INTRODUCTION, *_figures(result)]) + "\n"


def _figures(result: dict[str, Any]) -> Iterator[str]:
    conditions = ", ".join(f"{name} {value}" for name, value in result["conditions"].items())
    slowest = result["slowest"][0]
    files = f"{result['files']:,} files from {result['sources']} sources, seed {result['seed']}"
    yield f"{files}; {conditions}."
    yield ""
    yield f"**{len(result['faults'])} faults.**"
    yield (
        f"The slowest file took {slowest['seconds']} s (number {slowest['number']}, "
        f"{slowest['name']}) of {result['seconds_allowed']:.0f} s allowed, on two cores; "
        f"a worker's resident memory peaked at {result['peak_megabytes']:,} MB."
    )
    yield ""
    yield "| source | files | " + " | ".join(CODES) + " | faults |"
    yield "|---|---:|" + "---:|" * (len(CODES) + 1)
    for name, counts in result["by_format"].items():
        others = sum(counts.values()) - sum(counts.get(code, 0) for code in CODES)
        cells = [f"{counts.get(code, 0):,}" for code in CODES]
        yield f"| {name} | {sum(counts.values()):,} | " + " | ".join(cells) + f" | {others} |"
    for fault in result["faults"]:
        yield f"\n- {fault['number']} ({fault['name']}): {fault['code'][:200]}"


def write_page() -> None:
    """Write README.md."""
    result = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    (HERE / "README.md").write_text(page(result), encoding="utf-8")


if __name__ == "__main__":
    write_page()
