"""Every form of collection becomes shards, with its own keys, and nothing is passed over unsaid."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ilgnet.errors import DataError
from ilgnet.shards import pictures
from ilgnet.shards.job import Job, read_job
from ilgnet.shards.plan import Columns, plan
from ilgnet.shards.stores import Folder
from tests.shards.collections import (
    codes,
    encoded,
    make_folder,
    make_parquet,
    make_tar,
    planned,
    rows,
    scored,
)
from tests.tiny_model import expected_score

CUT_GZIP = gzip.compress(b"id,path\n" + b"1,a.png\n" * 999, mtime=0)[:-9]
"""Without the hour, or the processes that share the tests would not agree on this one's name."""


def scores_fit(listed: list[dict[str, object]], count: int) -> None:
    found = sorted(float(row["score"]) for row in listed)  # type: ignore[arg-type]
    assert found == pytest.approx(sorted(expected_score(i % 256) for i in range(count)), abs=2e-4)


def test_a_folder(tmp_path: Path, model: Path) -> None:
    folder = make_folder(tmp_path / "photos", 11)
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(encoded(1))
    job = Job.of(str(model))
    found = plan([str(folder)], job, str(tmp_path / "job"), rows=4)
    assert (found.shards, found.listed) == (3, 11)
    assert dict(found.passed_over) == {".txt": 1}
    scored(str(tmp_path / "job"))
    listed = rows(str(tmp_path / "job"))
    scores_fit(listed, 11)
    assert listed[0]["key"] == "even/0000.png"
    assert listed[0]["uri"] == str(folder / "even/0000.png")
    assert listed[0]["member"] is None


@pytest.mark.parametrize("form", ["csv", "csv.gz", "tsv", "jsonl", "jsonl.gz", "parquet"])
def test_manifests(form: str, tmp_path: Path, model: Path) -> None:
    make_folder(tmp_path / "photos", 5)
    paths = sorted(str(p.relative_to(tmp_path)) for p in (tmp_path / "photos").rglob("*.png"))
    records = [{"id": f"no-{i}", "path": path, "text": "x"} for i, path in enumerate(paths)]
    manifest = tmp_path / f"list.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(records), manifest)
    else:
        opened = gzip.open if form.endswith("gz") else open
        with opened(manifest, "wt") as stream:  # type: ignore[operator]
            if "json" in form:
                stream.writelines(json.dumps(record) + "\n" for record in records)
            else:
                writer = csv.DictWriter(
                    stream, ["id", "path", "text"], delimiter="\t" if "tsv" in form else ","
                )
                writer.writeheader()
                writer.writerows(records)
    job = planned([manifest], tmp_path / "job", model, rows=2)
    scored(job)
    listed = rows(job)
    assert [row["key"] for row in listed] == [f"no-{i}" for i in range(5)]
    assert [row["uri"] for row in listed] == [str(tmp_path / path) for path in paths]
    scores_fit(listed, 5)


def test_rows_without_a_picture_are_rows_too(tmp_path: Path, model: Path) -> None:
    manifest = tmp_path / "list.jsonl"
    manifest.write_text('{"id": 7, "url": ""}\nnot json\n{"id": 8, "url": "gone.png"}\n[1]\n')
    job = planned([manifest], tmp_path / "job", model)
    scored(job)
    listed = rows(job)
    assert [row["key"] for row in listed] == ["7", "row 2", "8", "row 4"]
    assert codes(listed) == {"not_found": 4}


def test_a_column_that_is_not_there(tmp_path: Path, model: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="--address-column"):
        planned([manifest], tmp_path / "job", model)
    with pytest.raises(DataError, match="no column 'c'"):
        planned([manifest], tmp_path / "job", model, columns=Columns(address="c"))


def test_tars_keep_their_keys_and_every_format(tmp_path: Path, model: Path) -> None:
    for number, form in enumerate(["PNG", "WEBP", "TIFF"]):
        make_tar(tmp_path / f"{number:02d}.tar", 4, 4 * number, form)
    job = planned([tmp_path / "{00..02}.tar"], tmp_path / "job", model)
    scored(job)
    listed = rows(job)
    scores_fit(listed, 12)
    assert [row["key"] for row in listed] == [f"{i:06d}" for i in range(12)]
    assert [row["member"] for row in listed][::4] == ["000000.png", "000004.webp", "000008.tiff"]
    assert listed[0]["uri"] == str(tmp_path / "00.tar")


def test_parquet_with_pictures_inside(tmp_path: Path, model: Path) -> None:
    path = make_parquet(tmp_path / "train.parquet", 10)
    job = planned([path], tmp_path / "job", model, rows=5)
    _, shards = read_job(Folder(job))
    assert [(s.first, s.groups, s.rows) for s in shards] == [(0, 1, 4), (1, 1, 4), (2, 1, 2)]
    scored(job)
    listed = rows(job)
    scores_fit(listed, 10)
    assert [row["key"] for row in listed] == [f"{i}.png" for i in range(10)]
    assert [row["member"] for row in listed] == [str(i) for i in range(10)]


