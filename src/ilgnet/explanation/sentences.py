"""Sentences on a picture: only what was measured or tried, at most three."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ilgnet.explanation.attributes import UNITS, Attributes
from ilgnet.explanation.changes import Change, Crop
from ilgnet.explanation.heat_map import PlaceEffect
from ilgnet.explanation.targets import Target
from ilgnet.faces.values import Face

MOST: Final = 3
"""So many sentences at most."""

WORTH: Final = 0.1
"""Votes below which a change is not worth a sentence."""

TARGET_WORDS: Final[dict[Target, str]] = {
    "score": "the score",
    "technical": "the technical value",
    "frame_score": "the frame score",
}

_SIGNED: Final = frozenset({"exposure", "tilt", "balance"})
"""Readings that have a middle."""

_BESIDE: Final = {"motion": "motion_angle", "cast": "cast_hue"}
"""Readings that tell the direction of another."""


def sentences(
    places: Sequence[PlaceEffect],
    target: Target,
    attributes: Attributes,
    faces: Sequence[Face],
    changes: Sequence[Change],
    crop: Crop | None,
) -> tuple[str, ...]:
    """What the evidence supports, the largest effect first, at most `MOST` sentences."""
    tried = sorted(_on_changes(attributes, changes, crop), reverse=True)
    said = [sentence for _, sentence in tried]
    return tuple([*_on_faces(faces), *said[:1], *_on_places(places, target), *said[1:]][:MOST])


def _on_places(places: Sequence[PlaceEffect], target: Target) -> Iterator[str]:
    for place in places:
        moves = "falls" if place.votes > 0 else "rises"
        yield (
            f"{_upper(place.where)}: {TARGET_WORDS[target]} {moves} by {abs(place.votes):.2f} "
            "when this part is blurred."
        )


def _on_faces(faces: Sequence[Face]) -> Iterator[str]:
    closed = sum(face.eyes == "closed" for face in faces)
    if closed:
        known = sum(face.eyes is not None for face in faces)
        if known == 1:
            yield "The eyes of the face look closed."
        else:
            yield f"The eyes of {closed} of {known} faces look closed."


def _on_changes(
    attributes: Attributes, changes: Sequence[Change], crop: Crop | None
) -> Iterator[tuple[float, str]]:
    """Sentences with the votes that they are about."""
    for change in changes:
        gain = change.score
        if gain < WORTH:
            continue
        match change.edit:
            case "sharpened":
                soft = (attributes.subject_blur or 0.0) >= 1.0
                yield gain, _rises("Soft focus" if soft else "Sharpness", gain, "sharpened")
            case "brighter":
                dark = attributes.exposure <= -1.0
                yield gain, _rises("Dark" if dark else "Exposure", gain, "half a stop brighter")
            case "darker":
                bright = attributes.exposure >= 1.0 or attributes.clipped_highlights >= 2
                yield gain, _rises("Bright" if bright else "Exposure", gain, "half a stop darker")
            case "straightened":
                words = f"straightened by {abs(change.amount):.1f}°"
                yield gain, _rises("Slanted lines", gain, words)
    if crop is not None:
        share = 100 * (crop.box[2] - crop.box[0])
        yield (
            crop.gain,
            f"Framing: the score rises by {crop.gain:.2f} when cropped to {share:.0f} %.",
        )


def readings_in_words(attributes: Attributes) -> tuple[tuple[str, str], ...]:
    """The readings that are known, each with its name and its value with the unit."""
    found = []
    for name, unit in UNITS.items():
        value = getattr(attributes, name)
        if value is None or name in _BESIDE.values() or (name == "motion" and value == 0):
            continue
        sign = "+" if name in _SIGNED else ""
        decimals = 0 if abs(value) >= 10 else 1 if abs(value) >= 1 else 2
        words = f"{round(value, decimals) + 0.0:{sign}.{decimals}f}"
        space = "" if unit in ("", "°") else " "
        beside = getattr(attributes, _BESIDE[name]) if name in _BESIDE else None
        beside = f"{beside:.0f}°" if isinstance(beside, float) else beside
        tail = f" ({beside})" if beside else ""
        found.append((name.replace("_", " "), f"{words}{space}{unit}{tail}"))
    return tuple(found)


def _rises(what: str, gain: float, when: str) -> str:
    return f"{what}: the score rises by {gain:.2f} when {when}."


def _upper(words: str) -> str:
    return words[0].upper() + words[1:]
