"""Score damaged pictures of every format: one row each, no death, no hang, no other error.

    python benchmarks/fuzz/run.py [--files 20000] [--seed 0] [--workers 2] [--from 0]
    python benchmarks/fuzz/run.py --show 17       write number 17 to a file, and what became of it

File number N is source N modulo their count with damage drawn from `SEED:N`, so every run of the
same versions makes the same files. Each is scored through `Scorer.score_many`, as `ilgnet score`
does, and its capture time is read, in a worker process that is watched: a death, no answer within
--seconds, more memory than --gigabytes, any exception, and any number of rows but one are faults.
Exit code 1 if there is one. The figures go to benchmarks/fuzz/results.json, and page.py writes
README.md beside it; --results takes them elsewhere.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
SLOWEST = 5
HANG = "FAULT hang"
PACKAGES = ("pillow", "simplejpeg", "pillow_heif", "rawpy", "pillow-jxl-plugin", "numpy")


def main() -> None:
    """Damage, score, count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", default="0")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=60, help="for one file")
    parser.add_argument("--gigabytes", type=float, default=6, help="of memory for one worker")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--show", type=int, metavar="N", help="only this one, written to a file")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.seed, options.gigabytes)
    elif options.show is not None:
        show(options)
    else:
        sys.exit(fuzz(options))


# The worker


