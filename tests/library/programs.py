"""The programs that our XMP is checked against."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None,
    reason="needs exiftool: apt-get install libimage-exiftool-perl",
)
needs_exiv2 = pytest.mark.skipif(
    shutil.which("exiv2") is None, reason="needs exiv2: apt-get install exiv2"
)


def exiftool(path: Path) -> dict[str, str]:
    """Every tag, as group:name, with raw values; damage is a failed test."""
    command = ["exiftool", "-json", "-G1", "-n", "-a", str(path)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    tags: dict[str, str] = json.loads(done.stdout)[0]
    complaints = [value for tag, value in tags.items() if tag.endswith((":Warning", ":Error"))]
    assert not [text for text in complaints if not text.startswith("[minor]")], tags
    return tags


def exiv2(path: Path) -> dict[str, str]:
    """Every XMP property that exiv2's own parser sees."""
    command = ["exiv2", "-PXkv", str(path)]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert not done.stderr, done.stderr
    pairs = (line.split(maxsplit=1) for line in done.stdout.splitlines())
    return {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
