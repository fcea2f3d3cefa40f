"""The table for people: one line a picture, then what could not be read, then a summary."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import BinaryIO, Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from ilgnet.report.console import DataConsole
from ilgnet.report.rows import shown
from ilgnet.values import Failure, Outcome, Verdict

_LEVELS: Final = " ▁▂▃▄▅▆▇█"
_ASCII_LEVELS: Final = " ..::++##"
_GAP: Final = "  "
_NARROWEST_PATH: Final = 16
_NEVER_ELIDE: Final = 100_000


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    width: int
    cell: Callable[[Verdict], str]
    style: Callable[[Verdict], str]


def print_table(outcomes: Sequence[Outcome], stream: BinaryIO) -> None:
    """Write the table to a binary stream.

    On a terminal the paths are elided in the middle and columns are left out until a line fits;
    elsewhere everything is written in full and without colour. `NO_COLOR` is obeyed.
    """
    text = io.TextIOWrapper(stream, encoding=_encoding(stream), errors="backslashreplace")
    try:
        console = DataConsole(file=text, highlight=False, markup=False, emoji=False)
        if not console.is_terminal:
            console.width = _NEVER_ELIDE
        _print(outcomes, console)
        text.flush()
    finally:
        text.detach()


def _encoding(stream: BinaryIO) -> str:
    import sys

    standard = sys.stdout
    return standard.encoding if getattr(standard, "buffer", None) is stream else "utf-8"


def _print(outcomes: Sequence[Outcome], console: Console) -> None:
    verdicts = [outcome for outcome in outcomes if isinstance(outcome, Verdict)]
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    if verdicts:
        _print_verdicts(verdicts, console)
    if failures:
        if verdicts:
            console.print()
        console.print(f"Not scored ({len(failures)}):", style="bold")
        for failure in failures:
            console.print(Text(f"  {shown(failure.path)}: {shown(failure.message)}"), style="red")
    if outcomes:
        console.print()
    console.print(summary(outcomes), style="dim", soft_wrap=True)


def _print_verdicts(verdicts: Sequence[Verdict], console: Console) -> None:
    ascii_only = console.options.ascii_only
    paths = [shown(verdict.path) for verdict in verdicts]
    columns = _fitting(_columns(_ASCII_LEVELS if ascii_only else _LEVELS), console.width)
    room = console.width - sum(len(_GAP) + column.width for column in columns)
    width = min(max(cell_len(path) for path in paths), room)
    dots = "..." if ascii_only else "…"

    titles = [column.title.rjust(column.width) for column in columns]
    _line(console, Text(_GAP.join([set_cell_size("picture", width), *titles]), style="dim"))
    for path, verdict in zip(paths, verdicts, strict=True):
        line = Text(set_cell_size(elide(path, width, dots), width))
        for column in columns:
            line.append(_GAP)
            line.append(column.cell(verdict).rjust(column.width), column.style(verdict))
        _line(console, line)


def _line(console: Console, line: Text) -> None:
    line.rstrip()
    console.print(line, no_wrap=True, overflow="crop")


def _columns(levels: str) -> list[_Column]:
    """All columns, the most wanted first."""
    return [
        _Column("score", 5, lambda verdict: f"{verdict.score:.2f}", lambda _: "bold"),
        _Column(
            "votes 1-10", 10, lambda verdict: sparkline(verdict.votes, levels), lambda _: "cyan"
        ),
        _Column("percentile", 10, lambda verdict: f"{verdict.percentile:.0f}", lambda _: "default"),
        _Column(
            "verdict",
            7,
            lambda verdict: verdict.verdict,
            lambda verdict: "green" if verdict.verdict == "high" else "dim",
        ),
    ]


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    """As many columns, from the left, as leave room for a path."""
    fitting = list(columns)
    while (
        len(fitting) > 1
        and sum(len(_GAP) + column.width for column in fitting) + _NARROWEST_PATH > width
    ):
        fitting.pop()
    return fitting


def sparkline(votes: Sequence[float] | None, levels: str = _LEVELS) -> str:
    """Ten letters, one a vote, as high as the vote is likely; empty for a two-class network."""
    if votes is None:
        return ""
    top = max(votes)
    return "".join(levels[round(vote / top * (len(levels) - 1))] for vote in votes)


def elide(text: str, width: int, dots: str = "…") -> str:
    """Shorten in the middle to `width` cells; the end, where the file's name is, keeps more."""
    if cell_len(text) <= width:
        return text
    room = max(0, width - len(dots))
    head = room // 3
    tail = text
    while cell_len(tail) > room - head:
        tail = tail[1:]
    return set_cell_size(text, head) + dots + tail


def summary(outcomes: Sequence[Outcome]) -> str:
    """One sentence on a run."""
    verdicts = [outcome for outcome in outcomes if isinstance(outcome, Verdict)]
    failed = len(outcomes) - len(verdicts)
    parts = [f"{len(verdicts)} scored"]
    if failed:
        parts.append(f"{failed} failed")
    if verdicts:
        high = sum(verdict.verdict == "high" for verdict in verdicts)
        parts.append(f"{high} high")
        parts.append(f"mean {fmean(verdict.score for verdict in verdicts):.2f}")
        best = max(verdicts, key=lambda verdict: verdict.score)
        parts.append(f"best {best.score:.2f} {shown(best.path)}")
    return ", ".join(parts)
