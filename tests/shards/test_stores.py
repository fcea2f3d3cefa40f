"""Jobs and inputs at addresses: S3 on a real server, and memory."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
from moto.server import ThreadedMotoServer

from ilgnet.errors import DataError, MissingExtra
from ilgnet.shards.parts import merge, status
from ilgnet.shards.stores import Folder, listed, open_store
from tests.shards.collections import (
    codes,
    encoded,
    make_parquet,
    make_tar,
    multiset,
    planned,
    rows,
    scored,
    worked,
)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a real S3 server on loopback; child processes know it by their environment."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    name = f"shards-{uuid.uuid4().hex[:8]}"
    fsspec.filesystem("s3").mkdir(name)
    yield f"s3://{name}"
    fsspec.filesystem("s3").clear_instance_cache()
    server.stop()


def upload(folder: Path, address: str) -> None:
    store, path = open_store(address)
    for file in sorted(folder.iterdir()):
        store.put_file(str(file), f"{path}/{file.name}")


def make_data(folder: Path) -> Path:
    folder.mkdir()
    make_tar(folder / "0.tar", 4)
    make_tar(folder / "1.tar", 4, 4)
    make_parquet(folder / "2.parquet", 4)
    for index in range(3):
        (folder / f"{index}.png").write_bytes(encoded(index))
    (folder / "4.png").write_bytes(b"no picture")
    return folder


def test_s3_from_end_to_end(bucket: str, tmp_path: Path, model: Path) -> None:
    local = planned([make_data(tmp_path / "data")], tmp_path / "local", model)
    scored(local)
    upload(tmp_path / "data", f"{bucket}/data")
    job = planned([f"{bucket}/data"], f"{bucket}/job", model)
    assert len(worked(job)) == 4
    assert worked(job) == []
    found = rows(job)
    assert {row["uri"] for row in found} == {
        f"{bucket}/data/{p.name}" for p in (tmp_path / "data").iterdir()
    }
    for row in found:
        row["uri"] = row["uri"].replace(f"{bucket}/data", str(tmp_path / "data"))
    assert multiset(found) == multiset(rows(local))
    assert codes(found) == {"unsupported_format": 1}
    assert merge(job, tmp_path / "all.parquet") == 16
    assert status(job).finished == 4


def test_a_range_is_listed_not_asked_for_one_by_one(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred thousand tars are not a hundred thousand requests."""
    store = open_store(bucket)[0]
    for number in range(12):
        store.pipe_file(f"{bucket}/data/{number:05d}.tar", b"x" * number)
    asked: list[str] = []
    real = type(store)._call_s3

    async def watched(self: object, method: str, *arguments: object, **more: object) -> object:
        asked.append(method)
        return await real(self, method, *arguments, **more)

    monkeypatch.setattr(type(store), "_call_s3", watched)
    found = list(listed(f"{bucket}/data/{{00000..00011}}.tar"))
    assert [file.key for file in found] == [f"{number:05d}.tar" for number in range(12)]
    assert len({file.version for file in found}) == 12
    assert len(asked) <= 2, asked
    store.pipe_file(f"{bucket}/data/00003.tar", b"changed")
    (again,) = listed(f"{bucket}/data/{{00003..00003}}.tar")
    assert again.version != found[3].version


def test_s3_says_what_is_not_there(bucket: str, tmp_path: Path, model: Path) -> None:
    open_store(bucket)[0].pipe_file(f"{bucket}/empty.png", b"")
    (tmp_path / "list.csv").write_text(f"url\n{bucket}/gone.png\n{bucket}/empty.png\n")
    job = planned([tmp_path / "list.csv"], f"{bucket}/job", model)
    scored(job)
    assert codes(rows(job)) == {"not_found": 1, "empty": 1}
    with pytest.raises(DataError, match="there is nothing at"):
        list(listed(f"{bucket}/nowhere/"))


def test_memory(tmp_path: Path, model: Path) -> None:
    upload(make_data(tmp_path / "data"), "memory://data")
    job = planned(["memory://data/*.tar"], "memory://job", model)
    scored(job)
    assert [row["uri"] for row in rows(job)][::4] == [
        "memory:///data/0.tar",
        "memory:///data/1.tar",
    ]


def test_no_such_address() -> None:
    with pytest.raises(DataError, match="no address"):
        Folder("nonsense://x")
    with pytest.raises(MissingExtra, match="needs a package"):
        Folder("gs://bucket/job")
