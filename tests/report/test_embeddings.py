"""Features that other programs read: numpy, DuckDB, and clip-retrieval's layout."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from ilgnet.errors import IlgnetError
from ilgnet.report import embeddings
from ilgnet.report.embeddings import open_embeddings
from ilgnet.scoring import load
from ilgnet.values import Failure, Outcome, Verdict
from tests.tiny_model import make_tiny_model


@pytest.fixture
def outcomes(tmp_path: Path) -> list[Outcome]:
    scorer = load(make_tiny_model(tmp_path / "tiny"), threads=1)
    pictures = [np.full((8, 8, 3), value, np.uint8) for value in (0, 50, 100, 150, 250)]
    scored = list(scorer.score_many(pictures, features=True))
    return [scored[0], Failure("bad.jpg", "corrupt", "damaged"), *scored[1:]]


def write(outcomes: list[Outcome], target: Path) -> list[Verdict]:
    with open_embeddings(target) as take:
        for outcome in outcomes:
            take(outcome)
    return [outcome for outcome in outcomes if isinstance(outcome, Verdict)]


@pytest.mark.parametrize("group", [2, 10_000])
def test_parquet_for_duckdb(
    outcomes: list[Outcome], group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "ROW_GROUP", group)
    verdicts = write(outcomes, tmp_path / "f.parquet")
    found = duckdb.sql(
        f"SELECT path, score, features, list_cosine_similarity(features, features) AS same "
        f"FROM '{tmp_path / 'f.parquet'}' WHERE score > 0"
    ).fetchall()
    assert [row[0] for row in found] == [v.path for v in verdicts]
    np.testing.assert_array_equal(
        np.array([row[2] for row in found], np.float32), np.stack([v.features for v in verdicts])
    )


def test_an_array_with_its_rows_beside_it(outcomes: list[Outcome], tmp_path: Path) -> None:
    verdicts = write(outcomes, tmp_path / "f.npy")
    array = np.load(tmp_path / "f.npy", mmap_mode="r")
    assert (array.dtype, array.shape) == (np.float32, (5, 3))
    np.testing.assert_array_equal(array, np.stack([v.features for v in verdicts]))
    assert pq.read_table(tmp_path / "f.parquet")["path"].to_pylist() == [v.path for v in verdicts]


def test_clip_retrievals_layout(outcomes: list[Outcome], tmp_path: Path) -> None:
    verdicts = write(outcomes, tmp_path / "out")
    array = np.load(tmp_path / "out/img_emb/img_emb_0.npy")
    listed = pq.read_table(tmp_path / "out/metadata/metadata_0.parquet")
    assert len(array) == listed.num_rows == len(verdicts)
    assert listed["image_path"].to_pylist() == [v.path for v in verdicts]


def test_a_run_without_a_picture(tmp_path: Path) -> None:
    write([Failure("bad.jpg", "corrupt", "damaged")], tmp_path / "f.npy")
    assert len(np.load(tmp_path / "f.npy")) == 0
    write([], tmp_path / "g.parquet")
    assert pq.read_table(tmp_path / "g.parquet").num_rows == 0


def test_nothing_is_left_when_a_run_fails(outcomes: list[Outcome], tmp_path: Path) -> None:
    def failing() -> None:
        with open_embeddings(tmp_path / "f.npy") as take:
            take(outcomes[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        failing()
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_another_extension(tmp_path: Path) -> None:
    with pytest.raises(IlgnetError, match="what format"), open_embeddings(tmp_path / "f.txt"):
        pass
