"""What a picture costs in shards: `ilgnet score`, the local pool and Ray, side by side in one run.

    python benchmarks/shards/run.py [--pictures 10000] [--rounds 2] [--model NAME|DIR] [-o FILE]

Makes small JPEGs in tars, and the same as files. Each way works through a small job and a large
one, turn by turn; the difference of the two is what pictures cost once everything is warm. Core
time is that of all processes of a way, Ray's own too; ratios are of medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from ilgnet.scoring import usable_cores
from ilgnet.shards.job import Job
from ilgnet.shards.parts import status
from ilgnet.shards.plan import plan

TARS = 20
SMALL = 2
SIZE = (400, 300)


def make_pictures(folder: Path, count: int) -> None:
    """Coloured noise as JPEGs: `count` in TARS tars, and beside them as files."""
    random = np.random.default_rng(0)
    each = count // TARS
    for number in range(TARS):
        files = folder / "files" / f"{number:02d}"
        files.mkdir(parents=True)
        with tarfile.open(folder / f"{number:02d}.tar", "w") as tar:
            for index in range(each):
                coarse = random.integers(0, 256, (12, 16, 3), np.uint8)
                image = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
                fine = random.normal(0, 12, (SIZE[1], SIZE[0], 3))
                pixels = np.clip(np.asarray(image) + fine, 0, 255).astype(np.uint8)
                data = BytesIO()
                Image.fromarray(pixels).save(data, "JPEG", quality=85)
                member = tarfile.TarInfo(f"{number:02d}{index:06d}.jpg")
                member.size = len(data.getvalue())
                tar.addfile(member, BytesIO(data.getvalue()))
                (files / member.name).write_bytes(data.getvalue())


def core_seconds(process: int) -> float:
    """Core time of a process and all below it, those that have ended and were waited for too."""
    ticks, parents = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    below = {process}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(ticks.get(one, 0) for one in below) / os.sysconf("SC_CLK_TCK")


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Core seconds and seconds of a piece of work, with all processes that it starts."""
    busy, begin = core_seconds(os.getpid()), time.perf_counter()
    work()
    return core_seconds(os.getpid()) - busy, time.perf_counter() - begin


def ilgnet(*arguments: object) -> Callable[[], object]:
    """The command, in a process of its own."""
    line = [sys.executable, "-m", "ilgnet", *map(str, arguments)]
    return lambda: subprocess.run(line, check=True, stderr=subprocess.DEVNULL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="default")
    parser.add_argument("-o", "--output", type=Path)
    given = parser.parse_args()
    cores = usable_cores()
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    from ilgnet.shards.ray import work_on_ray
    from ilgnet.shards.stores import Folder
    from ilgnet.shards.work import unfinished
    from ilgnet.shards.worker import Terms

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        make_pictures(root, given.pictures)
        size = sum(p.stat().st_size for p in root.glob("files/*/*")) / given.pictures
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
        made = 0

        def job(tars: int, *, features: bool = False) -> str:
            nonlocal made
            made += 1
            target = str(root / f"job-{made}")
            inputs = [str(root / f"{number:02d}.tar") for number in range(tars)]
            plan(inputs, Job.of(given.model, features=features), target)
            return target

        def score(tars: int) -> Callable[[], object]:
            folders = [root / "files" / f"{number:02d}" for number in range(tars)]
            out = root / "scores.parquet"
            return ilgnet("score", *folders, "-o", out, "--model", given.model, "-q")

        def pool(tars: int) -> Callable[[], object]:
            return ilgnet("shards", "work", job(tars), "-q")

        def cluster(tars: int) -> Callable[[], object]:
            target = job(tars)
            todo = unfinished(Folder(target))
            return lambda: list(work_on_ray(Terms(target), todo, actors=cores))

        ways = {"ilgnet score": score, "local pool": pool, "Ray": cluster}
        core: dict[str, list[float]] = {name: [] for name in ways}
        wall: dict[str, list[float]] = {name: [] for name in ways}
        pictures = given.pictures // TARS * (TARS - SMALL)
        for turn in range(given.rounds):
            for name in list(ways)[:: 1 if turn % 2 == 0 else -1]:
                small, large = (measured(ways[name](tars)) for tars in (SMALL, TARS))
                core[name].append((large[0] - small[0]) / pictures)
                wall[name].append((large[1] - small[1]) / pictures)
                print(f"{name}: {1000 * core[name][-1]:.2f} ms", file=sys.stderr, flush=True)
        last = str(root / f"job-{made}")
        kept = job(SMALL, features=True)
        ilgnet("shards", "work", kept, "-q")()
        medians = {name: statistics.median(values) for name, values in core.items()}
        speeds = {name: 1 / statistics.median(values) for name, values in wall.items()}
        ray.shutdown()
        result = {
            "model": given.model,
            "pictures": given.pictures,
            "bytes_a_picture": round(size),
            "rounds": given.rounds,
            "cores": cores,
            "load": round(os.getloadavg()[1], 1),
            "core_ms_a_picture": {name: round(1000 * v, 3) for name, v in medians.items()},
            "pictures_a_second": {name: round(v, 1) for name, v in speeds.items()},
            "ray_core_time_over_pool": round(medians["Ray"] / medians["local pool"], 4),
            "pool_core_time_over_score": round(medians["local pool"] / medians["ilgnet score"], 4),
            "pool_speed_over_score": round(speeds["local pool"] / speeds["ilgnet score"], 4),
            "peak_mib_a_process": round(status(last).peak_memory / 1024**2),
            "part_bytes_a_row": round(_bytes(last) / status(last).pictures, 1),
            "part_bytes_a_row_with_features": round(_bytes(kept) / status(kept).pictures, 1),
        }
    text = json.dumps(result, indent=2) + "\n"
    print(text, end="")
    if given.output:
        given.output.write_text(text)


def _bytes(target: str) -> int:
    return sum(path.stat().st_size for path in Path(target).glob("parts/*"))


if __name__ == "__main__":
    main()
