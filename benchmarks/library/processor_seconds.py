"""What commands on a catalogue cost in processor seconds, beside another version of this program.

    git worktree add ../before 894862c
    python benchmarks/library/processor_seconds.py ../before [--pictures 20000] [--repeats 5]

Each version makes a catalogue of its own with the same rows, and runs the commands in turns, each
in a process of its own. Prints the least seconds as JSON: processor time, user and system.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[2]
MAKE = (
    "import sys; from pathlib import Path; from tests.library.made_up import make_catalogue; "
    "make_catalogue(Path(sys.argv[1]), int(sys.argv[2]), 1280)"
)
COMMANDS = {
    "--version": ["--version"],
    "library status": ["library", "status", "photos"],
    "library export": ["library", "export", "photos", "-o", "out.csv"],
    "library export of a month": [
        *("library", "export", "photos", "-o", "out.csv"),
        *("--since", "2024-05-01", "--until", "2024-05-31"),
    ],
    "bursts": ["bursts", "photos", "--similarity", "0.67"],
    "bursts --duplicates": [
        *("bursts", "photos", "--similarity", "0.67"),
        *("--duplicates", "--duplicate-similarity", "0.97"),
    ],
}


def run(version: Path, folder: Path, arguments: list[str]) -> float:
    """Processor seconds of one process; modules are compiled once, as where they are installed."""
    paths = os.pathsep.join((str(version / "src"), str(version)))
    own = {"XDG_DATA_HOME": str(folder), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    rest = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**rest, **own, "PYTHONPATH": paths},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path, help="a checkout of the other version")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    versions = {"before": given.before.resolve(), "now": HERE}
    seconds: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, version in versions.items():
            place = Path(folder) / name
            (place / "photos").mkdir(parents=True)
            run(version, place, ["-c", MAKE, str(place / "photos"), str(given.pictures)])
        for title, command in COMMANDS.items():
            times: dict[str, list[float]] = {name: [] for name in versions}
            for _ in range(given.repeats):
                for name, version in versions.items():
                    place = Path(folder) / name
                    times[name].append(run(version, place, ["-m", "ilgnet", *command]))
            seconds[title] = {name: round(min(found), 2) for name, found in times.items()}
    print(json.dumps({"pictures": given.pictures, "seconds": seconds}, indent=2))


if __name__ == "__main__":
    main()
