"""The fuzz run: the same files for the same seed, and it sees what it is there to see."""

from __future__ import annotations

import argparse
import importlib.util
import json
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

for package, extra in (("pillow_heif", "heif"), ("pillow_jxl", "jxl"), ("rawpy", "raw")):
    pytest.importorskip(package, reason=f"pip install 'ilgnet[{extra}]'")

FOLDER = Path(__file__).parents[2] / "benchmarks/fuzz"


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"fuzz_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_page_is_that_of_the_results() -> None:
    result = json.loads((FOLDER / "results.json").read_text(encoding="utf-8"))
    written = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert written == module("page").page(result), "run python benchmarks/fuzz/page.py"
    assert result["files"] == 20_000
    assert result["faults"] == []


def test_damage_depends_on_the_seed_alone() -> None:
    mutate, sources = module("mutate"), module("sources")
    files = sources.sources()
    assert {name.rpartition(".")[2] for name in files} >= set(
        "jpg mpo png webp avif tif gif bmp dib jp2 j2k ppm pgm pfm tga psd heic jxl dng raf".split()
    )
    changed = 0
    for name, data in files.items():
        for number in range(4):
            once, twice = (mutate.damaged(data, random.Random(f"0:{number}")) for _ in range(2))
            assert once == twice, name
            changed += once != data
    assert changed > 3 * len(files)


def test_a_short_run_has_no_faults(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    run = [sys.executable, str(FOLDER / "run.py"), "--files", "150", "--seed", "tests"]
    done = subprocess.run([*run, "--results", str(results)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(results.read_text(encoding="utf-8"))
    assert sum(result["outcomes"].values()) == 150
    assert result["outcomes"]["scored"] > 0


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("import os; os.kill(os.getpid(), 11)", "FAULT death -11"),
        ("import time; time.sleep(1000)", "FAULT hang"),
        ("pass", "FAULT death 0"),
    ],
)
def test_a_death_and_a_hang_are_seen(answer: str, fault: str) -> None:
    run = module("run")
    options = argparse.Namespace(seed="0", gigabytes=1, seconds=3)

    class Broken(run.Worker):  # type: ignore[name-defined,misc]
        def start(self) -> subprocess.Popen[str]:
            code = f"input(); {answer}"
            self.process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.names = ["a.jpg"]
            return self.process

    assert Broken(options).outcome(5)["code"] == fault
