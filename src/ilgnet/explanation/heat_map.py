"""Where in a picture its score comes from: by occlusion for any model, and by exact parts.

Both say what each place adds to the distance between the score and that of a plain card of
the picture's mean colour. Parts take the model's own sum apart where its head lets them
(`ilgnet.explanation.head`): they add up to the distance, for local and global taps apart. Occlusion
hides one place after another, and shows it alone, and sees what the model says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.explanation.head import EPSILON, Array, Head, Taps, read_head
from ilgnet.explanation.targets import Predictor, Target
from ilgnet.images.preprocess import normalise, resized_bytes
from ilgnet.scoring import Scorer
from ilgnet.values import VOTES

PLACES: Final = 7
"""Places along each side of an occlusion map."""

BLUR: Final = 1 / 18
"""Sigma of the blurred copy, of the shorter side of the network's input."""

WORTH_NAMING: Final = 0.05
"""Votes by which a place must move the target to be named."""

_WHERE: Final = (
    "upper left",
    "upper middle",
    "upper right",
    "left side",
    "centre",
    "right side",
    "lower left",
    "lower middle",
    "lower right",
)

_STEPS: Final = 96
"""Points on the way from the plain card to the picture at which the head's slope is taken."""

_AT_ONCE: Final = 4_000_000
"""Numbers that are held for such points together."""

_LOCAL_STRIDE: Final = 16
"""Taps with no more than so many input pixels a position are local: they see texture and detail;
the others see the whole picture."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """What each place of a picture adds to the target or takes from it, in the target's unit.

    Attributes:
        values: float32 (h, w), rows from the top; positive raises the target.
        method: "parts": the place's share of value - baseline, which the shares add up to;
            "occlusion": the mean of what the target loses when the place alone is replaced by plain
            card, and gains when it alone is shown on it; "replacement": the same with another
            frame in place of the card, positive where that frame is better.
        target: what is explained.
        area: the part of the picture that the map covers (a network may see only its middle):
            left, top, right, bottom, 0..1.
        value: the target of the picture, as the network's input shows it.
        baseline: the target of the plain card, or of the other frame.
    """

    values: NDArray[np.float32]
    method: Literal["occlusion", "replacement", "parts"]
    target: Target
    area: tuple[float, float, float, float]
    value: float
    baseline: float

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "method": self.method,
            "target": self.target,
            "area": [round(side, 4) for side in self.area],
            "value": round(self.value, 4),
            "baseline": round(self.baseline, 4),
            "values": [[round(float(v), 4) for v in row] for row in self.values],
        }


@dataclass(frozen=True, slots=True)
class Parts:
    """The score taken apart.

    Attributes:
        whole: all taps together.
        local: the taps that see texture and detail; None where the model has none.
        global_: the taps that see the whole picture; None where the model has none.
        taps: votes that each tap adds, by name; they sum to value - baseline.
        missing: votes by which the sum misses value - baseline (numerical, below 0.01).
    """

    whole: HeatMap
    local: HeatMap | None
    global_: HeatMap | None
    taps: dict[str, float]
    missing: float

    def to_json(self) -> dict[str, Any]:
        """Plain values; of the maps the sums alone, in votes."""

        def votes(heat: HeatMap | None) -> float | None:
            return None if heat is None else round(float(heat.values.sum()), 4)

        return {
            "value": round(self.whole.value, 4),
            "baseline": round(self.whole.baseline, 4),
            "local": votes(self.local),
            "global": votes(self.global_),
            "taps": {name: round(share, 4) for name, share in self.taps.items()},
            "missing": round(self.missing, 4),
        }


def blurred_copy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture without its content: RGB uint8 (h, w, 3) of the network's size."""
    radius = BLUR * min(rgb.shape[:2])
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(radius)))


