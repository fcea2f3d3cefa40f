"""Nothing is sent and nothing is left behind: the command in an empty home, and who may import."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = Path(str(files("ilgnet"))) / "samples" / "cat.jpg"
COMMANDS = [
    ["score", str(SAMPLE), "--report", "page.html"],
    ["demo", "-o", "demo.html"],
    ["doctor"],
    ["rank", str(SAMPLE)],
]


def silent_environment(home: Path) -> dict[str, str]:
    """A fresh account: nothing is set that would silence anything."""
    kept = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "SYSTEMROOT")
    return {"HOME": str(home)} | {name: os.environ[name] for name in kept if name in os.environ}


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_fresh_home_stays_empty(arguments: list[str], tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    subprocess.run(
        [sys.executable, "-m", "ilgnet", *arguments],
        cwd=here,
        env=silent_environment(home),
        check=True,
        capture_output=True,
    )
    assert list(home.rglob("*")) == []


def test_no_name_is_looked_up_and_no_connection_opened(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace: apt-get install strace")
    log = tmp_path / "calls"
    traced = ["strace", "-f", "-e", "trace=connect,sendto,sendmmsg", "-o", str(log)]
    subprocess.run(
        [*traced, sys.executable, "-m", "ilgnet", "score", str(SAMPLE)],
        env=silent_environment(tmp_path / "home"),
        check=True,
        capture_output=True,
    )
    calls = log.read_text(encoding="utf-8", errors="replace").splitlines()
    assert calls, "strace saw not even the end of the process"
    assert [call for call in calls if "AF_INET" in call] == []


def test_importing_what_the_extras_bring_is_silent_too(tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("needs strace: apt-get install strace")
    home, log = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    imports = "pillow_heif, rawpy, pandas, pyarrow.parquet, scipy.stats, safetensors, onnx, torch"
    traced = ["strace", "-f", "-e", "trace=connect,sendto,sendmmsg", "-o", str(log)]
    command = [*traced, sys.executable, "-c", f"import {imports}"]
    subprocess.run(command, env=silent_environment(home), check=True, capture_output=True)
    assert "AF_INET" not in log.read_text(encoding="utf-8", errors="replace")
    assert list(home.rglob("*")) == []


def test_the_runtime_is_imported_at_one_place_alone() -> None:
    """What imports it elsewhere would wake it before it is silenced."""
    importers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "benchmarks", "recipes")
        for path in (ROOT / folder).rglob("*.py")
        if "onnxruntime" in set(_imported(ast.parse(path.read_text(encoding="utf-8"))))
    }
    assert importers == set()


def _imported(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append((node.module or "").partition(".")[0])
    return names
