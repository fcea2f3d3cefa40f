"""A comparison as a table: for the terminal, as CSV, as LaTeX and as a page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from importlib.resources import files
from typing import Any, Final

from ilgnet.evaluation import messages
from ilgnet.evaluation.evaluation import Evaluation
from ilgnet.evaluation.model_table import Cell, Comparison, Pair
from ilgnet.evaluation.record import to_json as evaluation_to_json
from ilgnet.metrics import INTERVAL, Measure

FIGURES: Final = ("srcc", "plcc", "plcc_fitted", "accuracy", "auc")
"""The columns, where a collection's ratings define them."""

SMALLEST_P: Final = 1e-15

NOTE: Final = (
    f"Brackets: {100 * INTERVAL:.0f} % intervals, percentile bootstrap over pictures. ±: standard "
    "deviation over runs; their brackets are those of the mean. Differences: the first less the "
    "second on the same pictures, paired bootstrap; p of Steiger's test for SRCC, and of McNemar's "
    "exact test for the class, two-sided and not corrected for the number of comparisons."
)


def as_text(comparison: Comparison) -> str:
    """For the terminal."""
    lines = []
    width = max(map(len, comparison.contenders))
    for rated in comparison.collections:
        lines += [
            f"{rated.name}: {len(rated.images):,} pictures, fingerprint {rated.fingerprint}",
            f"  {_conditions(comparison, rated.name)}",
        ]
        shown = _shown(comparison, rated.name)
        column = 3 + max(
            (len(_written(c, n)) for c in _cells(comparison, rated.name) for n in shown), default=9
        )
        head = "".join(f"{messages.NAMES[name]:>{column}}" for name in shown)
        lines.append(f"  {'':<{width}}{head}   seen in training")
        for contender in comparison.contenders:
            cell = comparison.cell(contender, rated.name)
            cells = "".join(f"{_written(cell, name):>{column}}" for name in shown)
            lines.append(f"  {contender:<{width}}{cells}   {leak(cell)}")
        lines += [f"  {text}" for text in _runs(comparison, rated.name)]
        lines += [f"  {_difference(pair)}" for pair in _of(comparison, rated.name)]
        lines.append("")
    return "\n".join([*lines, NOTE]) + "\n"


def as_csv(comparison: Comparison) -> str:
    """One row a contender and collection, every figure with its interval."""
    names = [name for name in messages.NAMES if _any_has(comparison, name)]
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    head = ["model", "collection", "pictures", "fingerprint", "majority_rate", "runs", "seen"]
    parts = ("", "_low", "_high", "_deviation")
    rows.writerow([*head, *(f"{name}{part}" for name in names for part in parts)])
    for cell in comparison.cells:
        first = cell.evaluations[0] if cell.evaluations else None
        known = (
            [len(first.predictions), first.measured_fingerprint, _number(first.majority_rate)]
            if first
            else ["", "", ""]
        )
        row: list[Any] = [cell.contender, cell.collection, *known]
        row += [len(cell.evaluations), leak(cell)]
        for name in names:
            row += _four(cell, name)
        rows.writerow(row)
    return stream.getvalue()


def _four(cell: Cell, name: str) -> list[str]:
    """A figure, the ends of its interval, and its deviation over runs."""
    measure = cell.figure(name)
    if measure is None:
        return ["", "", "", ""]
    return [
        _number(value) for value in (measure.value, measure.low, measure.high, cell.deviation(name))
    ]


def as_latex(comparison: Comparison) -> str:
    """A `tabular` with booktabs' rules, as papers print it; the best of a column is bold."""
    shown = [n for n in FIGURES[:4] if _any_has(comparison, n)]
    columns = "l" + "r" * (len(shown) * len(comparison.collections))
    head = " & ".join(
        f"\\multicolumn{{{len(shown)}}}{{c}}{{{_tex(rated.name)}}}"
        for rated in comparison.collections
    )
    titles = " & ".join(
        _tex(messages.NAMES[name]) for _ in comparison.collections for name in shown
    )
    best = {
        (rated.name, name): _best(comparison, rated.name, name)
        for rated in comparison.collections
        for name in shown
    }
    body = []
    for contender in comparison.contenders:
        cells = [
            _tex_cell(
                comparison.cell(contender, rated.name), name, best[rated.name, name] == contender
            )
            for rated in comparison.collections
            for name in shown
        ]
        body.append(f"{_tex(contender)} & {' & '.join(cells)} \\\\")
    remarks = [
        f"% {rated.name}: {_conditions(comparison, rated.name)}; fingerprint {rated.fingerprint}"
        for rated in comparison.collections
    ]
    remarks += [
        f"% {text}"
        for rated in comparison.collections
        for text in (
            *(
                f"{row}: seen in training: {leak(comparison.cell(row, rated.name))}"
                for row in comparison.contenders
            ),
            *_runs(comparison, rated.name),
        )
    ]
    remarks += [f"% {_difference(pair)}" for pair in comparison.pairs]
    return "\n".join(
        [
            *remarks,
            f"% {NOTE}",
            f"\\begin{{tabular}}{{{columns}}}",
            "\\toprule",
            f" & {head} \\\\",
            f"Model & {titles} \\\\",
            "\\midrule",
            *body,
            "\\bottomrule",
            "\\end{tabular}",
            "",
        ]
    )


