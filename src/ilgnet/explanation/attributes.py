"""What can be measured in a picture's pixels, each with its unit and its source.

Everything is measured on a copy whose long side is at most `SIDE` pixels (smaller pictures are
never enlarged), so that readings of pictures from one camera can be compared. A reading says what
is in the pixels, not whether it is a fault: a night picture is dark, and may be meant so.
docs/explanations.md describes each; tests/explanation/test_attributes.py alters pictures by known
amounts and checks that the readings follow.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Grid = NDArray[np.float32]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, each 0..1 of the picture's width or height."""

SIDE: Final = 1280
"""Long side in pixels of the copy that is measured."""

_TILES: Final = 6
"""Tiles along each side, for what differs from place to place."""

_REBLUR: Final = 1.0
"""Pixels by which edges are blurred once more to see how wide they were."""

_EDGE: Final = 8.0
"""The least slope of an edge worth measuring, grey levels a pixel after the second blur."""

_WIDEST: Final = 12.0
"""Blurs beyond so many pixels cannot be told apart."""

_SURE: Final = 4.0
"""Edges within a degree of the tilt must be so many times as strong as edges at large."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """Readings of one picture.

    Attributes:
        blur: median width of edges, as the sigma of a Gaussian, in pixels of the measured copy;
            0.5 is crisp. None where the picture has no edges.
        subject_blur: the same inside the subject: the box given, else the sharpest ninth of the
            picture.
        blur_spread: how much wider edges are in the softest tiles than in the sharpest, pixels: a
            shallow depth of field, or one soft corner. None with fewer than three tiles of edges.
        motion: length of a straight smear, pixels; 0 where edges are alike in all directions.
        motion_angle: its direction, degrees from the horizontal, counter-clockwise, 0..180; None
            where `motion` is 0.
        exposure: mean brightness in stops from middle grey (18 %), of linear light.
        clipped_highlights: per cent of the pixels that are burnt out (all channels 252 or more).
        clipped_shadows: per cent of the pixels that are black (all channels 3 or less).
        noise: standard deviation of the noise in grey levels 0..255.
        contrast: standard deviation of the lightness L*, 0..50.
        colourfulness: 0 grey, 33 moderate, 82 high.
        cast: how far the picture's mean colour is from grey, CIELAB units.
        cast_hue: where to: "red", "yellow", "green", "cyan", "blue" or "magenta"; None below 2.
        tilt: degrees by which level and upright lines are turned, counter-clockwise positive,
            within 15; None where too few lines agree.
        symmetry: correlation of the picture with its mirror image, -1..1.
        balance: how far what attracts the eye lies right of the middle, per cent of the width.
        thirds: distance of its centre from the nearest crossing of the thirds, per cent of the
            diagonal.
        crowding: per cent of the picture's area that is busy with edges.
    """

    blur: float | None
    subject_blur: float | None
    blur_spread: float | None
    motion: float
    motion_angle: float | None
    exposure: float
    clipped_highlights: float
    clipped_shadows: float
    noise: float
    contrast: float
    colourfulness: float
    cast: float
    cast_hue: str | None
    tilt: float | None
    symmetry: float
    balance: float
    thirds: float
    crowding: float

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded to what they are good for."""
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}


UNITS: Final = {
    "blur": "px",
    "subject_blur": "px",
    "blur_spread": "px",
    "motion": "px",
    "motion_angle": "°",
    "exposure": "EV",
    "clipped_highlights": "%",
    "clipped_shadows": "%",
    "noise": "grey levels",
    "contrast": "L*",
    "colourfulness": "",
    "cast": "Lab",
    "cast_hue": "",
    "tilt": "°",
    "symmetry": "",
    "balance": "% of width",
    "thirds": "% of diagonal",
    "crowding": "%",
}
"""The unit of every attribute; "" where it has none."""

assert set(UNITS) == {each.name for each in fields(Attributes)}


