"""A library that is open in the page."""

from __future__ import annotations

from pathlib import Path

from ilgnet.serve.session import Session
from tests.library.made_up import make_catalogue


def test_a_model_without_measured_likeness_has_no_bursts(tmp_path: Path) -> None:
    make_catalogue(tmp_path, 30, 8)
    session = Session(tmp_path)
    assert len(session.photographs) == 30
    assert {photo.burst for photo in session.photographs} == {None}
