"""What the catalogue is asked for and answers with: plain values, and their form as rows."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from ilgnet.library.photograph.capture import Capture
from ilgnet.values import Verdict
from ilgnet.zoo.records import SAFETENSORS_NAME, Weights


@dataclass(frozen=True, slots=True)
class Stamp:
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
    stamp: Stamp
    checked_ns: int
    sha256: bytes
    capture: Capture


@dataclass(frozen=True, slots=True)
class Model:
    """A set of weights as the catalogue knows it; `id` is its row."""

    id: int
    name: str
    digest: str
    preprocess: str
    used: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture of the catalogue.

    Attributes:
        path: relative to the library's root, with forward slashes.
        sha256: of what the file holds.
        verdict: what the model said; its path is the root joined with `path`.
        taken: the camera's wall clock, or None.
        camera: maker, model and serial number, or None.
        sequence: the running number in the file's name, or None.
    """

    path: str
    sha256: bytes
    verdict: Verdict
    taken: datetime | None
    camera: str | None
    sequence: int | None


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
        folder = "" if self.folder is None else self.folder.strip("/")
        if folder not in ("", "."):
            clauses.append("path >= CAST(? AS TEXT) AND path < CAST(? AS TEXT)")
            values += [os.fsencode(folder + "/"), os.fsencode(folder + "0")]  # "0" follows "/"
        return " AND ".join(clauses) or "1", values


def verdict_from_row(
    path: str,
    model: Model,
    score: float,
    std: float | None,
    p_high: float,
    percentile: float,
    votes: bytes | None,
    technical: float | None,
    width: int,
    height: int,
) -> Verdict:
    """A stored verdict, under the path that the caller knows the picture by."""
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
        technical=technical,
    )


def pack_votes(votes: tuple[float, ...] | None) -> bytes | None:
    """Ten votes as 80 bytes, exactly."""
    return None if votes is None else struct.pack("<10d", *votes)


def model_digest(weights: Weights) -> str:
    """Sixteen hex digits that change whenever the same pixels could get another verdict."""
    record = {
        "files": {k: v for k, v in weights.files.items() if k != SAFETENSORS_NAME},
        "base": weights.base and weights.base.sha256,
        "output": weights.output,
        "mean_error": weights.mean_error,
    }
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]
