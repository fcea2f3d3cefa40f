"""A model card in Markdown, printed from the model's record and nothing else.

python -m ilgnet.zoo.card default > docs/model_card.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ilgnet.zoo.records import DEFAULT_MODEL, Weights, find_weights


def model_card(weights: Weights) -> str:
    """The card: what the model is, was trained on, was measured at, and where it fails."""
    return "\n".join(_lines(weights)) + "\n"


def _lines(weights: Weights) -> Iterator[str]:
    preprocess = weights.preprocess
    yield f"# {weights.name}"
    yield ""
    yield weights.about
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| network | `{weights.architecture}` |"
    yield f"| gives | {'votes 1..10' if weights.output == 'votes' else 'low or high'} |"
    yield f"| sees | {preprocess.width} x {preprocess.height}, {preprocess.resize} |"
    yield f"| preprocessing | `{preprocess.fingerprint()}` |"
    yield f"| error of the mean vote | {weights.mean_error:.2f} (standard deviation) |"
    yield f"| licence | {weights.licence} |"
    yield f"| recipe | `{weights.recipe}` |"
    yield ""
    yield "## Trained on"
    yield ""
    for source in weights.trained_on:
        yield (
            f"- {source['name']}: {source['images']} pictures, fingerprint "
            f"`{source['fingerprint']}`" + (f". {source['note']}" if "note" in source else "")
        )
    for title, section in weights.metrics.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield from _section(section)


def _section(section: Any) -> Iterator[str]:
    """A sentence, a list of sentences, or a table of measured values."""
    if isinstance(section, str):
        yield section
    elif isinstance(section, list):
        yield from (f"- {sentence}" for sentence in section)
    else:
        yield "| | value | 95 % interval |"
        yield "|---|---|---|"
        for name, value in _flat(section):
            yield f"| {name} | {_number(value)} | {_interval(value)} |"
        if "conditions" in section:
            yield ""
            yield f"{section['conditions']}."


def _flat(section: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        label = f"{prefix}{name.replace('_', ' ')}"
        if name == "conditions":
            continue
        if isinstance(value, Mapping) and "value" not in value:
            yield from _flat(value, f"{label}: ")
        else:
            yield label, value


def _number(value: Any) -> str:
    return str(value["value"] if isinstance(value, Mapping) else value)


def _interval(value: Any) -> str:
    if isinstance(value, Mapping) and "interval" in value:
        low, high = value["interval"]
        return f"{low} to {high}"
    return ""


if __name__ == "__main__":
    sys.stdout.write(model_card(find_weights(*sys.argv[1:2] or [DEFAULT_MODEL])))
