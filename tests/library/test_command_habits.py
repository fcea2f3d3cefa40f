"""What all commands on photographs do alike: refuse idle options, use what the folder knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from ilgnet.cli.main import ilgnet
from ilgnet.library.choosing.stars import FEWEST_FOR_RANKS
from tests.library.season import write_picture
from tests.library.test_taste_commands import SIDECAR


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for i in range(3):
        write_picture(tmp_path / "photos" / f"IMG_{i}.jpg", i)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(ilgnet, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    result.exit_code = result.return_value or 0
    return result


@pytest.mark.parametrize(
    "words",
    [
        "cull photos --top 1 --apply",
        "cull photos --top 1 --only keep",
        "cull photos --top 1 --move --copy --apply",
        "cull photos --top 1 --label keep=Green",
        "cull photos --top 1 --move --label keep=Green",
        "cull photos --top 1 --flat",
        "cull photos --top 1 --mark --flat",
        "cull photos --top 1 --into x",
        "cull photos --top 1 --sidecar-style both",
        "cull photos --top 1 --mark --label nonsense",
        "cull photos --above 5 --per day",
        "cull photos --above 5 --diverse",
        "cull scores.csv --library photos",
        "stars photos --no-stars --label 5=Green",
        "stars photos --no-stars --cuts 1,2,3,4,5",
        "stars photos --no-stars --overwrite-ratings",
        "bursts photos --duplicate-similarity 0.9",
        "taste learn photos -o t --csv scores.csv --stars-from 3",
    ],
)
def test_an_option_without_effect_is_refused_before_any_work(
    photos: Path, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_work(*_: object, **__: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("ilgnet.scoring.load", no_work)
    (photos.parent / "scores.csv").write_text("path,score,percentile,model\n")
    with pytest.raises(click.UsageError):
        call(*words.split())
    assert sorted(p.name for p in photos.iterdir()) == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"]


def test_what_is_not_there_is_said_as_it_is(photos: Path, tiny_model: Path) -> None:
    said = call("cull", "nosuch", "--model", tiny_model)
    assert said.exit_code == 4
    assert "not scored: nosuch: there is no such file" in said.stderr
    assert "sorted already" not in said.stderr
    call("cull", "photos", "--model", tiny_model, "--top", "1", "--move", "--apply")
    assert "sorted already" in call("cull", "photos", "--model", tiny_model).stderr


def test_what_the_folders_catalogue_knows_is_not_scored_again(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("score", "--library", "photos", "--model", tiny_model, "--quiet")
    monkeypatch.setattr("ilgnet.engines.onnx.OnnxEngine.run", None)
    for command in (("cull", "photos", "--per", "burst"), ("stars", "photos"), ("rank", "photos")):
        said = call(*command, "--model", tiny_model)
        assert (said.exit_code, "IMG_2.jpg" in said.stdout) == (0, True)
    assert "IMG_2.jpg" in call("cull", "photos/IMG_2.jpg", "--model", tiny_model).stdout
    assert "among 3 photographs" in call("bursts", "photos").stdout
    assert "among 3 photographs" in call("bursts", "photos", "--model", tiny_model).stdout


def test_bursts_of_a_folder_without_a_catalogue(photos: Path, monkeypatch: object) -> None:
    assert "1 burst among 3 photographs" in call("bursts", "photos").stdout
    assert not (photos / ".ilgnet").exists()


def test_few_photographs_get_their_stars_from_ava(photos: Path, tiny_model: Path) -> None:
    one = call("stars", "photos/IMG_0.jpg", "--model", tiny_model)
    assert "Stars by AVA's percentiles" in one.stderr
    (file,) = json.loads(call("stars", "photos/IMG_0.jpg", "--model", tiny_model, "--json").stdout)[
        "files"
    ]
    by_ava = ("stars", "photos/IMG_0.jpg", "--by", "ava", "--model", tiny_model, "--json")
    assert file == json.loads(call(*by_ava).stdout)["files"][0]
    by_run = call("stars", "photos", "--by", "run", "--model", tiny_model)
    assert "AVA" not in by_run.stderr
    for i in range(3, FEWEST_FOR_RANKS):
        write_picture(photos / f"IMG_{i}.jpg", i)
    assert "AVA" not in call("stars", "photos", "--model", tiny_model).stderr


def test_a_pattern_that_matches_nothing_is_no_picture_of_the_library(
    photos: Path, tiny_model: Path
) -> None:
    call("score", "--library", "photos", "--model", tiny_model, "--quiet")
    (photos / "loop.jpg").symlink_to("loop.jpg")
    (photos / "folder.jpg").mkdir()
    arguments = ("photos/*.xyz", "photos/gone.jpg", "photos")
    call("score", "--library", "photos", *arguments, "--model", tiny_model, "--quiet")
    status = json.loads(call("library", "status", "photos", "--json").stdout)
    assert (status["pictures"], status["failures"]) == (3, {"link_loop": 1})


@pytest.mark.parametrize("part", ["sub", "./sub", "sub/", "sub//", "a/../sub"])
def test_folders_are_named_as_people_name_them(photos: Path, tiny_model: Path, part: str) -> None:
    write_picture(photos / "sub" / "b.jpg", 7)
    call("score", "--library", "photos", "--model", tiny_model, "--quiet")
    rows = call("library", "export", "photos", "--folder", part, "--jsonl").stdout.splitlines()
    assert [Path(json.loads(row)["path"]).name for row in rows] == ["b.jpg"]


def test_forgetting_says_what_is_lost_with_it(photos: Path, tiny_model: Path) -> None:
    from ilgnet.library.open_library import open_library

    call("score", "--library", "photos", "--model", tiny_model, "--quiet")
    library = open_library("photos", model=tiny_model)
    library.choose(library.photographs()[0], stars=5)
    (photos / "IMG_0.jpg").unlink()
    (photos / "IMG_1.jpg").rename(photos / "renamed.jpg")
    said = call("library", "forget", "photos", "--missing").stdout
    assert "Would forget 1 picture with their scores, and what you chose here for 1" in said
    assert "left out: moved" in said
    call("library", "forget", "photos", "--missing", "--apply")
    status = json.loads(call("library", "status", "photos", "--json").stdout)
    assert status["moved"] == [["IMG_1.jpg", "renamed.jpg"]]


def test_a_file_is_read_once(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is new is hashed, dated and decoded from the same bytes."""
    from ilgnet.images import files
    from ilgnet.library.open_library import open_library

    opened: list[str] = []

    def counted(path: str) -> object:
        opened.append(Path(path).name)
        return files.open_image_file(path)

    for module in ("images.decode", "library.photograph.reading", "library.catalogue.score_once"):
        monkeypatch.setattr(f"ilgnet.{module}.open_image_file", counted)
    for use in ("none", "beside"):
        opened.clear()
        library = open_library(photos, model=tiny_model, catalogue=use, threads=1)  # type: ignore[arg-type]
        list(library.score())
        assert [p.sha256 is not None for p in library.photographs()] == [use == "beside"] * 3
        assert sorted(opened) == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"]


