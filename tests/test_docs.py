"""The documents say what the program does, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import click
import pytest

from ilgnet.cli.main import COMMANDS, ilgnet

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")]
)


def load_refresh() -> ModuleType:
    spec = importlib.util.spec_from_file_location("refresh", ROOT / "docs/refresh.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_documents_quote_is_what_the_program_prints() -> None:
    for path, text in load_refresh().documents().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python docs/refresh.py"


def test_the_readme_fits_in_the_head() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 600


def test_contributing_fits_on_a_screen() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()) <= 45


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def commands_in(text: str) -> list[list[str]]:
    """Every line of the code blocks that begins with the command."""
    blocks = re.findall(r"```(?:sh|console|bash)?\n(.*?)```", text, re.DOTALL)
    lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [
        shlex.split(re.split(r"\s{2,}|\s[|>]\s|\s#", line)[0])
        for line in lines
        if line.startswith("ilgnet ")
    ]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_quoted_commands_and_options_exist(document: Path) -> None:
    for _, *words in commands_in(document.read_text(encoding="utf-8")):
        command: click.Command = ilgnet
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            found = command.get_command(click.Context(command), words[0])
            assert found is not None, f"{document.name} quotes: ilgnet {' '.join(words)}"
            command, words = found, words[1:]
        known = {"--help", "-h", "--version"} | {
            option
            for parameter in command.params
            for option in (*parameter.opts, *parameter.secondary_opts)
        }
        for word in words:
            if word.startswith("--"):
                assert word.split("=")[0] in known, f"{document.name}: {command.name} has no {word}"


def test_every_command_has_a_line_and_examples() -> None:
    for name, (_, line) in COMMANDS.items():
        command = ilgnet.get_command(click.Context(ilgnet), name)
        assert command is not None
        assert line.endswith(".")
        assert command.help, name
