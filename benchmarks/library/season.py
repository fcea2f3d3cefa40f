"""A season of 20,000 generated pictures from the first score to the last undo, every file hashed.

    python benchmarks/library/season.py [--pictures 20000] [--kills 5] [--work FOLDER]

Plays tests/library/season_story.py, which asserts that nothing is lost, and prints what each step
took as JSON. The pictures are small and the model is tiny: what is measured is the library, not
the network.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.library.season_story import make_season, play
from tests.library.tiny_model import write_tiny_model


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--work", type=Path, help="where to make it [default: a temporary folder]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        work = Path(folder)
        os.environ["XDG_DATA_HOME"] = str(work / "data")
        model = write_tiny_model(work / "model").folder
        season = make_season(work / "season", given.pictures)
        told = play(season, model, work / "taste", given.kills)
        size = (season.root / ".ilgnet" / "catalogue.db").stat().st_size
    seconds = {step: round(value, 1) for step, value in season.seconds.items()}
    made = {
        "pictures": season.pictures,
        "cannot_be_read": season.failing,
        "rated": season.rated,
        "bursts": len(season.bursts),
        "catalogue_megabytes": round(size / 1e6, 1),
    }
    print(json.dumps({**made, "seconds": seconds, **told}, indent=2))


if __name__ == "__main__":
    main()