def test_sidecars_are_read_once(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ilgnet.library.open_library import open_library
    from ilgnet.library.sidecar import statements

    call("score", "--library", "photos", "--model", tiny_model)
    library = open_library(photos, model=tiny_model)
    library.choose(library.photographs(), flag="pick", stars=4)
    (photos / "IMG_0.xmp").write_text(SIDECAR.format(3))
    read: list[Path] = []
    original = statements.read_sidecar

    def counted(path: Path) -> object:
        read.append(path)
        return original(path)

    monkeypatch.setattr(statements, "read_sidecar", counted)
    for words in (["cull", "--mark"], ["stars"], ["stars", "--embed"], ["stars", "--no-stars"]):
        read.clear()
        call(*words, "photos", "--model", tiny_model)
        assert len(read) == 1, words
    read.clear()
    assert library.write_choices().plan.steps
    assert len(read) == 1


def test_features_are_handed_on(
    photos: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was computed while scoring is not computed again, nor read back from the catalogue."""
    from ilgnet.engines.onnx import OnnxEngine
    from ilgnet.library.catalogue import catalogue

    runs: list[int] = []
    unpacked: list[int] = []
    run, unpack = OnnxEngine.run, catalogue.verdict_from_row

    def counted(self: OnnxEngine, batch: Any, **options: Any) -> Any:
        runs.append(len(batch))
        return run(self, batch, **options)

    def read_back(*row: Any) -> Any:
        unpacked.append(1)
        return unpack(*row)

    monkeypatch.setattr(OnnxEngine, "run", counted)
    monkeypatch.setattr(catalogue, "verdict_from_row", read_back)
    for words in (["cull", "photos"], ["cull", "photos", "--library", "photos"]):
        runs.clear()
        call(*words, "--model", tiny_model, "--diverse", "--percent", "50")
        assert sum(runs) == 3
        assert not unpacked


def test_a_thumbnail_is_made_from_the_first_decode(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ilgnet import scoring
    from ilgnet.report import thumbnails

    for i in range(3):
        write_picture(tmp_path / "photos" / f"IMG_{i}.jpg", i)
    decoded: list[str] = []
    read = scoring.read_image

    def counted(source: Any, **options: Any) -> Any:
        decoded.append(options.get("name") or str(source))
        return read(source, **options)

    for module in (scoring, thumbnails):
        monkeypatch.setattr(module, "read_image", counted)
    page = tmp_path / "page.html"
    score = ("score", tmp_path / "photos", "--model", tiny_model, "--report", page)
    call(*score, "--quiet", "--csv", "-o", tmp_path / "a.csv")
    assert sorted(Path(name).name for name in decoded) == ["IMG_0.jpg", "IMG_1.jpg", "IMG_2.jpg"]
    text = page.read_text(encoding="utf-8")
    assert text.count("data:image/webp;base64,") >= 3
    # A list may be longer than anybody knows: there every thumbnail is read for the page.
    decoded.clear()
    names = tmp_path / "list.txt"
    names.write_text("".join(f"{tmp_path}/photos/IMG_{i}.jpg\n" for i in range(3)))
    again = ("score", "--files-from", names, "--model", tiny_model, "--report", page)
    call(*again, "--quiet", "--csv", "-o", tmp_path / "b.csv")
    assert len(decoded) == 6
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()
