"""The views of photographs, kept where they can be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.errors import ImageError
from ilgnet.serve import views as module
from ilgnet.serve.views import Views
from tests.library.season import write_picture

SHA = b"x" * 32


def made(views: Views, picture: Path) -> bytes:
    jpeg = views.view(SHA, picture, 320).result(timeout=30)
    views.close()
    return jpeg


def test_a_view_is_made_once_and_kept(tmp_path: Path) -> None:
    picture, file = tmp_path / "a.jpg", tmp_path / "cache" / "views.db"
    write_picture(picture, 1)
    jpeg = made(Views(1, file), picture)
    picture.unlink()
    assert made(Views(1, file), picture) == jpeg


@pytest.mark.parametrize("bad", ["damaged", "cut", "a folder is a file"])
def test_what_cannot_be_kept_is_shown_all_the_same(tmp_path: Path, bad: str) -> None:
    picture, file = tmp_path / "a.jpg", tmp_path / "cache" / "views.db"
    write_picture(picture, 1)
    jpeg = made(Views(1, file), picture)
    if bad == "damaged":
        file.write_bytes(b"no database" * 1000)
    elif bad == "cut":
        file.write_bytes(file.read_bytes()[:5000])
    else:
        file = picture / "views.db"
    assert made(Views(1, file), picture) == jpeg


def test_a_full_disk_stops_no_view(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    write_picture(picture, 1)
    views = Views(1, tmp_path / "views.db")
    pages = views._database.execute("PRAGMA page_count").fetchone()[0]
    views._database.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(20):
        assert views.view(bytes([number]) * 32, picture, 2560).result(timeout=30)
    views.close()


def test_what_grew_too_large_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, file = tmp_path / "a.jpg", tmp_path / "views.db"
    write_picture(picture, 1)
    made(Views(1, file), picture)
    picture.unlink()
    monkeypatch.setattr(module, "LARGEST", 100)
    views = Views(1, file)
    with pytest.raises(ImageError):
        views.view(SHA, picture, 320).result(timeout=30)
    views.close()
