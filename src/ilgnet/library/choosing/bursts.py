"""Bursts: frames that were taken together and look alike, with the best of each and why.

Time and the running number in the name only nominate; the model's own features must agree. So
pictures whose times lost their seconds are not stacked with everything of the same minute.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.zoo.records import Similarity

OPEN_GROUPS: Final = 64
"""Bursts that may be going on at once; where seconds are lost, a minute's pictures interleave."""

_DIGITS: Final = re.compile(r"\d+")

CLOSE: Final = 0.1
"""Mean votes nearer than this are too close to call between frames of one burst."""


@dataclass(frozen=True, slots=True)
class BurstRule:
    """What makes a burst, beside how alike its frames are, which depends on the model.

    Attributes:
        gap: the longest pause between two frames, in seconds.
        quick_gap: frames this many seconds apart, but not at the very same time, are of one moment
            beyond doubt, and need only be as alike as `Similarity.quick`.
        sequence_step: frames whose running numbers differ by no more than this ...
        sequence_gap: ... may be this many seconds apart, or have no time at all.
    """

    gap: float = 5.0
    quick_gap: float = 1.0
    sequence_step: int = 2
    sequence_gap: float = 60.0


UNKNOWN_ALIKE: Final = (
    "bursts and near-duplicates are found by how alike a model's features are, and nobody has "
    "measured that for this model. Say it with --similarity (and --duplicate-similarity), or take "
    "a model whose record says it, such as the default"
)

USUAL: Final = BurstRule()
"""What most cameras and people do."""


@dataclass(frozen=True, slots=True)
class Group:
    """Photographs that belong together.

    Attributes:
        photographs: the best first.
        why: why they are a group, in words.
        best: why the first is the best, in words.
    """

    photographs: tuple[Photograph, ...]
    why: str
    best: str


def find_bursts(
    photographs: Sequence[Photograph], alike: Similarity, rule: BurstRule = USUAL
) -> list[Group]:
    """Bursts of two frames and more, in the order in which they were taken.

    One pass in the order of time; a frame is compared with the bursts that are still going on.

    Args:
        photographs: in any order, with their features.
        alike: which of these features are alike, as the model's record says.
        rule: what else makes a burst.

    Raises:
        LibraryError: some have no features; time alone would stack what does not look alike.
    """
    check_features(photographs)
    bursts: list[list[_Frame]] = []  # without the features' sums, which only going bursts need
    going: list[_Burst] = []
    for frame in sorted(map(_Frame.of, photographs), key=_order):
        going = [burst for burst in going if not _is_over(burst.last, frame, rule)]
        near = [burst for burst in going if _is_near(burst.last, frame, rule)]
        fitting = _most_alike(near, frame, alike, rule) if near else None
        if fitting is None:
            burst = _Burst([frame])
            bursts.append(burst.frames)
            going = [*going, burst][-OPEN_GROUPS:]
        else:
            fitting.add(frame)
    return [_describe(frames) for frames in bursts if len(frames) > 1]


def with_bursts(
    photographs: Sequence[Photograph], alike: Similarity, rule: BurstRule = USUAL
) -> list[Photograph]:
    """The same photographs with the numbers of their bursts, which count from 0.

    Raises:
        LibraryError: some have no features.
    """
    numbers = {
        photo.path: number
        for number, group in enumerate(find_bursts(photographs, alike, rule))
        for photo in group.photographs
    }
    return [replace(photo, burst=numbers.get(photo.path)) for photo in photographs]


def check_features(photographs: Sequence[Photograph]) -> None:
    """Refuse photographs that nobody can tell what they look like.

    Raises:
        LibraryError: some have no features.
    """
    if any(photo.features is None for photo in photographs):
        raise LibraryError(
            "bursts are found by what pictures look like, which a table of scores does not tell. "
            "Name the folder instead, with --library if it was scored with that"
        )


def _unit(photo: Photograph) -> NDArray[np.float32]:
    """The features with length 1; zeros stay zeros and are like nothing."""
    assert photo.features is not None
    unit: NDArray[np.float32] = unit_rows(photo.features[None])[0]
    return unit


