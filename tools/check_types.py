"""Whether the scripts in recipes/ and benchmarks/ are typed, as `src` is.

    python tools/check_types.py [FOLDER...]

Each folder is checked by itself, since scripts of different folders have the same names, and finds
the modules of the folders whose scripts it uses. Strict but for two things: a script may return
what an untyped library gives it, and call what has no types.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = sorted(
    {path.parent for part in ("recipes", "benchmarks") for path in ROOT.glob(f"{part}/*/*.py")}
)
USES = {"benchmarks/comparison": ["benchmarks/judgement"], "recipes/everyday": ["recipes/default"]}
"""A folder -> those whose scripts it imports."""

OPTIONS = ("--no-warn-return-any", "--allow-untyped-calls", "--follow-imports=silent")


def main(given: list[str]) -> int:
    """Check; 1 if any folder has errors."""
    names = given or [folder.relative_to(ROOT).as_posix() for folder in FOLDERS]
    worst = 0
    for name in names:
        paths = os.pathsep.join(str(ROOT / path) for path in ("src", *USES.get(name, ())))
        line = [sys.executable, "-m", "mypy", *OPTIONS, name]
        done = subprocess.run(line, cwd=ROOT, env={**os.environ, "MYPYPATH": paths}, check=False)
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
