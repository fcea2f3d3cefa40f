"""What a picture costs in shards: the local pool beside `ilgnet score`, and Ray beside the pool.

    python benchmarks/shards/run.py [--beside score|ray] [--pictures 10000] [--rounds 5]

Makes small JPEGs in tars, and the same as files. In every round each of the two ways has the
machine to itself, one after the other: first with a handful of pictures, then with its share of
all. The difference is what pictures cost once everything is warm. Core time is that of all
processes of a way, Ray's own too; ratios are medians over the rounds. Each pair is measured in one
run; without --beside both are. What a process takes for the largest pictures that are read at all
is measured on a tar of them. The figures go into results/2-cores.json, or where -o says.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ilgnet.scoring import usable_cores
from ilgnet.shards.fetch import MEMBER_BYTES
from ilgnet.shards.job import Job
from ilgnet.shards.parts import status
from ilgnet.shards.plan import plan

RESULT = Path(__file__).parent / "results/2-cores.json"

TAR = 500
"""Pictures of a tar."""
HANDFUL = 2
SIZE = (400, 300)
LARGEST = 12
"""Pictures of as many bytes as are read."""


def make_pictures(folder: Path, count: int) -> None:
    """Coloured noise as JPEGs: `count` in tars and beside them as files, and a handful apart."""
    random = np.random.default_rng(0)
    noise = random.normal(0, 12, (2 * SIZE[1], 2 * SIZE[0], 3))
    names = [f"{number:03d}" for number in range(count // TAR)]
    for name in [*names, *(f"few-{n}" for n in range(usable_cores()))]:
        files = folder / "files" / name
        files.mkdir(parents=True)
        with tarfile.open(folder / f"{name}.tar", "w") as tar:
            for index in range(HANDFUL if name.startswith("few") else TAR):
                coarse = random.integers(0, 256, (12, 16, 3), np.uint8)
                image = Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC)
                left, top = random.integers(0, SIZE)
                fine = noise[top : top + SIZE[1], left : left + SIZE[0]]
                data = io.BytesIO()
                pixels = np.clip(np.asarray(image) + fine, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(data, "JPEG", quality=85)
                member = tarfile.TarInfo(f"{name}-{index:06d}.jpg")
                member.size = len(data.getvalue())
                tar.addfile(member, io.BytesIO(data.getvalue()))
                (files / member.name).write_bytes(data.getvalue())


def make_largest(path: Path) -> None:
    """A tar of small pictures with so many bytes behind them that they are just not refused."""
    data = io.BytesIO()
    Image.new("RGB", SIZE, "grey").save(data, "PNG")
    with path.open("wb") as stream:
        for index in range(LARGEST):
            member = tarfile.TarInfo(f"{index}.png")
            member.size = MEMBER_BYTES
            begin = stream.tell()
            stream.write(member.tobuf() + data.getvalue())
            stream.seek(begin + tarfile.BLOCKSIZE + MEMBER_BYTES)  # zeros that take no disk
        stream.write(b"\0" * tarfile.RECORDSIZE)


def make_widest(path: Path) -> None:
    """A tar with a PNG of 200 megapixels, which is decoded in full."""
    data = io.BytesIO()
    Image.new("RGB", (20_000, 10_000), "grey").save(data, "PNG", compress_level=1)
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("widest.png")
        member.size = len(data.getvalue())
        tar.addfile(member, io.BytesIO(data.getvalue()))


def core_times(process: int) -> dict[tuple[int, int], float]:
    """Core seconds of a process and of all below it: (number, when it began) -> seconds."""
    found, parents = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        one = int(entry.name)
        parents[one] = int(fields[1])
        found[one] = (int(fields[19]), (int(fields[11]) + int(fields[12])))
    below = {process}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    ticks = os.sysconf("SC_CLK_TCK")
    return {(one, found[one][0]): found[one][1] / ticks for one in below if one in found}


class Meter:
    """Adds up the core time of a process and all below it, of those too that end meanwhile."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._begin = core_times(process)
        self._last = dict(self._begin)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.25):
            self._last.update(core_times(self._process))

    def stop(self) -> float:
        """Core seconds since the beginning."""
        self._over.set()
        self._thread.join()
        self._last.update(core_times(self._process))
        return sum(self._last.values()) - sum(self._begin.values())


