"""Small copies of the pictures for the gallery, made side by side and handed out in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from itertools import islice
from tempfile import TemporaryFile
from threading import Lock
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from ilgnet.images.picture import Picture
from ilgnet.values import ImageSource, Verdict

FEW: Final = (60, 1080)
SOME: Final = (800, 560)
MANY_SIDE: Final = 320

_LONGEST: Final = 4
"""A panorama's short side is kept legible, up to this many times the usual long side."""


def thumbnail_side(pictures: int) -> int:
    """The long side in pixels that suits a run: few pictures are looked at more closely.

    Keeps the gallery near 10 MB for 60 pictures, 30 MB for 800, and 80 MB for 5,000.
    """
    for most, side in (FEW, SOME):
        if pictures <= most:
            return side
    return MANY_SIDE


def thumbnail_size(width: int, height: int, side: int) -> tuple[int, int]:
    """The (width, height) of a small copy; never larger than the picture."""
    long, short = max(width, height), min(width, height)
    scale = min(1.0, max(side / long, side / 3 / short), _LONGEST * side / long)
    return max(1, round(width * scale)), max(1, round(height * scale))


def make_thumbnail(source: ImageSource, verdict: Verdict, side: int) -> bytes | None:
    """A WebP of one picture, or None if it can no longer be read."""
    size = thumbnail_size(verdict.width, verdict.height, side)
    try:
        return _webp(read_image(source, min_side=min(size)).rgb, size)
    except ImageError:
        return None


def _webp(rgb: NDArray[np.uint8], size: tuple[int, int]) -> bytes:
    data = BytesIO()
    image = Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS)
    # Method 2 takes half the time of the default for three per cent more bytes.
    image.save(data, "WEBP", quality=76, method=2)
    return data.getvalue()


class FirstDecode:
    """Thumbnails of what scoring decodes, in a temporary file until the gallery is written.

    Scoring needs few pixels of a picture; where they are too few for its thumbnail, none is kept.

    Attributes:
        side: of the thumbnails, as `thumbnail_side` gives it for so many pictures.
    """

    def __init__(self, pictures: int) -> None:
        self.side = thumbnail_side(pictures)
        self._file = TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._places: dict[str, tuple[int, int]] = {}
        self._is_full = False
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def see(self, path: str, picture: Picture) -> None:
        """Take one picture, as `Scorer.watch` gives it."""
        size = thumbnail_size(picture.width, picture.height, self.side)
        if self._is_full or min(picture.rgb.shape[:2]) < min(size):
            return
        data = _webp(picture.rgb, size)
        with self._lock:
            try:
                start = self._file.seek(0, os.SEEK_END)
                self._file.write(data)
                self._file.flush()
                self._places[path] = start, len(data)
            except OSError:
                self._is_full = True  # what is not kept is read again

    def thumbnail(self, path: str, side: int) -> bytes | None:
        """The thumbnail of a picture; None where it has to be read for it."""
        if side != self.side or path not in self._places:
            return None
        with self._lock:
            start, length = self._places[path]
            self._file.seek(start)
            return self._file.read(length)


def thumbnails(
    verdicts: Iterable[Verdict],
    open_picture: Callable[[str], ImageSource],
    side: int,
    threads: int | None = None,
    first: FirstDecode | None = None,
) -> Iterator[tuple[Verdict, bytes | None]]:
    """Each verdict with its thumbnail, in order; at most a few are held at a time."""
    threads = threads or os.cpu_count() or 1

    def thumbnail(verdict: Verdict) -> bytes | None:
        known = None if first is None else first.thumbnail(verdict.path, side)
        return known or make_thumbnail(open_picture(verdict.path), verdict, side)

    waiting: deque[tuple[Verdict, Future[bytes | None]]] = deque()
    todo = iter(verdicts)
    with ThreadPoolExecutor(threads) as pool:
        try:
            while True:
                for verdict in islice(todo, 4 * threads - len(waiting)):
                    waiting.append((verdict, pool.submit(thumbnail, verdict)))
                if not waiting:
                    return
                verdict, made = waiting.popleft()
                yield verdict, made.result()
        finally:
            for _, made in waiting:
                made.cancel()
