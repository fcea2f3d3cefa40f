"""Which faces of a frame are worse than in another frame of the same scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from ilgnet.faces.find import CLOSED, LEAST_SIDE, main_face
from ilgnet.faces.values import Face
from ilgnet.values import Difference

BLURRED: Final = 1.4
"""Fall of a face's detail, natural logarithm, from which it is blurred: a Gaussian of sigma 0.7 at
a face of 96 pixels does that."""

CLOSING: Final = 0.06
"""Fall of the openness from which an eye is closing, where it ends below `CLOSING_BELOW`."""

CLOSING_BELOW: Final = 0.18

_NEAR: Final = 0.75
"""Faces are the same if their middles are nearer than so many of their sides."""


def why_faces_worse(frame: Sequence[Face], best: Sequence[Face]) -> tuple[Difference, ...]:
    """What is wrong with the faces of a frame and not with those of the best one.

    Faces are matched by place; where they cannot be, or are too small, nothing is said.
    """
    return tuple(_differences(frame, best))


def main_face_blurred(frame: Sequence[Face], best: Sequence[Face]) -> Difference | None:
    """How much less sharp the main face of a frame is; None where that is little, or not known."""
    main = main_face(frame)
    other = same_face(main, best) if main is not None else None
    if main is None or other is None or min(main.side, other.side) < LEAST_SIDE:
        return None
    if other.detail - main.detail < BLURRED:
        return None
    return Difference("face_detail", main.detail, other.detail, "", "main face blurred")


def same_face(face: Face, others: Sequence[Face]) -> Face | None:
    """The same face in another frame, by place and size; None where there is none."""
    near = [(_distance(face, other), other) for other in others]
    distance, other = min(near, key=lambda each: each[0], default=(np.inf, None))
    return other if distance < _NEAR else None


def _differences(frame: Sequence[Face], best: Sequence[Face]) -> Iterator[Difference]:
    pairs = [(face, same_face(face, best)) for face in frame]
    closed = [
        (face.openness, other.openness)
        for face, other in pairs
        if other is not None and _closes(face, other)
    ]
    if closed:
        many = "" if len(closed) == 1 else f" of {len(closed)} faces"
        now, before = min(closed, key=lambda pair: pair[0] or 0.0)
        assert now is not None
        assert before is not None
        yield Difference("eyes_open", now, before, "", f"eyes closed{many}")
    blurred = main_face_blurred(frame, best)
    if blurred is not None:
        yield blurred


def _closes(face: Face, other: Face) -> bool:
    if face.openness is None or other.openness is None or other.openness < CLOSED:
        return False
    fall = other.openness - face.openness
    return fall >= CLOSING and face.openness < CLOSING_BELOW


def _distance(face: Face, other: Face) -> float:
    (a, b), (c, d) = _middle(face), _middle(other)
    size = max(face.box[2] - face.box[0], other.box[2] - other.box[0], 1e-6)
    ratio = face.side / max(other.side, 1e-6)
    return float("inf") if not 0.5 < ratio < 2 else float(np.hypot(a - c, b - d)) / size


def _middle(face: Face) -> tuple[float, float]:
    left, top, right, bottom = face.box
    return (left + right) / 2, (top + bottom) / 2
