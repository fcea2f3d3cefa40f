"""Every key of a recipe in words, read from the record's own source."""

from __future__ import annotations

import ast
import inspect
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, get_type_hints

from ilgnet.training import recipe
from ilgnet.training.recipe import Recipe


def describe_keys() -> str:
    """All keys, table by table, each with its default and what it means."""
    return "\n".join(_table(Recipe, "")).strip()


def _table(record: type, where: str) -> list[str]:
    types = get_type_hints(record)
    texts = field_texts(record)
    lines, tables = [], []
    for field in fields(record):
        inner = types[field.name]
        if is_dataclass(inner) and inner.__module__ == recipe.__name__:
            assert isinstance(inner, type)
            tables += ["", f"[{field.name}]  {_first(inner.__doc__)}"]
            tables += _table(inner, f"{field.name}.")
        else:
            lines += [f"{where}{field.name} = {_default(field)}", f"    {texts[field.name]}"]
    return lines + tables


def field_texts(record: type) -> dict[str, str]:
    """The text under each field of a dataclass's source, on one line."""
    body = ast.parse(inspect.getsource(record)).body[0]
    assert isinstance(body, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in zip(body.body, body.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _first(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return "(left out)" if field.default is None else repr(field.default)
    return "(needed)" if field.default_factory is MISSING else "{}"
