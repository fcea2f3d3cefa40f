"""`ilgnet taste learn` and `ilgnet bursts` on real files, sidecars and a real model."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ilgnet import scoring
from ilgnet.cli.main import ilgnet
from ilgnet.errors import IlgnetError, LibraryError, ModelError
from ilgnet.images.sources import find_images
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures
from ilgnet.library.catalogue.score_once import score_library
from ilgnet.library.photograph.gather import gather
from ilgnet.scoring import Scorer, load
from ilgnet.taste.labels import group_photographs
from ilgnet.values import VOTES, Verdict
from ilgnet.zoo.records import ONNX_NAME, TASTE_NAME, Base, read_weights
from tests.library.made_up import made_up_photographs
from tests.library.season import write_picture
from tests.library.tiny_model import write_tiny_model

DAYS, A_DAY = 12, 10
SIDECAR = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{}"/></rdf:RDF></x:xmpmeta>"""


def call(*arguments: object) -> Result:
    result = CliRunner().invoke(ilgnet, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def redness(features: np.ndarray) -> np.ndarray:
    """The planted taste: the tiny model's features are the colours of a grid, red first."""
    return features[:, :16].mean(axis=1) - features[:, 32:].mean(axis=1)


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory, scorer: Scorer) -> Path:
    """Twelve days of ten pictures, scored into a library."""
    root = tmp_path_factory.mktemp("season")
    for day in range(DAYS):
        for shot in range(A_DAY):
            taken = datetime(2024, 5, 1 + day, 9, 5 * shot)
            name = root / f"day{day:02d}" / f"IMG_{day * A_DAY + shot:04d}.jpg"
            write_picture(name, scene=1000 + day * A_DAY + shot, taken=taken)
    with Catalogue(beside_pictures(root), "create") as catalogue:
        list(score_library(scorer, find_images([root]), catalogue))
    return root


def rate(root: Path, rating: Callable[[Sequence[float]], Sequence[int]]) -> dict[Path, int]:
    """Write a sidecar beside every picture; the rating is given the pictures' redness."""
    with Catalogue(beside_pictures(root), "read") as catalogue:
        model = catalogue.find_model()
        files = list(catalogue.scored_files(model, features=True))
    red = redness(np.stack([file.features for file in files if file.features is not None]))
    given = dict(zip((file.path for file in files), rating(red.tolist()), strict=True))
    for path, stars in given.items():
        path.with_suffix(".xmp").write_text(SIDECAR.format(stars))
    return given


def red_lover(red: Sequence[float]) -> list[int]:
    """Rejects the least red fifth, and gives one to five stars to the others."""
    places = np.argsort(np.argsort(red))
    return [-1 if place < 24 else 1 + int(5 * (place - 24) / 96) for place in places]


def test_a_taste_is_learnt_from_sidecars_and_used_as_a_model(
    season: Path, tiny_model: Path, tmp_path: Path
) -> None:
    given = rate(season, red_lover)
    folder = tmp_path / "my taste"
    result = call("taste", "learn", season, "-o", folder, "--model", tiny_model)
    assert "Learnt from 120 pictures of 12 days" in result.stdout
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20_000
    mine = [load(folder).score(path) for path in given]
    assert {verdict.model for verdict in mine} == {"taste.my taste"}
    ratings = np.array(list(given.values()))
    liked = np.mean([v.score for v, r in zip(mine, ratings, strict=True) if r == 5])
    rejected = np.mean([v.score for v, r in zip(mine, ratings, strict=True) if r == -1])
    assert liked > rejected + 0.5
    for verdict in mine:
        assert verdict.votes is not None
        assert np.dot(verdict.votes, VOTES) == pytest.approx(verdict.score, abs=1e-5)
    rows = call("score", season / "day00", "--model", folder, "--jsonl", "--quiet").stdout
    assert [json.loads(line)["score"] for line in rows.splitlines()] == pytest.approx(
        [verdict.score for verdict in mine[:A_DAY]], abs=1e-3
    )
    metrics = json.loads((folder / "model.json").read_text())["metrics"]
    (measured,) = metrics.values()
    assert measured["pairwise_accuracy"]["interval"][0] > 0.7


