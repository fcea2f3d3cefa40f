"""`ilgnet score --library` and `ilgnet library`: status, verify, export, forget."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ilgnet.cli.main import ilgnet
from ilgnet.errors import LibraryError
from ilgnet.report.rows import COLUMNS
from tests.library.season import make_old, picture, write_picture


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six pictures of two days in two folders, a pair, a video, sidecars, and a broken picture."""
    root = tmp_path / "photos"
    for i in range(6):
        taken = datetime(2024, 5, 1 + i // 3, 12, i)
        write_picture(root / f"day{i // 3}" / f"IMG_{i:04d}.jpg", i, taken=taken)
    (root / "day0" / "IMG_0000.xmp").write_text("<x/>")
    (root / "day0" / "IMG_0001.jpg.xmp").write_text("<x/>")
    (root / "day0" / "IMG_0001_01.jpg.xmp").write_text("<x/>")
    (root / "day0" / "gone.xmp").write_text("<x/>")
    (root / "day1" / "clip.MOV").write_bytes(b"moov")
    (root / "day1" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return root


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(ilgnet, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    # Outside standalone mode the exit code is the command's return value.
    result.exit_code = result.return_value or 0
    return result


def test_second_score_prints_the_same_rows(root: Path, tiny_model: Path) -> None:
    arguments = ("score", "--library", root, "--model", tiny_model, "--jsonl", "--quiet")
    first, second = call(*arguments), call(*arguments)
    plain = call("score", root, "--model", tiny_model, "--jsonl", "--quiet")
    assert first.stdout == second.stdout == plain.stdout
    assert first.return_value == plain.return_value == 3  # one is broken


def test_status_as_json(root: Path, tiny_model: Path) -> None:
    call("score", "--library", root, "--model", tiny_model, "--quiet")
    write_picture(root / "new.jpg", 50)
    (root / "day1" / "IMG_0005.jpg").unlink()
    status = json.loads(call("library", "status", root / "day0", "--json").stdout)
    assert status["pictures"] == 6
    assert [(s["model"], s["pictures"]) for s in status["scored"]] == [("tiny.test", 6)]
    assert sum(status["failures"].values()) == 1
    assert status["new"] == ["new.jpg"]
    assert status["missing"] == ["day1/IMG_0005.jpg"]
    assert status["videos"] == ["day1/clip.MOV"]
    assert status["orphans"] == ["day0/gone.xmp"]


def test_status_counts_pairs_and_pictures_without_time(root: Path, tiny_model: Path) -> None:
    picture(3).save(root / "day0" / "IMG_0002.dng", "TIFF")
    call("score", "--library", root, "--model", tiny_model, "--quiet")
    text = call("library", "status", root).stdout
    assert "1 RAW and JPEG pair, " in text
    assert "passed over, because only pictures are scored" in text
    assert "day0/gone.xmp" in text


def test_verify_tells_damage_from_edits(root: Path, tiny_model: Path) -> None:
    call("score", "--library", root, "--model", tiny_model, "--quiet")
    assert call("library", "verify", root).exit_code == 0
    damaged = root / "day0" / "IMG_0000.jpg"
    data = bytearray(damaged.read_bytes())
    data[-100] ^= 1
    damaged.write_bytes(data)
    make_old(damaged)
    with (root / "day0" / "IMG_0001.jpg").open("ab") as stream:
        stream.write(b"\0")
    (root / "day1" / "IMG_0004.jpg").unlink()
    quick = json.loads(call("library", "verify", root, "--quick", "--json").stdout)
    assert quick["sound"]
    result = call("library", "verify", root, "--json", "--quiet")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["checked"] == 6
    assert found["paths"] == {
        "damaged": ["day0/IMG_0000.jpg"],
        "changed": ["day0/IMG_0001.jpg"],
        "missing": ["day1/IMG_0004.jpg"],
    }
    assert found["orphans"] == ["day0/gone.xmp"]
    assert "DAMAGED" in call("library", "verify", root, "--quiet").stdout


def rows(*arguments: object) -> list[dict[str, str]]:
    return list(csv.DictReader(call(*arguments).stdout.splitlines()))


def test_export_has_the_rows_of_score(root: Path, tiny_model: Path) -> None:
    scored = rows("score", "--library", root, "--model", tiny_model, "--csv", "--quiet")
    exported = rows("library", "export", root)
    assert exported == scored
    assert tuple(exported[0]) == COLUMNS


def test_export_filters(root: Path, tiny_model: Path, tmp_path: Path) -> None:
    scored = rows("score", "--library", root, "--model", tiny_model, "--csv", "--quiet")
    scores = sorted(float(row["score"]) for row in scored if row["score"])
    best = rows("library", "export", root, "--min-score", scores[3] - 1e-3)
    assert sorted(float(row["score"]) for row in best) == scores[3:]
    second = rows("library", "export", root, "--since", "2024-05-02", "--until", "2024-05-02")
    assert [Path(row["path"]).name for row in second] == [f"IMG_{i:04d}.jpg" for i in (3, 4, 5)]
    assert len(rows("library", "export", root, "--folder", "day1")) == 4  # with the failure
    target = tmp_path / "out.jsonl"
    call("library", "export", root, "--max-score", scores[0] + 1e-3, "-o", target)
    (line,) = target.read_text().splitlines()
    assert tuple(json.loads(line)) == COLUMNS
    nothing = call("library", "export", root, "--min-score", "9.9")
    assert nothing.exit_code == 4


def test_export_of_a_model_that_never_scored(root: Path, tiny_model: Path) -> None:
    call("score", "--library", root, "--model", tiny_model, "--quiet")
    with pytest.raises(LibraryError, match=r"models: tiny\.test"):
        call("library", "export", root, "--model", "other")


def test_forget_says_first_and_does_then(root: Path, tiny_model: Path) -> None:
    call("score", "--library", root, "--model", tiny_model, "--quiet")
    (root / "day1" / "IMG_0005.jpg").unlink()
    (root / "day1" / "broken.jpg").unlink()
    said = call("library", "forget", root, "--missing")
    assert "Would forget 2 pictures" in said.stdout
    assert len(rows("library", "export", root)) == 7
    assert "Forgotten: 2 pictures" in call("library", "forget", root, "--missing", "--apply").stdout
    assert len(rows("library", "export", root)) == 5
    call("library", "forget", root, "--folder", "day0", "--apply")
    assert [Path(r["path"]).name for r in rows("library", "export", root)] == [
        "IMG_0003.jpg",
        "IMG_0004.jpg",
    ]
    assert (root / "day0" / "IMG_0000.jpg").exists()
    call("library", "forget", root, "--model", "tiny.test", "--apply")
    with pytest.raises(LibraryError, match="was scored by any model"):
        call("library", "export", root)
    call("library", "forget", root, "--all", "--apply")
    assert json.loads(call("library", "status", root, "--json").stdout)["pictures"] == 0


def test_what_is_forgotten_is_scored_again(root: Path, tiny_model: Path) -> None:
    arguments = ("score", "--library", root, "--model", tiny_model, "--jsonl", "--quiet")
    first = call(*arguments)
    call("library", "forget", root, "--all", "--apply")
    assert call(*arguments).stdout == first.stdout


def test_usage(root: Path) -> None:
    for arguments in (("library", "forget", root), ("score", root, "--user-catalogue")):
        with pytest.raises(Exception, match=r"--library DIR|--missing"):
            call(*arguments)
