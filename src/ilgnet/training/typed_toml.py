"""TOML in and out of frozen dataclasses: every key is known, every value has its type.

A mistyped key that is silently ignored costs a night of training, so an unknown key is an error
that names the closest known one.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ilgnet.errors import RecipeError

T = TypeVar("T")


def build(cls: type[T], table: Mapping[str, Any], where: str = "") -> T:
    """Make a dataclass of a TOML table.

    Args:
        cls: a dataclass whose fields are tables (dataclasses), numbers, strings, booleans,
            `Literal`s, fixed-length tuples, dicts by string, or one of these or None.
        table: as `tomllib` reads it.
        where: dotted name of the table, for messages.
    """
    types = get_type_hints(cls)
    for key in table:
        if key not in types:
            raise RecipeError(_unknown(where + key, where, list(types)))
    for field in fields(cls):  # type: ignore[arg-type]
        required = field.default is MISSING and field.default_factory is MISSING
        if required and field.name not in table:
            raise RecipeError(f"the recipe needs {where + field.name!r}")
    return cls(**{key: _value(value, types[key], where + key) for key, value in table.items()})


def _unknown(key: str, where: str, known: Sequence[str]) -> str:
    close = get_close_matches(key.removeprefix(where), known, n=1)
    hint = f"did you mean {where + close[0]!r}?" if close else f"known keys: {', '.join(known)}"
    return f"unknown key {key!r} in the recipe; {hint}"


def _value(value: Any, kind: Any, key: str) -> Any:
    """Check one value against its annotation and give it its final type."""
    if isinstance(kind, UnionType):
        kind = next(option for option in get_args(kind) if option is not NoneType)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, Mapping):
            raise RecipeError(f"{key!r} must be a table, not {value!r}")
        return build(kind, value, f"{key}.")
    if get_origin(kind) is Literal:
        return _choice(value, get_args(kind), key)
    if get_origin(kind) is tuple:
        return _tuple(value, get_args(kind), key)
    if get_origin(kind) is dict:
        return _mapping(value, get_args(kind)[1], key)
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (kind is float and not isfinite(value)):
        raise RecipeError(f"{key!r} must be a {kind.__name__}, not {value!r}")
    return value


def _choice(value: Any, choices: tuple[Any, ...], key: str) -> Any:
    if value not in choices:
        names = ", ".join(repr(choice) for choice in choices)
        raise RecipeError(f"{key!r} must be one of {names}, not {value!r}")
    return value


def _tuple(value: Any, kinds: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or len(value) != len(kinds):
        raise RecipeError(f"{key!r} must be a list of {len(kinds)} values, not {value!r}")
    return tuple(_value(item, kind, key) for item, kind in zip(value, kinds, strict=True))


def _mapping(value: Any, kind: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RecipeError(f"{key!r} must be a table, not {value!r}")
    return {name: _value(item, kind, f"{key}.{name}") for name, item in value.items()}


def override(table: dict[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Apply `key=value` settings, with dotted keys and TOML values, to a table.

    A value that is no TOML is a string, so that `data.train=my ratings.csv` needs no quotes.
    """
    result: dict[str, Any] = json.loads(json.dumps(table))
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise RecipeError(f"a setting has the form key=value, not {setting!r}")
        *parents, last = key.strip().split(".")
        inner = result
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise RecipeError(f"{setting!r}: {parent!r} is a value, not a table")
        inner[last] = _parsed(text.strip())
    return result


def _parsed(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def dump(record: Any) -> str:
    """Write a dataclass as TOML that `build` reads back to an equal one; None is left out."""
    plain, tables = [], []
    for field in fields(record):
        value = getattr(record, field.name)
        if is_dataclass(value):
            tables.append(f"\n[{field.name}]\n{dump(value)}")
        elif value is not None:
            plain.append(f"{field.name} = {_written(value)}\n")
    return "".join(plain + tables)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_written(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
