"""What docs/architecture.md says of rooms, words and ways is so in the code."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "ilgnet"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_room_is_there_and_every_room_is_on_the_page() -> None:
    first = [line.split("|")[1] for line in section("Rooms").splitlines() if line.startswith("| `")]
    named = [name.rstrip("/") for cell in first for name in re.findall(r"`([\w/]+)`", cell)]
    for name in named:
        assert (SOURCE / name).is_dir() or (SOURCE / f"{name}.py").is_file(), name
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages - {"weights", "samples", "assets"} <= set(named)
    library = section("Rooms").split("| `library/` |")[1].split("\n")[0]
    inside = re.findall(r"`(\w+)/?`", library)
    there = {path.stem for path in (SOURCE / "library").iterdir()} - {"__init__", "__pycache__"}
    assert set(inside) == there


def test_every_word_leads_to_the_code() -> None:
    rows = [line for line in section("Words").splitlines() if line.startswith("| ")][1:]
    names = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    assert len(names) > 20
    for name in names:
        module, _, value = name.rpartition(".")
        assert hasattr(import_module(f"ilgnet.{module}"), value), name


def steps() -> list[tuple[str, str]]:
    way = section("From `ilgnet cull` to the file operation").split("```")[1].strip()
    return [(line.split()[0], line.split()[1]) for line in way.splitlines()]


def test_the_way_to_the_file_operation_is_five_jumps_at_most() -> None:
    assert len(steps()) - 1 <= 5
    assert steps()[0] == ("cli/cull.py", "cull")
    assert steps()[-1] == ("library/changes/file_operations.py", "take_transfer")


@pytest.mark.parametrize("jump", range(len(steps()) - 1))
def test_each_file_on_the_way_calls_into_the_next(jump: int) -> None:
    (file, name), (_, following) = steps()[jump : jump + 2]
    tree = ast.parse((SOURCE / file).read_text(encoding="utf-8"))
    defined = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    assert name.rpartition(".")[2] in defined
    called = following.rpartition(".")[2]
    calls = {
        getattr(node.func, "attr", None) or getattr(node.func, "id", None)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert called in calls, f"{file} does not call {following}"


def test_who_scores_does_it_through_the_main_path() -> None:
    for room in ("cli", "library", "serve", "shards", "evaluation"):
        texts = [path.read_text(encoding="utf-8") for path in (SOURCE / room).rglob("*.py")]
        assert any("from ilgnet.scoring import" in t or "import scoring" in t for t in texts), room
