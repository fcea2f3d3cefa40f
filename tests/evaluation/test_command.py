"""`ilgnet evaluate` from end to end."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ilgnet.cli.evaluate import evaluate
from ilgnet.cli.exits import EXIT_OK, EXIT_UNREADABLE
from ilgnet.data.collections import find_collection, read_persons
from ilgnet.data.lists import read_list
from ilgnet.data.overlap import write_trained_on
from ilgnet.errors import IlgnetError
from ilgnet.zoo.records import read_weights, write_weights
from tests import miniature_ava
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


def run(model: Path, *arguments: object) -> tuple[int, str]:
    asked = ["--model", model, "--threads", 1, "--replicates", 20, *arguments]
    result = CliRunner().invoke(evaluate, [str(a) for a in asked], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.stdout


def test_table_json_and_page(mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path) -> None:
    record, page = tmp_path / "out.json", tmp_path / "page.html"
    code, text = run(model, "--data", mini.ava_txt, "-o", record, "--report", page)
    assert code == EXIT_UNREADABLE
    assert "35 of 40 pictures; 5 could not be read" in text
    for word in ("Majority rate", "Balanced accuracy", "AUC", "SRCC", "PLCC", "KRCC", "RMSE"):
        assert word in text
    for word in ("EMD, r = 1", "EMD, r = 2", "Calibration gap", "Pairs within groups"):
        assert word in text
    assert json.loads(record.read_text())["measured"]["images"] == 35
    assert page.read_text().startswith("<!doctype html>")
    code, text = run(model, "--data", mini.ava_txt, "--json")
    assert json.loads(text) == json.loads(record.read_text())


def test_a_partition_list_with_avas_votes(
    mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "test.txt"
    path.write_text("".join(f"{i}.jpg {i % 2}\n" for i in mini.usable[:20]))
    code, text = run(model, "--data", path, "--ratings", mini.ava_txt, "--json")
    assert code == EXIT_OK
    record = json.loads(text)
    assert record["data"]["fingerprint"] == read_list(path).fingerprint
    assert "srcc" in record["metrics"]
    code, text = run(
        model, "--data", path, "--images", mini.images, "--json", "--batches", 2, "--batch-size", 5
    )
    record = json.loads(text)
    assert record["measured"]["images"] == 10
    assert record["protocol"]["batches"] == {"count": 2, "size": 5, "shuffle": False}
    assert "srcc" not in record["metrics"]


def test_a_table_on_another_scale(
    mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ratings.csv"
    rows = [f"{i}.jpg,{1 + k % 7},{'ab'[k % 2]},{k % 3}" for k, i in enumerate(mini.usable)]
    path.write_text("\n".join(["picture_name,beauty,theme,fold", *rows]) + "\n")
    asked = ["--data", path, "--images", mini.images, "--scale", "1..7", "--where", "fold=0"]
    columns = ["--column", "picture=picture_name", "--column", "mean=beauty"]
    code, text = run(model, *asked, *columns, "--column", "group=theme")
    assert code == EXIT_OK
    assert "on 1..7, mapped to 1..10" in text
    assert "12 of 12 pictures" in text
    assert "Pairs within groups" in text


def test_shuffle_without_batches_makes_no_sense(
    mini: miniature_ava.MiniatureAva, model: Path
) -> None:
    with pytest.raises(click.UsageError, match="--batches"):
        run(model, "--data", mini.ava_txt, "--shuffle")


def test_a_named_protocol_counts_what_papers_count(
    mini: miniature_ava.MiniatureAva, model: Path
) -> None:
    test = mini.folder / "aesthetics_image_lists/generic_test.jpgl"
    test.write_text("".join(f"{i}\n" for i in (*mini.ids[20:], 11714, 11723)))
    asked = ["--protocol", "ava-official", "--data", mini.folder]
    _, text = run(model, *asked, "--json")
    record = json.loads(text)
    assert record["data"]["images"] == 20
    assert record["data"]["unrated"] == 2
    assert record["data"]["left_out"] == [
        {"reason": "not rated in AVA", "ids": ["11714.jpg", "11723.jpg"]}
    ]
    _, text = run(model, *asked)
    assert "Protocol:         ava-official: AVA's own test list" in text
    assert "Left out:         2 of the list, not rated in AVA: 11714.jpg, 11723.jpg" in text
    assert run(model, *asked, "--part", "train", "--json")[1] != text


def test_the_personalised_protocol_on_a_table_of_persons(
    mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path
) -> None:
    rows = [
        f"{i}.jpg,p{person},{1 + (k * (1 + person) + person) % 7}"
        for k, i in enumerate(mini.usable)
        for person in range(11)
    ]
    path = tmp_path / "persons.csv"
    path.write_text("\n".join(["file,person,mean", *rows]) + "\n")
    asked = ["--data", path, "--images", mini.images, "--scale", "1..7", "--personal", 5]
    code, text = run(model, *asked)
    assert code == EXIT_OK
    # One of the eleven gave everything the same, which defines no order.
    assert "5 pictures given of each of 10 persons (drawn with seed 0): as it is" in text


def para(root: Path, mini: miniature_ava.MiniatureAva) -> Path:
    """PARA's own files, with three people who each gave every picture a vote in halves."""
    head = (
        "sessionId,imageName,userId,semantic,aestheticScore,qualityScore,compositionScore,"
        "colorScore,dofScore,contentScore,lightScore,contentPreference,emotion,difficultyOfJudgment"
    )
    lines = [head]
    for number, image in enumerate(mini.usable):
        name, session = f"iaa_pub{number}_.jpg", f"session{number % 4}"
        (root / "imgs" / session).mkdir(parents=True, exist_ok=True)
        shutil.copy(mini.images / f"{image}.jpg", root / "imgs" / session / name)
        for person in range(3):
            vote = 1 + ((number * (3 + person)) % 9) / 2
            lines.append(f"{session},{name},A{person}f3,portrait,{vote},3,3,3,3,3,3,3,content,1")
    (root / "annotation").mkdir()
    (root / "annotation" / "PARA-Images.csv").write_text("\n".join(lines) + "\n")
    return root


