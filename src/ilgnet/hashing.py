"""SHA-256 of what a file holds: the one hash by which files are told apart."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

_PIECE: Final = 1 << 20


def file_hash(path: Path) -> str:
    """Hex SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return stream_hash(stream).hex()


def stream_hash(stream: BinaryIO) -> bytes:
    """SHA-256, 32 bytes, of what is left of an open file, read in pieces."""
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    return digest.digest()


def bytes_hash(data: bytes) -> str:
    """Hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()
