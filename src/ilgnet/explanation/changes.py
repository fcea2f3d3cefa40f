"""What if: how the score moves when the picture is cropped, straightened, exposed or sharpened.

Every change is made to the same small copy and scored the way pictures are scored, so a change of
nothing changes nothing. A model's liking for an edit is no proof that people like it: the size of a
change is the evidence, and docs/explanations.md says how often a second model agreed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, radians, sin
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ilgnet.explanation.attributes import Attributes, Box
from ilgnet.explanation.heat_map import HeatMap, main_map
from ilgnet.explanation.targets import Predictor
from ilgnet.scoring import Scorer
from ilgnet.values import ImageRef, Verdict

STOPS: Final = 0.5
"""By how much a picture is made brighter and darker."""

LEAST_TILT: Final = 0.5
"""Degrees below which a horizon is straight enough."""

CROP_SIDES: Final = (0.9, 0.8, 0.7)
"""Sides of the crops that are tried, of the picture's own; smaller ones are other pictures."""

CROP_GAIN: Final = 0.1
"""Votes that a crop must gain to be suggested: the best of many gains a little by chance."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one edit does to the model's answer.

    Attributes:
        edit: "sharpened", "brighter", "darker" or "straightened".
        amount: stops, or degrees counter-clockwise; per cent of an unsharp mask.
        score: by how much the score rises, votes.
        technical: by how much `technical` rises, standard deviations; None where the model does not
            tell it.
    """

    edit: str
    amount: float
    score: float
    technical: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "edit": self.edit,
            "amount": round(self.amount, 2),
            "score": round(self.score, 4),
            "technical": None if self.technical is None else round(self.technical, 4),
        }


@dataclass(frozen=True, slots=True)
class Crop:
    """The part of a picture that scores best.

    Attributes:
        box: left, top, right, bottom, 0..1.
        score: of the crop.
        gain: by how much it scores higher than the whole.
        map: where in the crop its score comes from.
    """

    box: Box
    score: float
    gain: float
    map: HeatMap

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "box": [round(side, 4) for side in self.box],
            "score": round(self.score, 4),
            "gain": round(self.gain, 4),
            "map": self.map.to_json(),
        }


def what_if(scorer: Scorer, rgb: NDArray[np.uint8], attributes: Attributes) -> tuple[Change, ...]:
    """Try the edits that suit a picture.

    Args:
        scorer: the model.
        rgb: the upright picture, uint8 (H, W, 3).
        attributes: its readings; straightening is tried where a tilt is known.
    """
    small = small_copy(rgb, scorer)
    edits: list[tuple[str, float, NDArray[np.uint8], NDArray[np.uint8]]] = [
        ("sharpened", 100.0, small, _sharpened(small)),
        ("brighter", STOPS, small, _exposed(small, STOPS)),
        ("darker", -STOPS, small, _exposed(small, -STOPS)),
    ]
    if attributes.tilt is not None and abs(attributes.tilt) >= LEAST_TILT:
        # Beside the same crop without the turn, so that the crop's own effect does not count.
        turn = -attributes.tilt
        edits.append(("straightened", turn, _turned(small, turn, 0.0), _turned(small, turn, turn)))
    versions = {id(each): each for *_, before, after in edits for each in (before, after)}
    verdicts = dict(zip(versions, score_all(scorer, list(versions.values())), strict=True))
    changes = []
    for edit, amount, one, other in edits:
        before, after = verdicts[id(one)], verdicts[id(other)]
        technical = None
        if before.technical is not None and after.technical is not None:
            technical = after.technical - before.technical
        changes.append(Change(edit, amount, after.score - before.score, technical))
    return tuple(changes)


def best_crop(scorer: Scorer, rgb: NDArray[np.uint8]) -> Crop | None:
    """The best of 27 crops of the picture's own shape; None where none gains `CROP_GAIN`.

    Args:
        scorer: the model.
        rgb: the upright picture, uint8 (H, W, 3).
    """
    small = small_copy(rgb, scorer)
    boxes = [(0.0, 0.0, 1.0, 1.0), *_boxes()]
    whole, *crops = score_all(scorer, [cropped(small, box) for box in boxes])
    best, verdict = max(zip(boxes[1:], crops, strict=True), key=lambda each: each[1].score)
    gain = verdict.score - whole.score
    if gain < CROP_GAIN:
        return None
    heat, _ = main_map(Predictor(scorer), cropped(small, best))
    return Crop(best, verdict.score, gain, heat)


def cropped(rgb: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of a picture inside a box."""
    height, width = rgb.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    return np.ascontiguousarray(rgb[top : max(bottom, top + 1), left : max(right, left + 1)])


def small_copy(rgb: NDArray[np.uint8], scorer: Scorer) -> NDArray[np.uint8]:
    """The picture at about twice what the smallest crop needs for the network; never enlarged."""
    side = scorer.weights.preprocess.decode_side
    scale = side / min(rgb.shape[:2])
    if scale >= 1:
        return rgb
    size = max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))


def score_all(scorer: Scorer, versions: Sequence[NDArray[np.uint8]]) -> list[Verdict]:
    """The verdict of every version, in order."""
    refs = [ImageRef(str(number), rgb) for number, rgb in enumerate(versions)]
    verdicts = [outcome for outcome in scorer.score_many(refs) if isinstance(outcome, Verdict)]
    assert len(verdicts) == len(versions)  # pixels cannot be unreadable
    return verdicts


def _boxes() -> Iterator[Box]:
    for side in CROP_SIDES:
        for top in (0.0, 0.5, 1.0):
            for left in (0.0, 0.5, 1.0):
                x, y = left * (1 - side), top * (1 - side)
                yield (x, y, x + side, y + side)


def _sharpened(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    mask = ImageFilter.UnsharpMask(radius=2, percent=100, threshold=0)
    return np.asarray(Image.fromarray(rgb).filter(mask))


def _exposed(rgb: NDArray[np.uint8], stops: float) -> NDArray[np.uint8]:
    """Brighter or darker in linear light; what was burnt out stays so."""
    levels = np.arange(256) / 255.0
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    light = np.clip(linear * 2.0**stops, 0.0, 1.0)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    table = (255 * encoded).round().astype(np.uint8)
    return np.asarray(table[rgb])


def _turned(rgb: NDArray[np.uint8], room: float, turn: float) -> NDArray[np.uint8]:
    """Turned counter-clockwise, cut to the largest box that a turn by `room` leaves."""
    height, width = rgb.shape[:2]
    angle = abs(radians(room))
    # The corners of the box must stay inside the turned picture.
    scale = min(
        1 / (cos(angle) + sin(angle) * height / width),
        1 / (cos(angle) + sin(angle) * width / height),
    )
    image = Image.fromarray(rgb).rotate(turn, Image.Resampling.BICUBIC)
    x, y = (1 - scale) / 2, (1 - scale) / 2
    return cropped(np.asarray(image), (x, y, 1 - x, 1 - y))