def measured_copy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as it is measured: RGB uint8, long side at most `SIDE`."""
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Reduced by averaging: every original pixel counts, and noise falls as it does for the eye.
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX, reducing_gap=None))


def measure(rgb: NDArray[np.uint8], subject: Box | None = None) -> Attributes:
    """Measure a picture.

    Args:
        rgb: upright sRGB, uint8 (H, W, 3).
        subject: where the subject is, for `subject_blur`; the main face, for one.
    """
    rgb = measured_copy(rgb)
    grey = _grey(rgb)
    edges = _Edges.of(grey)
    linear = _luminance(rgb)
    lab = _lab(rgb)
    mean_a, mean_b = float(lab[1].mean()), float(lab[2].mean())
    cast = float(np.hypot(mean_a, mean_b))
    motion, angle = edges.motion()
    x, y, crowding = _attraction(grey)
    crossings = np.hypot(abs(abs(x - 0.5) - 1 / 6), abs(abs(y - 0.5) - 1 / 6))
    return Attributes(
        blur=edges.blur(),
        subject_blur=edges.subject_blur(subject),
        blur_spread=edges.spread(),
        motion=motion,
        motion_angle=angle,
        exposure=float(np.log2(max(float(linear.mean()), 1e-4) / 0.18)),
        clipped_highlights=100 * float((rgb.min(axis=2) >= 252).mean()),
        clipped_shadows=100 * float((rgb.max(axis=2) <= 3).mean()),
        noise=_noise(grey),
        contrast=float(lab[0].std()),
        colourfulness=_colourfulness(rgb),
        cast=cast,
        cast_hue=_hue(mean_a, mean_b) if cast >= 2 else None,
        tilt=_tilt(grey),
        symmetry=_symmetry(grey),
        balance=100 * (x - 0.5),
        thirds=100 * float(crossings / np.sqrt(2)),
        crowding=crowding,
    )


def _grey(rgb: NDArray[np.uint8]) -> Grid:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(rgb.astype(np.float32) @ weights)


def _blurred(grey: Grid, sigma: float) -> Grid:
    """A Gaussian blur in float: Pillow's own is made of boxes and of 8 bits."""
    reach = max(1, round(3 * sigma))
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        padding = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        wide = np.pad(grey, padding, mode="edge")
        length = grey.shape[axis]
        blurred = np.zeros_like(grey)
        for start, weight in enumerate(kernel):
            along = slice(start, start + length)
            blurred += weight * (wide[along] if axis == 0 else wide[:, along])
        grey = blurred
    return grey


def _slopes(grey: Grid) -> tuple[Grid, Grid]:
    """Central differences along x and y, in levels a pixel; 0 at the border."""
    dx, dy = np.zeros_like(grey), np.zeros_like(grey)
    dx[:, 1:-1] = (grey[:, 2:] - grey[:, :-2]) / 2
    dy[1:-1, :] = (grey[2:, :] - grey[:-2, :]) / 2
    dx[[0, -1]] = dy[[0, -1]] = 0
    dx[:, [0, -1]] = dy[:, [0, -1]] = 0
    return dx, dy


@dataclass(frozen=True, slots=True)
class _Edges:
    """Strong edges with how wide each is.

    Zhuo and Sim, "Defocus map estimation from a single image" (Pattern Recognition 44, 2011): an
    edge that is blurred once more by s0 loses slope by sqrt(1 + s0² / s²), which tells its own s.

    Attributes:
        rows, columns: where, 0..1 of the height and width.
        width: sigma in pixels.
        angle: direction of the slope, radians, 0..pi, counter-clockwise from the horizontal.
    """

    rows: NDArray[np.float64]
    columns: NDArray[np.float64]
    width: NDArray[np.float64]
    angle: NDArray[np.float64]

    @classmethod
    def of(cls, grey: Grid) -> _Edges:
        if min(grey.shape) < 16:
            return cls(*(np.zeros(0) for _ in range(4)))
        # A first small blur, so that noise is not taken for sharpness.
        once = _blurred(grey, 0.7)
        dx, dy = _slopes(once)
        again_x, again_y = _slopes(_blurred(once, _REBLUR))
        slope, again = np.hypot(dx, dy), np.hypot(again_x, again_y)
        threshold = max(_EDGE / 2, float(np.quantile(again, 0.9)) / 2)
        rows, columns = np.nonzero(_ridges(slope, dx, dy) & (again > threshold))
        ratio = np.maximum(slope[rows, columns] / again[rows, columns], 1.0 + 1e-4)
        squared = _REBLUR**2 / (np.square(ratio.astype(np.float64)) - 1) - 0.7**2
        angle = np.arctan2(-dy[rows, columns], dx[rows, columns]) % np.pi
        return cls(
            (rows + 0.5) / grey.shape[0],
            (columns + 0.5) / grey.shape[1],
            np.sqrt(np.clip(squared, 0.0, _WIDEST**2)),
            angle.astype(np.float64),
        )

    def blur(self) -> float | None:
        return float(np.median(self.width)) if len(self.width) >= 20 else None

    def subject_blur(self, subject: Box | None) -> float | None:
        if subject is not None:
            left, top, right, bottom = subject
            inside = (self.columns >= left) & (self.columns <= right)
            inside &= (self.rows >= top) & (self.rows <= bottom)
            return float(np.median(self.width[inside])) if inside.sum() >= 20 else None
        tiles = self._tiles(3)
        return min(tiles) if tiles else None

    def spread(self) -> float | None:
        tiles = self._tiles(_TILES)
        if len(tiles) < 3:
            return None
        return float(np.quantile(tiles, 0.9) - np.quantile(tiles, 0.1))

    def _tiles(self, side: int) -> list[float]:
        """The median width in every tile with enough edges."""
        tile = np.floor(self.rows * side) * side + np.floor(self.columns * side)
        found = [self.width[tile == number] for number in range(side * side)]
        enough = max(20.0, 0.01 * len(self.width) / (side * side) * 10)
        return [float(np.median(widths)) for widths in found if len(widths) >= enough]

    def motion(self) -> tuple[float, float | None]:
        """Length and direction of a smear, from how the widths differ with the direction.

        A smear of length L adds L² cos² / 12 to the variance of an edge that it crosses at an
        angle; the second harmonic of width² over direction tells L and where to.
        """
        if len(self.width) < 200:
            return 0.0, None
        bins = np.floor(self.angle / np.pi * 12).astype(int) % 12
        counts = np.bincount(bins, minlength=12)
        if (counts < 15).any():
            return 0.0, None
        variances = [
            float(np.median(np.square(self.width[bins == number]))) for number in range(12)
        ]
        angles = (np.arange(12) + 0.5) * np.pi / 12
        harmonic = 2 * np.mean(np.array(variances) * np.exp(2j * angles))
        rest = np.array(variances) - np.mean(variances) - (harmonic * np.exp(-2j * angles)).real
        # Half the swing of the sine; a swing that the rest drowns is none.
        if abs(harmonic) < 2 * float(rest.std()) or abs(harmonic) < 0.15:
            return 0.0, None
        length = float(np.sqrt(12 * 2 * abs(harmonic)))
        return length, float(np.degrees(np.angle(harmonic) / 2) % 180)


