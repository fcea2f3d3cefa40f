"""Why the frames of a burst lost against its best one, read from their files."""

from __future__ import annotations

from collections.abc import Iterable

from ilgnet.errors import ImageError
from ilgnet.explanation.attributes import SIDE, Attributes, measure
from ilgnet.explanation.reasons import why_worse
from ilgnet.faces.find import find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import why_faces_worse
from ilgnet.images.decode import read_image
from ilgnet.values import ImageSource


def why_frames_worse(
    best: ImageSource, others: Iterable[ImageSource], *, faces: bool = True
) -> list[tuple[str, ...]]:
    """What is wrong with each of the other frames and not with the best one.

    Args:
        best: what `read_image` takes.
        others: frames of the same scene.
        faces: also look for closed eyes and a blurred main face.

    Returns:
        For each of the others, reasons such as "softer: 0.6 px" or "tilted 3.0\u00b0"; none where a
        picture can no longer be read, or nothing that is measured differs enough.
    """
    first = _looked_at(best, faces)
    return [_reasons(_looked_at(other, faces), first) for other in others]


_Look = tuple[Attributes, tuple[Face, ...]]


def _looked_at(image: ImageSource, faces: bool) -> _Look | None:
    try:
        rgb = read_image(image, min_side=SIDE).rgb
    except ImageError:
        return None
    found = find_faces(rgb) if faces else ()
    main = main_face(found)
    return measure(rgb, main.box if main else None), found


def _reasons(frame: _Look | None, best: _Look | None) -> tuple[str, ...]:
    if frame is None or best is None:
        return ()
    return (*why_faces_worse(frame[1], best[1]), *why_worse(frame[0], best[0]))
