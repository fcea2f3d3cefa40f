"""Recipes as TOML, both ways: msgspec gives every value its type, tomli-w writes them.

A mistyped key that is silently ignored costs a night of training, so an unknown key is an error
that names the closest known one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import is_dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from ilgnet.errors import RecipeError, require

T = TypeVar("T")

_PLACE: Final = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<key>.*)`)?")
"""How msgspec says what is wrong, and where."""


def build(cls: type[T], table: Mapping[str, Any]) -> T:
    """Make a dataclass of a TOML table, as `tomllib` reads it.

    Raises:
        RecipeError: names the key, and what it must be.
    """
    msgspec = require("msgspec", "train", "reading a recipe")
    _refuse_unknown(cls, table)
    _refuse_infinite(table)
    try:
        record: T = msgspec.convert(table, cls)
    except msgspec.ValidationError as error:
        raise RecipeError(_said(cls, table, str(error))) from error
    return record


def dump(record: Any) -> str:
    """Write a dataclass as TOML that `build` reads back to an equal one; None is left out.

    Raises:
        RecipeError: a text is no Unicode, such as a path that is not UTF-8.
    """
    tomli_w = require("tomli_w", "train", "writing a recipe")
    text: str = tomli_w.dumps(plain(record))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecipeError(
            f"the recipe holds a text that is not Unicode, {text[error.start - 20 : error.end]!r}; "
            "rename the file that it names"
        ) from error
    return text


def plain(record: Any) -> dict[str, Any]:
    """A dataclass as TOML's types; None is left out."""
    msgspec = require("msgspec", "train", "writing a recipe")
    table: dict[str, Any] = _without_none(msgspec.to_builtins(record))
    return table


def override(table: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """Apply `key=value` settings, with dotted keys and TOML values, to a table.

    A value that is no TOML is a string, so that `data.train=my ratings.csv` needs no quotes.
    """
    result = deepcopy(dict(table))
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


def _tables(cls: Any) -> dict[str, Any]:
    """The fields of a dataclass that are dataclasses themselves, optional ones too."""
    found = {}
    for name, kind in get_type_hints(cls).items():
        for option in (kind, *get_args(kind)):
            if isinstance(option, type) and is_dataclass(option):
                found[name] = option
    return found


def _refuse_unknown(cls: Any, table: Mapping[str, Any], where: str = "") -> None:
    known = list(get_type_hints(cls))
    for key in table:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            hint = (
                f"did you mean {where + close[0]!r}?"
                if close
                else f"known keys: {', '.join(known)}"
            )
            raise RecipeError(f"unknown key {where + key!r} in the recipe; {hint}")
    for name, inner in _tables(cls).items():
        if isinstance(table.get(name), Mapping):
            _refuse_unknown(inner, table[name], f"{where}{name}.")


def _refuse_infinite(value: Any, key: str = "") -> None:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_infinite(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for inner in value:
            _refuse_infinite(inner, key)
    elif isinstance(value, float) and not isfinite(value):
        raise RecipeError(f"{key!r} must be a finite number, not {value!r}")


def _said(cls: Any, table: Mapping[str, Any], message: str) -> str:
    """msgspec's words in ours: the key as it is written, and the value that was given."""
    found = _PLACE.fullmatch(message)
    assert found is not None
    what, key = found["what"], found["key"] or ""
    missing = re.search(r"missing required field `(.*)`", what)
    if missing:
        return f"the recipe needs {'.'.join(filter(None, (key, missing[1])))!r}"
    value: Any = table
    kind: Any = cls
    for name in re.findall(r"[^.\[\]]+", key):
        value = value[int(name)] if isinstance(value, list) else value.get(name)
        kind = get_type_hints(kind).get(name) if is_dataclass(kind) else kind
    if get_origin(kind) is Literal:
        return f"{key!r} must be one of {', '.join(map(repr, get_args(kind)))}, not {value!r}"
    expected = re.match(r"Expected `(.*?)`, got `", what)
    if expected:
        wanted = "table" if expected[1] == "object" else expected[1]
        return f"{key!r} must be of the type {wanted}, not {value!r}"
    return f"{key!r}: {what}, not {value!r}"


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return value
