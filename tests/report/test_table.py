from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from ilgnet.report.rows import shown
from ilgnet.report.table import _print, elide, print_table, sparkline, summary
from ilgnet.values import Failure
from tests.report.conftest import make_verdict, votes_around


def piped(outcomes) -> str:
    stream = io.BytesIO()
    print_table(outcomes, stream)
    return stream.getvalue().decode()


def on_terminal(outcomes, width: int, **settings) -> str:
    text = io.StringIO()
    console = Console(
        file=text, force_terminal=True, width=width, highlight=False, markup=False, **settings
    )
    _print(outcomes, console)
    return text.getvalue()


def test_every_picture_is_on_one_line_with_its_numbers(outcomes):
    lines = piped(outcomes).splitlines()
    assert lines[0].split() == ["picture", "score", "votes", "1-10", "percentile", "verdict"]
    verdict = outcomes[0]
    assert lines[1].split()[:2] == ["plain.jpg", f"{verdict.score:.2f}"]
    assert lines[1].split()[-2:] == [f"{verdict.percentile:.0f}", "low"]
    assert sum("." in line for line in lines[1:12]) == 11


def test_failures_come_last_with_their_reasons(outcomes):
    lines = piped(outcomes).splitlines()
    assert lines[-5:-2] == [
        "Not scored (2):",
        "  broken.jpg: the picture ends before its data does",
        "  gone\\xff.jpg: no file gone\\xff.jpg",
    ]
    assert lines[-1].startswith("11 scored, 2 failed, ")


def test_a_pipe_gets_full_paths_and_no_colour(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    path = "folder/" * 40 + "a.jpg"
    text = piped([make_verdict(path)])
    assert path in text
    assert "\x1b" not in text


def test_names_cannot_speak_to_the_terminal(outcomes):
    text = on_terminal(outcomes, 200, color_system=None)
    assert "\x1b[31m" not in text
    assert "\\x1b[31mred\\x1b[0m [bold]markup[/bold] :smile:.jpg" in text
    assert "\u202e" not in text


@pytest.mark.parametrize("width", [24, 32, 40, 60, 80, 120])
def test_no_line_of_a_picture_is_wider_than_the_terminal(width):
    pictures = [make_verdict("2024/summer/" * 9 + "IMG_1234.jpg"), make_verdict("漢字" * 60)]
    lines = on_terminal(pictures, width, color_system=None).splitlines()
    assert max(cell_len(line) for line in lines[:3]) <= width
    assert "5.5" in lines[1]
    assert "…" in lines[1]
    assert "1234.jpg" in lines[1]


def test_a_wide_terminal_shows_more_than_a_narrow_one():
    pictures = [make_verdict("a.jpg")]
    assert "verdict" in on_terminal(pictures, 80)
    assert "verdict" not in on_terminal(pictures, 40)


def test_colour_is_for_terminals_that_want_it(outcomes, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in on_terminal(outcomes, 80, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in on_terminal(outcomes, 80, color_system="standard")


def test_the_sparkline_peaks_where_the_votes_do():
    line = sparkline(votes_around(5.0))
    assert len(line) == 10
    assert line[4] == "█"
    assert sparkline(None) == ""


def test_elision_keeps_the_file_name():
    assert elide("photos/2024/summer/IMG_1234.jpg", 20) == "photos…/IMG_1234.jpg"
    assert elide("short.jpg", 20) == "short.jpg"
    assert cell_len(elide("漢字" * 20, 15)) <= 15


def test_an_ascii_terminal_gets_ascii(monkeypatch):
    stream = io.BytesIO()
    text = io.TextIOWrapper(stream, encoding="ascii", errors="backslashreplace")
    monkeypatch.setattr("sys.stdout", text)
    print_table([make_verdict("ä.jpg")], text.buffer)
    assert stream.getvalue().decode("ascii").splitlines()[1].startswith("\\xe4.jpg")
    text.detach()


def test_the_summary_of_nothing_and_of_failures_alone():
    assert summary([]) == "0 scored"
    assert summary([Failure("a", "empty", "no bytes")]) == "0 scored, 1 failed"
    assert shown("a") in summary([make_verdict("a")])