def as_page(comparison: Comparison) -> str:
    """One self-contained HTML page."""
    style = files("ilgnet.evaluation").joinpath("page.css").read_text(encoding="utf-8")
    title = f"{len(comparison.contenders)} models on {len(comparison.collections)} collections"
    parts = [f"<h1>{title}</h1>"]
    for rated in comparison.collections:
        shown = _shown(comparison, rated.name)
        rows = []
        for contender in comparison.contenders:
            cell = comparison.cell(contender, rated.name)
            cells = "".join(_html_cell(cell, name) for name in shown)
            rows.append(
                f"<tr><th>{escape(contender)}</th>{cells}<td>{escape(leak(cell))}</td></tr>"
            )
        parts += [
            f"<h2>{escape(rated.name)}</h2><p>{len(rated.images):,} pictures, fingerprint "
            f"{rated.fingerprint}. {escape(_conditions(comparison, rated.name))}</p>",
            _html_table(["", *(messages.NAMES[n] for n in shown), "Seen in training"], rows),
        ]
        said = [*_runs(comparison, rated.name), *map(_difference, _of(comparison, rated.name))]
        pairs = [f"<li>{escape(text)}</li>" for text in said]
        parts.append(f"<ul>{''.join(pairs)}</ul>" if pairs else "")
    parts.append(f"<p>{escape(NOTE)}</p>")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head>\n"
        f"<body><main>\n{''.join(parts)}\n</main></body></html>\n"
    )


def to_json(comparison: Comparison) -> dict[str, Any]:
    """Every evaluation and every difference in plain JSON types."""
    return {
        "cells": [
            {
                "model": cell.contender,
                "collection": cell.collection,
                "refused": cell.refused,
                "runs": [evaluation_to_json(run) for run in cell.evaluations],
            }
            for cell in comparison.cells
        ],
        "differences": [
            {
                "collection": pair.collection,
                "first": pair.first,
                "second": pair.second,
                **_plain(asdict(pair.difference)),
            }
            for pair in comparison.pairs
        ],
    }


def leak(cell: Cell) -> str:
    """What the contender has seen of the collection, in a few words."""
    if cell.refused:
        return "refused: it has seen some"
    run = cell.evaluations[0]
    if run.subject.weights is None:
        return "unknown"
    seen = len(run.overlap.ids)
    if seen:
        return f"{seen:,} {'taken out' if run.protocol.overlap == 'remove' else 'STILL IN'}"
    if run.overlap.unchecked:
        return "cannot be checked"
    return "none known" if run.overlap.compared else "unknown"


def _conditions(comparison: Comparison, collection: str) -> str:
    run = next(
        (
            c.evaluations[0]
            for c in comparison.cells
            if c.collection == collection and c.evaluations
        ),
        None,
    )
    if run is None:
        return "no model was measured"
    majority = "–" if run.majority_rate is None else f"{100 * run.majority_rate:.2f} %"
    lost = f"; {len(run.failures):,} could not be read" if run.failures else ""
    options = comparison.options
    return (
        f"{len(run.predictions):,} measured ({run.measured_fingerprint}{lost}), majority rate "
        f"{majority}, ratings on {run.rated.scale}, {options.replicates:,} draws with seed "
        f"{options.seed}"
    )


def _runs(comparison: Comparison, collection: str) -> Iterator[str]:
    """Of which runs a row is the mean, and where a row is of other pictures than the first."""
    measured = [cell for cell in _cells(comparison, collection) if cell.evaluations]
    for cell in measured:
        if len(cell.evaluations) > 1:
            runs = ", ".join(_run_name(run) for run in cell.evaluations)
            yield f"{cell.contender}: mean of {len(cell.evaluations)} runs ({runs})"
        first = cell.evaluations[0]
        if first.measured_fingerprint != measured[0].evaluations[0].measured_fingerprint:
            yield (
                f"{cell.contender}: measured on {len(first.predictions):,} pictures, "
                f"{first.measured_fingerprint}"
            )


