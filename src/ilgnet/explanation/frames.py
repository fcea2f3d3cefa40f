"""Why the frames of a burst lost against its best one, read from their files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ilgnet.errors import ImageError
from ilgnet.explanation.attributes import SIDE, Attributes, measure
from ilgnet.explanation.reasons import why_worse
from ilgnet.faces.find import find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import why_faces_worse
from ilgnet.images.decode import read_image
from ilgnet.library.choosing.bursts import Group
from ilgnet.library.photograph.photograph import BLURRED_FACE, Photograph
from ilgnet.scoring import usable_cores
from ilgnet.values import Difference, technical_votes


@dataclass(frozen=True, slots=True)
class LostFrame:
    """Why a frame is not the best of its burst.

    What separates the two frames is told twice, by the model in votes and by what was measured in
    the pixels: `technical` is one number of a network, and the differences are what it can have
    seen. They are not its parts, and do not add up to it.

    Attributes:
        photograph: the frame.
        best: the best frame of its burst.
        differences: what is worse in the frame; empty where nothing that is measured differs
            enough; None where one of the two can no longer be read.
    """

    photograph: Photograph
    best: Photograph
    differences: tuple[Difference, ...] | None

    @property
    def behind(self) -> float:
        """By how many votes of the frame score."""
        return self.best.frame_score - self.photograph.frame_score

    @property
    def score(self) -> float:
        """How many of these votes are the score's."""
        return self.best.score - self.photograph.score

    @property
    def technical(self) -> float | None:
        """How many are those of `technical`; None where the model does not tell it."""
        frame, best = self.photograph.verdict.technical, self.best.verdict.technical
        return (
            None
            if frame is None or best is None
            else technical_votes(best) - technical_votes(frame)
        )

    @property
    def face(self) -> float:
        """How many are those of a blurred main face, where faces count."""
        frame, best = self.photograph.blurred_face, self.best.blurred_face
        return BLURRED_FACE * (bool(frame) - bool(best))

    @property
    def words(self) -> str:
        """What is worse, as "softer: 0.6 px; tilted 3.0°"; or that nothing was found."""
        if self.differences is None:
            return "can no longer be compared: one of the two cannot be read"
        found = "; ".join(difference.words for difference in self.differences)
        return found or "nothing that is measured differs enough"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        technical, differences = self.technical, self.differences
        return {
            "best": self.best.verdict.path,
            "behind": round(self.behind, 4),
            "score": round(self.score, 4),
            "technical": None if technical is None else round(technical, 4),
            "face": round(self.face, 4),
            "differences": None
            if differences is None
            else [difference.to_json() for difference in differences],
        }


def why_frames_lost(
    bursts: Iterable[Group | Sequence[Photograph]],
    *,
    faces: bool = True,
    threads: int | None = None,
) -> Iterator[LostFrame]:
    """What is wrong with the frames of bursts that are not the best one; every file is read again.

    Args:
        bursts: what `Library.bursts` returns, or frames of one scene each, the best first.
        faces: also look for closed eyes and a blurred main face.
        threads: frames looked at side by side; None takes every core.

    Yields:
        One for each frame but the best, burst by burst, in order.
    """
    with ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="ilgnet") as pool:
        for group in bursts:
            burst = group.photographs if isinstance(group, Group) else group
            looks = pool.map(lambda photo: _looked_at(photo, faces), burst)
            first = next(looks, None)
            for photo, look in zip(burst[1:], looks, strict=True):
                yield LostFrame(photo, burst[0], _differences(look, first))


_Look = tuple[Attributes, tuple[Face, ...]]


def _looked_at(photo: Photograph, faces: bool) -> _Look | None:
    try:
        rgb = read_image(photo.path, min_side=SIDE).rgb
    except ImageError:
        return None
    found = find_faces(rgb) if faces else ()
    main = main_face(found)
    return measure(rgb, main.box if main else None), found


def _differences(frame: _Look | None, best: _Look | None) -> tuple[Difference, ...] | None:
    if frame is None or best is None:
        return None
    return (*why_faces_worse(frame[1], best[1]), *why_worse(frame[0], best[0]))
