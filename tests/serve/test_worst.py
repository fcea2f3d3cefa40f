"""The page's service on names, files and moments that nobody wishes for."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import ilgnet
from tests.library.season import write_picture

ADDRESS = re.compile(r"http://\S+")
NAMES = [
    "quote'\".jpg",
    "two\nlines.jpg",
    "tab\tand \x1b[31mcolour.jpg",
    "<img src=x onerror=alert(1)>.jpg",
    " spaces .jpg",
    "-n.jpg",
    "ünïcode 日本.jpg",
    os.fsdecode(b"not utf-8 \xff\xfe.jpg"),
    "a" * 240 + ".jpg",
    "percent%2e%2e%2fslash.jpg",
]


@contextmanager
def opened(
    root: Path, model: Path, data: Path
) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """The page's service on a folder, and a client that its address has let in."""
    command = [sys.executable, "-m", "ilgnet", "serve", str(root), "--model", str(model)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--no-browser", "--threads", "2"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_DATA_HOME": str(data), "XDG_CACHE_HOME": str(data)},
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    found = ADDRESS.search(line)
    assert found, line + process.stderr.read()
    url, _, key = found[0].partition("/?")
    with httpx.Client(base_url=url, timeout=60, follow_redirects=True) as client:
        assert client.get(f"/?{key}").status_code == 200
        try:
            yield client, process
        finally:
            process.terminate()
            process.communicate(timeout=60)


def finished(client: httpx.Client) -> dict[str, object]:
    """The job, when it is over."""
    deadline = time.monotonic() + 60
    while (job := client.get("/v1/library/state").json()["job"])["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return dict(job)


def contents(root: Path) -> Counter[str]:
    """What all pictures below a folder hold."""
    return Counter(hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*.jpg"))


def test_names_of_every_kind(tmp_path: Path, model: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate(NAMES):
        write_picture(root / name, number)
    before = contents(root)
    with opened(root, model, tmp_path / "data") as (client, _):
        assert client.post("/v1/library/score").status_code == 200
        assert finished(client)["state"] == "done"
        columns = client.get("/v1/library/photographs").json()
        assert len(columns["id"]) == len(set(columns["id"])) == len(NAMES)
        for name in columns["name"]:
            assert name.isprintable()
        for id in columns["id"]:
            for part in ("", "/view?size=tile", "/pixels"):
                answer = client.get(f"/v1/library/photographs/{id}{part}")
                assert answer.status_code == 200, part
        changes = [{"id": id, "flag": "reject"} for id in columns["id"]]
        given = client.post("/v1/library/choices", json={"changes": changes})
        assert len(given.json()["changed"]) == len(NAMES)
        plan = client.post("/v1/library/plan", json={"action": "move"}).json()
        client.post("/v1/library/apply", json={"name": plan["name"]}).raise_for_status()
        job = finished(client)
        assert (job["state"], job["failed"]) == ("done", 0)
        assert sorted(path.name for path in (root / "reject").iterdir()) == sorted(NAMES)
        client.post("/v1/library/runs/undo", json={"name": ""}).raise_for_status()
        assert finished(client)["state"] == "done"
    assert sorted(path.name for path in root.glob("*.jpg")) == sorted(NAMES)
    assert contents(root) == before
    chosen = [p.choice for p in ilgnet.open_library(root, model=model).photographs()]
    assert len([choice for choice in chosen if choice and choice.flag == "reject"]) == len(NAMES)


def test_killed_in_the_middle_of_a_run(tmp_path: Path, model: Path) -> None:
    root, data = tmp_path / "photos", tmp_path / "data"
    write_picture(root / "first.jpg", 0)
    first = (root / "first.jpg").read_bytes()
    for number in range(400):  # each holds something else
        (root / f"IMG_{number:03}.jpg").write_bytes(first + b"\n%d" % number)
    before = contents(root)
    list(ilgnet.open_library(root, model=model, catalogue="beside").score())
    with opened(root, model, data) as (client, process):
        rule = {"unit": "score", "keep": 1, "maybe": 1}
        plan = client.post("/v1/library/plan", json={"action": "move", "rule": rule}).json()
        assert plan["count"] == 401
        client.post("/v1/library/apply", json={"name": plan["name"]}).raise_for_status()
        while len(list((root / "keep").glob("*.jpg"))) < 40:
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    moved = len(list((root / "keep").glob("*.jpg")))
    assert contents(root) == before  # each is there, once
    with opened(root, model, data) as (client, _):
        state = client.get("/v1/library/state").json()
        assert state["run"] is not None  # the run that was cut off can be taken back
        client.post("/v1/library/runs/undo", json={"name": state["run"]}).raise_for_status()
        job = finished(client)
        assert (job["state"], job["failed"]) == ("done", 0), (job, moved)
        assert client.get("/v1/library/state").json()["run"] is None
    assert len(list(root.glob("*.jpg"))) == 401
    assert contents(root) == before


def test_a_stop_ends_scoring_and_streams(tmp_path: Path, model: Path) -> None:
    root = tmp_path / "photos"
    write_picture(root / "first.jpg", 0)
    first = (root / "first.jpg").read_bytes()
    for number in range(3000):
        (root / f"IMG_{number:04}.jpg").write_bytes(first + b"\n%d" % number)
    with opened(root, model, tmp_path / "data") as (client, process):
        client.post("/v1/library/score").raise_for_status()
        with client.stream("GET", "/v1/library/events") as events:
            next(events.iter_lines())
            process.terminate()
            process.wait(timeout=20)
    known = len(ilgnet.open_library(root, model=model).photographs())
    assert known < 3001  # it did not go on to the end


def test_two_libraries_are_open_in_one_browser(tmp_path: Path, model: Path) -> None:
    for name in ("one", "other"):
        write_picture(tmp_path / name / "a.jpg", 0)
    with (
        opened(tmp_path / "one", model, tmp_path / "data") as (one, _),
        opened(tmp_path / "other", model, tmp_path / "data") as (other, _),
    ):
        one.cookies.update(other.cookies)  # a browser keeps them by host, not by port
        assert one.get("/v1/library/state").json()["name"] == "one"
        other.cookies.update(one.cookies)
        assert other.get("/v1/library/state").json()["name"] == "other"


def test_the_same_choice_from_many_at_once(tmp_path: Path, model: Path) -> None:
    root = tmp_path / "photos"
    write_picture(root / "one.jpg", 0)
    list(ilgnet.open_library(root, model=model, catalogue="beside").score())
    with opened(root, model, tmp_path / "data") as (client, _):
        (id,) = client.get("/v1/library/photographs").json()["id"]
        for bad in (
            {"changes": []},
            {"changes": [{"id": id, "flag": "maybe"}]},
            {"changes": [{"id": id, "stars": 6}]},
            {"changes": [{"id": id, "stars": 1, "more": 1}]},
            {"changes": [{"id": "x" * 65}]},
        ):
            assert client.post("/v1/library/choices", json=bad).status_code in (400, 422)
        missing = client.post("/v1/library/choices", json={"changes": [{"id": "0" * 16}]})
        assert missing.status_code == 409
        for _ in range(3):
            one = {"changes": [{"id": id, "stars": 2}]}
            assert client.post("/v1/library/choices", json=one).status_code == 200
        assert client.post("/v1/library/choices/undo").json()["changed"][id]["stars"] is None
        assert client.post("/v1/library/choices/undo").json()["changed"] == {}
