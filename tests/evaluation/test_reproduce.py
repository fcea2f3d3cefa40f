"""The commands of docs/reproduce.md exist, with every option that they use."""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import numpy as np
import pytest

from ilgnet import metrics
from ilgnet.cli.main import ilgnet
from ilgnet.data.lists import read_list

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reproduce.md"
COMMANDS = [line for line in PAGE.read_text().splitlines() if line.startswith("ilgnet ")]


def test_the_page_walks_through_every_step() -> None:
    steps = {" ".join(line.split()[1:3]) for line in COMMANDS}
    assert steps >= {"data check", "data partition", "data overlap", "data remember"}
    assert any(line.startswith("ilgnet evaluate") for line in COMMANDS)
    trained = {line.split()[2] for line in COMMANDS if line.startswith("ilgnet train")}
    assert trained == {f"recipes/{path.name}" for path in (ROOT / "recipes").glob("*.toml")}


@pytest.mark.parametrize(("name", "seen"), [("ava1", "23.8 million"), ("ava2", "25.6 million")])
def test_the_length_of_training_is_the_recipes(name: str, seen: str) -> None:
    run = tomllib.loads((ROOT / f"recipes/ilgnet_v1_{name}.toml").read_text())["run"]
    assert seen == f"{run['steps'] * run['batch'] / 1e6:.1f} million"
    assert f"| `ilgnet_v1_{name}` | {seen}" in PAGE.read_text()


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_is_understood(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = ilgnet
    context = click.Context(ilgnet)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words if re.match(r"--?[a-z]", word)} <= known


def walk() -> list[list[str]]:
    """The commands of the walk on the miniature, line by line."""
    block = re.search(r"<!-- walk -->\n```sh\n(.*?)```\n<!-- end -->", PAGE.read_text(), re.DOTALL)
    assert block is not None
    return [shlex.split(line) for line in block[1].splitlines()]


def test_the_walk_on_the_miniature_ends_in_a_table_as_a_paper_prints_it(tmp_path: Path) -> None:
    """Run as it stands, from a folder that has the repository's recipes and tests."""
    for name in ("recipes", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    said = ""
    for program, *words in walk():
        module = ["-m", "ilgnet"] if program == "ilgnet" else []
        process = subprocess.run(
            [sys.executable, *module, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        broken_pictures = words[0] == "evaluate" or words[:2] == ["data", "check"]
        assert process.returncode in ((0, 3) if broken_pictures else (0,)), process.stderr
        said = process.stdout
    latex = (tmp_path / "table.tex").read_text()
    fingerprint = read_list(tmp_path / "lists/AVA1_test.txt").fingerprint
    for text in ("majority rate", fingerprint, "without_ranking", "none known", "±", "(p "):
        assert text in said, text
    wanted = ("\\toprule", "\\pm", fingerprint, "majority rate", "mini less without_ranking")
    for text in (*wanted, "\\scriptsize [", "seen in training: none known"):
        assert text in latex, text
    for text in (said, latex):
        assert "mini: mean of 2 runs (seed-0, seed-1)" in text, "the seeds"
        assert re.search(r"\d+ measured \([0-9a-f]{12}", text), "what could be read"
        assert "1,000 draws with seed 0" in text
    # Every row of every column has its interval, in the terminal and in LaTeX.
    rows = [line for line in said.splitlines() if line.endswith("none known")]
    assert len(rows) == 3
    assert all(line.count("[") == 5 for line in rows), said
    assert (tmp_path / "table.html").read_text().startswith("<!doctype html>")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "mini.csv").read_text())))
    scored = [row for row in rows if row["score"] and row["model"] == rows[0]["model"]]
    truth, score = (np.array([float(r[k]) for r in scored]) for k in ("truth", "score"))
    # Two runs of one recipe share their name: the rows of the first come first.
    first = slice(0, len(scored) // 2)
    assert metrics.srcc(truth[first], score[first]) > 0.6, "it has visibly learned"
    assert score[first].std() > 0.2 * truth[first].std(), "and its scores differ"
