"""What a picture costs in shards: `ilgnet score`, the local pool and Ray, side by side in one run.

    python benchmarks/shards/run.py [--pictures 10000] [--rounds 2] [--model NAME|DIR] [-o FILE]

Makes small JPEGs in tars, and the same as files. All three ways work at the same time, so that
whatever else the machine does falls on all: first through a small job each, then through a large
one; the difference is what pictures cost once everything is warm. Core time is that of all
processes of a way, Ray's own too; ratios are medians over the rounds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

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


def command(*arguments: object) -> tuple[float, float]:
    """Core seconds and seconds of the command, in a process of its own, with all it starts."""
    begin = time.perf_counter()
    line = [sys.executable, "-m", "ilgnet", *map(str, arguments), "-q"]
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    _, code, used = os.wait4(process.pid, 0)
    assert code == 0, line
    return used.ru_utime + used.ru_stime, time.perf_counter() - begin


class Cluster:
    """A Ray cluster in a process of its own, which works through jobs and says what they took."""

    def __init__(self) -> None:
        line = [sys.executable, __file__, "--cluster"]
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def __call__(self, job: str) -> tuple[float, float]:
        """Core seconds and seconds of a job."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{job}\n".encode())
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith(b"took"):
            assert line, "the cluster has ended"
        core, wall = map(float, line.split()[1:])
        return core, wall

    def close(self) -> None:
        """End it."""
        self.process.communicate()


def serve_cluster() -> None:
    """What a Cluster's process does."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    from ilgnet.shards.ray import work_on_ray
    from ilgnet.shards.stores import Folder
    from ilgnet.shards.work import unfinished
    from ilgnet.shards.worker import Terms

    ray.init(num_cpus=usable_cores(), include_dashboard=False, log_to_driver=False)
    for line in sys.stdin:
        job = line.strip()
        busy, begin = core_seconds(os.getpid()), time.perf_counter()
        for _ in work_on_ray(Terms(job), unfinished(Folder(job)), actors=usable_cores()):
            pass
        print("took", core_seconds(os.getpid()) - busy, time.perf_counter() - begin, flush=True)
    ray.shutdown()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", default="default")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--cluster", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cluster:
        serve_cluster()
        return
    with tempfile.TemporaryDirectory() as scratch:
        text = json.dumps(measured(Path(scratch), given), indent=2) + "\n"
    print(text, end="")
    if given.output:
        given.output.write_text(text)


def measured(root: Path, given: argparse.Namespace) -> dict[str, Any]:
    """All figures."""
    make_pictures(root, given.pictures)
    size = sum(path.stat().st_size for path in root.glob("files/*/*")) / given.pictures
    cluster = Cluster()
    names = (f"job-{number}" for number in itertools.count())

    def job(tars: int, *, features: bool = False) -> str:
        target = str(root / next(names))
        inputs = [str(root / f"{number:02d}.tar") for number in range(tars)]
        plan(inputs, Job.of(given.model, features=features), target)
        return target

    def score(tars: int) -> tuple[float, float]:
        folders = [root / "files" / f"{number:02d}" for number in range(tars)]
        return command("score", *folders, "-o", root / "scores.parquet", "--model", given.model)

    jobs: tuple[str, str] = ("", "")

    def together(tars: int) -> dict[str, tuple[float, float]]:
        nonlocal jobs
        jobs = job(tars), job(tars)
        with ThreadPoolExecutor(3) as pool:
            ways = {
                "ilgnet score": pool.submit(score, tars),
                "local pool": pool.submit(command, "shards", "work", jobs[0]),
                "Ray": pool.submit(cluster, jobs[1]),
            }
            return {name: way.result() for name, way in ways.items()}

    together(1)  # Ray starts, the pictures' files are read once
    pictures = given.pictures // TARS * (TARS - SMALL)
    core: dict[str, list[float]] = {}
    wall: dict[str, list[float]] = {}
    workers: dict[str, list[float]] = {}
    own: list[float] = []
    for _ in range(given.rounds):
        small, large = together(SMALL), together(TARS)
        for name in small:
            core.setdefault(name, []).append((large[name][0] - small[name][0]) / pictures)
            wall.setdefault(name, []).append((large[name][1] - small[name][1]) / pictures)
        done = {name: status(target) for name, target in zip(list(small)[1:], jobs, strict=True)}
        for name, found in done.items():
            workers.setdefault(name, []).append(found.cpu / found.pictures)
        of_ray = (large["Ray"][0] - small["Ray"][0]) - workers["Ray"][-1] * pictures
        own.append(of_ray / (large["Ray"][1] - small["Ray"][1]))
        print({name: f"{1000 * v[-1]:.2f} ms" for name, v in core.items()}, file=sys.stderr)
    cluster.close()
    plain, kept = job(SMALL), job(SMALL, features=True)
    for target in (plain, kept):
        command("shards", "work", target)
    medians = {name: statistics.median(values) for name, values in core.items()}
    return {
        "model": given.model,
        "pictures": given.pictures,
        "bytes_a_picture": round(size),
        "rounds": given.rounds,
        "cores": usable_cores(),
        "load": round(os.getloadavg()[1], 1),
        "core_ms_a_picture": {name: round(1000 * v, 3) for name, v in medians.items()},
        "worker_core_ms_a_picture": {
            name: round(1000 * statistics.median(v), 3) for name, v in workers.items()
        },
        "worker_core_time_ray_over_pool": _ratio(workers["Ray"], workers["local pool"]),
        "rays_own_cores": round(statistics.median(own), 4),
        "seconds_of_ray_a_picture": round(statistics.median(wall["Ray"]), 4),
        "ray_core_time_over_pool": _ratio(core["Ray"], core["local pool"]),
        "pool_core_time_over_score": _ratio(core["local pool"], core["ilgnet score"]),
        "pool_speed_over_score": _ratio(wall["ilgnet score"], wall["local pool"]),
        "peak_mib_a_process": round(status(plain).peak_memory / 1024**2),
        "part_bytes_a_row": round(_bytes(plain) / status(plain).pictures, 1),
        "part_bytes_a_row_with_features": round(_bytes(kept) / status(kept).pictures, 1),
    }


def _ratio(some: list[float], others: list[float]) -> float:
    """The median of the rounds' ratios."""
    return round(statistics.median(a / b for a, b in zip(some, others, strict=True)), 4)


def _bytes(target: str) -> int:
    return sum(path.stat().st_size for path in Path(target).glob("parts/*"))


if __name__ == "__main__":
    main()
