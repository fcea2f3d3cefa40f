"""Write again what the documents quote from the program, so that they cannot drift.

    python docs/refresh.py            rewrites README.md and the documents named below
    python docs/refresh.py --check    exits with 1 if that would change anything

A block between `<!-- run: COMMAND -->` and `<!-- end -->` is replaced by the command and what it
prints, run beside a folder `photos` that holds the sample photographs.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from ilgnet.cli.main import COMMANDS, ilgnet
from ilgnet.zoo.card import model_card
from ilgnet.zoo.records import builtin_models

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "src/ilgnet/samples"
QUOTING = ("README.md", "docs/photographers.md")
BLOCK = re.compile(r"(<!-- run: (?P<command>.+?) -->\n```\n).*?(```\n<!-- end -->)", re.DOTALL)


def refreshed(text: str) -> str:
    """The text with every block run again."""

    def run_again(found: re.Match[str]) -> str:
        command = found["command"]
        return f"{found[1]}$ {command}\n{output(command)}\n{found[3]}"

    return BLOCK.sub(run_again, text)


def output(command: str) -> str:
    """What a command prints on standard output, beside a folder of the sample photographs."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SAMPLES, Path(folder) / "photos", ignore=shutil.ignore_patterns("*.md"))
        process = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    return process.stdout.rstrip()


def commands_page() -> str:
    """The help of every command."""
    parts = ["# Commands\n\nMade from `--help` by docs/refresh.py.\n"]
    for name in all_commands():
        parts.append(f"## ilgnet {name}\n\n```\n{output(f'ilgnet {name} --help')}\n```\n")
    return "\n".join(parts)


def all_commands() -> list[str]:
    """Every command, and the commands below it."""
    names = []
    for name in COMMANDS:
        names.append(name)
        command = ilgnet.get_command(click.Context(ilgnet), name)
        if isinstance(command, click.Group):
            names += [f"{name} {below}" for below in command.commands]
    return names


def models_page() -> str:
    """The card of every model in the package, from its record."""
    return "\n".join(model_card(weights) for weights in builtin_models())


def documents() -> dict[Path, str]:
    """Every document that quotes the program -> its text as it should be."""
    quoting = {
        path: refreshed(path.read_text(encoding="utf-8")) for path in map(ROOT.joinpath, QUOTING)
    }
    return {
        **quoting,
        ROOT / "docs/commands.md": commands_page(),
        ROOT / "docs/models.md": models_page(),
    }


def main() -> None:
    """Rewrite, or check."""
    stale = [
        path
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in sys.argv:
        sys.exit(f"run python docs/refresh.py: {[path.name for path in stale]}" if stale else 0)
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
