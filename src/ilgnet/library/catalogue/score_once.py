"""Scoring through the catalogue: only what is new or changed reaches the network.

    picture -> stamp known?  -> length known? -> contents known?  -> network
               (no read)        (no read)       (read and hashed)   (read once: hashed, decoded)

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
from ilgnet.library.catalogue.rows import FileStamp, Known, Model, Seen
from ilgnet.library.catalogue.trial import Trial
from ilgnet.library.photograph.capture import UNKNOWN, Capture, read_capture
from ilgnet.library.photograph.gather import scored_file
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.photograph.reading import READ_ONCE, Reading
from ilgnet.scoring import Scorer
from ilgnet.values import Failure, ImageRef, Outcome, Verdict

COMMIT_SECONDS: Final = 1.0
"""The most work that a kill can cost."""

COMMIT_ROWS: Final = 500
"""Rows of one transaction at most, so that another process never waits long."""


def score_library(
    scorer: Scorer,
    images: Iterable[ImageRef | Failure],
    catalogue: Catalogue,
    *,
    features: bool = False,
    strict: bool = True,
) -> Iterator[Photograph | Failure]:
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
        features: hand the features on with each verdict.
        strict: refuse pictures that are not in the library; else they are scored and not kept.

    Yields:
        One scored file or failure for each picture, in input order; `gather` makes photographs.

    Raises:
        LibraryError: a picture is not in the library, or the catalogue cannot be written.
    """
    trial = Trial(scorer.weights.preprocess.decode_side)
    model = catalogue.model(scorer.weights)
    base = catalogue.base_of(scorer.weights)
    taste = None if base is None else _TasteScorer(base, scorer)
    keeper = _Keeper(catalogue, model, trial, taste, features=features, strict=strict)
    found: deque[_Found] = deque()

    def known_or_not() -> Iterator[ImageRef | Outcome]:
        with ThreadPoolExecutor(scorer.threads, thread_name_prefix="ilgnet-hash") as pool:
            for item in _look_ahead(images, keeper, pool, 2 * scorer.threads):
                found.append(item)
                yield item.known or item.image

    with trial:
        try:
            for outcome in scorer.score_many(known_or_not(), features=True):
                item = found.popleft()
                keeper.keep(item, outcome)
                if isinstance(outcome, Failure):
                    yield outcome
                    continue
                verdict = outcome if features else replace(outcome, features=None)
                yield scored_file(verdict, *item.told)
        finally:
            keeper.close()


@dataclass(frozen=True, slots=True)
class _Found:
    """A picture on its way: what was seen on disk, and what is known of that.

    Attributes:
        image: the picture.
        seen: the file as it was found; None where it is read on the way.
        known: what the model said of the same contents before.
        reading: reads the file on the way.
        path: of the catalogue, where it is noted there as being read.
        is_recorded: the catalogue says all of this already.
        is_told: a taste made `known` from what its base model had said; it is new here.
    """

    image: ImageRef | Failure
    seen: Seen | None = None
    known: Verdict | None = None
    reading: Reading | None = None
    path: str | None = None
    is_recorded: bool = False
    is_told: bool = False

    @property
    def told(self) -> tuple[Capture, bytes | None]:
        """When it was taken, and its hash, as far as the file was read."""
        seen = self.seen_now
        return (UNKNOWN, None) if seen is None else (seen.capture, seen.sha256)

    @property
    def seen_now(self) -> Seen | None:
        """What was seen, once it was scored."""
        read = self.reading
        if self.path is None or read is None or read.sha256 is None or read.status is None:
            return self.seen
        stamp = FileStamp.of(read.status)
        return Seen(self.path, stamp, read.checked_ns, read.sha256, read.capture)


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


@dataclass(frozen=True, slots=True)
class _TasteScorer:
    """A taste, whose base model has scored here: its word needs no picture, only features."""

    base: Model
    scorer: Scorer

    def told(self, catalogue: Catalogue, sha256: bytes) -> Verdict | None:
        """What the taste says of contents that the base model knows; None where it does not."""
        known = catalogue.known_content(sha256, self.base, features=True)
        said = None if known is None else known.verdict
        return None if said is None else self.scorer.after_base(said)


