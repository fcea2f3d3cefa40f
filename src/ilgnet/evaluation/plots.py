"""Plots as inline SVG, drawn in the page's own colours (`currentColor` and three classes)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ilgnet.metrics import Bools, Floats, Reliability, roc

WIDTH: Final = 420
HEIGHT: Final = 340
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 42

MOST_DOTS: Final = 1500
"""More pictures than these are drawn as a map of counts: dots would cover each other."""

CELLS: Final = 48


@dataclass(frozen=True, slots=True)
class Axes:
    """A frame in data coordinates."""

    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str
    y_label: str

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is drawn, in pixels."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(LEFT + across * (WIDTH - LEFT - RIGHT), 1),
            round(HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM), 1),
        )


def score_against_truth(truth: Floats, score: Floats) -> str:
    """The model's score over the people's mean vote."""
    limits = _limits(np.concatenate([truth, score]), step=0.5)
    axes = Axes(limits, limits, "mean vote of people", "score of the model")
    marks = _dots if truth.size <= MOST_DOTS else _density
    return _figure(
        axes,
        [_diagonal(axes), marks(axes, truth, score)],
        f"Score against mean vote of {truth.size} pictures",
    )


def roc_curve(high: Bools, score: Floats, area: float) -> str:
    """True positives over false positives at every threshold."""
    axes = Axes((0.0, 1.0), (0.0, 1.0), "low pictures called high", "high pictures called high")
    false_positive, true_positive = roc(high, score)
    # A curve of 20,000 steps looks the same with 500.
    kept = np.unique(np.linspace(0, false_positive.size - 1, 500).astype(int))
    curve = _line(axes, false_positive[kept], true_positive[kept])
    return _figure(axes, [_diagonal(axes), curve], f"ROC curve, area {area:.3f}")


def calibration(table: Reliability, axes: Axes) -> str:
    """What was seen over what was predicted; a dot's area is its share of the pictures."""
    total = sum(b.images for b in table.bins)
    dots = []
    for b in table.bins:
        x, y = axes.at(b.predicted, b.observed)
        radius = 3 + 12 * (b.images / total) ** 0.5
        title = f"{b.images} pictures: predicted {b.predicted:.3f}, seen {b.observed:.3f}"
        dots.append(
            f'<circle class="mark bubble" cx="{x}" cy="{y}" r="{radius:.1f}">'
            f"<title>{title}</title></circle>"
        )
    return _figure(axes, [_diagonal(axes), *dots], f"Calibration, mean gap {table.error:.3f}")


def probability_axes() -> Axes:
    """The frame for probabilities of high."""
    return Axes((0.0, 1.0), (0.0, 1.0), "predicted probability of high", "share that is high")


def mean_axes(table: Reliability) -> Axes:
    """The frame for mean votes by score."""
    limits = _limits(np.array([(b.predicted, b.observed) for b in table.bins]), step=1.0)
    return Axes(limits, limits, "score of the model", "mean vote of people")


def _limits(values: Floats, step: float) -> tuple[float, float]:
    """Round limits that hold all values, however alike these are."""
    low = float(np.floor(values.min() / step) * step)
    return low, max(float(np.ceil(values.max() / step) * step), low + step)


def _dots(axes: Axes, xs: Floats, ys: Floats) -> str:
    points = (axes.at(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
    circles = "".join(f'<circle cx="{x}" cy="{y}" r="2.2"/>' for x, y in points)
    return f'<g class="mark dots">{circles}</g>'


def _density(axes: Axes, xs: Floats, ys: Floats) -> str:
    """Counts in square cells; the darkest holds the most pictures."""
    counts, x_edges, y_edges = np.histogram2d(xs, ys, bins=CELLS, range=[axes.x, axes.y])
    cells = []
    for i, j in np.argwhere(counts):
        x, y = axes.at(x_edges[i], y_edges[j + 1])
        right, bottom = axes.at(x_edges[i + 1], y_edges[j])
        opacity = 0.12 + 0.88 * (counts[i, j] / counts.max()) ** 0.5
        cells.append(
            f'<rect x="{x}" y="{y}" width="{right - x:.1f}" height="{bottom - y:.1f}" '
            f'fill-opacity="{opacity:.2f}"/>'
        )
    return f'<g class="mark">{"".join(cells)}</g>'


def _line(axes: Axes, xs: Floats, ys: Floats) -> str:
    points = (axes.at(x, y) for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
    return f'<polyline class="curve" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _diagonal(axes: Axes) -> str:
    (x1, y1), (x2, y2) = axes.at(axes.x[0], axes.y[0]), axes.at(axes.x[1], axes.y[1])
    return f'<line class="guide" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _figure(axes: Axes, parts: Sequence[str], title: str) -> str:
    frame = []
    for value in _ticks(axes.x):
        x, y = axes.at(value, axes.y[0])
        frame.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{y}"/>')
        frame.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{value:g}</text>')
    for value in _ticks(axes.y):
        x, y = axes.at(axes.x[0], value)
        frame.append(f'<line class="grid" x1="{x}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        frame.append(f'<text x="{x - 7}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    middle_x, middle_y = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    frame.append(
        f'<text x="{middle_x}" y="{HEIGHT - 6}" text-anchor="middle">{axes.x_label}</text>'
        f'<text transform="translate(13 {middle_y}) rotate(-90)" text-anchor="middle">'
        f"{axes.y_label}</text>"
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{title}</title>'
        f"{''.join(frame)}{''.join(parts)}</svg>"
    )


def _ticks(limits: tuple[float, float]) -> list[float]:
    """Between four and nine round values."""
    span = limits[1] - limits[0]
    step = next(s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if span / s <= 8)
    first = int(np.ceil(limits[0] / step - 1e-9))
    last = int(np.floor(limits[1] / step + 1e-9))
    return [round(k * step, 6) for k in range(first, last + 1)]
