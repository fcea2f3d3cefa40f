"""The Python paragraphs of the README and the photographers' document run as they stand."""

from __future__ import annotations

import re
import shutil
import typing
from pathlib import Path

import pytest

import ilgnet

ROOT = Path(__file__).parents[2]
SAMPLES = Path(ilgnet.__file__).parent / "samples"


@pytest.mark.parametrize("document", ["README.md", "docs/photographers.md"])
def test_python_paragraphs_run(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: object
) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    shutil.copytree(SAMPLES, tmp_path / "photos", ignore=shutil.ignore_patterns("*.md"))
    shutil.copy(SAMPLES / "cat.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in (tmp_path / "photos").glob("[!.]*"))
    exec(compile(code, document, "exec"), {"__name__": "documents"})
    assert sorted(path.name for path in (tmp_path / "photos").glob("[!.]*")) == before


def test_type_hints_evaluate() -> None:
    for name in ilgnet.__all__:
        thing = getattr(ilgnet, name)
        if isinstance(thing, type):
            typing.get_type_hints(thing)
            for method in vars(thing).values():
                if callable(method) and not isinstance(method, type):
                    typing.get_type_hints(method)
        elif callable(thing):
            typing.get_type_hints(thing)
