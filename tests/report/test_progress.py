from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from ilgnet.report.progress import pace, track
from ilgnet.values import Failure

ITEMS = ["a", Failure("b", "empty", "no bytes"), "c"]


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def test_a_bar_shows_counts_and_failures():
    console = terminal()
    assert list(track(ITEMS, total=3, console=console)) == ITEMS
    shown = console.file.getvalue()
    assert "3/3" in shown
    assert "1 failed" in shown


def test_silent_where_stderr_is_no_terminal_unless_asked():
    console = Console(file=io.StringIO())
    assert list(track(ITEMS, console=console)) == ITEMS
    assert console.file.getvalue() == ""


def test_plain_lines_where_asked_without_a_terminal():
    console = Console(file=io.StringIO())
    ticks = iter([0.0, 4.0, 8.0, 12.0, 12.0, 12.0, 12.0])
    items = track(ITEMS, total=6, show=True, console=console, clock=lambda: next(ticks))
    assert list(items) == ITEMS
    assert console.file.getvalue().splitlines() == [
        "Scoring 3/6  4.0 s each, 0:12 left, 1 failed",
        "Scoring 3/6  4.0 s each, 0:12 left, 1 failed",
    ]


def test_quiet_on_a_terminal_where_asked():
    console = terminal()
    assert list(track(ITEMS, show=False, console=console)) == ITEMS
    assert console.file.getvalue() == ""


def test_nothing_goes_to_standard_output(capfd):
    console = terminal()
    for item in track(ITEMS, total=3, console=console):
        sys.stdout.write(f"{item}\n")
    assert len(capfd.readouterr().out.splitlines()) == 3
    assert "Failure" not in console.file.getvalue()


def test_items_are_taken_one_at_a_time():
    taken = []

    def items():
        for item in ITEMS:
            taken.append(item)
            yield item

    progress = track(items(), console=terminal())
    next(progress)
    assert taken == ["a"]
    progress.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 10, None, 0), ""),
        ((5, 10, 2.5, 0), "2.5/s, 0:02 left"),
        ((5, None, 0.25, 3), "4.0 s each, 3 failed"),
        ((100, 20_000, 2.0, 0), "2.0/s, 2:45:50 left"),
        ((10, 10, 5.0, 0), "5.0/s"),
    ],
)
def test_pace_in_words(arguments, words):
    assert pace(*arguments) == words
