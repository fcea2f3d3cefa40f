"""`ilgnet serve --api-only` as a process: where it listens, how it stops, several workers."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.serve.conftest import encoded
from tests.serve.test_api import KEY, form


@contextmanager
def served(*options: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "ilgnet", "serve", "--api-only"]
    port = [] if "--port" in options else ["--port", "0"]
    process = subprocess.Popen(
        [*command, *port, *map(str, options)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+:\d+", line)
        assert found, line + process.stderr.read()
        yield process, found[0]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()


def test_a_stop_finishes_what_was_accepted(model: Path) -> None:
    with served("--model", model, "--threads", 1) as (process, url):
        large = encoded(90, "JPEG", (3000, 2000))
        with httpx.stream(
            "POST",
            f"{url}/v1/score",
            files=form(*[large] * 40),
            headers={"accept": "application/x-ndjson"},
            timeout=120,
        ) as answer:
            lines = answer.iter_lines()
            first = next(lines)
            process.send_signal(signal.SIGTERM)
            rest = list(lines)
        assert first
        assert len(rest) == 39
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{url}/healthz")


def test_several_workers_answer_as_one(model: Path) -> None:
    with served("--model", model, "--threads", 1, "--workers", 2) as (process, url):
        wanted = httpx.post(f"{url}/v1/score", content=encoded(90), timeout=120).json()

        def post(_: int) -> object:
            return httpx.post(f"{url}/v1/score", content=encoded(90), timeout=120).json()

        with ThreadPoolExecutor(8) as pool:
            assert all(answer == wanted for answer in pool.map(post, range(60)))
        assert 'ilgnet_pictures_total{result="scored"} 61.0' in httpx.get(f"{url}/metrics").text
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (0, -signal.SIGTERM)


def test_a_key_comes_from_the_environment_alone(model: Path) -> None:
    """On a command line, every user of the machine could read it."""
    with served("--model", model, ILGNET_KEY=KEY) as (_, url):
        assert httpx.post(f"{url}/v1/score", content=encoded(1)).status_code == 401
        shown = {"authorization": f"Bearer {KEY}"}
        answer = httpx.post(f"{url}/v1/score", content=encoded(1), headers=shown)
        assert answer.status_code == 200


def test_a_port_that_is_taken_is_named(model: Path) -> None:
    with served("--model", model) as (_, url):
        port = url.rpartition(":")[2]
        command = [sys.executable, "-m", "ilgnet", "serve", "--api-only", "--port", port]
        process = subprocess.run(
            [*command, "--model", str(model)], capture_output=True, text=True, check=False
        )
        assert process.returncode == 1
        assert f"{port} cannot be listened at" in process.stderr
        assert "Traceback" not in process.stderr
