"""What a command imports before it does anything: nobody waits for what it does not use."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ilgnet

HEAVY = {
    "http.client",
    "ilgnet.engines.open",
    "ilgnet.images.decode",
    "ilgnet.taste.learn",
    "numpy",
    "onnxruntime",
    "PIL",
    "pandas",
    "pyarrow",
    "rich",
    "scipy",
    "sqlite3",
    "torch",
}


def imported(code: str) -> set[str]:
    """Which of the heavy modules a new interpreter has imported after some code."""
    ends = f"import sys; print(*sorted({HEAVY!r} & set(sys.modules)), file=sys.__stderr__)"
    line = [sys.executable, "-c", f"{code}\n{ends}"]
    return set(subprocess.run(line, capture_output=True, text=True, check=True).stderr.split())


def command(*words: str) -> str:
    return (
        "from ilgnet.cli.main import main\n"
        f"try: main({list(words)!r})\n"
        "except SystemExit as end: assert not end.code, end.code"
    )


@pytest.mark.parametrize("words", [["--version"], ["--help"]])
def test_what_only_speaks_imports_nothing_heavy(words: list[str]) -> None:
    assert imported(command(*words)) == set()


def test_the_package_alone_imports_nothing_heavy() -> None:
    assert imported("import ilgnet; assert 'load' in dir(ilgnet)") == set()


@pytest.mark.parametrize("words", [["library", "status"], ["library", "export"]])
def test_the_catalogue_is_asked_without_decoders_and_engines(
    words: list[str], tmp_path: Path
) -> None:
    from tests.library.made_up import make_catalogue

    make_catalogue(tmp_path, 2, 4)
    assert imported(command(*words, str(tmp_path))) == {"PIL", "numpy", "sqlite3"}


def test_the_tables_of_public_names_agree() -> None:
    tree = ast.parse(Path(ilgnet.__file__ or "").read_text(encoding="utf-8"))
    named = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ilgnet.")
        for alias in node.names
    }
    where = {f"ilgnet.{module}.{name}" for name, module in ilgnet._MODULE_OF.items()}
    assert named == where
    assert {*ilgnet._MODULE_OF, "__version__"} == set(ilgnet.__all__)
