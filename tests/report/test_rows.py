from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.report.rows import (
    COLUMNS,
    best_first,
    json_bytes,
    row,
    shown,
    utf8_path,
    with_run_percentiles,
)
from ilgnet.values import Failure, Verdict
from tests.report.conftest import make_verdict

file_names = st.binary(min_size=1, max_size=40).map(os.fsdecode)


def test_the_columns_are_those_that_users_rely_on():
    assert " ".join(COLUMNS) == (
        "path score std p_high verdict percentile run_percentile votes width height model "
        "preprocess technical error"
    )


def test_a_verdict_becomes_a_row_with_rounded_numbers():
    verdict = replace(make_verdict("a.jpg"), score=5.123456, p_high=0.612345, percentile=48.88888)
    values = row(verdict)
    assert tuple(values) == COLUMNS
    assert (values["score"], values["p_high"], values["percentile"]) == (5.1235, 0.6123, 48.89)
    assert sum(values["votes"]) == pytest.approx(1, abs=1e-4)
    assert values["verdict"] == "high"
    assert values["error"] is None
    assert values["run_percentile"] is None


def test_the_verdict_is_decided_before_rounding():
    assert row(replace(make_verdict("a"), score=5.00001))["verdict"] == "high"
    assert row(replace(make_verdict("a"), score=5.0))["verdict"] == "low"


def test_a_two_class_network_has_no_votes():
    values = row(replace(make_verdict("a"), votes=None, std=None))
    assert values["votes"] is None
    assert values["std"] is None


def test_a_failure_becomes_a_row_with_a_null_score():
    values = row(Failure("a.jpg", "empty", "the file has no bytes"))
    assert tuple(values) == COLUMNS
    assert values.pop("path") == "a.jpg"
    assert values.pop("error") == {"code": "empty", "message": "the file has no bytes"}
    assert set(values.values()) == {None}


def test_run_percentiles_count_the_scored_pictures_with_a_lower_score():
    scores = [5.0, 4.0, 6.0, 5.0]
    run = [replace(make_verdict(str(i)), score=score) for i, score in enumerate(scores)]
    placed = with_run_percentiles([run[0], Failure("x", "empty", ""), *run[1:]])
    assert [o.run_percentile if isinstance(o, Verdict) else None for o in placed] == [
        25.0,
        None,
        0.0,
        75.0,
        25.0,
    ]
    assert with_run_percentiles([]) == []


def test_a_part_of_a_run_keeps_its_place_in_the_run():
    run = [replace(make_verdict(str(i)), score=float(i)) for i in range(1, 11)]
    best = with_run_percentiles(run)[-2:]
    assert [o.run_percentile for o in with_run_percentiles(best)] == [80.0, 90.0]


def test_best_first_puts_failures_last_and_keeps_equals_in_order():
    failure = Failure("x", "empty", "")
    low, high, also_high = (
        replace(make_verdict(name), score=score)
        for name, score in [("low", 3.0), ("high", 7.0), ("also", 7.0)]
    )
    assert best_first([failure, low, high, also_high]) == [high, also_high, low, failure]


@given(file_names)
def test_json_gives_every_path_back_on_one_line(name):
    written = json_bytes({"path": name})
    assert json.loads(written)["path"] == name
    assert len(written.decode("utf-8").splitlines()) == 1


@given(st.text(st.characters(), max_size=20))
def test_json_gives_any_name_back_lone_surrogates_included(name):
    assert json.loads(json_bytes(name)) == name


@given(file_names)
def test_paths_for_parquet_are_valid_utf8_and_keep_what_is_valid(name):
    assert utf8_path(name).encode("utf-8").decode("utf-8") == utf8_path(name)
    if name.isascii():
        assert utf8_path(name) == name


def test_undecodable_bytes_are_shown_as_they_are():
    assert utf8_path(os.fsdecode(b"caf\xe9\n.jpg")) == "caf\\xe9\n.jpg"
    assert shown(os.fsdecode(b"caf\xe9\n.jpg")) == "caf\\xe9\\n.jpg"


@given(file_names)
def test_a_shown_moves_no_cursor_and_turns_no_text(name):
    assert shown(name).isprintable()


def test_a_shown_keeps_the_letters_of_all_scripts():
    assert shown("漢字 🌄 ä.jpg") == "漢字 🌄 ä.jpg"
    assert shown("\u202egpj.exe") == "\\u202egpj.exe"
