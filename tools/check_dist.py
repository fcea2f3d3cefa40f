"""Whether what `make dist` built can be given away.

    python tools/check_dist.py dist

Checks the metadata, the contents and the size of the wheel, that the source package builds the
same wheel's files, and then, as a stranger would, installs the wheel into a bare environment and
scores the sample photographs there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

from packaging.metadata import Metadata

ROOT = Path(__file__).parents[1]
LARGEST_MB = 25
HEAVY = ("torch", "scipy", "pandas", "pyarrow", "onnx")
"""What the default install does without."""


def main(folder: Path) -> None:
    (wheel,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    check_size(wheel)
    check_wheel(wheel)
    check_source(source, wheel)
    score_in_a_bare_environment(wheel)
    print(
        f"{wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB) and {source.name} can be given away."
    )


def check_size(wheel: Path) -> None:
    megabytes = wheel.stat().st_size / 1e6
    expect(megabytes < LARGEST_MB, f"the wheel has {megabytes:.1f} MB; {LARGEST_MB} is the limit")


def check_wheel(wheel: Path) -> None:
    """Every tracked file of the package, its licence and metadata, and nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        expect(archive.testzip() is None, "the wheel is damaged")
        names = set(archive.namelist())
        (record,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Metadata.from_email(archive.read(record), validate=True)
    expect(metadata.license_expression == "Apache-2.0", "the licence is not said")
    expect(bool(metadata.description), "the README is not in the metadata")
    tracked = set(package_files())
    extra = {name for name in names if ".dist-info/" not in name} - tracked
    expect(not extra, f"the wheel holds what is no part of the package: {sorted(extra)[:5]}")
    missing = tracked - names
    expect(not missing, f"the wheel lacks {sorted(missing)[:5]}")
    for name in ("LICENSE", "NOTICE"):
        licences = [n for n in names if PurePosixPath(n).name == name]
        expect(bool(licences), f"the wheel lacks {name}")


def package_files() -> list[str]:
    """The package's files as git tracks them, by their names in the wheel."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "src/ilgnet"], cwd=ROOT, check=True, capture_output=True
    )
    return [name.removeprefix("src/") for name in os.fsdecode(listed.stdout).split("\0") if name]


def check_source(source: Path, wheel: Path) -> None:
    """The wheel is built from it, so it must hold the package and say how."""
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = {f"src/{name}" for name in package_files()} - names
    expect(not missing, f"{source.name} lacks {sorted(missing)[:5]}")
    top = {name.partition("/")[0] for name in names}
    known = "src README.md LICENSE NOTICE CHANGELOG.md pyproject.toml PKG-INFO .gitignore".split()
    expect(top <= set(known), f"{source.name} holds {sorted(top - set(known))}, not asked for")


def score_in_a_bare_environment(wheel: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        venv.create(place / "env", with_pip=True)
        scripts = place / "env" / ("Scripts" if os.name == "nt" else "bin")
        constraints = ["-c", str(ROOT / "constraints.txt")]
        run(scripts / "python", "-m", "pip", "install", "--quiet", *constraints, wheel, cwd=place)
        run(scripts / "python", "-m", "pip", "check", cwd=place)
        installed = json.loads(run(scripts / "python", "-m", "pip", "list", "--format=json"))
        heavy = {package["name"] for package in installed} & set(HEAVY)
        expect(not heavy, f"the default install brings {', '.join(sorted(heavy))}")
        samples = run(
            scripts / "python",
            "-c",
            "import ilgnet, pathlib; print(pathlib.Path(ilgnet.__file__).parent / 'samples')",
        ).strip()
        expect(str(place.resolve()) in os.path.realpath(samples), "another installation was found")
        rows = json.loads(run(scripts / "ilgnet", "score", samples, "--json", cwd=place))
        expect(len(rows) == 8, f"{len(rows)} of 8 sample photographs have a row")
        expect(all(4 < row["score"] < 7 for row in rows), "a sample's score is out of all reason")
        run(scripts / "ilgnet", "demo", "-o", "page.html", cwd=place)
        expect((place / "page.html").stat().st_size > 100_000, "the demo's page is empty")


def run(program: Path, *arguments: object, cwd: Path | None = None) -> str:
    """What a command prints, in an environment that leads to no other installation."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(program), *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"Not fit to be given away: {otherwise}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
