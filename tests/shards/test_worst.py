"""A poisoned shard fails alone, row by row, each with its reason, and the job ends."""

from __future__ import annotations

import io
import os
import signal
import struct
import tarfile
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ilgnet.shards import fetch
from ilgnet.shards.fetch import Patience
from ilgnet.shards.job import read_job
from ilgnet.shards.pictures import read_shard
from ilgnet.shards.stores import Folder
from ilgnet.shards.work import unfinished, work
from ilgnet.shards.worker import Terms, Worker
from tests.shards.collections import (
    add,
    codes,
    encoded,
    make_parquet,
    make_tar,
    planned,
    rows,
    scored,
    worked,
)


def busy_jpeg(scans: int, side: int = 4000) -> bytes:
    """A valid progressive JPEG of some kilobytes that keeps a decoder busy: empty scan upon scan.

    Each scan says in a few bytes that no coefficient of any block changes, which the decoder
    checks block by block.
    """

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    def table(kind: int, symbols: bytes) -> bytes:
        # All codes are two bits long, so that none is all ones.
        return segment(0xC4, bytes([kind, 0, len(symbols), *([0] * 14)]) + symbols)

    blocks = (side // 8) ** 2
    data = b"\xff\xd8" + segment(0xDB, b"\0" + b"\x01" * 64)
    data += segment(0xC2, struct.pack(">BHHBBBB", 8, side, side, 1, 1, 0x11, 0))
    data += table(0x00, b"\x00") + table(0x10, b"\xe0")
    dc = b"\0" * (blocks // 4)  # "00" for each block: no difference
    data += segment(0xDA, bytes([1, 1, 0x00, 0, 0, 0])) + dc
    # Symbol 0xE0 with 14 more bits ends the band in 2**14 + them blocks: 16 bits for up to 32,767.
    runs, left = b"", blocks
    while left > 0:
        run = min(left, 32_767)
        if run < 16_384:
            run = left = 16_384  # past the end: no harm
        runs += struct.pack(">H", run - 16_384)
        left -= run
    runs = runs.replace(b"\xff", b"\xff\0")
    scan = segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0])) + runs
    return data + scan * scans + b"\xff\xd9"


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says it has very many pixels, and holds a few rows of them."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    packer = zlib.compressobj(1)
    row = b"\0" * (1 + width * 3)
    pixels = b"".join(packer.compress(row) for _ in range(min(height, 10))) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def test_members_of_every_badness(tmp_path: Path, model: Path) -> None:
    bad = tmp_path / "bad.tar"
    with tarfile.open(bad, "w") as tar:
        add(tar, "a.png", encoded(10))
        add(tar, "b.png", huge_png(20_000, 20_000))
        add(tar, "c.png", b"")
        add(tar, "d.jpg", b"no picture at all")
        add(tar, "e.png", encoded(20)[:-30])
        link = tarfile.TarInfo("f.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        add(tar, "folder/g.h.seg.png", encoded(30))
        add(tar, "._h.png", b"macOS leaves these")
    make_tar(tmp_path / "good.tar", 3)
    job = planned([tmp_path / "bad.tar", tmp_path / "good.tar"], tmp_path / "job", model)
    scored(job)
    listed = rows(job)
    assert [row["key"] for row in listed[:7]] == [*"abcdef", "folder/g"]
    assert [row["error"] and row["error"]["code"] for row in listed] == [
        *(None, "too_large", "empty", "unsupported_format", "truncated", "not_a_file", None),
        *(None, None, None),
    ]


def test_large_pictures_do_not_fill_the_memory(tmp_path: Path, model: Path) -> None:
    """More than a gigabyte of them in one tar; as zeros behind a picture they take no disk."""
    count, size = 24, 48 * 2**20
    with (tmp_path / "a.tar").open("wb") as stream:
        for index in range(count):
            member = tarfile.TarInfo(f"{index}.png")
            member.size = size
            begin = stream.tell()
            stream.write(member.tobuf() + encoded(index))
            stream.seek(begin + tarfile.BLOCKSIZE + size)
        stream.write(b"\0" * tarfile.RECORDSIZE)
    job = planned([tmp_path / "a.tar"], tmp_path / "job", model)
    (stats,) = worked(job)
    assert (stats.pictures, stats.failed, stats.bytes) == (count, 0, count * size)
    assert stats.peak_memory < count * size / 2


def test_headers_of_every_kind(tmp_path: Path, model: Path) -> None:
    """GNU and pax names, folders, hard links, a header for the whole tar, and nothing at all."""
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        path = tmp_path / f"{form}.tar"
        with tarfile.open(path, "w", format=form, pax_headers={"comment": "ü"}) as tar:
            folder = tarfile.TarInfo("pictures.png")
            folder.type = tarfile.DIRTYPE
            tar.addfile(folder)
            add(tar, "é" * 120 + ".png", encoded(10))
            link = tarfile.TarInfo("link.png")
            link.type, link.linkname = tarfile.LNKTYPE, "é" * 120 + ".png"
            tar.addfile(link)
            add(tar, "./pictures.png/a.PNG", encoded(20))
    with tarfile.open(tmp_path / "none.tar", "w"):
        pass
    job = planned([tmp_path / "*.tar"], tmp_path / "job", model)
    scored(job)
    listed = rows(job)
    assert [row["key"] for row in listed] == 2 * ["é" * 120, "link", "./pictures.png/a"]
    assert codes(listed) == {"not_a_file": 2}


@pytest.mark.parametrize(
    ("damage", "code", "said"),
    [
        (lambda data: data[: len(data) // 2 + 700], "truncated", "after"),
        (lambda data: data[: 3 * len(data) // 4 // 512 * 512], "truncated", "after"),
        (lambda data: data.rstrip(b"\0") + b"\0" * 40, "truncated", "after"),
        (lambda data: b"\x13" * len(data), "corrupt", "after 0"),
        (lambda data: b"", "corrupt", "after 0"),
        (lambda data: data[:6144] + b"\x99" * 512 + data[6656:], "corrupt", "after"),
    ],
    ids=["half a member", "cut between blocks", "no end mark", "noise", "empty", "bad header"],
)
def test_a_damaged_tar(damage: object, code: str, said: str, tmp_path: Path, model: Path) -> None:
    make_tar(tmp_path / "good.tar", 8)
    data = (tmp_path / "good.tar").read_bytes()
    (tmp_path / "bad.tar").write_bytes(damage(data))  # type: ignore[operator]
    job = planned([tmp_path / "bad.tar", tmp_path / "good.tar"], tmp_path / "job", model)
    scored(job)
    listed = rows(job)
    assert codes(listed) == {code: 1}
    broken = next(row for row in listed if row["error"])
    assert (broken["key"], broken["member"]) == ("bad.tar", None)
    assert said in broken["error"]["message"]
    assert sum(row["uri"].endswith("good.tar") for row in listed) == 8


def test_a_damaged_parquet_file(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make_parquet(folder / "good.parquet", 4)
    data = bytearray((folder / "good.parquet").read_bytes())
    (folder / "no.parquet").write_bytes(b"not Parquet")
    data[40:400] = b"\x07" * 360
    (folder / "worse.parquet").write_bytes(bytes(data))
    job = planned([folder], tmp_path / "job", model)
    scored(job)
    assert codes(rows(job)) == {"corrupt": 2}


def test_a_picture_that_hangs(tmp_path: Path, model: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, "0.png", encoded(10))
        add(tar, "1.jpg", busy_jpeg(100_000))
        add(tar, "2.png", encoded(20))
    make_tar(tmp_path / "b.tar", 3)
    job = planned([tmp_path / "a.tar", tmp_path / "b.tar"], tmp_path / "job", model)
    (slow, _) = sorted(worked(job, timeout=3, threads=2), key=lambda stats: -stats.restarts)
    assert slow.restarts == 2  # once with two threads, once to know which picture it is
    listed = rows(job)
    assert codes(listed) == {"timeout": 1}
    assert next(row["key"] for row in listed if row["error"]) == "1"
    assert len(listed) == 6


class _Deadly(Worker):
    """Its child is killed whenever it begins with the second picture."""

    def _line(self, seconds: float, picture: int | None) -> bytes:
        line = super()._line(seconds, picture)
        if line == b"b 1":
            assert self.process is not None
            os.kill(self.process, signal.SIGKILL)
        return line


def test_a_picture_that_ends_the_process(tmp_path: Path, model: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        add(tar, "0.png", encoded(10))
        add(tar, "1.jpg", busy_jpeg(100_000))  # so that it is still there when it is killed
        add(tar, "2.png", encoded(20))
    job = planned([tmp_path / "a.tar"], tmp_path / "job", model)
    (shard,) = read_job(Folder(job))[1]
    with _Deadly(Terms(job)) as worker:
        stats = worker.do(shard)
    assert (stats.pictures, stats.failed, stats.restarts) == (3, 1, 2)
    assert codes(rows(job)) == {"kills_the_reader": 1}


def test_what_failed_is_done_again_where_that_is_asked(tmp_path: Path, model: Path) -> None:
    (tmp_path / "list.csv").write_text(f"url\n{tmp_path / 'late.png'}\n")
    make_tar(tmp_path / "good.tar", 2)
    job = planned([tmp_path / "list.csv", tmp_path / "good.tar"], tmp_path / "job", model)
    scored(job)
    assert codes(rows(job)) == {"not_found": 1}
    (tmp_path / "late.png").write_bytes(encoded(30))
    folder = Folder(job)
    assert unfinished(folder) == unfinished(folder, again=["timeout"]) == []
    (shard,) = unfinished(folder, again=["not_found"])
    list(work(Terms(job), [shard], workers=1, again=True))
    assert codes(rows(job)) == {}


class _Slow(BaseHTTPRequestHandler):
    """A store that never answers for some files."""

    released: threading.Event

    def do_HEAD(self) -> None:
        self.do_GET(body=False)

    def do_GET(self, *, body: bool = True) -> None:
        if "stall" in self.path:
            self.released.wait()
            return
        if "broken" in self.path:
            self.send_error(500)
            return
        if "gone" in self.path:
            self.send_error(404)
            return
        data = encoded(int(self.path.split("/")[-1].split(".")[0]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def store() -> Iterator[str]:
    """A real server on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Slow)
    server.daemon_threads = True
    _Slow.released = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    _Slow.released.set()
    server.shutdown()
    server.server_close()


def manifest(folder: Path, addresses: list[str]) -> Path:
    path = folder / "list.csv"
    path.write_text("url\n" + "".join(f"{address}\n" for address in addresses))
    return path


def test_a_store_that_stalls(store: str, tmp_path: Path, model: Path) -> None:
    names = ["1.png", "stall.png", "2.png", "gone.png", "broken.png", "3.png"]
    listed = manifest(tmp_path, [f"{store}/{name}" for name in names])
    job = planned([listed], tmp_path / "job", model)
    worked(job, timeout=4)
    assert [row["error"] and row["error"]["code"] for row in rows(job)] == [
        *(None, "timeout", None, "not_found", "io_error", None)
    ]


def test_a_store_that_is_dead_is_not_asked_for_ever(
    store: str, tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "GIVE_UP_AFTER", 4)
    listed = manifest(tmp_path, [f"{store}/stall-{i}.png" for i in range(500)])
    job = planned([listed], tmp_path / "job", model)
    folder = Folder(job)
    (shard,) = read_job(folder)[1]
    found = list(read_shard(folder, shard, Patience(seconds=0.3)))
    assert len(found) == 500
    assert {getattr(reason, "code", None) for _, reason in found} == {"timeout"}
    assert "not asked for" in str(found[-1][1])


def test_the_busy_picture_is_a_valid_one(tmp_path: Path) -> None:
    from ilgnet.images.decode import read_image

    assert read_image(busy_jpeg(1, 64)).rgb.shape == (64, 64, 3)
    assert io.BytesIO(busy_jpeg(1, 64)).read(2) == b"\xff\xd8"
