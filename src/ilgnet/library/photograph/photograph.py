"""The value that the library is about: one press of the shutter, however many files there are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.library.photograph.capture import UNKNOWN, Capture, sequence_number
from ilgnet.library.photograph.file_groups import FileGroup
from ilgnet.library.photograph.opinion import NO_OPINION, Choice, Opinion
from ilgnet.values import Difference, Verdict

BLURRED_FACE: Final = 2.0
"""Votes that a blurred main face costs a frame beside a sharp one: see docs/decisions/0132."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph that a model has seen.

    Attributes:
        path: absolute path of the file that speaks for it: the camera's JPEG or HEIC of a pair.
        verdict: what the model said of that file; its path is as the user named the file.
        group: all its files.
        capture: when and with what it was taken.
        sha256: of what the file holds, where a catalogue knows it.
        burst: the number of its burst; None for one that stands alone, or where nobody looked.
        opinion: what the person said of it, in any program; empty where nobody looked.
        choice: what the person chose for it here.
        blurred_face: how much less sharp its main face is than in another frame of its burst; None
            where it is not, or nobody looked.
    """

    path: Path
    verdict: Verdict
    group: FileGroup
    capture: Capture = UNKNOWN
    sha256: bytes | None = None
    burst: int | None = None
    opinion: Opinion = NO_OPINION
    choice: Choice | None = None
    blurred_face: Difference | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    @property
    def score(self) -> float:
        """Mean vote, 1..10."""
        return self.verdict.score

    @property
    def frame_score(self) -> float:
        """What frames of one scene are ordered by, in votes."""
        return self.verdict.frame_score - (BLURRED_FACE if self.blurred_face else 0.0)

    @property
    def features(self) -> NDArray[np.float32] | None:
        """Pooled features (D,), where they were asked for."""
        return self.verdict.features

    @property
    def taken(self) -> datetime | None:
        """The camera's wall clock, without a time zone."""
        return None if self.capture.taken is None else self.capture.taken.replace(tzinfo=None)

    @property
    def day(self) -> str:
        """When it was taken, as 2026-05-03; "" where that is not known."""
        return "" if self.capture.taken is None else self.capture.taken.date().isoformat()

    @property
    def sequence(self) -> int | None:
        """The running number in the file's name."""
        return sequence_number(self.path.name)
