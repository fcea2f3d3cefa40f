"""`ilgnet cull`, `stars` and `undo` as people run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ilgnet.cli.main import main
from ilgnet.library.sidecar.xmp import read_sidecar
from tests.library.folders import contents, tree
from tests.library.season import write_picture

SAMPLES = Path(__file__).parent / "sidecars"
MORNING = datetime(2026, 5, 3, 11)


class Said(NamedTuple):
    """What a command wrote."""

    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Ilgnet = Callable[..., Said]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four bursts of three on two days; one RAW sibling, sidecars of three programs."""
    root = tmp_path / "photos"
    for scene in range(4):
        for frame in range(3):
            write_picture(
                root / f"day{scene % 2}" / f"IMG_{scene}{frame}.JPG",
                scene,
                frame,
                brightness=frame * 4,
                taken=MORNING + timedelta(days=scene % 2, hours=scene, seconds=frame),
            )
    (root / "day0" / "IMG_00.txt").write_bytes(b"notes")
    shutil.copy(SAMPLES / "lightroom.xmp", root / "day0" / "IMG_00.xmp")
    shutil.copy(SAMPLES / "darktable.xmp", root / "day0" / "IMG_01.JPG.xmp")
    shutil.copy(SAMPLES / "digikam.xmp", root / "day1" / "IMG_10.JPG.xmp")
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def ilgnet(tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> Ilgnet:
    """Runs a command line and checks its exit code."""

    def run(*words: str, code: int = 0) -> Said:
        model = [] if words[0] == "undo" else ["--model", str(tiny_model), "--threads", "1"]
        with pytest.raises(SystemExit) as caught:
            main([*words, *model])
        said = Said(*capsys.readouterr())
        assert caught.value.code == code, said
        return said

    return run


def decisions(said: Said) -> dict[str, str]:
    return {Path(p["path"]).stem: p["decision"] for p in said.json["photographs"]}


def test_nothing_is_touched_without_apply(photos: Path, ilgnet: Ilgnet) -> None:
    before = tree(photos)
    for words in (
        ["cull", "photos"],
        ["cull", "photos", "--move"],
        ["cull", "photos", "--top", "1", "--per", "burst", "--copy"],
        ["cull", "photos", "--mark", "--label", "keep=Green"],
        ["stars", "photos"],
        ["stars", "photos", "--embed", "--overwrite-ratings"],
    ):
        said = ilgnet(*words)
        assert len(said.out.splitlines()) == 12
        assert tree(photos) == before
    assert "--apply" in said.err


def test_cull_there_and_back(photos: Path, ilgnet: Ilgnet) -> None:
    before = tree(photos)
    dry = ilgnet("cull", "photos", "--top", "1", "--per", "burst", "--move", "--json")
    wet = ilgnet("cull", "photos", "--top", "1", "--per", "burst", "--move", "--json", "--apply")
    assert dry.json["photographs"] == wet.json["photographs"]
    assert dry.json["steps"] == wet.json["steps"]
    assert list(decisions(wet).values()).count("keep") == 4
    assert decisions(wet)["IMG_01"] == "reject"
    reasons = {Path(p["path"]).stem: p["reason"] for p in wet.json["photographs"]}
    assert reasons["IMG_01"] == "you rejected it"
    assert reasons["IMG_00"].startswith("you gave it 3 stars, so not rejected; ")
    assert reasons["IMG_20"].startswith("3rd of 3 in its burst; IMG_22.JPG is better by ")
    assert contents(photos) == count(before)
    assert (photos / "maybe" / "day0" / "IMG_00.xmp").is_file()
    assert (photos / "reject" / "day0" / "IMG_01.JPG.xmp").is_file()
    assert (photos / "day0" / "IMG_00.txt").is_file()
    ilgnet("cull", "photos", "--move", code=4)
    run = wet.json["applied"]
    assert run in ilgnet("undo", "--list").out
    plan = ilgnet("undo", "--dry-run")
    assert len(plan.out.splitlines()) == len(wet.json["steps"])
    assert contents(photos) == count(before)
    ilgnet("undo")
    assert tree(photos) == before
    assert "taken back" in ilgnet("undo", "--list").out
    ilgnet("undo", code=1)


def count(found: dict[str, str]) -> dict[str, int]:
    return {digest: list(found.values()).count(digest) for digest in found.values()}


def test_undo_says_what_stays(photos: Path, ilgnet: Ilgnet) -> None:
    before = tree(photos)
    into = photos.parent / "best"
    ilgnet("cull", "photos", "--percent", "50", "--copy", "--apply", "--into", into)
    developed = next((into / "keep").rglob("*.JPG"))
    developed.write_bytes(b"developed")
    said = ilgnet("undo", code=1)
    assert "it has changed since" in said.err
    assert "ilgnet undo --list" in said.err
    assert developed.read_bytes() == b"developed"
    assert tree(photos) == before
    state = ilgnet("undo", "--list", "--json").json["runs"][0]
    assert [s["state"] for s in state["steps"] if s["why"]] == ["kept"]


def test_stars_there_and_back(photos: Path, ilgnet: Ilgnet) -> None:
    before = tree(photos)
    said = ilgnet(
        "stars", "photos", "--by", "run", "--label", "5=Green", "--reject-below", "20", "--json"
    )
    rated = {Path(f["picture"]).stem: f for f in said.json["files"]}
    assert rated["IMG_00"]["words"] == "your own 3 stars kept"
    assert rated["IMG_01"]["words"] == "your own reject kept"
    ilgnet(
        "stars", "photos", "--by", "run", "--label", "5=Green", "--reject-below", "20", "--apply"
    )
    for stem, entry in rated.items():
        sidecar = read_sidecar(Path(entry["path"]))
        own = {"IMG_00": 3, "IMG_01": -1, "IMG_10": 4}.get(stem)
        assert sidecar.rating == own if own else sidecar.rating == (entry["rating"] or None)
        assert sidecar.notes.score == round(entry["score"], 3)
        assert sidecar.notes.model == "tiny.test"
    assert [e["rating"] for e in rated.values()].count(-1) >= 1
    assert (
        "everything is written already"
        in ilgnet(
            "stars",
            "photos",
            "--by",
            "run",
            "--label",
            "5=Green",
            "--reject-below",
            "20",
            "--apply",
        ).err
    )
    ilgnet("undo")
    assert tree(photos) == before


def test_our_stars_are_no_opinion_when_culling(photos: Path, ilgnet: Ilgnet) -> None:
    plain = decisions(ilgnet("cull", "photos", "--percent", "30", "--json"))
    ilgnet("stars", "photos", "--apply")
    assert decisions(ilgnet("cull", "photos", "--percent", "30", "--json")) == plain


def test_cull_marks_rejects_and_takes_them_up_again(photos: Path, ilgnet: Ilgnet) -> None:
    low = photos / "day0" / "IMG_20.JPG.xmp"
    ilgnet("cull", "photos", "--top", "1", "--mark", "--apply", "--label", "reject=Red")
    assert (read_sidecar(low).rating, read_sidecar(low).label) == (-1, "Red")
    ilgnet("cull", "photos", "--above", "1", "--mark", "--apply")
    assert read_sidecar(low).rating == 0
    assert read_sidecar(photos / "day0" / "IMG_01.JPG.xmp").rating == -1


@pytest.mark.parametrize("form", ["csv", "jsonl", "json"])
def test_from_a_table(photos: Path, ilgnet: Ilgnet, form: str) -> None:
    ilgnet("score", "photos", "-o", f"scores.{form}")
    from_folder = ilgnet("cull", "photos", "--top", "3", "--per", "day", "--json")
    from_table = ilgnet("cull", f"scores.{form}", "--top", "3", "--per", "day", "--json")
    assert decisions(from_table) == decisions(from_folder)
    said = ilgnet("cull", f"scores.{form}", "--top", "1", "--per", "burst", code=1)
    assert "what pictures look like" in said.err
    before = tree(photos)
    ilgnet("cull", f"scores.{form}", "--move", "--root", "photos", "--apply")
    assert tree(photos) != before
    ilgnet("undo")
    assert tree(photos) == before


def test_a_table_leads_nowhere_else(photos: Path, ilgnet: Ilgnet, tmp_path: Path) -> None:
    ilgnet("score", "photos", "-o", "scores.csv")
    (tmp_path / "other").mkdir()
    said = ilgnet("cull", "scores.csv", "--move", "--root", "other", "--json", "--apply")
    assert said.json["steps"] == []
    assert len(said.json["problems"]) == 12
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    assert "not what `ilgnet score` writes" in ilgnet("cull", "wrong.csv", code=1).err


def test_from_a_library(photos: Path, ilgnet: Ilgnet) -> None:
    plain = ilgnet("cull", "photos", "--top", "1", "--per", "burst", "--json")
    known = ilgnet("cull", "--library", "photos", "--top", "1", "--per", "burst", "--json")
    assert decisions(known) == decisions(plain)
    assert (photos / ".ilgnet" / "catalogue.db").is_file()
    again = ilgnet("cull", "--library", "photos", "--top", "1", "--per", "burst", "--json")
    assert again.json["photographs"] == known.json["photographs"]


def test_what_cannot_be_read_is_named_and_stays(photos: Path, ilgnet: Ilgnet) -> None:
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much")
    said = ilgnet("cull", "photos", "--move", "--apply", code=3)
    assert "not scored: photos/broken.jpg" in said.err
    assert (photos / "broken.jpg").is_file()


def test_a_damaged_sidecar_may_hold_stars(photos: Path, ilgnet: Ilgnet) -> None:
    (photos / "day0" / "IMG_21.JPG.xmp").write_bytes(b"<x:xmpmeta")
    said = ilgnet("cull", "photos", "--top", "0")
    assert "unreadable XMP" in said.err
    (line,) = [line for line in said.out.splitlines() if "IMG_21.JPG" in line]
    assert line.startswith("maybe")
    assert "not clear, so not rejected" in line
    assert ilgnet("cull", "photos", "--top", "0", "--ignore-stars").out.count("maybe") == 0


def test_a_raw_beside_a_scored_jpeg_is_no_failure(photos: Path, ilgnet: Ilgnet) -> None:
    """Without the extra that decodes RAW, every pair would be a complaint."""
    for jpeg in photos.rglob("*.JPG"):
        jpeg.with_suffix(".CR3").write_bytes(b"no decoder knows this")
    assert "not scored" not in ilgnet("cull", "photos").err
    (photos / "alone.CR3").write_bytes(b"no decoder knows this")
    assert ilgnet("cull", "photos", code=3).err.count("not scored") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["cull", "photos", "--top", "1", "--above", "5"],
        ["cull", "photos", "--above", "11"],
        ["cull", "photos", "--mark", "--label", "best=Green"],
        ["cull", "photos", "photos/day0", "--move"],
        ["stars", "photos", "--by", "score"],
        ["stars", "photos", "--cuts", "a,b"],
        ["stars", "photos", "--label", "7=Green"],
        ["cull"],
    ],
)
def test_usage(photos: Path, ilgnet: Ilgnet, words: list[str]) -> None:
    before = tree(photos)
    assert ilgnet(*words, code=2).err
    assert tree(photos) == before


