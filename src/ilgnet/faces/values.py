"""What is known of a face. Identity, age, sex and beauty are not, and never will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Eyes = Literal["open", "closed"]


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture.

    Attributes:
        box: left, top, right, bottom, 0..1 of the picture's width or height.
        side: of the box in pixels of the picture that was looked at.
        certainty: that it is a face, 0..1.
        detail: natural logarithm of the variance of the face's second differences over that of the
            face itself, at one size for all faces: falls when the face is blurred, holds still
            when it is darker or brighter. Says nothing across different faces.
        openness: mean distance of the lids over the width of the eye, of the more open eye; None
            where the eyes are too small or turned away.
        eyes: open or closed; None where that cannot be known.
        turned: degrees that the face looks away to a side, 0 is into the camera; None where that
            cannot be known.
    """

    box: tuple[float, float, float, float]
    side: float
    certainty: float
    detail: float
    openness: float | None
    eyes: Eyes | None
    turned: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to what they are good for."""
        return {
            "box": [round(side, 4) for side in self.box],
            "side": round(self.side, 1),
            "certainty": round(self.certainty, 3),
            "detail": round(self.detail, 2),
            "openness": None if self.openness is None else round(self.openness, 3),
            "eyes": self.eyes,
            "turned": None if self.turned is None else round(self.turned),
        }