@pytest.fixture
def mine(season: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A taste that was learnt by name, and a current folder that knows nothing of it."""
    rate(season, red_lover)
    result = call("taste", "learn", season, "--name", "mine", "--model", tiny_model)
    assert "ilgnet score --model mine" in result.stdout
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return "mine"


def test_a_taste_goes_by_its_name_in_every_command(
    season: Path, tmp_path: Path, mine: str, data_folder: Path
) -> None:
    folder = data_folder / "ilgnet" / "models" / "mine"
    day, table = season / "day00", tmp_path / "ratings.csv"
    pictures = sorted(day.glob("*.jpg"))
    said = {str(path): load(mine).score(path).score for path in pictures}
    assert load(mine).weights == load(folder).weights
    table.write_text("path,rating\n" + "".join(f"{p},{i}\n" for i, p in enumerate(pictures)))
    like = ("--model", mine)
    rows = call("score", day, *like, "--jsonl", "--quiet").stdout.splitlines()
    assert {row["path"]: row["score"] for row in map(json.loads, rows)} == pytest.approx(
        said, abs=1e-3
    )
    call("score", "--library", season, *like, "--jsonl", "--quiet")
    for line in (
        ("rank", day, *like, "--json"),
        ("cull", season, *like, "--top", "2", "--json"),
        ("stars", season, *like, "--json"),
        ("bursts", season, *like, "--json"),
        ("compare", *pictures[:2], *like, "--json", "--no-faces"),
        ("evaluate", "--data", table, "--scale", "0..9", *like, "--overlap", "allow", "--json"),
        ("shards", "plan", day, "-o", tmp_path / "job", *like),
        ("library", "export", season, *like, "--jsonl"),
    ):
        assert call(*line).exit_code == 0, line
    listed = call("models").stdout
    assert "mine" in listed
    assert str(folder) in listed.replace("\n", "")
    assert "mine" in [record["name"] for record in json.loads(call("models", "--json").stdout)]


def test_a_taste_in_a_folder_goes_by_its_name_too(
    season: Path, tiny_model: Path, tmp_path: Path, mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tastes" / "warm"
    call("taste", "learn", season, "-o", folder, "--model", tiny_model)
    assert load("warm").weights == load("taste.warm").weights == load(folder).weights
    call("taste", "learn", season, "-o", folder, "--model", tiny_model)  # again, in its place
    with pytest.raises(LibraryError, match=f"the name mine means what is in .*{mine}"):
        call("taste", "learn", season, "-o", tmp_path / "mine", "--model", tiny_model)
    with pytest.raises(LibraryError, match="the name default means"):
        call("taste", "learn", season, "--name", "default", "--model", tiny_model)
    with pytest.raises(LibraryError, match="can be no name"):
        call("taste", "learn", season, "--name", "a/b", "--model", tiny_model)
    with pytest.raises(click.UsageError, match="--name NAME"):
        call("taste", "learn", season, "--model", tiny_model)
    with pytest.raises(ModelError, match=r"no model 'other'.*mine.*warm"):
        load("other")
    monkeypatch.chdir(tmp_path)
    write_tiny_model(tmp_path / "mine")  # a folder here that is called as a taste is
    assert load("mine").weights.base is not None
    assert load("./mine").weights.base is None
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match=r"was in .*warm, where none is now"):
        load("warm")
    assert "warm" not in call("models").stdout
    call("taste", "learn", season, "-o", tmp_path / "warm", "--model", tiny_model)  # free again
    assert load("warm").weights.folder == tmp_path / "warm"


def test_a_taste_is_told_from_what_its_base_said(
    season: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = rate(season, red_lover)
    folder = tmp_path / "mine"
    call("taste", "learn", season, "-o", folder, "--model", tiny_model)
    mine = load(folder)
    fresh = {str(path): mine.score(path).score for path in given}

    def unread(*_: object, **__: object) -> None:
        raise AssertionError("a picture was read again")

    monkeypatch.setattr(scoring, "read_image", unread)
    line = ("score", "--library", season, "--model", folder, "--jsonl", "--quiet")
    for _ in range(2):  # told, then known
        rows = [json.loads(row) for row in call(*line).stdout.splitlines()]
        told = {row["path"]: row["score"] for row in rows}
        assert told == pytest.approx(fresh, abs=0.01)  # features are kept as float16
        assert {row["model"] for row in rows} == {"taste.mine"}


def test_ratings_without_signal_save_nothing(
    season: Path, tiny_model: Path, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    rate(season, lambda red: random.integers(1, 6, len(red)).tolist())
    with pytest.raises(LibraryError, match="Nothing was saved"):
        call("taste", "learn", season, "-o", tmp_path / "taste", "--model", tiny_model)
    assert not (tmp_path / "taste").exists()


def test_from_a_table_of_ratings(season: Path, tiny_model: Path, tmp_path: Path) -> None:
    given = rate(season, red_lover)
    table = tmp_path / "ratings.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "rating"])
        writer.writerow(["nowhere.jpg", 3])
        for index, (path, stars) in enumerate(given.items()):
            writer.writerow([path if index % 2 else path.relative_to(season), stars])
    result = call(
        "taste", "learn", season, "-o", tmp_path / "t", "--csv", table, "--model", tiny_model
    )
    assert "Learnt from 120 pictures" in result.stdout
    assert "nowhere.jpg is not in the catalogue" in result.stderr


def test_from_a_table_of_choices(season: Path, tiny_model: Path, tmp_path: Path) -> None:
    given = list(rate(season, red_lover).items())
    random = np.random.default_rng(0)
    table = tmp_path / "choices.csv"
    with table.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["winner", "loser"])
        for i, j in random.integers(0, len(given), (400, 2)):
            (one, stars), (other, others) = given[i], given[j]
            if stars != others:
                writer.writerow([one, other] if stars > others else [other, one])
    arguments = ("taste", "learn", season, "-o", tmp_path / "t", "--model", tiny_model)
    measured = json.loads(call(*arguments, "--pairs", table, "--json").stdout)
    ((_, figures),) = ((k, v) for k, v in measured.items() if k != "name")
    assert figures["pairwise_accuracy"]["interval"][0] > 0.6
    assert "srcc" not in figures


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "file,stars\na.jpg,1\n",
            "columns path, rating; its first line names: file, stars",
        ),
        (
            "path,rating\nday00/IMG_0000.jpg,good\n",
            "line 2, column 'rating': 'good' is not",
        ),
        ("path,rating\nx.jpg,1\n", "no picture that .* speaks of is in the catalogue"),
        ("", "names: nothing"),
    ],
)
def test_tables_that_are_wrong(
    season: Path, tiny_model: Path, tmp_path: Path, text: str, message: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(text)
    with pytest.raises(IlgnetError, match=message):
        call("taste", "learn", season, "-o", tmp_path / "t", "--csv", table, "--model", tiny_model)


def test_a_base_that_changed_is_noticed(season: Path, scorer: Scorer, tmp_path: Path) -> None:
    rate(season, red_lover)
    base = write_tiny_model(tmp_path / "base").folder  # the same bytes as the session's model
    folder = tmp_path / "taste"
    call("taste", "learn", season, "-o", folder, "--model", base)
    call("taste", "learn", season, "-o", folder, "--model", base)  # again, in its place
    write_tiny_model(base, seed=9)  # the taste has its own copy
    assert load(folder).weights.base == Base("base", read_weights(folder / "base").files[ONNX_NAME])
    write_tiny_model(folder / "base", seed=9)
    with pytest.raises(ModelError, match="another version"):
        load(folder)
    write_tiny_model(folder / "base")
    write_tiny_model(base)
    with pytest.raises(LibraryError, match="is a model, not a taste"):
        call("taste", "learn", season, "-o", base, "--model", base)
    (folder / TASTE_NAME).write_bytes(b"PK damaged")
    with pytest.raises(ModelError, match="is not a taste"):
        load(folder)
    assert read_weights(base).base is None


def test_a_taste_has_verdicts_of_its_own_in_the_catalogue(
    season: Path, tiny_model: Path, tmp_path: Path
) -> None:
    rate(season, red_lover)
    folder = tmp_path / "taste"
    call("taste", "learn", season, "-o", folder, "--model", tiny_model)
    arguments = ("score", "--library", season, "--model", folder, "--jsonl", "--quiet")
    plain = call("score", season, "--model", folder, "--jsonl", "--quiet").stdout
    through = call(*arguments).stdout
    assert call(*arguments).stdout == through
    for one, other in zip(plain.splitlines(), through.splitlines(), strict=True):
        assert json.loads(one)["score"] == pytest.approx(json.loads(other)["score"], abs=5e-3)


def test_outings_are_groups_where_there_are_few_days() -> None:
    found = made_up_photographs(240, per_burst=1)  # two minutes in all: one day, one outing
    assert set(group_photographs(found)) == {"2024-05-01, outing 1"}


def test_days_are_groups_where_there_are_enough(season: Path) -> None:
    with Catalogue(beside_pictures(season), "read") as catalogue:
        found = gather(catalogue.scored_files(catalogue.find_model()))
    assert len(set(group_photographs(found))) == DAYS
    few = [shot for shot in found if shot.day < "2024-05-04"]
    assert len(set(group_photographs(few))) == 3  # pauses of five minutes do not part an outing


def burst_season(root: Path) -> None:
    """Twelve bursts of three frames; the brightest frame of each has the most stars."""
    for burst in range(12):
        for frame, bright in enumerate((-15, 0, 15)):
            taken = datetime(2024, 6, 1, 10, burst) + timedelta(seconds=frame / 4)
            path = root / f"IMG_{3 * burst + frame:04d}.jpg"
            write_picture(path, 500 + burst, frame, brightness=bright, taken=taken)
            path.with_suffix(".xmp").write_text(SIDECAR.format(2 + frame))


def test_bursts_as_text_and_json(tmp_path: Path, tiny_model: Path) -> None:
    burst_season(tmp_path)
    write_picture(tmp_path / "copy.jpg", 500, 2, brightness=15, taken=datetime(2024, 7, 1))
    call("score", "--library", tmp_path, "--model", tiny_model, "--quiet", "--jsonl")
    text = call("bursts", tmp_path, "--similarity", "0.8", "--duplicates").stdout
    assert "12 bursts among 37 photographs" in text
    assert "best  IMG_0002.jpg: scores" in text
    assert "1 group of near-duplicates" in text
    assert "Within bursts the scores order as your stars do: 100.0% of 36 pairs" in text
    found = json.loads(call("bursts", tmp_path, "--similarity", "0.8", "--json").stdout)
    assert [len(burst["photographs"]) for burst in found["bursts"]] == [3] * 12
    assert found["bursts"][0]["photographs"][0]["path"] == "IMG_0002.jpg"
    assert found["agreement_with_stars"]["share"] == 1.0
    assert "duplicates" not in found


def test_bursts_of_a_folder_of_the_library(tmp_path: Path, tiny_model: Path) -> None:
    burst_season(tmp_path / "a")
    burst_season(tmp_path / "b")
    call("score", "--library", tmp_path, "--model", tiny_model, "--quiet", "--jsonl")
    found = json.loads(call("bursts", tmp_path / "b", "--similarity", "0.8", "--json").stdout)
    assert len(found["bursts"]) == 12
    assert all(burst["photographs"][0]["path"].startswith("b/") for burst in found["bursts"])


def test_verdicts_of_a_two_class_base_follow_the_taste(scorer: Scorer) -> None:
    from ilgnet.engines.protocol import EngineOutput
    from ilgnet.engines.taste import Taste, TasteEngine

    class TwoClasses:
        def run(self, batch: np.ndarray, *, features: bool = False) -> EngineOutput:
            vectors = np.stack([batch.mean(axis=(1, 2, 3))], axis=1)
            return EngineOutput(np.tile(np.float32([0.4, 0.6]), (len(batch), 1)), vectors)

    engine = TasteEngine(TwoClasses(), Taste(np.array([1.0], np.float32), 0.0, 5.0), 0.5)
    output = engine.run(np.full((1, 3, 2, 2), 0.5, np.float32))
    # A mean vote of 5.5 with an error of 0.5 exceeds 5 with the probability of one deviation.
    assert output.probabilities[0, 1] == pytest.approx(0.8413, abs=1e-3)
    assert isinstance(scorer.score(np.zeros((8, 8, 3), np.uint8)), Verdict)
