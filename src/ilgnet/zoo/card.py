"""A model card in Markdown, printed from the model's record and nothing else.

python -m ilgnet.zoo.card default > docs/model_card.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ilgnet.zoo.measurements import Measurement
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
        yield f"- {source}" + (f". {source.note}" if source.note else "")
    for title, measurement in weights.metrics.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield from _measured(measurement)
    for heading, sentences in weights.notes.items():
        yield ""
        yield f"## {heading}"
        yield ""
        yield from (f"- {sentence}" for sentence in sentences)


def _measured(measurement: Measurement) -> Iterator[str]:
    """A table of the figures, and their conditions."""
    yield "| | value | 95 % interval |"
    yield "|---|---|---|"
    for names, figure in measurement.flat():
        label = ": ".join(name.replace("_", " ") for name in names)
        interval = "" if figure.interval is None else "{} to {}".format(*figure.interval)
        yield f"| {label} | {figure.value} | {interval} |"
    for name, value in (("images", measurement.images), ("list", measurement.fingerprint)):
        if value:
            yield f"| {name} | {value} |  |"
    if measurement.majority_rate is not None:
        yield f"| majority rate | {measurement.majority_rate} |  |"
    if measurement.conditions:
        yield ""
        yield f"{measurement.conditions}."


if __name__ == "__main__":
    sys.stdout.write(model_card(find_weights(*sys.argv[1:2] or [DEFAULT_MODEL])))