def _ridges(slope: Grid, dx: Grid, dy: Grid) -> NDArray[np.bool_]:
    """Where a slope is no less than its neighbours' across the edge (Canny 1986)."""
    ridge = np.zeros(slope.shape, bool)
    middle = slope[1:-1, 1:-1]
    flat = np.abs(dx) >= np.abs(dy)
    across = (middle >= slope[1:-1, :-2]) & (middle >= slope[1:-1, 2:])
    along = (middle >= slope[:-2, 1:-1]) & (middle >= slope[2:, 1:-1])
    ridge[1:-1, 1:-1] = np.where(flat[1:-1, 1:-1], across, along)
    return ridge


def _linear(rgb: NDArray[np.uint8]) -> Grid:
    """Linear light 0..1 (IEC 61966-2-1)."""
    levels = np.arange(256) / 255.0
    curve = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    found: Grid = curve.astype(np.float32)[rgb]
    return found


def _luminance(rgb: NDArray[np.uint8]) -> Grid:
    return np.asarray(_linear(rgb) @ np.array([0.2126, 0.7152, 0.0722], np.float32))


def _lab(rgb: NDArray[np.uint8]) -> Grid:
    """CIELAB under D65, (3, h, w), of a copy of at most 320 pixels."""
    small = Image.fromarray(rgb)
    small.thumbnail((320, 320), Image.Resampling.BOX)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]], np.float32
    )
    white = to_xyz.sum(axis=1)
    xyz = _linear(np.asarray(small)) @ to_xyz.T / white
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    found = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])]
    )
    return found.astype(np.float32)


def _hue(a: float, b: float) -> str:
    """The name of a CIELAB hue: sRGB's own six colours lie at these angles."""
    names = {40: "red", 103: "yellow", 136: "green", 196: "cyan", 306: "blue", 328: "magenta"}
    angle = np.degrees(np.arctan2(b, a)) % 360
    return names[min(names, key=lambda each: abs((angle - each + 180) % 360 - 180))]


def _noise(grey: Grid) -> float:
    """Immerkaer, "Fast noise variance estimation" (CVIU 64, 1996), of the calmer half of tiles.

    The mask does not see planes and slopes; texture it does, hence the calmer half.
    """
    if min(grey.shape) < 2 * _TILES + 2:
        return 0.0
    row = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    mask = row[:, :-2] - 2 * row[:, 1:-1] + row[:, 2:]
    strength = np.abs(mask) * np.sqrt(np.pi / 2) / 6
    inside = (grey[1:-1, 1:-1] > 4) & (grey[1:-1, 1:-1] < 251)  # clipped pixels are too quiet
    tiles = [
        float(values[known].mean())
        for values, known in zip(_cut(strength, 12), _cut(inside, 12), strict=True)
        if known.mean() > 0.5
    ]
    return float(np.quantile(tiles, 0.25)) if tiles else 0.0