def work(seed: str, gigabytes: float) -> None:
    """Score the files whose numbers are on standard input, and answer with a line each."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a decoder prints is no answer
    most = int(gigabytes * 1024**3)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.path.insert(0, str(HERE))
    from mutate import damaged
    from sources import sources

    from ilgnet.scoring import load

    files = list(sources().items())
    scorer = load(threads=1)
    answers.write(json.dumps([name for name, _ in files]) + "\n")
    with tempfile.TemporaryDirectory(prefix="ilgnet-fuzz-") as folder:
        for line in sys.stdin:
            number = int(line)
            name, data = files[number % len(files)]
            path = Path(folder) / f"{number}-{name}"
            path.write_bytes(damaged(data, random.Random(f"{seed}:{number}")))
            begin = time.monotonic()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            outcome: dict[str, Any] = {
                "number": number,
                "name": name,
                "code": outcome_code(scorer, path),
            }
            outcome["seconds"] = time.monotonic() - begin
            outcome["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            outcome["grown"] = outcome["peak"] - before // 1024
            path.unlink()
            answers.write(json.dumps(outcome) + "\n")


def outcome_code(scorer: Any, path: Path) -> str:
    """ "scored", the code of a failure row, or what is wrong in words."""
    from ilgnet.images.sources import find_images
    from ilgnet.library.photograph.capture import read_capture
    from ilgnet.values import Failure

    try:
        rows = list(scorer.score_many(find_images([path])))
        with path.open("rb") as stream:
            read_capture(stream)
    except BaseException:
        return "FAULT raised: " + traceback.format_exc(limit=-3).replace("\n", " | ")
    if len(rows) != 1:
        return f"FAULT {len(rows)} rows"
    (row,) = rows
    if isinstance(row, Failure):
        return row.code if row.message else "FAULT no reason"
    return "scored" if 1 <= row.score <= 10 else f"FAULT score {row.score}"


# The parent


class Worker:
    """A process that scores; started again when it has died."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.process: subprocess.Popen[str] | None = None
        self.names: list[str] = []

    def start(self) -> subprocess.Popen[str]:
        """Start the process, and wait until it can score."""
        command = [sys.executable, __file__, "--work", "--seed", self.options.seed]
        self.process = subprocess.Popen(
            [*command, "--gigabytes", str(self.options.gigabytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout
        self.names = json.loads(self.process.stdout.readline())
        return self.process

    def outcome(self, number: int) -> dict[str, Any]:
        """What became of a file; one that was late has another try, for machines are stopped."""
        outcome = self.outcome_once(number)
        return self.outcome_once(number) if outcome["code"] == HANG else outcome

    def outcome_once(self, number: int) -> dict[str, Any]:
        """What became of a file."""
        process = self.process or self.start()
        assert process.stdin
        assert process.stdout
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        clock = threading.Timer(self.options.seconds, give_up)
        clock.start()
        try:
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        clock.cancel()
        if line:
            answer: dict[str, Any] = json.loads(line)
            return answer
        code = self.stop()
        name = self.names[number % len(self.names)]
        fault = HANG if late.is_set() else f"FAULT death {code}"
        return {
            "number": number,
            "name": name,
            "code": fault,
            "seconds": 0.0,
            "peak": 0,
            "grown": 0,
        }

    def stop(self) -> int:
        """Let the process end; its exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        with process, contextlib.suppress(BrokenPipeError):
            assert process.stdin
            process.stdin.close()
        return process.returncode


def fuzz(options: argparse.Namespace) -> int:
    """Judge all files and write what came out."""
    numbers = iter(range(options.first, options.first + options.files))
    lock = threading.Lock()
    outcomes: list[dict[str, Any]] = []
    begin = time.monotonic()

    def serve(worker: Worker) -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                worker.stop()
                return
            outcome = worker.outcome(number)
            with lock:
                outcomes.append(outcome)
                if "FAULT" in outcome["code"]:
                    print(outcome["number"], outcome["name"], outcome["code"], flush=True)
                if len(outcomes) % 1000 == 0:
                    print(f"{len(outcomes)} in {time.monotonic() - begin:.0f} s", flush=True)

    workers = [Worker(options) for _ in range(options.workers)]
    with ThreadPoolExecutor(len(workers)) as pool:
        list(pool.map(serve, workers))
    result = summary(options, outcomes)
    options.results.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.results == RESULTS:
        sys.path.insert(0, str(HERE))
        from page import write_page

        write_page()
    print(json.dumps(result["outcomes"], indent=1))
    return 1 if result["faults"] else 0


def summary(options: argparse.Namespace, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """What the page is written from."""
    by_format: dict[str, Counter[str]] = defaultdict(Counter)
    faults = []
    for outcome in sorted(outcomes, key=lambda each: each["number"]):
        code = outcome["code"]
        by_format[outcome["name"].rpartition(".")[2]][code.partition(" ")[0]] += 1
        if code.startswith("FAULT"):
            faults.append({key: outcome[key] for key in ("number", "name", "code")})
    return {
        "files": len(outcomes),
        "first": options.first,
        "seed": options.seed,
        "sources": len({outcome["name"] for outcome in outcomes}),
        "conditions": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{package: version(package) for package in PACKAGES},
        },
        "seconds_allowed": options.seconds,
        "gigabytes_allowed": options.gigabytes,
        "slowest": [
            {"number": o["number"], "name": o["name"], "seconds": round(o["seconds"], 1)}
            for o in sorted(outcomes, key=lambda each: -each["seconds"])[:SLOWEST]
        ],
        "peak_megabytes": max(outcome["peak"] for outcome in outcomes),
        "hungriest": [
            {key: o[key] for key in ("number", "name", "grown")}
            for o in sorted(outcomes, key=lambda each: -each["grown"])[:SLOWEST]
        ],
        "outcomes": dict(Counter(o["code"].partition(" ")[0] for o in outcomes).most_common()),
        "by_format": {name: dict(counts) for name, counts in sorted(by_format.items())},
        "faults": faults,
    }


def show(options: argparse.Namespace) -> None:
    """Write one file, for a closer look."""
    sys.path.insert(0, str(HERE))
    from mutate import damaged
    from sources import sources

    files = list(sources().items())
    name, data = files[options.show % len(files)]
    path = Path(f"fuzz-{options.show}-{name}")
    path.write_bytes(damaged(data, random.Random(f"{options.seed}:{options.show}")))
    print(path)
    worker = Worker(options)
    print(worker.outcome(options.show))
    worker.stop()


if __name__ == "__main__":
    main()
