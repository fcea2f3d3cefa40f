"""The journal of a killed run is taken back to where the run goes on."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from ilgnet.training.folder import LOG
from ilgnet.training.run_log import RunLog, say
from tests.training.runs import log_entries


def test_entries_beyond_the_checkpoint_and_torn_lines_are_taken_back(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0, leads=True, aloud=True) as journal:
        for step in (1, 2, 3, 4):
            journal.write(step, {"loss": 1.0 / step})
    with (tmp_path / LOG).open("a") as stream:
        stream.write('{"step": 2, "lo')
    with RunLog(tmp_path, 2, leads=True, aloud=True) as journal:
        journal.write(3, {"loss": 0.5, "validation/emd": math.nan})
    assert log_entries(tmp_path / LOG) == [
        {"step": 1, "loss": 1.0},
        {"step": 2, "loss": 0.5},
        {"step": 3, "loss": 0.5},
    ]


def test_processes_that_do_not_lead_write_nothing(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0, leads=False, aloud=True) as journal:
        journal.write(1, {"loss": 1.0})
        journal.say("nothing")
    assert not list(tmp_path.iterdir())


def test_words_go_to_stderr_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[bold] is no markup here, and " + "long lines are not broken " * 8
    say(text)
    captured = capsys.readouterr()
    assert captured.err == f"{text}\n"
    assert captured.out == ""