def plain_card(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture's mean colour and nothing else: RGB uint8 of the same shape."""
    card = np.empty_like(rgb)
    card[:] = rgb.reshape(-1, 3).mean(axis=0).round()
    return card


def main_map(predictor: Predictor, rgb: NDArray[np.uint8]) -> tuple[HeatMap, Parts | None]:
    """The map that a picture is explained with: the parts' whole, else the one by occlusion."""
    exact = parts(predictor.scorer, rgb) if predictor.target == "score" else None
    return (exact.whole, exact) if exact is not None else (occlusion_map(predictor, rgb), None)


def occlusion_map(predictor: Predictor, rgb: NDArray[np.uint8], places: int = PLACES) -> HeatMap:
    """The map of any model, by 2 x `places` x `places` + 2 runs of it.

    Args:
        predictor: the model and what is asked of it.
        rgb: the upright picture, uint8 (H, W, 3).
        places: along each side.
    """
    seen = resized_bytes(rgb, predictor.scorer.weights.preprocess)
    return _exchanged(predictor, rgb, seen, plain_card(seen), places)


def replacement_map(
    predictor: Predictor, rgb: NDArray[np.uint8], other: NDArray[np.uint8], places: int = PLACES
) -> HeatMap:
    """What each place adds to the lead of another frame over a picture.

    Args:
        predictor: the model and what is asked of it.
        rgb: the upright picture, uint8 (H, W, 3).
        other: a frame of the same scene, uint8 (H, W, 3).
        places: along each side.
    """
    seen, donor = _two_seen(predictor, rgb, other)
    lost = _exchanged(predictor, rgb, seen, donor, places)
    return replace(lost, values=-lost.values, method="replacement")


def _two_seen(
    predictor: Predictor, rgb: NDArray[np.uint8], other: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two pictures as the network sees them, the second in the shape of the first."""
    preprocess = predictor.scorer.weights.preprocess
    seen, donor = resized_bytes(rgb, preprocess), resized_bytes(other, preprocess)
    if donor.shape != seen.shape:
        donor = np.asarray(Image.fromarray(donor).resize(seen.shape[1::-1]))
    return seen, donor


def _exchanged(
    predictor: Predictor,
    rgb: NDArray[np.uint8],
    seen: NDArray[np.uint8],
    donor: NDArray[np.uint8],
    places: int,
) -> HeatMap:
    """What each place adds to the distance of a picture from a donor.

    Places work together, so what one is worth depends on which others are there: the mean of the
    two extremes is taken, when all others are there and when none is. (It is the trapezoid of the
    integral of Aumann and Shapley 1974; docs/decisions/0130 has what it gained.)
    """
    windows = list(_windows(seen.shape[0], seen.shape[1], places))
    versions = chain(
        (seen, donor),
        (_mixed(seen, donor, window) for window in windows),
        (_mixed(donor, seen, window) for window in windows),
    )
    value, baseline, *changed = predictor.inputs(versions)
    without, alone = np.array(changed[: len(windows)]), np.array(changed[len(windows) :])
    values = ((value - without) + (alone - baseline)).reshape(places, places) / 2
    area = seen_area(rgb, predictor.scorer)
    return HeatMap(
        values.astype(np.float32),
        "occlusion",
        predictor.target,
        area,
        float(value),
        float(baseline),
    )


def _mixed(
    one: NDArray[np.uint8], other: NDArray[np.uint8], window: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """A picture with another inside a window."""
    mixed = one + window * (other.astype(np.float32) - one)
    return np.asarray(mixed.round().astype(np.uint8))


def parts(scorer: Scorer, rgb: NDArray[np.uint8]) -> Parts | None:
    """The score's parts, by two runs of the model; None where its head is not of the known kind.

    Args:
        scorer: the model.
        rgb: the upright picture, uint8 (H, W, 3).
    """
    engine = scorer.engine
    if not isinstance(engine, OnnxEngine) or scorer.weights.output != "votes":
        return None
    head = read_head(engine.path)
    if head is None:
        return None
    preprocess = scorer.weights.preprocess
    seen = resized_bytes(rgb, preprocess)
    (taps, votes), (plain, _) = (
        _taps(engine, normalise(version, preprocess)) for version in (seen, plain_card(seen))
    )
    if not head.check(taps, votes):
        return None
    shares = _shares(head, taps, plain)
    return _parts(shares, head, taps, plain, seen_area(rgb, scorer), seen.shape[0])


@dataclass(frozen=True, slots=True)
class PlaceEffect:
    """What one ninth of a picture does to the target, tried out.

    Attributes:
        where: in words, as "upper left" or "centre".
        votes: by how much the target falls when the place is blurred and all else is as it is.
    """

    where: str
    votes: float


def tried_places(
    predictor: Predictor, rgb: NDArray[np.uint8], heat: HeatMap
) -> tuple[PlaceEffect, ...]:
    """The places that raise and lower the target most: the map nominates, an experiment decides.

    A map says what was, not what would be; so the ninth of the picture that it puts first, and the
    one that it puts last, are blurred. Only what then moves the target the way the map says, by
    `WORTH_NAMING` or more, is returned: two places at most, by three runs of the model.
    """
    ninths = _ninths(heat.values)
    chosen = [int(np.argmax(ninths)), int(np.argmin(ninths))]
    seen = resized_bytes(rgb, predictor.scorer.weights.preprocess)
    blurred = blurred_copy(seen)
    windows = list(_windows(seen.shape[0], seen.shape[1], 3))
    versions = [_mixed(seen, blurred, windows[place]) for place in chosen]
    value, *changed = predictor.inputs([seen, *versions])
    falls = [float(value - each) for each in changed]
    return tuple(
        PlaceEffect(_WHERE[place], fall)
        for place, sign, fall in zip(chosen, (1, -1), falls, strict=True)
        if sign * fall >= WORTH_NAMING
    )


def replaced_places(
    predictor: Predictor, rgb: NDArray[np.uint8], other: NDArray[np.uint8], heat: HeatMap
) -> tuple[PlaceEffect, ...]:
    """The ninth of a frame that gains most when it is taken from another; none that gains little.

    Args:
        predictor: the model and what is asked of it.
        rgb: the frame, uint8 (H, W, 3).
        other: the one that it takes from.
        heat: the frame's map by replacement.
    """
    place = int(np.argmax(_ninths(heat.values)))
    seen, donor = _two_seen(predictor, rgb, other)
    window = list(_windows(seen.shape[0], seen.shape[1], 3))[place]
    value, changed = predictor.inputs([seen, _mixed(seen, donor, window)])
    gain = float(changed - value)
    return (PlaceEffect(_WHERE[place], gain),) if gain >= WORTH_NAMING else ()


def _ninths(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The sums of a map over the ninths of the picture, row by row."""
    rows, columns = (np.arange(size) * 3 // size for size in values.shape)
    place = 3 * rows[:, None] + columns[None, :]
    sums = np.bincount(place.ravel(), weights=values.ravel().astype(np.float64), minlength=9)
    return np.asarray(sums, dtype=np.float64)


def seen_area(rgb: NDArray[np.uint8], scorer: Scorer) -> tuple[float, float, float, float]:
    """The part of a picture that the network sees: left, top, right, bottom, 0..1."""
    preprocess = scorer.weights.preprocess
    if preprocess.crop is None:
        return (0.0, 0.0, 1.0, 1.0)
    width, height = preprocess.resized(rgb.shape[1], rgb.shape[0])
    x, y = (1 - preprocess.crop / width) / 2, (1 - preprocess.crop / height) / 2
    return (x, y, 1 - x, 1 - y)


def _windows(height: int, width: int, places: int) -> Iterator[NDArray[np.float32]]:
    """Smooth windows (height, width, 1), one a place, row by row; neighbours overlap a little."""

    def along(length: int) -> list[NDArray[np.float64]]:
        at = (np.arange(length) + 0.5) / length * places
        return [np.exp(-0.5 * ((at - (place + 0.5)) / 0.55) ** 4) for place in range(places)]

    across = along(width)
    for row in along(height):
        for column in across:
            yield np.outer(row, column).astype(np.float32)[:, :, None]


def _taps(engine: OnnxEngine, pixels: NDArray[np.float32]) -> tuple[Taps, NDArray[np.float32]]:
    names = [name for name in engine.output_names if name.startswith("tap:")]
    votes, *maps = engine.fetch(["probabilities", *names], pixels[None])
    taps = {name.removeprefix("tap:"): tap[0] for name, tap in zip(names, maps, strict=True)}
    return taps, votes[0]


def _shares(head: Head, taps: Taps, plain: Taps) -> dict[str, Array]:
    """What each position of each tap adds to the score, (h, w) a tap.

    Integrated gradients (Sundararajan, Taly and Yan, ICML 2017) from the plain card's reduced
    taps to the picture's give each reduced value its share of the distance between the scores. A
    mean is a sum over positions, and so is the variance under a deviation, so a share divides
    among the positions without remainder.
    """
    end, start = head.inputs(taps), head.inputs(plain)
    slopes = _mean_slopes(head, start, end)
    shares: dict[str, Array] = {}
    for piece, slope, a, b in zip(head.pieces, slopes, start, end, strict=True):
        now, before = taps[piece.tap].astype(np.float64), plain[piece.tap].astype(np.float64)
        positions = now[0].size
        match piece.reduction:
            case "flatten":
                share = (slope.reshape(now.shape) * (now - before)).sum(axis=0)
            case "mean":
                share = np.tensordot(slope, now - before, axes=1) / positions
            case "deviation":
                # b - a = (b² - a²) / (a + b), and the squares are means over positions.
                rate = slope / (positions * np.maximum(a + b, EPSILON))
                share = np.tensordot(rate, _squares(now) - _squares(before), axes=1)
        shares[piece.tap] = shares.get(piece.tap, np.zeros(now.shape[1:])) + share
    return shares


def _mean_slopes(head: Head, start: list[Array], end: list[Array]) -> list[Array]:
    """The head's mean slope on the straight way from `start` to `end`, for each of its inputs."""
    # Midpoints: the head has kinks, on which higher rules gain nothing.
    steps = (np.arange(_STEPS) + 0.5) / _STEPS
    together = max(1, _AT_ONCE // sum(map(len, end)))
    totals = [np.zeros_like(vector) for vector in end]
    for chosen in np.array_split(steps, -(-_STEPS // together)):
        rows = [a + chosen[:, None] * (b - a) for a, b in zip(start, end, strict=True)]
        for total, slopes in zip(totals, head.slopes(rows, VOTES), strict=True):
            total += slopes.sum(axis=0) / _STEPS
    return totals


def _squares(tap: Array) -> Array:
    return np.asarray(np.square(tap - tap.mean(axis=(1, 2), keepdims=True)))


def _parts(
    shares: dict[str, Array],
    head: Head,
    taps: Taps,
    plain: Taps,
    area: tuple[float, float, float, float],
    side: int,
) -> Parts:
    value, baseline = (
        float(head.probabilities(head.inputs(each)) @ VOTES) for each in (taps, plain)
    )
    local = {n: s for n, s in shares.items() if side / s.shape[0] <= _LOCAL_STRIDE + 1}
    global_ = {n: s for n, s in shares.items() if n not in local}

    def heat(chosen: dict[str, Array]) -> HeatMap | None:
        if not chosen:
            return None
        height = max(share.shape[0] for share in chosen.values())
        width = max(share.shape[1] for share in chosen.values())
        total = sum((_spread(s, height, width) for s in chosen.values()), np.zeros((height, width)))
        return HeatMap(total.astype(np.float32), "parts", "score", area, value, baseline)

    whole = heat(shares)
    assert whole is not None
    votes = {name: float(share.sum()) for name, share in shares.items()}
    missing = value - baseline - sum(votes.values())
    return Parts(whole, heat(local), heat(global_), votes, missing)


def _spread(share: Array, height: int, width: int) -> Array:
    """A map on a finer grid with the same sum."""
    if share.shape == (height, width):
        return share
    fine = Image.fromarray(share.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    found = np.asarray(fine, dtype=np.float64) * share.size / (height * width)
    # Interpolation at the border moves the sum a little; what is added is the same everywhere.
    return np.asarray(found + (share.sum() - found.sum()) / found.size)
