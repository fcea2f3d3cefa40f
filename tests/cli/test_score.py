"""The command line as people use it: what is printed where, and how it ends."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ilgnet.report.rows import COLUMNS, shown, utf8_path
from tests.tiny_model import expected_score, make_tiny_model
from tests.worst_folder import encoded, failures, oddities


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three greys and one broken file."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, value in (("dark.png", 40), ("light.png", 210), ("middle.png", 128)):
        (folder / name).write_bytes(encoded(Image.new("RGB", (40, 30), (value,) * 3), "PNG"))
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def run(
    *arguments: object, stdin: bytes = b"", check: int | None = None
) -> subprocess.CompletedProcess[bytes]:
    process = subprocess.run(
        [sys.executable, "-m", "ilgnet", *map(os.fspath, map(str, arguments))],
        input=stdin,
        capture_output=True,
        check=False,
    )
    if check is not None:
        assert process.returncode == check, process.stderr.decode()
    return process


def test_jsonl_has_one_row_a_picture_with_every_name(photos: Path, model: Path) -> None:
    process = run("score", photos, "--jsonl", "--model", model, check=3)
    rows = [json.loads(line) for line in process.stdout.splitlines()]
    assert [Path(row["path"]).name for row in rows] == [
        "broken.jpg",
        "dark.png",
        "light.png",
        "middle.png",
    ]
    assert all(tuple(row) == COLUMNS for row in rows)
    broken, dark, light, _ = rows
    assert broken["score"] is None
    assert broken["error"]["code"] == "unsupported_format"
    assert dark["score"] == pytest.approx(expected_score(40), abs=1e-3)
    assert (dark["verdict"], light["verdict"]) == ("low", "high")
    assert len(dark["votes"]) == 10
    assert dark["run_percentile"] is None, "a stream does not know the run yet"
    assert b"1 of 4 pictures could not be read" in process.stderr


def test_json_csv_and_parquet_hold_the_same(photos: Path, model: Path, tmp_path: Path) -> None:
    import pyarrow.parquet

    rows = json.loads(run("score", photos, "--json", "--model", model, check=3).stdout)
    assert [row["run_percentile"] for row in rows] == [
        None,
        0.0,
        pytest.approx(66.67),
        pytest.approx(33.33),
    ]
    text = run("score", photos, "--csv", "--model", model, check=3).stdout.decode()
    cells = list(csv.DictReader(io.StringIO(text)))
    assert [row["path"] for row in cells] == [row["path"] for row in rows]
    assert float(cells[1]["score"]) == rows[1]["score"]
    assert json.loads(cells[1]["votes"]) == rows[1]["votes"]
    target = tmp_path / "scores.parquet"
    run("score", photos, "-o", target, "--model", model, check=3)
    assert pyarrow.parquet.read_table(target).to_pylist()[2]["score"] == rows[2]["score"]


def test_the_table_and_the_page(photos: Path, model: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    process = run("score", photos, "--report", page, "--model", model, check=3)
    for name in ("dark.png", "light.png", "middle.png", "broken.jpg"):
        assert name in process.stdout.decode()
        assert name in page.read_text()


def test_rank_is_best_first_and_cuts_the_list(photos: Path, model: Path) -> None:
    process = run("rank", photos, "--top", 2, "--json", "--model", model, check=3)
    rows = json.loads(process.stdout)
    assert [Path(row["path"]).name for row in rows] == ["light.png", "middle.png", "broken.jpg"]
    assert rows[0]["run_percentile"] == pytest.approx(66.67), (
        "its place in the run, not in the list"
    )


def test_fail_under_is_for_builds(photos: Path, model: Path) -> None:
    (photos / "broken.jpg").unlink()
    run("rank", photos, "--fail-under", 9, "--model", model, check=1)
    run("rank", photos, "--top", 1, "--fail-under", 5, "--model", model, check=0)


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_lists_on_standard_input_and_in_files(
    separator: str, photos: Path, model: Path, tmp_path: Path
) -> None:
    listed = separator.join([str(photos / "light.png"), str(photos / "dark.png"), ""]).encode()
    expected = ["light.png", "dark.png"]
    (tmp_path / "list").write_bytes(listed)
    for arguments, stdin in (
        (["-"], listed),
        (["--files-from", "-"], listed),
        (["--files-from", tmp_path / "list"], b""),
    ):
        process = run("score", *arguments, "--jsonl", "--model", model, stdin=stdin, check=0)
        names = [Path(json.loads(line)["path"]).name for line in process.stdout.splitlines()]
        assert names == expected


def test_exit_codes(photos: Path, model: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert b"No picture" in run("score", empty, "--model", model, check=4).stderr
    assert b"Which pictures?" in run("score", check=2).stderr
    assert b"extensions" in run("score", photos, "-o", "scores.xlsx", check=2).stderr
    assert b"no model" in run("score", photos, "--model", "nonesuch", check=1).stderr
    run("score", photos / "gone.jpg", "--model", model, check=3)
    run("score", photos / "dark.png", "--model", model, check=0)


def test_quiet_says_nothing_and_data_is_alone_on_stdout(photos: Path, model: Path) -> None:
    process = run("score", photos, "--jsonl", "-q", "--model", model, check=3)
    assert process.stderr == b""
    loud = run("score", photos, "--jsonl", "--progress", "--model", model, check=3)
    assert loud.stdout == process.stdout
    assert b"failed" in loud.stderr


def test_interrupting_ends_with_130(photos: Path, model: Path) -> None:
    # A shell that runs the tests in the background has them, and what they start, ignore Ctrl+C.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from ilgnet.cli.main import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "score", "-", "--jsonl", "--model", model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    # Enough pictures for a first row; then it waits for more of the list.
    process.stdin.write(os.fsencode(f"{photos / 'dark.png'}\n") * 300)  # less than a pipe holds
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["score"]
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr


@pytest.mark.parametrize("format", ["--jsonl", "--csv", "--json", "table"])
def test_a_reader_that_leaves_is_no_error(format: str, photos: Path, model: Path) -> None:
    listed = "\n".join([str(photos / "dark.png")] * 5000)
    option = "" if format == "table" else format
    command = f"{sys.executable} -m ilgnet score - {option} --model {model} | head -n 1"
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        input=listed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.count("\n") == 1
    assert process.stderr == ""
    assert process.returncode == 0


@pytest.mark.parametrize("format", ["--jsonl", "--csv", "--json", ""])
@pytest.mark.parametrize("command", ["score", "rank"])
def test_a_reader_that_leaves_takes_no_page_with_it(
    command: str, format: str, photos: Path, model: Path, tmp_path: Path
) -> None:
    listed = "\n".join([str(photos / "dark.png")] * 3000)
    page = tmp_path / "page.html"
    line = f"{sys.executable} -m ilgnet {command} - {format} --model {model} --report {page}"
    process = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{line} | head -n 1"],
        input=listed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert "3,000 photographs" in page.read_text(encoding="utf-8")


def test_a_row_is_there_before_the_list_ends(photos: Path, model: Path) -> None:
    for arguments in (["-"], ["--files-from", "-"]):
        process = subprocess.Popen(
            [sys.executable, "-m", "ilgnet", "score", "--jsonl", "--model", model, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(os.fsencode(f"{photos / 'dark.png'}\n"))
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["score"]
        process.stdin.close()
        assert process.wait(timeout=60) == 0
        process.stdout.close()


def test_a_list_that_is_none_is_refused(photos: Path, model: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes("/\r\n.\r\n".encode("utf-16-le"))
    process = run("score", "--files-from", listed, "--jsonl", "--model", model, check=1)
    assert process.stdout == b""
    assert b"Save it as UTF-8" in process.stderr
    listed.write_bytes(f"\ufeff{photos / 'dark.png'}\r\n".encode("utf-16-le"))
    process = run("score", "--files-from", listed, "--jsonl", "--model", model, check=0)
    assert process.stdout.count(b"\n") == 1


@pytest.mark.parametrize("command", ["score", "rank"])
def test_what_cannot_be_written_is_told_before_anything_is_scored(
    command: str, photos: Path, tmp_path: Path
) -> None:
    unread = tmp_path / "list"  # a list that never ends would wait for ever
    os.mkfifo(unread)
    keep_open = os.open(unread, os.O_RDWR)
    for option, target, complaint in (
        ("-o", tmp_path / "missing" / "rows.csv", b"rows.csv cannot be written"),
        ("-o", tmp_path / "photos", b"extensions"),
        ("--report", tmp_path / "missing" / "page.html", b"page.html cannot be written"),
        ("--report", tmp_path / "photos", b"it is a folder"),
    ):
        process = run(command, "--files-from", unread, option, target)
        assert process.returncode in (1, 2)
        assert complaint in process.stderr
        assert process.stdout == b""
    os.close(keep_open)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list", "photos"]


@pytest.mark.parametrize("option", ["--report", "-o"])
def test_a_picture_is_never_written_over(option: str, photos: Path) -> None:
    before = (photos / "dark.png").read_bytes()
    for command in ("score", "rank"):
        process = run(command, "--csv", option, *sorted(photos.glob("*.png")), check=2)
        assert b"dark.png is the name of a picture" in process.stderr
    assert b"name of a picture" in run("demo", "-o", photos / "dark.png", check=2).stderr
    assert (photos / "dark.png").read_bytes() == before


def test_a_full_disk_is_told(photos: Path, model: Path) -> None:
    for option in ("-o", "--report"):
        process = run("score", photos, "--csv", option, "/dev/full", "--model", model, check=1)
        assert b"/dev/full: No space left" in process.stderr
        assert b"Traceback" not in process.stderr


def test_the_worst_folder_has_a_row_for_every_file_in_every_format(
    model: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet

    folder = tmp_path / "worst"
    folder.mkdir()
    expected = failures(folder) | dict.fromkeys(oddities(folder))
    target = tmp_path / "rows"

    def rows_of(format: str) -> list[dict[str, Any]]:
        process = run("score", folder, f"--{format}", "-o", target, "--model", model, check=3)
        assert b"Traceback" not in process.stderr
        match format:
            case "json":
                return json.loads(target.read_bytes())
            case "jsonl":
                return [json.loads(line) for line in target.read_bytes().splitlines()]
            case "parquet":
                return pyarrow.parquet.read_table(target).to_pylist()
        text = target.read_text(encoding="utf-8", errors="surrogateescape")
        cells = list(csv.DictReader(io.StringIO(text, newline="")))
        return [{**row, "error": json.loads(row["error"] or "null")} for row in cells]

    for format in ("json", "jsonl", "csv", "parquet"):
        codes = {
            os.path.relpath(row["path"], folder): row["error"] and row["error"]["code"]
            for row in rows_of(format)
        }
        exact = {utf8_path(name): code for name, code in expected.items()}
        assert codes == (exact if format == "parquet" else expected), format
    page = tmp_path / "page.html"
    process = run("score", folder, "--report", page, "--model", model, check=3)
    for name in expected:
        assert shown(name).encode() in process.stdout
        assert html.escape(shown(os.path.basename(name))) in page.read_text(encoding="utf-8")


def test_help_teaches_by_example() -> None:
    for command in ("score", "rank", "models", "demo"):
        assert f"ilgnet {command}" in run(command, "--help", check=0).stdout.decode()
    assert b"Start with: ilgnet demo" in run("--help", check=0).stdout
    assert b"Usage" in run("nonesuch", check=2).stderr