def _run_name(run: Evaluation) -> str:
    """A run's folder, which says its seed."""
    weights = run.subject.weights
    return run.subject.name if weights is None else weights.folder.name


def _cells(comparison: Comparison, collection: str) -> list[Cell]:
    return [cell for cell in comparison.cells if cell.collection == collection]


def _shown(comparison: Comparison, collection: str) -> list[str]:
    cells = _cells(comparison, collection)
    return [name for name in FIGURES if any(c.figure(name) for c in cells)]


def _any_has(comparison: Comparison, name: str) -> bool:
    return any(cell.figure(name) for cell in comparison.cells)


def _of(comparison: Comparison, collection: str) -> list[Pair]:
    return [pair for pair in comparison.pairs if pair.collection == collection]


def _written(cell: Cell, name: str) -> str:
    measure = cell.figure(name)
    if measure is None:
        return "–"
    value = messages.number(name, measure.value)
    deviation = cell.deviation(name)
    if deviation is not None:
        value = f"{value} ± {messages.number(name, deviation).removesuffix(' %')}"
    if math.isnan(measure.low):
        return value
    low, high = (messages.number(name, end) for end in (measure.low, measure.high))
    return f"{value} [{low.removesuffix(' %')}, {high.removesuffix(' %')}]"


def _difference(pair: Pair) -> str:
    found = pair.difference
    said = [
        f"{messages.NAMES[name]} {_signed(name, gain)}"
        + (
            f" ({_p(found.steiger[name])})"
            if name == "srcc" and not math.isnan(found.steiger.get(name, math.nan))
            else ""
        )
        for name, gain in found.gains.items()
        if name != "plcc" and not math.isnan(gain.value)
    ]
    if found.mcnemar is not None:
        said.append(
            f"class right by one alone {found.only_first} : {found.only_second} "
            f"({_p(found.mcnemar)})"
        )
    return (
        f"{pair.first} less {pair.second}: {', '.join(said)}; {found.images:,} pictures, "
        f"{found.fingerprint}"
    )


def _p(value: float) -> str:
    """A p value; what lies below the arithmetic's reach is not written as zero."""
    return f"p < {SMALLEST_P:.0e}" if value < SMALLEST_P else f"p = {value:.2g}"


def _signed(name: str, gain: Measure) -> str:
    share = name in messages.SHARES
    scale, digits = (100, 2) if share else (1, 3)
    text = f"{scale * gain.value:+.{digits}f}"
    if not math.isnan(gain.low):
        text += f" [{scale * gain.low:+.{digits}f}, {scale * gain.high:+.{digits}f}]"
    return f"{text} points" if share else text


def _best(comparison: Comparison, collection: str, name: str) -> str | None:
    found = {
        cell.contender: measure.value
        for cell in comparison.cells
        if cell.collection == collection
        and (measure := cell.figure(name))
        and not math.isnan(measure.value)
    }
    return max(found, key=lambda contender: found[contender]) if len(found) > 1 else None


def _tex_cell(cell: Cell, name: str, best: bool) -> str:
    measure = cell.figure(name)
    if measure is None or math.isnan(measure.value):
        return "--"
    value = messages.number(name, measure.value).removesuffix(" %")
    deviation = cell.deviation(name)
    text = f"\\textbf{{{value}}}" if best else value
    if deviation is not None:
        text += f" $\\pm$ {messages.number(name, deviation).removesuffix(' %')}"
    if not math.isnan(measure.low):
        low, high = (messages.number(name, end) for end in (measure.low, measure.high))
        ends = f"{low.removesuffix(' %')}, {high.removesuffix(' %')}"
        text += f" {{\\scriptsize [{ends}]}}"
    return text


def _tex(text: str) -> str:
    for letter in "&%$#_{}":
        text = text.replace(letter, f"\\{letter}")
    return text


def _html_cell(cell: Cell, name: str) -> str:
    value, _, rest = _written(cell, name).partition(" [")
    return f"<td>{escape(value)}{f'<small>[{escape(rest)}</small>' if rest else ''}</td>"


def _html_table(head: Sequence[str], rows: Sequence[str]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    return (
        f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def _number(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.6g}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
