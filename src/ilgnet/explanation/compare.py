"""Why one picture scores higher than another: the places and the readings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ilgnet.explanation.attributes import Attributes, measure
from ilgnet.explanation.explain import as_reference, read_picture
from ilgnet.explanation.heat_map import (
    HeatMap,
    PlaceEffect,
    main_map,
    replaced_places,
    replacement_map,
    tried_places,
)
from ilgnet.explanation.reasons import why_worse
from ilgnet.explanation.targets import Predictor
from ilgnet.faces.find import find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import why_faces_worse
from ilgnet.scoring import Scorer, load
from ilgnet.values import Difference, ImageRef, ImageSource, Verdict

CLOSE: Final = 0.1
"""Votes below which two pictures are too close to call."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two pictures side by side.

    Attributes:
        better: the verdict of the one that is ahead: by the frame score for frames of one scene, by
            the score else.
        worse: the other's.
        lead: by how many votes.
        alike: cosine of their features; None where the model returns none.
        one_scene: whether they are taken for frames of one scene: as alike as the model's record
            says of a burst. None where nobody has measured that for the model.
        map: for frames of one scene, what each place contributes to the lead: by how much the worse
            picture gains when the place is taken from the better; else None.
        maps: the map of each, the better first.
        attributes: the readings of each, the better first.
        faces: the faces of each, the better first; None where nobody looked.
        differences: what is worse in the worse one, for frames of one scene that are not too close
            to call.
        sentences: at most three.
    """

    better: Verdict
    worse: Verdict
    lead: float
    alike: float | None
    one_scene: bool | None
    map: HeatMap | None
    maps: tuple[HeatMap, HeatMap]
    attributes: tuple[Attributes, Attributes]
    faces: tuple[tuple[Face, ...], tuple[Face, ...]] | None
    differences: tuple[Difference, ...]
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, the better picture first."""
        pictures = [
            {
                "path": verdict.path,
                "score": round(verdict.score, 4),
                "technical": None if verdict.technical is None else round(verdict.technical, 4),
                "map": heat.to_json(),
                "attributes": attributes.to_json(),
            }
            for verdict, heat, attributes in zip(
                (self.better, self.worse), self.maps, self.attributes, strict=True
            )
        ]
        return {
            "sentences": list(self.sentences),
            "lead": round(self.lead, 4),
            "alike": None if self.alike is None else round(self.alike, 4),
            "one_scene": self.one_scene,
            "differences": [difference.to_json() for difference in self.differences],
            "map": None if self.map is None else self.map.to_json(),
            "better": pictures[0],
            "worse": pictures[1],
        }


def compare(
    one: ImageSource | ImageRef,
    other: ImageSource | ImageRef,
    scorer: Scorer | None = None,
    *,
    faces: bool = True,
    similarity: float | None = None,
) -> Comparison:
    """Say why one of two pictures scores higher.

    Frames of one scene are compared place by place, with reasons; pictures of different scenes have
    a map each.

    Args:
        one: what `explain` takes.
        other: likewise.
        scorer: the model that is asked; None loads the default one.
        faces: also look for faces.
        similarity: the cosine of the features from which two pictures are frames of one scene; None
            takes what the model's record says of a burst.

    Raises:
        ImageError: a picture cannot be read; its code says why.
    """
    scorer = scorer or load()
    refs = [as_reference(image) for image in (one, other)]
    verdicts = [scorer.score(ref, features=True) for ref in refs]
    alike = _cosine(*(verdict.features for verdict in verdicts))
    if similarity is None and scorer.weights.similarity is not None:
        similarity = scorer.weights.similarity.burst
    one_scene = None if alike is None or similarity is None else alike >= similarity
    worth = [v.frame_score if one_scene else v.score for v in verdicts]
    order = (0, 1) if worth[0] >= worth[1] else (1, 0)
    better, worse = (verdicts[place] for place in order)
    first, second = (read_picture(refs[place], scorer) for place in order)
    seen = (find_faces(first), find_faces(second)) if faces else None
    readings = (_measured(first, seen and seen[0]), _measured(second, seen and seen[1]))
    lead = abs(worth[0] - worth[1])
    differences: tuple[Difference, ...] = ()
    predictor = Predictor(scorer)
    framed = Predictor(scorer, "score" if better.technical is None else "frame_score")
    exchanged = None
    if one_scene:
        exchanged = replacement_map(framed, second, first)
    if one_scene and lead >= CLOSE:
        differences = why_worse(readings[1], readings[0])
        if seen is not None:
            differences = (*why_faces_worse(seen[1], seen[0]), *differences)
    maps = (main_map(predictor, first)[0], main_map(predictor, second)[0])
    if exchanged is None:
        places = tried_places(predictor, first, maps[0])
    else:
        places = replaced_places(framed, second, first, exchanged)
    return Comparison(
        better=better,
        worse=worse,
        lead=lead,
        alike=alike,
        one_scene=one_scene,
        map=exchanged,
        maps=maps,
        attributes=readings,
        faces=seen,
        differences=differences,
        sentences=_sentences(lead, one_scene, places, differences),
    )


def _sentences(
    lead: float,
    one_scene: bool | None,
    places: Sequence[PlaceEffect],
    differences: Sequence[Difference],
) -> tuple[str, ...]:
    """The lead, what is worse, and the place that matters most."""
    what = "frame score" if one_scene else "score"
    if lead < CLOSE:
        return (f"Too close to call: the {what}s differ by {lead:.2f}.",)
    said = [f"The {what} of the better one is higher by {lead:.2f}."]
    if differences:
        words = "; ".join(difference.words for difference in differences[:3])
        said.append(f"The other one is worse: {words}.")
    for place in places[:1]:
        if one_scene:
            said.append(
                f"The other one gains {place.votes:.2f} when its {place.where} is taken from the "
                "better one."
            )
        elif place.votes > 0:
            said.append(
                f"The better one loses {place.votes:.2f} when its {place.where} is blurred."
            )
    return tuple(said)


def _measured(rgb: NDArray[np.uint8], faces: tuple[Face, ...] | None) -> Attributes:
    main = main_face(faces or ())
    return measure(rgb, main.box if main else None)


def _cosine(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> float | None:
    if one is None or other is None:
        return None
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / lengths if lengths else None