def _cut(values: NDArray[Any], side: int) -> list[NDArray[Any]]:
    """A grid in tiles, `side` along each of its sides."""
    return [
        tile
        for band in np.array_split(values, side, axis=0)
        for tile in np.array_split(band, side, axis=1)
        if tile.size
    ]


def _colourfulness(rgb: NDArray[np.uint8]) -> float:
    """Hasler and Suesstrunk, "Measuring colourfulness in natural images" (SPIE 5007, 2003)."""
    red, green, blue = (rgb[..., channel].astype(np.float32) for channel in range(3))
    red_green, yellow_blue = red - green, (red + green) / 2 - blue
    spread = np.hypot(red_green.std(), yellow_blue.std())
    return float(spread + 0.3 * np.hypot(red_green.mean(), yellow_blue.mean()))


def _tilt(grey: Grid) -> float | None:
    """The turn of level and upright lines, from the directions of slopes, weighed by strength.

    Directions are those of a structure tensor (Bigun and Granlund 1987), which leaves out places
    where slopes disagree; level and upright count together.
    """
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    image.thumbnail((640, 640), Image.Resampling.BOX)
    small = np.asarray(image, dtype=np.float32)
    if min(small.shape) < 48:
        return None
    dx, dy = _slopes(_blurred(small, 1.0))
    xx, yy, xy = (_blurred(p, 3.0) for p in (dx * dx, dy * dy, dx * dy))
    total = xx + yy
    coherence = np.hypot(xx - yy, 2 * xy) / (total + 1e-6)
    keep = (coherence > 0.9) & (total > max(4.0, 2 * float(total.mean())))
    keep[:8] = keep[-8:] = False
    keep[:, :8] = keep[:, -8:] = False
    if keep.sum() < 200:
        return None
    angle = np.degrees(0.5 * np.arctan2(-2 * xy[keep], (xx - yy)[keep]))  # of the slope, -90..90
    turned = (angle + 45) % 90 - 45
    weight = np.sqrt(total[keep]).astype(np.float64)
    histogram = np.bincount(
        np.clip(np.floor((turned + 45) * 4).astype(int), 0, 359), weights=weight, minlength=360
    )
    width = np.exp(-0.5 * np.square(np.arange(-6, 7) / 2.0))
    smooth = np.convolve(np.pad(histogram, 6, mode="wrap"), width / width.sum(), mode="valid")
    centres = (np.arange(360) + 0.5) / 4 - 45
    near = np.abs(centres) <= 15
    peak = int(np.argmax(np.where(near, smooth, -1.0)))
    if smooth[peak] < _SURE * smooth.mean() or smooth[peak] < 0.6 * smooth.max():
        return None
    around = np.abs(turned - centres[peak]) <= 1.5
    return float(np.average(turned[around], weights=weight[around]))


def _symmetry(grey: Grid) -> float:
    small = np.asarray(Image.fromarray(grey).resize((64, 64), Image.Resampling.BOX))
    centred = small - small.mean()
    power = float(np.square(centred).mean())
    return float((centred * centred[:, ::-1]).mean() / power) if power > 1e-6 else 1.0


def _attraction(grey: Grid) -> tuple[float, float, float]:
    """Where what attracts the eye is centred, x and y 0..1, and the per cent that is busy.

    Attraction is contrast with the surroundings at two scales (Itti, Koch and Niebur 1998, the
    intensity channel alone).
    """
    small = np.asarray(
        Image.fromarray(grey).resize((96, 96), Image.Resampling.BOX), dtype=np.float32
    )
    attraction = np.zeros_like(small)
    for centre, surround in ((1.0, 6.0), (2.0, 12.0)):
        attraction += np.abs(_blurred(small, centre) - _blurred(small, surround))
    attraction = np.square(attraction)
    total = float(attraction.sum())
    dx, dy = _slopes(small)
    busy = 100 * float((np.hypot(dx, dy) > 10).mean())
    if total <= 1e-6:
        return 0.5, 0.5, busy
    middle = (np.arange(96) + 0.5) / 96
    x, y = attraction.sum(axis=0) @ middle / total, attraction.sum(axis=1) @ middle / total
    return float(x), float(y), busy
