"""Faces in bursts: a frame whose main face is blurred, while it is sharp in another, counts less.

Closed eyes change no order: docs/explanations.md says how thin the evidence for them is. They are
told as a reason only (`ilgnet.explanation.frames`).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ilgnet.errors import ImageError
from ilgnet.faces.find import READ_SIDE, find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import main_face_blurred
from ilgnet.images.decode import read_image
from ilgnet.library.choosing.bursts import frames_of_bursts
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.scoring import usable_cores
from ilgnet.values import Difference


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
    blurred: dict[Path, Difference | None] = {}
    with ThreadPoolExecutor(threads or usable_cores(), thread_name_prefix="ilgnet") as pool:
        for frames in frames_of_bursts(photographs):
            faces = list(pool.map(_faces_of, frames))
            best = max(faces, key=_detail)
            for photo, seen in zip(frames, faces, strict=True):
                blurred[photo.path] = main_face_blurred(seen, best)
    return [replace(photo, blurred_face=blurred.get(photo.path)) for photo in photographs]


def _faces_of(photo: Photograph) -> tuple[Face, ...]:
    try:
        return find_faces(read_image(photo.path, min_side=READ_SIDE).rgb)
    except ImageError:
        return ()


def _detail(faces: Sequence[Face]) -> float:
    main = main_face(faces)
    return -float("inf") if main is None else main.detail
