"""Scoring through the catalogue: only what is new or changed reaches the network.

    picture -> stamp known?  -> contents known?  -> network
               (no read)        (read and hashed)

Verdicts that are known pass through the same stream, so the order is that of the pictures.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ilgnet.errors import ImageError, LibraryError
from ilgnet.hashing import stream_hash
from ilgnet.images.files import open_image_file
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.rows import Model, Seen, Stamp
from ilgnet.library.catalogue.trial import Trial
from ilgnet.library.photograph.capture import Capture, read_capture
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, Outcome, Verdict

COMMIT_SECONDS: Final = 1.0
"""The most work that a kill can cost."""

COMMIT_ROWS: Final = 500
"""Rows of one transaction at most, so that another process never waits long."""


def score_library(
    scorer: Scorer, images: Iterable[ImageRef | Failure], catalogue: Catalogue
) -> Iterator[Outcome]:
    """Score the pictures of a library, each only once.

    What was finished is in the catalogue at most a second later: a run that is killed continues
    where it was. A picture that changes while it is scored gets its verdict, and is scored again
    the next time. Pictures that failed are tried again every time, but for those that end their
    reader: what a run that died was reading is read by the next one in a process of its own, and
    what ends that too is passed over until it changes.

    Args:
        scorer: the model.
        images: pictures below the library's root, as `find_images` yields them.
        catalogue: open for writing.

    Yields:
        One verdict or failure for each picture, in input order.

    Raises:
        LibraryError: a picture is not in the library, or the catalogue cannot be written.
    """
    trial = Trial(scorer.weights.preprocess.decode_side)
    keeper = _Keeper(catalogue, catalogue.model(scorer.weights), trial)
    found: deque[_Found] = deque()

    def known_or_not() -> Iterator[ImageRef | Outcome]:
        with ThreadPoolExecutor(scorer.threads, thread_name_prefix="ilgnet-hash") as pool:
            for item in _look_ahead(images, keeper, pool, 2 * scorer.threads):
                found.append(item)
                yield item.known or item.image

    with trial:
        try:
            for outcome in scorer.score_many(known_or_not(), features=True):
                keeper.keep(found.popleft(), outcome)
                yield replace(outcome, features=None) if isinstance(outcome, Verdict) else outcome
        finally:
            keeper.close()


@dataclass(frozen=True, slots=True)
class _Found:
    """A picture on its way: what was seen on disk, what is known of that, and its path if noted."""

    image: ImageRef | Failure
    seen: Seen | None = None
    known: Verdict | None = None
    noted: str | None = None


def _look_ahead(
    images: Iterable[ImageRef | Failure], keeper: _Keeper, pool: ThreadPoolExecutor, depth: int
) -> Iterator[_Found]:
    """Pictures in order, read and hashed by the pool a few ahead of the network."""
    waiting: deque[Callable[[], _Found]] = deque()
    for image in images:
        waiting.append(keeper.look_up(image, pool))
        if len(waiting) > depth:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


class _Keeper:
    """Looks pictures up in the catalogue and keeps what the network says of the others."""

    def __init__(self, catalogue: Catalogue, model: Model, trial: Trial) -> None:
        self._catalogue = catalogue
        self._model = model
        self._trial = trial
        self._suspect = catalogue.reading()
        self._fatal = catalogue.fatal()
        self._noted: set[str] = set()
        self._read: set[str] = set()
        self._rows: list[tuple[Seen, Verdict | None] | Failure] = []
        self._committed = time.monotonic()

    def look_up(self, image: ImageRef | Failure, pool: ThreadPoolExecutor) -> Callable[[], _Found]:
        """Start to look a picture up; calling the result waits until it is done."""
        if isinstance(image, Failure):
            return lambda: _Found(image)
        if not isinstance(image.source, str | os.PathLike):
            raise LibraryError(f"{image.id} is not a file; only files can be in a library")
        path = self._catalogue.relative(image.source)
        try:
            stamp = Stamp.of(Path(image.source).stat())
            sha256 = self._catalogue.unchanged(path, stamp)
        except (OSError, ValueError):
            return lambda: _Found(image)  # scoring says what is wrong with it
        known = sha256 and self._catalogue.verdict(sha256, self._model, image.id)
        if known:
            return lambda: _Found(image, known=known)
        if path in self._suspect:
            self._suspect.remove(path)
            return lambda: self._try_out(image, path)
        self._note(path)
        if sha256 is not None and sha256 not in self._fatal:
            seen = Seen(path, stamp, time.time_ns(), sha256, Capture())
            return lambda: _Found(image, seen, noted=path)
        reading = pool.submit(_read, image.source, path, self._fatal)
        return lambda: self._read_up(image, path, reading.result())

    def _note(self, path: str) -> None:
        self._catalogue.begin_reading(path)
        self._noted.add(path)

    def _read_up(self, image: ImageRef, path: str, seen: Seen | None) -> _Found:
        if seen is None:
            return _Found(image, noted=path)  # scoring says what is wrong with it
        if seen.sha256 in self._fatal:
            how = self._fatal[seen.sha256]
            return _Found(Failure(image.id, "kills_the_reader", how), noted=path)
        known = self._catalogue.verdict(seen.sha256, self._model, image.id)
        return _Found(image, seen, known, path)

    def _try_out(self, image: ImageRef, path: str) -> _Found:
        """Read a picture that may have ended a run in a process of its own first."""
        assert isinstance(image.source, str | os.PathLike)
        seen = None
        with suppress(OSError, ImageError), open_image_file(image.source) as stream:
            sha256 = stream_hash(stream)
            if sha256 not in self._fatal and (how := self._trial.fatal(image.source)):
                self._fatal[sha256] = (
                    f"{how}; passed over until the file changes, or is forgotten "
                    "(ilgnet library forget) to be tried again"
                )
                self._catalogue.record_fatal(path, sha256, self._fatal[sha256])
        self._note(path)
        seen = _read(image.source, path, self._fatal)
        return self._read_up(image, path, seen)

    def keep(self, found: _Found, outcome: Outcome) -> None:
        """Take one outcome for the catalogue."""
        if found.noted is not None:
            self._read.add(found.noted)
        if isinstance(outcome, Failure):
            self._keep_failure(outcome)
        elif found.seen is not None and self._is_still(found.seen):
            self._rows.append((found.seen, None if found.known else outcome))
        late = time.monotonic() - self._committed > COMMIT_SECONDS
        if late or len(self._rows) >= COMMIT_ROWS:
            self.commit()

    def _is_still(self, seen: Seen) -> bool:
        """Whether the file is still what was hashed, now that it was scored."""
        try:
            return Stamp.of(self._catalogue.absolute(seen.path).stat()) == seen.stamp
        except OSError:
            return False

    def _keep_failure(self, failure: Failure) -> None:
        try:
            path = self._catalogue.relative(failure.path)
        except (LibraryError, ValueError):
            return  # a pattern or a list's line that is nowhere in the library
        self._rows.append(Failure(path, failure.code, failure.message))

    def commit(self) -> None:
        """Write what was taken, all of it or nothing."""
        rows, self._rows = self._rows, []
        read, self._read = self._read, set()
        if rows or read:
            self._catalogue.record(self._model, rows, read)
            self._noted -= read
        self._committed = time.monotonic()

    def close(self) -> None:
        """Write what is left; whatever is still noted was not to blame, since this run lives."""
        self._read |= self._noted
        self.commit()


def _read(source: str | os.PathLike[str], path: str, fatal: Container[bytes]) -> Seen | None:
    """Hash a file and read its capture time; None where it cannot be read."""
    try:
        with open_image_file(source) as stream:
            checked = time.time_ns()
            stamp = Stamp.of(os.fstat(stream.fileno()))
            sha256 = stream_hash(stream)
            stream.seek(0)
            capture = Capture() if sha256 in fatal else read_capture(stream)
            return Seen(path, stamp, checked, sha256, capture)
    except (OSError, ImageError):
        return None
