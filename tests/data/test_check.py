"""The checker lists every picture that cannot be read, and is stopped by none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ilgnet.cli.data import data
from ilgnet.cli.exits import EXIT_UNREADABLE
from ilgnet.data.check import check_pictures
from ilgnet.data.lists import read_list
from ilgnet.data.readers import read_rated
from ilgnet.zoo.records import read_weights
from tests import miniature_ava
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> miniature_ava.MiniatureAva:
    return miniature_ava.build(tmp_path_factory.mktemp("ava"), 60)


def run(*arguments: object) -> tuple[int, str]:
    """The exit code and what stands on standard output."""
    result: Result = CliRunner().invoke(data, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value or 0, result.stdout


def test_every_missing_and_corrupt_picture_is_found(mini: miniature_ava.MiniatureAva) -> None:
    rated = read_rated(mini.ava_txt)
    outcomes = list(check_pictures(rated, threads=2))
    assert len(outcomes) == 60
    for image, failure in zip(rated.images, outcomes, strict=True):
        assert failure is None or failure.path == image.id
    codes = {f.path: f.code for f in outcomes if f}
    assert codes == {f"{i}.jpg": "not_found" for i in mini.missing} | dict(
        zip(
            (f"{i}.jpg" for i in mini.corrupt),
            ("empty", "truncated", "unsupported_format"),
            strict=True,
        )
    )


def test_the_command_lists_them_and_writes_the_clean_list(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    before = {p: p.read_bytes() for p in mini.folder.rglob("*") if p.is_file()}
    clean = tmp_path / "usable.txt"
    code, text = run("check", mini.ava_txt, "--clean-list", clean)
    assert code == EXIT_UNREADABLE
    for image_id in (*mini.missing, *mini.corrupt):
        assert f"{image_id}.jpg: " in text
    assert "2 not_found, 1 empty, 1 truncated, 1 unsupported_format" in text
    usable = read_list(clean)
    assert usable.ids == tuple(f"{i}.jpg" for i in mini.usable)
    assert usable.labels is not None
    assert {p: p.read_bytes() for p in mini.folder.rglob("*") if p.is_file()} == before
    assert run("check", clean, "--images", mini.images)[0] == 0


def test_labels_that_contradict_the_votes_are_told(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    path = tmp_path / "wrong.txt"
    lines = [f"{i}.jpg {int(m <= 5)}" for i, m in zip(mini.ids, mini.means, strict=True)]
    path.write_text("\n".join(lines))
    code, text = run("check", path, "--ratings", mini.ava_txt, "--json")
    found = json.loads(text)
    assert code == EXIT_UNREADABLE
    assert len(found["contradicting_labels"]) == 60
    assert {f["path"] for f in found["failures"]} == {
        f"{i}.jpg" for i in (*mini.missing, *mini.corrupt)
    }
    assert found["fingerprint"] == read_rated(mini.ava_txt).fingerprint
    assert found["high"] + found["low"] == found["images"] == 60


def test_partitions_are_made_read_and_compared(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    run("partition", "ava1", mini.ava_txt, "-o", tmp_path, "--test", "6,9", "--delta", "0.2")
    run("partition", "ava2", mini.ava_txt, "-o", tmp_path, "--share", "0.4", "--val", "4")
    files = sorted(p.name for p in tmp_path.iterdir())
    assert files == [
        "AVA1.json",
        "AVA1_test.txt",
        "AVA1_train.txt",
        "AVA2.json",
        "AVA2_test.txt",
        "AVA2_train.txt",
        "AVA2_val.txt",
    ]
    _, text = run("partition", "read", tmp_path / "AVA1_test.txt")
    assert "15" in text
    assert "60.00 % high" in text
    assert read_list(tmp_path / "AVA1_test.txt").fingerprint in text

    train, test = (read_list(tmp_path / n) for n in ("AVA1_train.txt", "AVA2_test.txt"))
    leaked = set(train.ids) & set(test.ids)
    clean = tmp_path / "clean.txt"
    _, text = run(
        "overlap", tmp_path / "AVA2_test.txt", "--with", tmp_path / "AVA1_train.txt", "-o", clean
    )
    assert f"{len(leaked)} of the 24 pictures" in text
    assert set(read_list(clean).ids) == set(test.ids) - leaked
    _, text = run("overlap", clean, "--with", tmp_path / "AVA1_train.txt")
    assert text.startswith("none of the")


def test_a_converted_model_is_told_what_it_was_trained_on(
    mini: miniature_ava.MiniatureAva, tmp_path: Path
) -> None:
    model = make_tiny_model(tmp_path / "model")
    part = tmp_path / "part.txt"
    part.write_text("".join(f"{i}.jpg 1\n" for i in mini.ids[:20]))
    for _ in range(2):  # saying it twice is saying it once
        _, text = run("remember", model, part)
        assert "remembers 20 pictures" in text
    weights = read_weights(model)
    assert len(weights.trained_on) == 1
    weights.verify()
    _, text = run("overlap", mini.ava_txt, "--with", model)
    assert "20 of the 60 pictures" in text