def test_a_mixed_folder_says_what_it_passed_over(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    make_tar(data / "0.tar", 2)
    make_parquet(data / "1.parquet", 2)
    pq.write_table(pa.table({"url": ["x"]}), data / "0.parquet")  # img2dataset's, beside its tar
    (data / "a.png").write_bytes(encoded(0))
    (data / "0_stats.json").write_text("{}")
    found = plan([str(data)], Job.of(str(model)), str(tmp_path / "job"))
    assert (found.shards, found.tars) == (3, 1)
    assert dict(found.passed_over) == {".json": 1, ".parquet without pictures": 1}


def test_nothing_there(tmp_path: Path, model: Path) -> None:
    with pytest.raises(DataError, match="there is nothing at"):
        planned([tmp_path / "nowhere"], tmp_path / "job", model)
    with pytest.raises(DataError, match="there is nothing at"):
        planned([tmp_path / "*.tar"], tmp_path / "job", model)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no picture"):
        planned([tmp_path / "empty"], tmp_path / "job", model)
    assert not (tmp_path / "job/plan.parquet").exists()


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("id;path;note\nno-0;a.png;x\nno-1;b.png;1,5\n", "utf-8-sig"),
        ("sep=;\r\nid;path;note\r\nno-0;a.png;x\r\nno-1;b.png;y\r\n", "utf-8"),
        ("id\tpath\tnote\nno-0\ta.png\tx\nno-1\tb.png\ty\n", "utf-16"),
        ('id,path,note\nno-0,a.png,"two\nlines, and a comma"\nno-1,b.png,y', "utf-8"),
    ],
    ids=["semicolons and a mark", "Excel's sep", "Unicode text", "a line end in quotes"],
)
def test_manifests_as_spreadsheets_save_them(
    text: str, encoding: str, tmp_path: Path, model: Path
) -> None:
    for index, name in enumerate(("a.png", "b.png")):
        (tmp_path / name).write_bytes(encoded(index))
    (tmp_path / "list.csv").write_bytes(text.encode(encoding))
    job = planned([tmp_path / "list.csv"], tmp_path / "job", model)
    scored(job)
    assert [row["key"] for row in rows(job)] == ["no-0", "no-1"]
    scores_fit(rows(job), 2)


def test_a_row_with_too_many_cells_has_a_row(tmp_path: Path, model: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(0))
    (tmp_path / "list.csv").write_text("id,path\n1,a.png\n2,a.png,3\n4\n,a.png\n")
    job = planned([tmp_path / "list.csv"], tmp_path / "job", model)
    scored(job)
    assert [row["key"] for row in rows(job)] == ["1", "row 2", "row 3", "a.png"]
    assert codes(rows(job)) == {"not_found": 2}
    assert "3 cells under 2 column names" in str(rows(job)[1]["error"])


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("list.csv", b'id,path\n1,"a.png\n2,b.png\n', "is not CSV"),
        ("list.csv", b"", "no picture"),
        ("list.csv", b"i\0d\0,\0", "Save it as UTF-8"),
        ("list.csv", b"\xff\xfei\0d\0\n\0x", "UTF-16"),
        ("list.csv.gz", CUT_GZIP, "cannot be read"),
        ("list.csv.gz", b"no gzip", "cannot be read"),
        ("list.parquet", b"no Parquet", "cannot be read as Parquet"),
    ],
)
def test_manifests_that_are_none(
    name: str, data: bytes, said: str, tmp_path: Path, model: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        planned([tmp_path / name], tmp_path / "job", model)
    assert not (tmp_path / "job/plan.parquet").exists()


def test_a_column_that_is_an_empty_list(tmp_path: Path, model: Path) -> None:
    (tmp_path / "list.csv").write_text("id,path\n")
    with pytest.raises(DataError, match="no picture"):
        planned([tmp_path / "list.csv"], tmp_path / "job", model)


PICTURES = [encoded(index) for index in range(3)]
STRUCT = pa.struct([("bytes", pa.large_binary()), ("path", pa.string())])


@pytest.mark.parametrize(
    "column",
    [
        pa.array(PICTURES, pa.large_binary()),
        pa.array(PICTURES, pa.binary_view()),
        pa.array(PICTURES, pa.binary()).dictionary_encode(),
        pa.array([{"bytes": data, "path": None} for data in PICTURES], STRUCT),
    ],
    ids=["large", "view", "dictionary", "struct"],
)
def test_pictures_in_every_type_of_column(column: pa.Array, tmp_path: Path, model: Path) -> None:
    keys = pa.array([b"a", b"b", b"\xff"])
    pq.write_table(pa.table({"image": column, "key": keys}), tmp_path / "x.parquet")
    job = planned([tmp_path / "x.parquet"], tmp_path / "job", model)
    scored(job)
    scores_fit(rows(job), 3)
    assert [row["key"] for row in rows(job)] == ["a", "b", "\\xff"]


def test_lists_of_pictures_are_refused_in_words(tmp_path: Path, model: Path) -> None:
    pq.write_table(pa.table({"images": [[{"bytes": b"x"}]]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match="holds no pictures, one a row"):
        planned([tmp_path / "x.parquet"], tmp_path / "j", model, columns=Columns(picture="images"))
    with pytest.raises(DataError, match="images"):
        planned([tmp_path / "x.parquet"], tmp_path / "job", model)


def test_parquet_with_no_rows(tmp_path: Path, model: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), tmp_path / "x.parquet")
    job = planned([tmp_path / "x.parquet"], tmp_path / "job", model)
    scored(job)
    assert rows(job) == []


def test_large_pictures_in_parquet_come_a_few_at_a_time(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    real = pq.ParquetFile.iter_batches

    def watched(file: pq.ParquetFile, size: int, **more: object) -> object:
        asked.append(size)
        return real(file, size, **more)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watched)
    monkeypatch.setattr(pictures, "AHEAD_BYTES", 10_000)
    random = np.random.default_rng(0)
    data = [encoded(index) + random.bytes(4000) for index in range(5)]
    table = pa.table({"image": data})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=3, write_statistics=False)
    job = planned([tmp_path / "x.parquet"], tmp_path / "job", model)
    asked.clear()
    folder = Folder(job)
    (shard,) = read_job(folder)[1]
    assert [found for _, found in pictures.read_shard(folder, shard)] == data
    assert asked == [2, 2]
