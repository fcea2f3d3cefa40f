"""What the catalogue is asked for and answers with: plain values, and their form as rows."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from posixpath import normpath
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.capture import Capture
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.values import Verdict
from ilgnet.zoo.records import SAFETENSORS_NAME, Similarity, Weights


@dataclass(frozen=True, slots=True)
class FileStamp:
    """What tells cheaply that a file has not changed.

    Attributes:
        bytes: the file's length.
        mtime_ns: when its contents last changed, as programs may set it.
        ctime_ns: when the file system last changed anything of it, which programs cannot set.
        inode: its number in the file system.
    """

    bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """The stamp in a file's status; SQLite's integers have a sign, inodes have none."""
        inode = status.st_ino & 0xFFFF_FFFF_FFFF_FFFF
        signed = inode - (inode >> 63 << 64)
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, signed)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that was found on disk and read.

    Attributes:
        path: relative to the library's root, with forward slashes.
        stamp: of the file when it was read.
        checked_ns: when that was.
        sha256: of what it holds.
        capture: when and with what it was taken.
    """

    path: str
    stamp: FileStamp
    checked_ns: int
    sha256: bytes
    capture: Capture


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of some contents.

    Attributes:
        sha256: of the contents.
        capture: when and with what the picture was taken.
        verdict: what the model said; None if it has not seen them.
    """

    sha256: bytes
    capture: Capture
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class Model:
    """A set of weights as the catalogue knows it.

    Attributes:
        id: its row.
        name: how results call it.
        digest: see `model_digest`.
        preprocess: fingerprint of its preprocessing.
        used: when it last scored here.
        similarity: which of its features are alike; None where nobody has measured that.
    """

    id: int
    name: str
    digest: str
    preprocess: str
    used: str
    similarity: Similarity | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pictures; a picture without a time is in no range of days.

    Attributes:
        min_score: the lowest score, inclusive.
        max_score: the highest score, inclusive.
        since: the first day, "YYYY-MM-DD".
        until: the last day, "YYYY-MM-DD".
        folder: relative to the library's root, with all below it.
    """

    min_score: float | None = None
    max_score: float | None = None
    since: str | None = None
    until: str | None = None
    folder: str | None = None

    def __post_init__(self) -> None:
        for day in filter(None, (self.since, self.until)):
            if not _is_day(day):
                raise LibraryError(f"{day!r} is not a day; give it as 2026-05-03")

    def takes(self, photo: Photograph) -> bool:
        """Whether a photograph of any folder is among them."""
        if self.min_score is not None and photo.score < self.min_score:
            return False
        if self.max_score is not None and photo.score > self.max_score:
            return False
        if self.since is None and self.until is None:
            return True
        return bool(day := photo.day) and (self.since or "") <= day <= (self.until or "9999")

    def conditions(self) -> tuple[str, list[object]]:
        """The filter as SQL. Text in the tables sorts by its bytes, days by their digits."""
        parts = {
            "score >= ?": self.min_score,
            "score <= ?": self.max_score,
            "taken >= ?": self.since,
            "taken < ?": None if self.until is None else self.until + "U",  # after any "T..."
        }
        given = {condition: value for condition, value in parts.items() if value is not None}
        clauses, values = list(given), list[object](given.values())
        folder = normpath((self.folder or ".").replace(os.sep, "/"))
        if folder != ".":
            clauses.append("path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)")
            values += [os.fsencode(folder + "/"), os.fsencode(folder + "0")]  # "0" follows "/"
        return " AND ".join(clauses) or "1", values


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


SAID: Final = "score, std, p_high, percentile, votes, technical, width, height"
"""The columns of a verdict, in the order of `verdict_from_row`."""


def verdict_from_row(
    path: str, model: Model, said: Sequence[Any], features: NDArray[np.float32] | None = None
) -> Verdict:
    """A stored verdict, under the path that the caller knows the picture by."""
    score, std, p_high, percentile, votes, technical, width, height = said
    return Verdict(
        path=path,
        score=score,
        std=std,
        p_high=p_high,
        percentile=percentile,
        votes=None if votes is None else struct.unpack("<10d", votes),
        width=width,
        height=height,
        model=model.name,
        preprocess=model.preprocess,
        features=features,
        technical=technical,
    )


def capture_from_row(taken: str | None, camera: str | None) -> Capture:
    """When and with what a picture was taken."""
    return Capture(datetime.fromisoformat(taken) if taken else None, camera)


def pack_votes(votes: tuple[float, ...] | None) -> bytes | None:
    """Ten votes as 80 bytes, exactly."""
    return None if votes is None else struct.pack("<10d", *votes)


def pack_features(features: NDArray[np.float32]) -> bytes:
    """Features (D,) as float16."""
    largest = np.finfo(np.float16).max
    return np.clip(features, -largest, largest).astype("<f2").tobytes()


def unpack_features(vectors: Sequence[bytes | None]) -> list[NDArray[np.float32] | None]:
    """Features float32 (D,) as `pack_features` kept them; None where there are none.

    They share one array: to make one for each takes longer than to read it.
    """
    known = [vector for vector in vectors if vector is not None]
    if not known:
        return [None] * len(vectors)
    together = np.frombuffer(b"".join(known), dtype="<f2").astype(np.float32)
    rows = iter(together.reshape(len(known), -1))
    return [None if vector is None else next(rows) for vector in vectors]


def model_digest(weights: Weights) -> str:
    """Sixteen hex digits that change whenever the same pixels could get another verdict."""
    record = {
        "files": {k: v for k, v in weights.files.items() if k != SAFETENSORS_NAME},
        "base": weights.base and weights.base.sha256,
        "output": weights.output,
        "mean_error": weights.mean_error,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
