"""Lists are read as they were published, and say where they are wrong."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest

from ilgnet.data.lists import ImageList, read_list, write_list
from ilgnet.data.rated import fingerprint
from ilgnet.errors import DataError

# The first lines of the published AVA1 test list.
PUBLISHED = "28456.jpg 0\n175880.jpg 0\n"


def test_a_published_list_plain_and_gzip(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.txt.gz"
    plain.write_text(PUBLISHED + "7.jpg 1")  # the published files end without a newline
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        pictures = read_list(path)
        assert pictures.ids == ("28456.jpg", "175880.jpg", "7.jpg")
        assert pictures.labels == (False, False, True)
        assert pictures.high_share == pytest.approx(1 / 3)


def test_avas_own_lists_hold_bare_ids(tmp_path: Path) -> None:
    path = tmp_path / "generic_test.jpgl"
    path.write_text("629797\n902498\n")
    assert read_list(path) == ImageList(
        f"{tmp_path.name}/generic_test.jpgl", ("629797.jpg", "902498.jpg")
    )


def test_names_with_spaces_and_windows_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"\xef\xbb\xbfmy best shot.jpg 1\r\n\r\nfolder/a 0.png 0\r\n")
    assert read_list(path).ids == ("my best shot.jpg", "folder/a 0.png")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    for labels in ((True, False), None):
        pictures = ImageList(f"{tmp_path.name}/new.txt", ("b.jpg", "a.jpg"), labels)
        write_list(tmp_path / "new.txt", pictures)
        assert read_list(tmp_path / "new.txt") == pictures
    assert [path.name for path in tmp_path.iterdir()] == ["new.txt"]  # no partial file is left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.jpg 1\n2.jpg high\n", "line 2"),
        ("1.jpg\n2.jpg 1\n", "line 2"),
        ("1.jpg 1\n2.jpg 0\n1.jpg 1\n", "more than once"),
        ("", "lists no picture"),
    ],
)
def test_a_wrong_list_names_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_list(path)
    assert "bad.txt" in str(caught.value)


def test_damaged_and_missing_files_are_data_errors(tmp_path: Path) -> None:
    whole = gzip.compress(b"1.jpg 1\n" * 1000)
    (tmp_path / "half.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9.jpg 1\n")
    for name in ("half.gz", "latin.txt", "absent.txt"):
        with pytest.raises(DataError, match=name):
            read_list(tmp_path / name)


def test_a_fingerprint_names_the_pictures_and_anybody_can_recompute_it(tmp_path: Path) -> None:
    ids = ["28456.jpg", "175880.jpg", "7.jpg"]
    assert fingerprint(ids) == fingerprint(reversed(ids))
    assert fingerprint(ids) != fingerprint(ids[:2])
    path = tmp_path / "list.txt"
    path.write_text(PUBLISHED + "7.jpg 1\n")
    command = f"cut -d' ' -f1 '{path}' | LC_ALL=C sort | sha256sum | cut -c-12"
    by_shell = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert read_list(path).fingerprint == by_shell.stdout.strip() == fingerprint(ids)
