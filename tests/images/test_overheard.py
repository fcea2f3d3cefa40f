"""What decoders write on the terminal stands in the row of the picture it is about."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.worst_folder import encoded, scene


def webp_in_tiff() -> bytes:
    """A TIFF whose compression this libtiff may not know, so that it complains on the terminal."""
    data = bytearray(encoded(scene(), "TIFF", compression="tiff_lzw"))
    place = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x05\x00")  # 259, SHORT, one, LZW
    data[place + 8 : place + 10] = (50001).to_bytes(2, "little")
    return bytes(data)


def damaged_lzw() -> bytes:
    data = bytearray(encoded(scene(400, 300), "TIFF", compression="tiff_lzw"))
    data[200:400] = b"\xff" * 200
    return bytes(data)


def logged_by_pillow() -> bytes:
    """A TIFF that says it has 34,564 samples a pixel."""
    data = encoded(scene(40, 30), "TIFF")
    three, many = (struct.pack("<HHIHH", 277, 3, 1, count, 0) for count in (3, 34564))
    assert data.count(three) == 1
    return data.replace(three, many)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(6):
        (tmp_path / f"{i}-sound.jpg").write_bytes(encoded(scene(640, 480)))
        (tmp_path / f"{i}-sound.tif").write_bytes(encoded(scene(640, 480), "TIFF"))
        (tmp_path / f"{i}-webp.tif").write_bytes(webp_in_tiff())
        (tmp_path / f"{i}-lzw.tif").write_bytes(damaged_lzw())
        (tmp_path / f"{i}-logged.tif").write_bytes(logged_by_pillow())
    return tmp_path


@pytest.mark.parametrize("threads", [1, 4])
def test_nothing_is_on_the_terminal_and_the_reason_is_in_the_row(
    folder: Path, threads: int
) -> None:
    command = [sys.executable, "-m", "ilgnet", "score", str(folder), "--jsonl", "-q"]
    command += ["--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stderr == ""
    rows = {Path(row["path"]).name: row for row in map(json.loads, done.stdout.splitlines())}
    assert len(rows) == 30
    for name, row in rows.items():
        assert (row["score"] is not None) == ("sound" in name), row
        if "webp" in name:
            assert "WebP inside TIFF" in row["error"]["message"]
            assert "LZW" not in row["error"]["message"]
            assert "tempfile" not in row["error"]["message"]
        if "lzw" in name:
            assert "WEBP" not in row["error"]["message"]


def run(code: str) -> tuple[str, str]:
    """Standard output and error of a program."""
    program = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


WRITE = """
import os, sys, threading
from ilgnet.images.overheard import listen, overheard
"""


def test_a_library_in_somebody_s_process_turns_nothing() -> None:
    _, err = run(
        WRITE
        + """
with overheard() as said:
    os.write(2, b"theirs\\n")
    print(repr(said()))
"""
    )
    assert err == "theirs\n"


def test_python_s_own_words_reach_the_terminal_meanwhile() -> None:
    out, err = run(
        WRITE
        + """
listen()
listen()
print("before", file=sys.stderr)
with overheard() as said:
    print("progress", file=sys.stderr)
    os.write(2, b"tempfile.tif: bad code\\nbad code\\n\\n")
    print(repr(said()))
os.write(2, b"after\\n")
"""
    )
    assert out == "'bad code'\n"
    assert err == "before\nprogress\nafter\n"


def test_alone_means_that_nobody_else_is_decoded() -> None:
    out, _ = run(
        WRITE
        + """
listen()
order = []
entered, leave = threading.Event(), threading.Event()

def first():
    with overheard():
        entered.set()
        leave.wait()
        order.append("first")

def second():
    with overheard(alone=True) as said:
        os.write(2, b"mine")
        order.append(said())

threads = [threading.Thread(target=first), threading.Thread(target=second)]
threads[0].start()
entered.wait()
threads[1].start()
leave.set()
for thread in threads:
    thread.join()
print(order)
"""
    )
    assert out == "['first', 'mine']\n"


def test_without_a_standard_error_nothing_is_lost() -> None:
    out, _ = run(
        WRITE
        + """
os.close(2)
listen()
with overheard() as said:
    print(repr(said()))
"""
    )
    assert out == "''\n"


def test_where_nothing_can_be_written_decoders_are_read_all_the_same() -> None:
    printed, written = run("""
import os, sys, tempfile
def refused(*_, **__):
    raise FileNotFoundError(2, "No usable temporary directory found")
tempfile.TemporaryFile = refused
from ilgnet.images.overheard import listen, overheard
listen()
with overheard() as said:
    os.write(2, b"a decoder\\n")
    print(said() == "")
""")
    assert (printed, written) == ("True\n", "a decoder\n")
