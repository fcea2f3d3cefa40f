"""Bursts: frames that were taken together and look alike, with the best of each and why.

Time and the running number in the name only nominate; the model's own features must agree. So
pictures whose times lost their seconds are not stacked with everything of the same minute.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.zoo.records import Similarity

OPEN_GROUPS: Final = 64
"""Bursts that may be going on at once; where seconds are lost, a minute's pictures interleave."""

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
    done: list[list[_Frame]] = []  # without the features' sums, which only going bursts need
    going: list[_Burst] = []
    frames = [_Frame.of(index, photo) for index, photo in enumerate(photographs)]
    for frame in sorted(frames, key=lambda frame: frame.order):
        done += [burst.frames for burst in going if _over(burst.last, frame, rule)]
        going = [burst for burst in going if not _over(burst.last, frame, rule)]
        near = [burst for burst in going if _near(burst.last, frame, rule)]
        fitting = _most_alike(near, frame, photographs, alike, rule) if near else None
        if fitting is None:
            going.append(_Burst([frame]))
            done += [burst.frames for burst in going[:-OPEN_GROUPS]]
            going = going[-OPEN_GROUPS:]
        else:
            fitting.add(frame, _unit(photographs[frame.index]))
    done += [burst.frames for burst in going]
    bursts = sorted((frames for frames in done if len(frames) > 1), key=lambda f: f[0].order)
    return [_describe(frames, photographs) for frames in bursts]


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
    features = photo.features
    assert features is not None
    length = max(float(np.sqrt(np.dot(features, features))), 1e-12)
    unit: NDArray[np.float32] = features / np.float32(length)
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


Order = tuple[str, bool, datetime, str, str, int, str]


@dataclass(frozen=True, slots=True)
class _Frame:
    """What of a photograph tells whether it was taken together with another."""

    index: int
    camera: str
    taken: datetime | None
    series: tuple[str, str]
    sequence: int | None
    order: Order

    @classmethod
    def of(cls, index: int, photo: Photograph) -> _Frame:
        camera, taken, path = photo.capture.camera or "", photo.taken, photo.path.as_posix()
        series, sequence = _series(path), photo.sequence
        number = -1 if sequence is None else sequence
        order = (camera, taken is None, taken or datetime.min, *series, number, path)
        return cls(index, camera, taken, series, sequence, order)


@dataclass(eq=False, slots=True)
class _Burst:
    """A burst that is going on."""

    frames: list[_Frame]
    total: NDArray[np.float64] | None = None
    """The sum of its frames' unit features, once they are compared with another's."""

    @property
    def last(self) -> _Frame:
        return self.frames[-1]

    def sum(self, photographs: Sequence[Photograph]) -> NDArray[np.float64]:
        if self.total is None:
            self.total = _unit(photographs[self.frames[0].index]).astype(np.float64)
        return self.total

    def add(self, frame: _Frame, unit: NDArray[np.float32]) -> None:
        assert self.total is not None
        self.total += unit
        self.frames.append(frame)


def _series(path: str) -> tuple[str, str]:
    """The folder, and the file's name without its digits: what a running number counts."""
    folder, _, name = path.rpartition("/")
    return folder, re.sub(r"\d+", "#", name.rpartition(".")[0])


def _near(last: _Frame, frame: _Frame, rule: BurstRule) -> bool:
    """Whether two frames may be of one burst, as far as time and numbers tell."""
    if last.camera != frame.camera:
        return False
    if last.taken is None or frame.taken is None:
        return last.taken is frame.taken is None and _follows(last, frame, rule)
    gap = frame.taken - last.taken
    if gap <= timedelta(seconds=rule.gap):
        return True
    return gap <= timedelta(seconds=rule.sequence_gap) and _follows(last, frame, rule)


def _follows(last: _Frame, frame: _Frame, rule: BurstRule) -> bool:
    if last.sequence is None or frame.sequence is None or last.series != frame.series:
        return False
    return 0 < frame.sequence - last.sequence <= rule.sequence_step


def _over(last: _Frame, frame: _Frame, rule: BurstRule) -> bool:
    """Whether no later frame can belong to the burst."""
    if last.camera != frame.camera or last.taken is None or frame.taken is None:
        return last.camera != frame.camera or last.series != frame.series
    return frame.taken - last.taken > timedelta(seconds=max(rule.gap, rule.sequence_gap))


def _most_alike(
    bursts: Sequence[_Burst],
    frame: _Frame,
    photographs: Sequence[Photograph],
    alike: Similarity,
    rule: BurstRule,
) -> _Burst | None:
    totals = np.stack([burst.sum(photographs) for burst in bursts])
    unit = _unit(photographs[frame.index])
    cosines = totals @ unit / np.maximum(np.linalg.norm(totals, axis=1), 1e-12)
    beyond = cosines - [_least_similarity(burst.last, frame, alike, rule) for burst in bursts]
    best = int(np.argmax(beyond))
    return bursts[best] if beyond[best] >= 0 else None


def _least_similarity(last: _Frame, frame: _Frame, alike: Similarity, rule: BurstRule) -> float:
    """Equal times may have lost their seconds; times a moment apart have not."""
    if last.taken is None or frame.taken is None:
        return alike.burst
    quick = timedelta(0) < frame.taken - last.taken <= timedelta(seconds=rule.quick_gap)
    return min(alike.burst, alike.quick) if quick else alike.burst


def frames_of_bursts(photographs: Iterable[Photograph]) -> list[tuple[Photograph, ...]]:
    """The frames of each burst, the best first, of photographs that know their bursts' numbers."""
    bursts: dict[int, list[Photograph]] = defaultdict(list)
    for photo in photographs:
        if photo.burst is not None:
            bursts[photo.burst].append(photo)
    return [order_best_first(frames) for frames in bursts.values()]


def _describe(frames: Sequence[_Frame], photographs: Sequence[Photograph]) -> Group:
    ordered = order_best_first([photographs[frame.index] for frame in frames])
    first, last = frames[0], frames[-1]
    if first.taken is None or last.taken is None:
        span = "with consecutive numbers"
    else:
        span = f"within {(last.taken - first.taken).total_seconds():.1f} s"
    return Group(ordered, f"{len(ordered)} frames {span} that look alike", why_best(ordered))
