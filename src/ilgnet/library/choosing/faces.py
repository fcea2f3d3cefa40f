"""Faces in bursts: a frame whose main face is blurred, while it is sharp in another, counts less.

Closed eyes change no order: docs/explanations.md says how thin the evidence for them is. They are
told as a reason only (`ilgnet.explanation.frames`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ilgnet.errors import ImageError
from ilgnet.faces.find import READ_SIDE, find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import main_face_blurred
from ilgnet.images.decode import read_image
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.scoring import usable_cores


def with_faces(
    photographs: Sequence[Photograph], *, threads: int | None = None
) -> list[Photograph]:
    """The same photographs; frames of bursts know if their main face is blurred.

    Every frame of a burst is read again. A face is compared with the same face, matched by place,
    in the frame of the burst where it is sharpest; where there is none, it is too small, or a
    picture can no longer be read, nothing is said.

    Args:
        photographs: with the numbers of their bursts, as `with_bursts` gives them.
        threads: frames looked at side by side; None takes every core.
    """
    bursts: dict[int, list[int]] = defaultdict(list)
    for index, photo in enumerate(photographs):
        if photo.burst is not None:
            bursts[photo.burst].append(index)
    found = list(photographs)
    with ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="ilgnet") as pool:
        for frames in bursts.values():
            faces = list(pool.map(_faces_of, (photographs[index] for index in frames)))
            best = max(faces, key=_detail)
            for index, seen in zip(frames, faces, strict=True):
                blurred = main_face_blurred(seen, best)
                found[index] = replace(photographs[index], blurred_face=blurred)
    return found


def _faces_of(photo: Photograph) -> tuple[Face, ...]:
    try:
        return find_faces(read_image(photo.path, min_side=READ_SIDE).rgb)
    except ImageError:
        return ()


def _detail(faces: Sequence[Face]) -> float:
    main = main_face(faces)
    return -float("inf") if main is None else main.detail
