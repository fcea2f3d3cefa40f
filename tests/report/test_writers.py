from __future__ import annotations

import csv
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import click
import pandas
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.cli.exits import EXIT_INTERRUPTED
from ilgnet.cli.main import COMMANDS, main
from ilgnet.errors import IlgnetError, MissingExtra
from ilgnet.report.data_frames import to_arrow, to_pandas
from ilgnet.report.rows import COLUMNS, row, utf8_path, with_run_percentiles
from ilgnet.report.writers import csv_bytes, open_writer
from ilgnet.values import Outcome
from tests.report.conftest import make_verdict


def write_file(outcomes: list[Outcome], format: str, target: Path) -> Path:
    with open_writer(format, target) as write:
        for outcome in outcomes:
            write(outcome)
    return target


def read_csv(data: bytes) -> list[list[str]]:
    text = data.decode("utf-8", "surrogateescape")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_json_is_one_document_with_run_percentiles(outcomes, tmp_path):
    document = json.loads(write_file(outcomes, "json", tmp_path / "a.json").read_bytes())
    assert document == [row(outcome) for outcome in with_run_percentiles(outcomes)]
    assert [tuple(record) for record in document] == [COLUMNS] * len(outcomes)
    assert document[0]["run_percentile"] == 0


def test_jsonl_has_one_line_a_picture(outcomes, tmp_path):
    written = write_file(outcomes, "jsonl", tmp_path / "a.jsonl").read_bytes()
    assert [json.loads(line) for line in written.split(b"\n")[:-1]] == [row(o) for o in outcomes]
    assert len(written.decode().splitlines()) == len(outcomes)


def test_csv_gives_the_same_values_and_the_file_names_own_bytes(outcomes, tmp_path):
    written = write_file(outcomes, "csv", tmp_path / "a.csv").read_bytes()
    header, *lines = read_csv(written)
    assert tuple(header) == COLUMNS
    assert [line[0] for line in lines] == [outcome.path for outcome in outcomes]
    for line, outcome in zip(lines, outcomes, strict=True):
        values = row(outcome)
        assert line[1] == ("" if values["score"] is None else str(values["score"]))
        assert (json.loads(line[7]) if line[7] else None) == values["votes"]
        assert (json.loads(line[-1]) if line[-1] else None) == values["error"]
    assert b"caf\xe9 latin-1.jpg" in written


@given(st.lists(st.binary(max_size=20).map(os.fsdecode), min_size=1, max_size=4))
def test_csv_gives_every_cell_back(cells):
    assert read_csv(csv_bytes(cells)) == [cells]


def test_csv_survives_half_a_character():
    assert csv_bytes(["\ud800.jpg"]) == b"\\ud800.jpg\n"


def test_pandas_reads_the_csv(outcomes, tmp_path):
    frame = pandas.read_csv(
        write_file(outcomes, "csv", tmp_path / "a.csv"), encoding_errors="backslashreplace"
    )
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame.path) == [utf8_path(outcome.path) for outcome in outcomes]
    assert frame.score.isna().sum() == 2


def test_parquet_has_the_same_rows_with_paths_in_utf8(outcomes, tmp_path, monkeypatch):
    monkeypatch.setattr("ilgnet.report.writers.ROW_GROUP", 4)
    target = write_file(outcomes, "parquet", tmp_path / "a.parquet")
    assert pyarrow.parquet.ParquetFile(target).num_row_groups == 4
    rows = pyarrow.parquet.read_table(target).to_pylist()
    expected = [row(outcome) for outcome in with_run_percentiles(outcomes)]
    assert [tuple(values) for values in rows] == [COLUMNS] * len(outcomes)
    assert [values["path"] for values in rows] == [utf8_path(o.path) for o in outcomes]
    for name in ("score", "votes", "run_percentile", "width", "verdict"):
        assert [values[name] for values in rows] == [values[name] for values in expected], name
    assert rows[5]["error"]["code"] == "truncated"
    assert rows[-1]["error"]["message"] == "no file gone\\xff.jpg"


def test_the_columns_types_do_not_depend_on_the_run(outcomes):
    failures = [outcome for outcome in outcomes if row(outcome)["error"]]
    assert to_arrow(failures).schema == to_arrow(outcomes).schema == to_arrow([]).schema


