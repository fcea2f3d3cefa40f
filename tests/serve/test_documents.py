"""docs/service.md and the Dockerfile do what they say."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from tests.serve.test_command import served

ROOT = Path(__file__).parents[2]
SAMPLES = Path(str(files("ilgnet"))) / "samples"
TEXT = (ROOT / "docs/service.md").read_text(encoding="utf-8")
USUAL = "http://127.0.0.1:8765"


def test_the_examples_with_curl() -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl: apt-get install curl")
    commands = re.findall(r"<!-- run with the service -->\n```\n(.+?)\n```", TEXT, re.DOTALL)
    assert len(commands) >= 5
    with served() as (_, url):
        for command in commands:
            words = shlex.split(command.replace(USUAL, url))
            done = subprocess.run(words, cwd=SAMPLES, check=True, capture_output=True)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            assert rows
            for row in rows[0].get("rows", rows):
                assert row.get("score") or row.get("status") == "ready", command


def test_the_example_in_python() -> None:
    (code,) = re.findall(r"```python\n(.+?)```", TEXT, re.DOTALL)
    with served() as (_, url):
        program = code.replace(USUAL, url)
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=SAMPLES, check=True, capture_output=True, text=True
        )
    assert len(done.stdout.splitlines()) == 3


def test_the_container_starts_what_is_there() -> None:
    """The command and the health check of the Dockerfile, without docker."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (command,) = (json.loads(found) for found in re.findall(r"^CMD (\[.+\])$", text, re.MULTILINE))
    (check,) = (
        json.loads(c) for c in re.findall(r"^HEALTHCHECK CMD (\[.+\])$", text, re.MULTILINE)
    )
    assert command[:3] == ["ilgnet", "serve", "--api-only"]
    assert "COPY dist/*.whl" in text
    options = command[3:]
    options[options.index("--port") + 1] = "0"  # any that is free here
    with served(*options) as (_, url):
        port = url.rpartition(":")[2]
        program = check[2].replace("8765", port)
        subprocess.run([sys.executable, "-c", program], check=True)
