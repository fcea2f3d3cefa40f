"""Reading a picture's file once: it is hashed, dated and decoded from the same bytes."""

from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Final

from ilgnet.images.files import open_image_file
from ilgnet.library.photograph.capture import Capture, read_capture, read_file_capture
from ilgnet.library.photograph.gather import scored_file
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, ImageSource, Outcome

READ_ONCE: Final = 256 << 20
"""Larger files are read in pieces, twice if need be: several are on their way at any time."""


class Reading:
    """A function that returns a file's bytes, as scoring takes it, and keeps what they tell.

    Attributes:
        name: the file's path, whose extension decoders ask for.
        sha256: of the bytes, once they were read.
        status: of the file when it was read.
        checked_ns: when that was.
        capture: when and with what the picture was taken.
    """

    __slots__ = ("capture", "checked_ns", "name", "sha256", "status")

    def __init__(self, source: str | os.PathLike[str]) -> None:
        self.name = os.fspath(source)
        self.sha256: bytes | None = None
        self.status: os.stat_result | None = None
        self.checked_ns = 0
        self.capture = Capture()

    def __call__(self) -> bytes:
        """Read the file.

        Raises:
            ImageError: it cannot be read.
        """
        with open_image_file(self.name) as stream:
            self.checked_ns = time.time_ns()
            self.status = os.fstat(stream.fileno())
            data = stream.read()
        self.sha256 = hashlib.sha256(data).digest()
        self.capture = read_capture(BytesIO(data))
        return data


def score_files(
    scorer: Scorer, images: Iterable[ImageRef | Failure], *, features: bool = True
) -> Iterator[Photograph | Failure]:
    """Score files that no catalogue knows.

    Args:
        scorer: the model.
        images: as `find_images` yields them.
        features: hand the features on with each verdict.

    Yields:
        One scored file or failure for each picture, in input order; `gather` makes photographs.
    """
    readings: deque[Reading | None] = deque()

    def noted() -> Iterator[ImageRef | Outcome]:
        for image in images:
            reading = None if isinstance(image, Failure) else _reading(image.source)
            readings.append(reading)
            if isinstance(image, Failure) or reading is None:
                yield image
            else:
                yield ImageRef(image.id, reading)

    for outcome in scorer.score_many(noted(), features=features):
        reading = readings.popleft()
        if isinstance(outcome, Failure):
            yield outcome
        elif reading is None:
            yield scored_file(outcome, read_file_capture(outcome.path))
        else:
            yield scored_file(outcome, reading.capture)


def _reading(source: ImageSource) -> Reading | None:
    try:
        if isinstance(source, str | os.PathLike) and os.stat(source).st_size <= READ_ONCE:
            return Reading(source)
    except (OSError, ValueError):
        pass  # scoring says what is wrong with it
    return None
