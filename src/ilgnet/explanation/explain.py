"""Why a picture has its score: one call that puts together all that can be said."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from os import PathLike
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from ilgnet.errors import ImageError
from ilgnet.explanation.attributes import SIDE, Attributes, measure
from ilgnet.explanation.changes import Change, Crop, best_crop, what_if
from ilgnet.explanation.heat_map import HeatMap, Parts, PlaceEffect, main_map, tried_places
from ilgnet.explanation.sentences import sentences
from ilgnet.explanation.targets import Predictor, Target
from ilgnet.faces.find import find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.images.decode import read_image
from ilgnet.scoring import Scorer, load
from ilgnet.values import ImageRef, ImageSource, Verdict

T = TypeVar("T")

READ_SIDE: Final = SIDE
"""A picture is decoded no smaller than this: its attributes are measured in pixels."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What can be said of why a picture has its score.

    Attributes:
        verdict: the score, as `Scorer.score` gives it.
        map: where the target comes from: the parts' where there are any, else by occlusion.
        places: the parts of the picture that raise and lower the target most, tried out.
        parts: the score taken apart exactly, local and global taps apart; None where the model's
            head does not allow that, or another target was asked for.
        attributes: what was measured in the pixels.
        faces: those found, the main one first; None where nobody looked.
        changes: what edits would do; empty where nobody asked.
        crop: the best crop, where one gains enough; None otherwise.
        sentences: at most three, each with its evidence.
    """

    verdict: Verdict
    map: HeatMap
    places: tuple[PlaceEffect, ...]
    parts: Parts | None
    attributes: Attributes
    faces: tuple[Face, ...] | None
    changes: tuple[Change, ...]
    crop: Crop | None
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; the verdict's are those of `ilgnet score`, less the votes."""
        verdict, parts = self.verdict, self.parts
        technical = verdict.technical
        return {
            "path": verdict.path,
            "score": round(verdict.score, 4),
            "percentile": round(verdict.percentile, 2),
            "technical": None if technical is None else round(technical, 4),
            "model": verdict.model,
            "sentences": list(self.sentences),
            "map": self.map.to_json(),
            "places": [
                {"where": place.where, "votes": round(place.votes, 4)} for place in self.places
            ],
            "parts": None if parts is None else parts.to_json(),
            "attributes": self.attributes.to_json(),
            "faces": None if self.faces is None else [face.to_json() for face in self.faces],
            "changes": [change.to_json() for change in self.changes],
            "crop": None if self.crop is None else self.crop.to_json(),
        }


def explain(
    image: ImageSource | ImageRef,
    scorer: Scorer | None = None,
    *,
    target: Target = "score",
    changes: bool = True,
    faces: bool = True,
) -> Explanation:
    """Say why a picture has its score.

    Args:
        image: path, encoded bytes, Pillow image, RGB uint8 (H, W, 3) or grey uint8 (H, W).
        scorer: the model that is asked; None loads the default one (keep it for many pictures).
        target: "score", or "technical" or "frame_score" where the model tells them.
        changes: also try edits and crops.
        faces: also look for faces.

    Raises:
        ImageError: the picture cannot be read; its code says why.
        ModelError: the model does not tell the target.
    """
    scorer = scorer or load()
    ref = as_reference(image)
    predictor = Predictor(scorer, target)
    with ThreadPoolExecutor(1, thread_name_prefix="ilgnet") as pool:
        beside = pool.submit if scorer.threads > 1 else _at_once
        scored = beside(scorer.score, ref)
        rgb = read_picture(ref, scorer)
        measured = beside(_measured, rgb, faces)
        heat, exact = main_map(predictor, rgb)
        places = tried_places(predictor, rgb, heat)
        verdict, (attributes, found) = scored.result(), measured.result()
    tried = what_if(scorer, rgb, attributes) if changes else ()
    crop = best_crop(scorer, rgb) if changes else None
    said = sentences(places, target, attributes, found or (), tried, crop)
    return Explanation(verdict, heat, places, exact, attributes, found, tried, crop, said)


def _at_once(work: Callable[..., T], *given: Any) -> Future[T]:
    """The result of work that nothing runs beside."""
    done: Future[T] = Future()
    done.set_result(work(*given))
    return done


def _measured(rgb: NDArray[np.uint8], faces: bool) -> tuple[Attributes, tuple[Face, ...] | None]:
    """The readings, with the main face as the subject; and the faces, if anybody looks."""
    found = find_faces(rgb) if faces else None
    main = main_face(found or ())
    return measure(rgb, main.box if main else None), found


def read_picture(ref: ImageRef, scorer: Scorer) -> NDArray[np.uint8]:
    """The pixels that a picture is explained on.

    Raises:
        ImageError: it cannot be read.
    """
    side = max(READ_SIDE, scorer.weights.preprocess.decode_side)
    try:
        return read_image(ref.source, min_side=side).rgb
    except ImageError as error:
        raise ImageError(error.code, f"{ref.id}: {error.message}") from error


def as_reference(image: ImageSource | ImageRef) -> ImageRef:
    """A picture with its name: its path, or "image"."""
    if isinstance(image, ImageRef):
        return image
    return ImageRef(os.fspath(image) if isinstance(image, str | PathLike) else "image", image)
