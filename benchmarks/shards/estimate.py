# ruff: noqa: E501 - the lines of the page
"""100 million and 5 billion pictures, worked out by formula from what run.py measured.

    python benchmarks/shards/estimate.py [RESULT.json]     the page
    python benchmarks/shards/estimate.py --write           writes it to README.md beside this file

What was measured and what is assumed stand in the page, and so does every formula.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULT = HERE / "results/2-cores.json"

COUNTS = (100_000_000, 5_000_000_000)

BYTES = 100_000
"""Of a picture as training sets hold them, a JPEG of half a megapixel."""
SHARD = 10_000
"""Pictures of a shard."""
CORES = 16
"""Of a machine."""
HARMFUL = 1e-7
"""Share of pictures that hang or end the decoder; each costs a timeout and half a shard."""
TIMEOUT = 60.0
BLOCK = 50 * 2**20
"""Bytes that s3fs asks for at a time, of a tar."""
LOST_EVERY = 1000.0
"""Hours after which a machine is lost, with half a shard on each core."""


def estimate(pictures: int, core_ms: float, row: float, row_features: float) -> dict[str, float]:
    """Core hours and the rest for so many pictures.

    Args:
        pictures: how many.
        core_ms: core time of one.
        row: bytes of a row of a part.
        row_features: likewise, with features.
    """
    core = pictures * core_ms / 1000 / 3600
    half_shard = SHARD / 2 * core_ms / 1000 / 3600
    harmful = pictures * HARMFUL * (TIMEOUT / 3600 + half_shard)
    lost = core / CORES / LOST_EVERY * CORES * half_shard
    total = core + harmful + lost
    return {
        "shards": pictures / SHARD,
        "core hours of scoring": core,
        "core hours lost to harmful pictures": harmful,
        "core hours lost with machines": lost,
        f"machine hours ({CORES} cores)": total / CORES,
        f"days on 100 machines of {CORES} cores": total / CORES / 100 / 24,
        "TB read": pictures * BYTES / 1e12,
        "Gbit/s read by 100 machines": pictures * BYTES * 8 / (total / CORES / 100 * 3600) / 1e9,
        "GB of parts": pictures * row / 1e9,
        "GB of parts with features": pictures * row_features / 1e9,
        "requests, pictures in tars": pictures / SHARD * (5 + SHARD * BYTES / BLOCK),
        "requests, pictures in files of their own": pictures + pictures / SHARD * 5,
    }


def page(result: dict[str, Any]) -> str:
    """The page, from a result of run.py."""
    score, ray, parts = result["score"], result["ray"], result["parts"]
    core = score["core_ms_a_picture"]["pool"]
    given = (parts["bytes_a_row"], parts["bytes_a_row_with_features"])
    columns = [estimate(count, core, *given) for count in COUNTS]
    rows = [
        f"| {name} | {_said(value)} | {_said(columns[1][name])} |"
        for name, value in columns[0].items()
    ]
    ways = [
        _way("`ilgnet score`", score, "score"),
        _way("the pool beside it", score, "pool"),
        _way("Ray", ray, "ray"),
        _way("the pool beside it", ray, "pool"),
    ]
    peak = max(score["peak_mib_a_process"], ray["peak_mib_a_process"])
    return f"""# Shards

Made by `python benchmarks/shards/estimate.py --write` from what `python benchmarks/shards/run.py`
measured: JPEGs of 400 x 300 ({score["bytes_a_picture"]:,} bytes) with the model `{score["model"]}` on {score["cores"]} cores.
In each round the two ways of a pair had the machine to themselves in turn. Figures are the difference
of a large job and one of a handful, so that starting up is left out: medians of the rounds, and in
brackets the lowest and the highest.

| way | pictures, rounds | core ms a picture | ms a picture |
|---|---|---|---|
{chr(10).join(ways)}

| bar | asked for | measured |
|---|---|---|
| core time of Ray over the local pool | at most 1.10 | {_ratio(ray["core_time_over_pool"])} |
| speed of the local pool over `ilgnet score` | at least 0.95 | {_ratio(score["speed_of_pool_over_it"])} |

Core time is that of every process: Ray's own are in it. The pool's workers do more than `ilgnet score`:
they hash each picture's bytes and its look, and are watched.

A process took {peak} MiB at most, {parts["peak_mib_of_the_largest_pictures"]:,} MiB for a tar of pictures of 256 MiB
each, the largest that are read, and {parts["peak_mib_of_200_megapixels"]:,} MiB for a PNG of 200 megapixels. A row took
{given[0]:.0f} bytes, with features {given[1]:,.0f}, in parts of {parts["pictures_a_tar"]} rows; larger parts take less a row, so the
storage below is an upper bound.

## By formula

core hours = pictures x core time; lost to harmful pictures = pictures x {HARMFUL:g} x ({TIMEOUT:g} s + half a
shard); lost with machines = machine hours / {LOST_EVERY:g} h x {CORES} x half a shard; read = pictures x
{BYTES:,} bytes; parts = pictures x a row; requests = 5 a shard, and one for every {BLOCK >> 20} MiB of a tar, or for
every picture that is a file of its own.
Measured: core time of the pool beside `ilgnet score`, a row. Assumed: {BYTES:,} bytes a picture, shards of
{SHARD:,}, one harmful picture in {1 / HARMFUL:,.0f}, a machine lost every {LOST_EVERY:,.0f} hours. Larger pictures
take longer to decode: see [benchmarks/speed](../speed/README.md). Multiply machine hours by what one costs.

| | 100 million | 5 billion |
|---|---|---|
{chr(10).join(rows)}
"""


def _way(name: str, pair: dict[str, Any], way: str) -> str:
    core, wall = pair["core_ms_a_picture"][way], pair["wall_ms_a_picture"][way]
    much = f"{pair['pictures']:,}, {pair['rounds']}"
    return f"| {name} | {much} | {core:.2f} | {wall:.2f} |"


def _ratio(three: list[float]) -> str:
    median, low, high = three
    return f"{median:.3f} ({low:.3f} to {high:.3f})"


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    """Print, or write."""
    given = [argument for argument in sys.argv[1:] if argument != "--write"]
    text = page(json.loads(Path(given[0] if given else RESULT).read_text()))
    if "--write" in sys.argv:
        (HERE / "README.md").write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
