"""One function for Arrow batches: same rows, same order, the pictures' bytes gone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ilgnet.errors import DataError
from ilgnet.shards.arrow import arrow_result_schema, score_arrow
from tests.shards.collections import encoded
from tests.tiny_model import expected_score


@pytest.mark.parametrize("struct", [False, True])
def test_pictures_in_a_column(struct: bool, model: Path) -> None:
    data = [encoded(10), None, b"no picture", encoded(200)]
    pictures = [{"bytes": d, "path": f"{i}.png"} for i, d in enumerate(data)] if struct else data
    batch = pa.RecordBatch.from_pydict({"id": [7, 8, 9, 10], "image": pictures})
    found = score_arrow(batch, model=str(model), features=True)
    assert isinstance(found, pa.RecordBatch)
    assert found.schema == arrow_result_schema(batch.schema, features=True)
    assert found.column("id").to_pylist() == [7, 8, 9, 10]
    assert found.column("score").to_pylist() == pytest.approx(
        [expected_score(10), None, None, expected_score(200)], abs=2e-4
    )
    codes = [error and error["code"] for error in found.column("error").to_pylist()]
    assert codes == [None, "empty", "unsupported_format", None]
    assert "image" not in found.schema.names
    assert len(found.column("features")[0]) == 3


def test_addresses_in_a_column(tmp_path: Path, model: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(10))
    batch = pa.table({"url": [str(tmp_path / "a.png"), str(tmp_path / "b.png"), None]})
    found = score_arrow(batch, model=str(model))
    assert isinstance(found, pa.Table)
    codes = [error and error["code"] for error in found["error"].to_pylist()]
    assert codes == [None, "not_found", "not_found"]
    assert found["url"].to_pylist() == batch["url"].to_pylist()


def test_neither(model: Path) -> None:
    with pytest.raises(DataError, match="no column of pictures or addresses"):
        score_arrow(pa.table({"n": [1]}), model=str(model))


def test_a_batch_of_none(model: Path) -> None:
    empty = pa.table({"image": pa.array([], pa.binary())})
    assert score_arrow(empty, model=str(model)).num_rows == 0