def test_a_data_frame_has_the_columns_and_paths_in_utf8(outcomes):
    frame = to_pandas(outcomes)
    assert list(frame.columns) == list(COLUMNS)
    assert list(frame.path) == [utf8_path(outcome.path) for outcome in outcomes]


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "parquet", "table"])
def test_an_empty_run_is_a_valid_document(format, tmp_path):
    target = write_file([], format, tmp_path / "empty")
    if format == "json":
        assert json.loads(target.read_bytes()) == []
    elif format == "csv":
        assert read_csv(target.read_bytes()) == [list(COLUMNS)]
    elif format == "parquet":
        assert pyarrow.parquet.read_table(target).num_rows == 0
    elif format == "jsonl":
        assert target.read_bytes() == b""
    else:
        assert target.read_text() == "0 scored\n"


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "parquet", "table"])
def test_standard_output_gets_the_same_bytes_as_a_file(format, outcomes, tmp_path, capfdbinary):
    with open_writer(format, None) as write:
        for outcome in outcomes:
            write(outcome)
    expected = write_file(outcomes, format, tmp_path / "file").read_bytes()
    assert capfdbinary.readouterr().out == expected


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_streamed_rows_are_out_before_the_next_picture(format, outcomes, tmp_path):
    with open_writer(format, tmp_path / "out") as write:
        (partial,) = tmp_path.iterdir()
        size = partial.stat().st_size
        for outcome in outcomes:
            write(outcome)
            assert partial.stat().st_size > size
            assert partial.read_bytes().endswith(b"\n")
            size = partial.stat().st_size


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_an_interrupted_stream_is_kept_under_another_name(format, outcomes, tmp_path):
    target = tmp_path / "out"
    target.write_text("the run before")

    def interrupted_run():
        with open_writer(format, target) as write:
            write(outcomes[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as error:
        interrupted_run()
    assert target.read_text() == "the run before"
    (partial,) = tmp_path.glob("out.*.partial")
    assert b"plain.jpg" in partial.read_bytes()
    assert str(partial) in error.value.__notes__[0]


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
def interrupted_command(target: Path) -> None:
    with open_writer("jsonl", target) as write:
        write(make_verdict("a.jpg"))
        raise KeyboardInterrupt


def test_the_command_line_says_where_an_interrupted_stream_is(monkeypatch, tmp_path, capsys):
    where = "tests.report.test_writers:interrupted_command"
    monkeypatch.setitem(COMMANDS, "interrupted", (where, ""))
    with pytest.raises(SystemExit) as stop:
        main(["interrupted", os.fspath(tmp_path / "out.jsonl")])
    assert stop.value.code == EXIT_INTERRUPTED
    (partial,) = tmp_path.iterdir()
    assert f"Interrupted.\nWhat was finished before is in {partial}" in capsys.readouterr().err


@pytest.mark.parametrize("format", ["json", "parquet", "table"])
def test_an_interrupted_document_leaves_nothing(format, outcomes, tmp_path):
    def interrupted_run():
        with open_writer(format, tmp_path / "out") as write:
            write(outcomes[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert list(tmp_path.iterdir()) == []


def test_the_final_name_appears_only_when_all_is_written(outcomes, tmp_path):
    target = tmp_path / "out.jsonl"
    with open_writer("jsonl", target) as write:
        write(outcomes[0])
        assert not target.exists()
    assert target.exists()
    assert list(tmp_path.iterdir()) == [target]


def test_a_new_file_obeys_the_umask_and_an_old_one_keeps_its_mode(outcomes, tmp_path):
    target = tmp_path / "out.json"
    before = os.umask(0o027)
    try:
        write_file(outcomes, "json", target)
    finally:
        os.umask(before)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    target.chmod(0o604)
    write_file(outcomes, "json", target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


def test_a_link_stays_a_link(outcomes, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(outcomes, "json", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").is_file()


def test_a_pipe_is_written_to_and_not_replaced(outcomes, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        write_file(outcomes, "json", pipe)
        assert reader.stdout is not None
        assert len(json.loads(reader.stdout.read())) == len(outcomes)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_target_that_cannot_be_made_is_named(tmp_path):
    with (
        pytest.raises(IlgnetError, match=r"nowhere.*No such file"),
        open_writer("json", tmp_path / "nowhere" / "a.json"),
    ):
        pass
    with pytest.raises(IlgnetError, match="it is a folder"), open_writer("json", tmp_path):
        pass


def test_parquet_without_its_package_names_the_install_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with (
        pytest.raises(MissingExtra, match=r"ilgnet\[parquet\]"),
        open_writer("parquet", tmp_path / "a.parquet"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