def command(*arguments: object) -> tuple[float, float]:
    """Core seconds and seconds of the command, in a process of its own, with all it starts."""
    begin = time.perf_counter()
    line = [sys.executable, "-m", "ilgnet", *map(str, arguments), "-q"]
    process = subprocess.Popen(line, stderr=subprocess.DEVNULL)
    _, code, used = os.wait4(process.pid, 0)
    assert code == 0, line
    return used.ru_utime + used.ru_stime, time.perf_counter() - begin


class Cluster:
    """A Ray cluster in a process of its own, which works through jobs."""

    def __init__(self) -> None:
        line = [sys.executable, __file__, "--cluster"]
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )

    def __call__(self, job: str) -> tuple[float, float]:
        """Core seconds and seconds of a job."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        meter, begin = Meter(self.process.pid), time.perf_counter()
        self.process.stdin.write(f"{job}\n".encode())
        self.process.stdin.flush()
        while not (line := self.process.stdout.readline()).startswith(b"done"):
            assert line, "the cluster has ended"
        wall = time.perf_counter() - begin
        return meter.stop(), wall

    def close(self) -> None:
        """End it."""
        self.process.communicate()


def serve_cluster() -> None:
    """What a Cluster's process does."""
    from ilgnet.shards.ray import work_on_ray
    from ilgnet.shards.stores import Folder
    from ilgnet.shards.work import unfinished
    from ilgnet.shards.worker import Terms

    for line in sys.stdin:
        job = line.strip()
        todo = unfinished(Folder(job))
        for _ in work_on_ray(Terms(job), todo, address="local", actors=usable_cores()):
            pass
        print("done", flush=True)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--beside", choices=["score", "ray"], help="Only this pair.")
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="default")
    parser.add_argument("--made", type=Path, metavar="DIR", help="Where pictures are, or will be.")
    parser.add_argument("--only-make", action="store_true", help="Make the pictures and leave.")
    parser.add_argument("-o", "--output", type=Path, default=RESULT)
    parser.add_argument("--cluster", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.cluster:
        serve_cluster()
        return
    with tempfile.TemporaryDirectory() as scratch:
        made = given.made or Path(scratch) / "made"
        if not made.exists():
            make_pictures(made, given.pictures)
            make_largest(made / "largest.tar")
            make_widest(made / "widest.tar")
        if given.only_make:
            return
        bench = Bench(Path(scratch), made, given.model)
        found = json.loads(given.output.read_text()) if given.output.is_file() else {}
        for other in [given.beside] if given.beside else ["score", "ray"]:
            found[other] = bench.pair(other, given.pictures, given.rounds)
        if given.beside != "score":
            found["parts"] = bench.parts()
    text = json.dumps(found, indent=2) + "\n"
    print(text, end="")
    given.output.write_text(text)


class Bench:
    """Runs each way on given tars."""

    def __init__(self, root: Path, made: Path, model: str) -> None:
        self.root = root
        self.made = made
        self.model = model
        self.few = sorted(made.glob("few-*.tar"))
        self.tars = sorted(made.glob("[0-9]*.tar"))
        self.cluster: Cluster | None = None
        self.job = ""
        self._targets = (str(root / f"job-{number}") for number in itertools.count())

    def plan(self, inputs: list[Path], *, features: bool = False) -> str:
        """A job of these tars."""
        self.job = next(self._targets)
        plan(list(map(str, inputs)), Job.of(self.model, features=features), self.job)
        return self.job

    def run(self, way: str, inputs: list[Path]) -> tuple[float, float]:
        """Core seconds and seconds of one way through these tars."""
        if way == "score":
            folders = [self.made / "files" / path.stem for path in inputs]
            target = self.root / "scores.parquet"
            return command("score", *folders, "-o", target, "--model", self.model)
        job = self.plan(inputs)
        if way == "pool":
            return command("shards", "work", job)
        self.cluster = self.cluster or Cluster()
        return self.cluster(job)

    def pair(self, other: str, count: int, rounds: int) -> dict[str, Any]:
        """The pool beside one other way."""
        load = os.getloadavg()[0]
        ways = ("pool", other)
        tars = self.tars[: count // TAR]
        each = len(tars) // rounds
        core: dict[str, list[float]] = {way: [] for way in ways}
        wall: dict[str, list[float]] = {way: [] for way in ways}
        workers: dict[str, list[float]] = {way: [] for way in ways}
        peak = 0
        for way in ways:  # Ray starts
            self.run(way, self.few)
        for number in range(rounds):
            share = tars[number * each : (number + 1) * each]
            pictures = TAR * len(share) - HANDFUL * len(self.few)
            for way in ways if number % 2 else reversed(ways):
                start, whole = self.run(way, self.few), self.run(way, share)
                core[way].append((whole[0] - start[0]) / pictures)
                wall[way].append((whole[1] - start[1]) / pictures)
                if way != "score":
                    found = status(self.job)
                    workers[way].append(found.cpu / found.pictures)
                    peak = max(peak, found.peak_memory)
            said = {way: f"{1000 * core[way][-1]:.2f}, {1000 * wall[way][-1]:.2f}" for way in ways}
            print(said, file=sys.stderr, flush=True)
        if self.cluster:
            self.cluster.close()
            self.cluster = None
        return {
            "model": self.model,
            "pictures": TAR * each * rounds,
            "bytes_a_picture": round(sum(path.stat().st_size for path in tars) / len(tars) / TAR),
            "rounds": rounds,
            "cores": usable_cores(),
            "load_before": round(load, 1),
            "core_ms_a_picture": {way: _ms(values) for way, values in core.items()},
            "wall_ms_a_picture": {way: _ms(values) for way, values in wall.items()},
            "worker_core_ms_a_picture": {way: _ms(v) for way, v in workers.items() if v},
            "core_time_over_pool": _ratios(core[other], core["pool"]),
            "speed_of_pool_over_it": _ratios(wall[other], wall["pool"]),
            "peak_mib_a_process": round(peak / 1024**2),
        }

    def parts(self) -> dict[str, Any]:
        """What rows take, and a process that reads the largest pictures."""
        rows = {}
        for name, features in (("plain", False), ("features", True)):
            job = self.plan(self.tars[:1], features=features)
            command("shards", "work", job)
            size = sum(path.stat().st_size for path in Path(job).glob("parts/*"))
            rows[name] = round(size / status(job).pictures, 1)
        peaks = {}
        for name in ("largest", "widest"):
            job = self.plan([self.made / f"{name}.tar"])
            command("shards", "work", job)
            peaks[name] = round(status(job).peak_memory / 1024**2)
        return {
            "pictures_a_tar": TAR,
            "bytes_a_row": rows["plain"],
            "bytes_a_row_with_features": rows["features"],
            "peak_mib_of_the_largest_pictures": peaks["largest"],
            "peak_mib_of_200_megapixels": peaks["widest"],
        }


def _ms(seconds: list[float]) -> float:
    return round(1000 * statistics.median(seconds), 3)


def _ratios(some: list[float], others: list[float]) -> list[float]:
    """The rounds' ratios: the median, the lowest and the highest."""
    ratios = [a / b for a, b in zip(some, others, strict=True)]
    return [round(value, 4) for value in (statistics.median(ratios), min(ratios), max(ratios))]


if __name__ == "__main__":
    main()
