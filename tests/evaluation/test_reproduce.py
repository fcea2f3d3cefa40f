"""The commands of docs/reproduce.md exist, with every option that they use."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from ilgnet.cli.main import ilgnet

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
