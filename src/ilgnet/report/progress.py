"""Progress on stderr: how far, how fast, how long still, how many failed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from ilgnet.values import Failure

T = TypeVar("T")

STEADY_AFTER: Final = 0.5
"""Seconds before the bar names a rate."""

LOG_EVERY: Final = 10.0
"""Seconds between two lines where stderr is not a terminal."""


def track(
    items: Iterable[T],
    *,
    total: int | None = None,
    show: bool | None = None,
    label: str = "Scoring",
    console: Console | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[T]:
    """Yield the items while showing progress; a `Failure` among them is counted as such.

    Args:
        items: outcomes, or anything else that is made one at a time.
        total: how many there will be; None if nobody knows yet.
        show: None shows a bar where stderr is a terminal and nothing elsewhere; True shows plain
            lines elsewhere; False shows nothing.
        label: what is being done.
        console: where to show it instead of stderr.
        clock: seconds, for the rate of the plain lines.
    """
    console = console or Console(file=sys.stderr)
    if show is False or (show is None and not console.is_terminal):
        return iter(items)
    if console.is_terminal:
        return _bar(items, total, label, console)
    return _lines(items, total, label, console, clock)


def _bar(items: Iterable[T], total: int | None, label: str, console: Console) -> Iterator[T]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        _PaceColumn(),
    )
    # Standard output is for data: rich must not redirect it to the bar's console.
    with Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=True
    ) as progress:
        task = progress.add_task(label, total=total, failed=0)
        failed = 0
        for item in items:
            failed += isinstance(item, Failure)
            progress.update(task, advance=1, failed=failed)
            yield item


class _PaceColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        failed = task.fields.get("failed", 0)
        # Since the beginning: pictures come in bursts, one from each thread.
        elapsed = task.elapsed or 0.0
        speed = task.completed / elapsed if elapsed >= STEADY_AFTER else None
        return Text(pace(task.completed, task.total, speed, failed), style="cyan")


def _lines(
    items: Iterable[T],
    total: int | None,
    label: str,
    console: Console,
    clock: Callable[[], float],
) -> Iterator[T]:
    begin = last = clock()
    done = failed = 0

    def report() -> None:
        elapsed = clock() - begin
        speed = done / elapsed if elapsed > 0 else None
        of = f"/{total}" if total is not None else ""
        console.print(f"{label} {done}{of}  {pace(done, total, speed, failed)}", soft_wrap=True)

    for item in items:
        done += 1
        failed += isinstance(item, Failure)
        if clock() - last >= LOG_EVERY:
            last = clock()
            report()
        yield item
    report()


def pace(done: float, total: float | None, speed: float | None, failed: int) -> str:
    """Rate, time left and failures in a few words.

    Args:
        done: pictures finished.
        total: pictures in all, if known.
        speed: pictures a second, if known.
        failed: pictures that could not be read.
    """
    parts = []
    if speed:
        parts.append(f"{speed:.1f}/s" if speed >= 1 else f"{1 / speed:.1f} s each")
        if total is not None and done < total:
            parts.append(f"{_clock_time((total - done) / speed)} left")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
