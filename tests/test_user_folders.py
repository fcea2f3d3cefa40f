"""Where a user's data are, and one hash for what files hold."""

from __future__ import annotations

import hashlib
from io import BytesIO
from pathlib import Path

import pytest

from ilgnet.hashing import bytes_hash, file_hash, stream_hash
from ilgnet.user_folders import user_cache_folder, user_data_folder


def test_places_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the versions before, so that old journals and catalogues are found."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert user_data_folder() == tmp_path / ".local" / "share" / "ilgnet"
    assert user_cache_folder() == tmp_path / ".cache" / "ilgnet"
    monkeypatch.setenv("XDG_DATA_HOME", "")
    assert user_data_folder() == tmp_path / ".local" / "share" / "ilgnet"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert user_data_folder() == tmp_path / "data" / "ilgnet"
    assert user_cache_folder() == tmp_path / "cache" / "ilgnet"
    assert list(tmp_path.iterdir()) == []


def test_places_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What platformdirs says of the other systems, as it says it here: they were not run."""
    from platformdirs.macos import MacOS

    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    data = MacOS("ilgnet", appauthor=False).user_data_path
    assert data.parts[-3:] == ("Library", "Application Support", "ilgnet")


def test_one_hash(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "file").write_bytes(data)
    expected = hashlib.sha256(data).hexdigest()
    assert file_hash(tmp_path / "file") == bytes_hash(data) == expected
    stream = BytesIO(b"head" + data)
    stream.seek(4)
    assert stream_hash(stream).hex() == expected
