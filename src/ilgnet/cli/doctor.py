"""`ilgnet doctor`."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from typing import Final

import click
import numpy as np
from rich.text import Text

from ilgnet.cli.exits import EXIT_FAILURE, EXIT_OK
from ilgnet.errors import IlgnetError
from ilgnet.images.selftest import OPTIONAL_FORMATS, decodable_formats
from ilgnet.report.console import DataConsole
from ilgnet.scoring import load, usable_cores

PACKAGES: Final = {
    "numpy": None,
    "pillow": None,
    "simplejpeg": None,
    "onnxruntime": None,
    "pillow-heif": "heif",
    "rawpy": "raw",
    "pillow-jxl-plugin": "jxl",
    "av": "video",
    "pyarrow": "parquet",
    "fsspec": "shards",
    "ray": "ray",
    "scipy": "evaluate",
    "torch": "train",
}
"""Package -> the extra that brings it; None for those of the default install."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    about: str
    name: str
    works: bool
    needed: bool
    detail: str


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def doctor(as_json: bool) -> int:
    """Say what is installed, which formats decode, which engine runs, on how many threads.

    Every line is tried, not looked up: a picture of each format is decoded, the model's files are
    checked against their hashes, and a picture is scored. Exits with 1 if the default install is
    broken; what an extra would add is no fault.
    """
    findings = [*_machine(), *_packages(), *_formats(), *_model()]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    broken = [finding for finding in findings if finding.needed and not finding.works]
    return EXIT_FAILURE if broken else EXIT_OK


def _machine() -> Iterator[Finding]:
    facts = {
        "ilgnet": version("ilgnet"),
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": str(usable_cores()),
    }
    for name, detail in facts.items():
        yield Finding("This machine", name, True, True, detail)


def _packages() -> Iterator[Finding]:
    for name, extra in PACKAGES.items():
        try:
            works, detail = True, version(name)
        except PackageNotFoundError:
            remedy = f"pip install 'ilgnet[{extra}]'" if extra else "install ilgnet again"
            works, detail = False, f"not installed: {remedy}"
        yield Finding("Packages", name, works, extra is None, detail)


def _formats() -> Iterator[Finding]:
    for name, problem in decodable_formats().items():
        yield Finding("Formats", name, not problem, name not in OPTIONAL_FORMATS, problem)


def _model() -> Iterator[Finding]:
    try:
        scorer = load()
        scorer.weights.verify()
        verdict = scorer.score(np.full((256, 256, 3), 127, np.uint8))
    except IlgnetError as error:
        yield Finding("Default model", "default", False, True, str(error))
        return
    detail = f"ONNX Runtime; plain grey scores {verdict.score:.4f}"
    yield Finding("Default model", scorer.weights.name, True, True, detail)


def _print(findings: list[Finding]) -> None:
    console = DataConsole(highlight=False)
    for about, group in groupby(findings, key=lambda finding: finding.about):
        console.print(Text(about, style="bold"))
        for finding in group:
            mark = ("✓", "green") if finding.works else ("✗", "red" if finding.needed else "yellow")
            line = Text.assemble("  ", mark, f" {finding.name:<17} {finding.detail}".rstrip())
            console.print(line, soft_wrap=True)
