"""A catalogue of 100,000 pictures: how long status, filtered exports, bursts and the like take.

    python benchmarks/library/catalogue.py [--pictures 100000] [--features 1280]

Makes empty files and rows that look real, runs the commands as a user does, each in a process of
its own, and prints the seconds as JSON. The first export reads a cold file where the system lets
its cache be dropped; the figures here are with a warm one.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.library.made_up import make_catalogue

from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.choosing.near_duplicates import nearest_earlier


def timed(work: Callable[[], object]) -> float:
    """Seconds, the best of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return round(min(seconds), 2)


def command(arguments: Sequence[object]) -> Callable[[], object]:
    """Run ilgnet in a process of its own."""
    line = [sys.executable, "-m", "ilgnet", *map(str, arguments)]
    return lambda: subprocess.run(line, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=1280)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        start = time.perf_counter()
        library = make_catalogue(root, given.pictures, given.features)
        made = round(time.perf_counter() - start, 1)
        out = root / "out.csv"
        status = ("library", "status", root)
        best = ("library", "export", root, "--min-score", "6", "-o", out)
        month = ("library", "export", root, "--since", "2024-05-01", "--until", "2024-05-31")
        everything = ("library", "export", root, "-o", out)
        seconds = {
            "start of the program (--version)": timed(command(["--version"])),
            "status": timed(command(status)),
            "export of a month": timed(command(month)),
            "export of the best fifth": timed(command(best)),
            "export of everything": timed(command(everything)),
        }
        with Catalogue(library, "read") as catalogue:
            model = catalogue.find_model()
            start = time.perf_counter()
            found_files = list(catalogue.scored_files(model, features=True))
            features = [p.features for p in found_files if p.features is not None]
            seconds["reading all features"] = round(time.perf_counter() - start, 1)
        start = time.perf_counter()
        found = int(np.sum(nearest_earlier(features, 0.97) >= 0))
        seconds["near-duplicates"] = round(time.perf_counter() - start, 1)
        size = library.file.stat().st_size
    figures = {"pictures": given.pictures, "features": given.features, "made_in": made}
    print(json.dumps({**figures, "megabytes": size // 10**6, "pairs": found, "seconds": seconds}))


if __name__ == "__main__":
    main()