def flickr_aes(root: Path, mini: miniature_ava.MiniatureAva) -> Path:
    """FLICKR-AES's own files: a comma and a space, pictures in 40K."""
    (root / "40K").mkdir(parents=True)
    lines = [" worker, imagePair, score"]
    for number, image in enumerate(mini.usable):
        name = f"farm1_{260 + number}_{number}.jpg"
        shutil.copy(mini.images / f"{image}.jpg", root / "40K" / name)
        votes = (1 + (number * (2 + person)) % 5 for person in range(3))
        lines += [f"A{person}UT2, {name}, {vote}" for person, vote in enumerate(votes)]
    (root / "FLICKR-AES_image_labeled_by_each_worker.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.mark.parametrize(("name", "build"), [("para", para), ("flickr-aes", flickr_aes)])
def test_the_personalised_protocol_on_the_files_of_a_collection(
    name: str, build, mini: miniature_ava.MiniatureAva, model: Path, tmp_path: Path
) -> None:
    root = build(tmp_path / name, mini)
    asked = ["--data", f"{name}={root}", "--personal", 5, "--personal", 10]
    code, text = run(model, *asked)
    assert code == EXIT_OK
    rated = read_persons(find_collection(name), root)
    assert f"{len(mini.usable)} pictures, fingerprint {rated.fingerprint}" in text
    for shots in (5, 10):
        assert f"{shots} pictures given of each of 3 persons (drawn with seed 0): as it is" in text
    assert "seen in training: unknown: its record is empty" in text

    # A model that has learned from some of these people's pictures is refused, or spared them.
    seen = tmp_path / "seen"
    shutil.copytree(model, seen)
    learned = write_trained_on(seen, rated.without(rated.ids[3:]))
    write_weights(replace(read_weights(seen), trained_on=(learned,)), seen)
    with pytest.raises(IlgnetError, match="the model was trained on 3 of the"):
        run(seen, *asked)
    _, text = run(seen, *asked, "--overlap", "remove")
    assert f"{len(mini.usable) - 3} pictures measured" in text
    assert "3 pictures of the list, taken out" in text