class _Keeper:
    """Looks pictures up in the catalogue and keeps what the network says of the others."""

    def __init__(
        self,
        catalogue: Catalogue,
        model: Model,
        trial: Trial,
        taste: _TasteScorer | None,
        *,
        features: bool,
        strict: bool,
    ) -> None:
        self._catalogue = catalogue
        self._model = model
        self._trial = trial
        self._taste = taste
        self._features = features
        self._strict = strict
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
        source = image.source
        if not isinstance(source, str | os.PathLike):
            raise LibraryError(f"{image.id} is not a file; only files can be in a library")
        try:
            path = self._catalogue.relative(source)
        except LibraryError:
            if self._strict:
                raise
            return lambda: _Found(image)
        try:
            stamp = FileStamp.of(Path(source).stat())
            known = self._catalogue.known(path, stamp, self._model, features=self._features)
        except (OSError, ValueError):
            return lambda: _Found(image)  # scoring says what is wrong with it
        if known is not None:
            seen = Seen(path, stamp, time.time_ns(), known.sha256, known.capture)
            if (verdict := known.verdict or self._told(known)) is not None:
                named, is_told = replace(verdict, path=image.id), known.verdict is None
                return lambda: _Found(image, seen, named, is_recorded=not is_told, is_told=is_told)
        if path in self._suspect:
            self._suspect.remove(path)
            return lambda: self._try_out(image, source, path)
        self._note(path)
        if known is not None and known.sha256 not in self._fatal:
            return lambda: _Found(image, seen, path=path)
        if self._is_surely_new(stamp):
            reading = Reading(source)
            return lambda: _Found(ImageRef(image.id, reading), reading=reading, path=path)
        hashing = pool.submit(_hash, source, path, self._fatal)
        return lambda: self._hashed(image, path, hashing.result())

    def _note(self, path: str) -> None:
        self._catalogue.begin_reading(path)
        self._noted.add(path)

    def _is_surely_new(self, stamp: FileStamp) -> bool:
        """Whether no contents known have this length, so that hashing before gains nothing."""
        if self._fatal or stamp.bytes > READ_ONCE:
            return False
        return not self._catalogue.may_hold(stamp.bytes)

    def _hashed(self, image: ImageRef, path: str, seen: Seen | None) -> _Found:
        if seen is None:
            return _Found(image, path=path)  # scoring says what is wrong with it
        if seen.sha256 in self._fatal:
            how = self._fatal[seen.sha256]
            return _Found(Failure(image.id, "kills_the_reader", how), path=path)
        known = self._catalogue.known_content(seen.sha256, self._model, features=self._features)
        verdict = None if known is None else known.verdict or self._told(known)
        if known is None or verdict is None:
            return _Found(image, seen, path=path)
        named, is_told = replace(verdict, path=image.id), known.verdict is None
        return _Found(image, seen, named, path=path, is_told=is_told)

    def _told(self, known: Known) -> Verdict | None:
        return self._taste.told(self._catalogue, known.sha256) if self._taste else None

    def _try_out(self, image: ImageRef, source: str | os.PathLike[str], path: str) -> _Found:
        """Read a picture that may have ended a run in a process of its own first."""
        with suppress(OSError, ImageError), open_image_file(source) as stream:
            sha256 = stream_hash(stream)
            if sha256 not in self._fatal and (how := self._trial.fatal(source)):
                self._fatal[sha256] = (
                    f"{how}; passed over until the file changes, or is forgotten "
                    "(ilgnet library forget) to be tried again"
                )
                self._catalogue.record_fatal(path, sha256, self._fatal[sha256])
        self._note(path)
        return self._hashed(image, path, _hash(source, path, self._fatal))

    def keep(self, found: _Found, outcome: Outcome) -> None:
        """Take one outcome for the catalogue."""
        if found.path is not None:
            self._read.add(found.path)
        seen = found.seen_now
        if isinstance(outcome, Failure):
            self._keep_failure(outcome)
        elif seen is not None and not found.is_recorded and self._is_still(seen):
            is_new = found.known is None or found.is_told
            self._rows.append((seen, outcome if is_new else None))
        late = time.monotonic() - self._committed > COMMIT_SECONDS
        if late or len(self._rows) >= COMMIT_ROWS:
            self.commit()

    def _is_still(self, seen: Seen) -> bool:
        """Whether the file is still what was hashed, now that it was scored."""
        try:
            return FileStamp.of(self._catalogue.absolute(seen.path).stat()) == seen.stamp
        except OSError:
            return False

    def _keep_failure(self, failure: Failure) -> None:
        if not _is_file_of_its_own(failure.path):
            return  # a pattern that matches nothing, a picture that is gone, a folder
        try:
            path = self._catalogue.relative(failure.path)
        except LibraryError:
            return
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


def _is_file_of_its_own(path: str) -> bool:
    try:
        return os.path.lexists(path) and not os.path.isdir(path)
    except ValueError:  # a NUL byte
        return False


def _hash(source: str | os.PathLike[str], path: str, fatal: Container[bytes]) -> Seen | None:
    """Hash a file and read its capture time; None where it cannot be read."""
    try:
        with open_image_file(source) as stream:
            checked = time.time_ns()
            stamp = FileStamp.of(os.fstat(stream.fileno()))
            sha256 = stream_hash(stream)
            stream.seek(0)
            capture = UNKNOWN if sha256 in fatal else read_capture(stream)
            return Seen(path, stamp, checked, sha256, capture)
    except (OSError, ImageError):
        return None