def unit_rows(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows scaled to length 1; a row of zeros stays one and is like nothing."""
    scaled: NDArray[np.float32] = features / row_lengths(features)[:, None]
    return scaled


def row_lengths(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lengths (N,) to divide rows (N, D) by, none of them zero; nothing of size N x D is made."""
    squares = np.einsum("nd,nd->n", features, features)
    lengths: NDArray[np.float32] = np.maximum(np.sqrt(squares), np.float32(1e-12))
    return lengths


def order_best_first(photographs: Sequence[Photograph]) -> tuple[Photograph, ...]:
    """By falling frame score; equals by path."""
    return tuple(sorted(photographs, key=lambda photo: (-photo.frame_score, str(photo.path))))


def why_best(ordered: Sequence[Photograph]) -> str:
    """Why the first of some frames is the best, in words."""
    first, second = ordered[0], ordered[1]
    lead = first.frame_score - second.frame_score
    name = second.name
    close = [photo for photo in ordered[1:] if first.frame_score - photo.frame_score < CLOSE]
    technical = first.verdict.technical
    scores = f"scores {first.score:.2f}"
    scores += "" if technical is None else f" (technical {technical:+.2f})"
    if first.blurred_face is None and any(photo.blurred_face for photo in ordered):
        scores += ", its main face is sharp"
    if not close:
        return f"{scores}, {lead:.2f} above the next ({name})"
    if len(close) == 1:
        return f"{scores}, but {name} is only {lead:.2f} below: look at both"
    return (
        f"{scores}, but {len(close)} others are less than {CLOSE} below: "
        "too close to call, look at them"
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    """What of a photograph tells whether it was taken together with another."""

    photo: Photograph
    camera: str
    taken: datetime | None
    series: tuple[str, str]
    sequence: int | None

    @classmethod
    def of(cls, photo: Photograph) -> _Frame:
        """A running number counts in a folder, among names that are the same but for digits."""
        folder, name = os.path.split(photo.path)
        series = folder, _DIGITS.sub("#", name.rpartition(".")[0])
        return cls(photo, photo.capture.camera or "", photo.taken, series, photo.sequence)

    def pause_after(self, last: _Frame) -> float | None:
        """Seconds since another frame; None where the time of one of them is not known."""
        if self.taken is None or last.taken is None:
            return None
        return (self.taken - last.taken).total_seconds()

    def follows(self, last: _Frame, step: int) -> bool:
        """Whether its running number is the next after another's, or one of the next."""
        if self.sequence is None or last.sequence is None or self.series != last.series:
            return False
        return 0 < self.sequence - last.sequence <= step


def _order(frame: _Frame) -> tuple[object, ...]:
    """By camera, then as they were taken."""
    taken, number = frame.taken, -1 if frame.sequence is None else frame.sequence
    when = (taken is None, taken or datetime.min)
    return frame.camera, *when, *frame.series, number, os.fspath(frame.photo.path)


@dataclass(eq=False, slots=True)
class _Burst:
    """A burst that is going on."""

    frames: list[_Frame]
    total: NDArray[np.float64] | None = None
    """The sum of its frames' unit features, once they are compared with another's."""

    @property
    def last(self) -> _Frame:
        return self.frames[-1]

    def sum(self) -> NDArray[np.float64]:
        if self.total is None:
            self.total = _unit(self.frames[0].photo).astype(np.float64)
        return self.total

    def add(self, frame: _Frame) -> None:
        self.total = self.sum() + _unit(frame.photo)
        self.frames.append(frame)


def _is_near(last: _Frame, frame: _Frame, rule: BurstRule) -> bool:
    """Whether two frames may be of one burst, as far as time and numbers tell."""
    if last.camera != frame.camera:
        return False
    pause = frame.pause_after(last)
    if pause is None:
        return last.taken is frame.taken and frame.follows(last, rule.sequence_step)
    if pause <= rule.gap:
        return True
    return pause <= rule.sequence_gap and frame.follows(last, rule.sequence_step)


def _is_over(last: _Frame, frame: _Frame, rule: BurstRule) -> bool:
    """Whether no later frame can belong to the burst."""
    if last.camera != frame.camera:
        return True
    pause = frame.pause_after(last)
    if pause is None:
        return last.series != frame.series
    return pause > max(rule.gap, rule.sequence_gap)


def _most_alike(
    bursts: Sequence[_Burst], frame: _Frame, alike: Similarity, rule: BurstRule
) -> _Burst | None:
    totals = np.stack([burst.sum() for burst in bursts])
    cosines = totals @ _unit(frame.photo) / np.maximum(np.linalg.norm(totals, axis=1), 1e-12)
    beyond = cosines - [_least_similarity(burst.last, frame, alike, rule) for burst in bursts]
    best = int(np.argmax(beyond))
    return bursts[best] if beyond[best] >= 0 else None


def _least_similarity(last: _Frame, frame: _Frame, alike: Similarity, rule: BurstRule) -> float:
    """Equal times may have lost their seconds; times a moment apart have not."""
    pause = frame.pause_after(last)
    is_quick = pause is not None and 0 < pause <= rule.quick_gap
    return min(alike.burst, alike.quick) if is_quick else alike.burst


def frames_of_bursts(photographs: Iterable[Photograph]) -> list[tuple[Photograph, ...]]:
    """The frames of each burst, the best first, of photographs that know their bursts' numbers."""
    bursts: dict[int, list[Photograph]] = defaultdict(list)
    for photo in photographs:
        if photo.burst is not None:
            bursts[photo.burst].append(photo)
    return [order_best_first(frames) for frames in bursts.values()]


def _describe(frames: Sequence[_Frame]) -> Group:
    ordered = order_best_first([frame.photo for frame in frames])
    first, last = frames[0], frames[-1]
    length = last.pause_after(first)
    span = "with consecutive numbers" if length is None else f"within {length:.1f} s"
    return Group(ordered, f"{len(ordered)} frames {span} that look alike", why_best(ordered))