def test_impossible_values_are_explained(photos: Path, ilgnet: Ilgnet) -> None:
    said = ilgnet("cull", "photos", "--percent", "80", "--maybe", "30", code=1)
    assert "100 percent" in said.err
    assert "rising" in ilgnet("stars", "photos", "--cuts", "5,4,3,2,1", code=1).err
    assert "no run called" in ilgnet("undo", "nothing", code=1).err
    (photos / "empty").mkdir()
    ilgnet("cull", "photos/empty", code=4)
    ilgnet("stars", "photos/empty", code=4)


def test_a_killed_run_is_taken_back_by_the_next_undo(
    photos: Path, ilgnet: Ilgnet, tiny_model: Path
) -> None:
    """The command itself, killed between two of its system calls, seen by an audit hook."""
    before = tree(photos)
    code = (
        "import os, signal, sys\n"
        "renames = 0\n"
        "def die(event, arguments):\n"
        "    global renames\n"
        "    renames += event == 'os.rename'\n"
        "    if event == 'os.rename' and renames == 6: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(die)\n"
        "from ilgnet.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["cull", "photos", "--move", "--apply", "--model", str(tiny_model), "--threads", "1"]
    killed = subprocess.run([sys.executable, "-c", code, *words], env=os.environ, check=False)
    assert killed.returncode == -9
    assert tree(photos) != before
    assert set(before.values()) <= set(tree(photos).values())
    assert "cut off" in ilgnet("undo", "--list").out
    ilgnet("undo")
    assert tree(photos) == before
