"""Colours that an `nclx` box, a `cICP` chunk or a profile's `cicp` tag encodes, to sRGB; and those
that are a power of light in given primaries, as PNG's `gAMA` and `cHRM` say it and Adobe RGB is.

Sources: ITU-T H.273 (what the numbers mean), ITU-R BT.2100 (PQ and HLG), BT.2408 (white of HDR lies
at 203 cd/m2), BT.2390 (the tone curve). See decision 0082.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ilgnet.images.boxes import Cicp

_PQ, _HLG = 16, 18
_GAMMAS: Final = {4: 2.2, 5: 2.8, 8: 1.0}
"""Transfers that are a power; 8 is linear."""

_WHITE_NITS: Final = 203.0
_HLG_PEAK_NITS: Final = 1000.0
_HLG_GAMMA: Final = 1.2
_PEAK_PERCENTILE: Final = 99.9
"""Single bright pixels do not set the tone of a picture."""

Point: TypeAlias = tuple[float, float]
Primaries: TypeAlias = tuple[Point, Point, Point, Point]
"""Red, green, blue and white as (x, y)."""

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_PRIMARIES: Final[dict[int, Primaries]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),  # BT.709, sRGB
    4: ((0.670, 0.330), (0.210, 0.710), (0.140, 0.080), _C),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060), _D65),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),  # BT.2020
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _DCI),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),  # Display P3
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
"""By the numbers of H.273, table 2."""

BT709: Final = _PRIMARIES[1]


@dataclass(frozen=True, slots=True)
class Gamma:
    """How colours are encoded where nothing but a power and primaries tells.

    Attributes:
        power: of a code value that gives its light.
        primaries: those of the colours.
    """

    power: float
    primaries: Primaries = BT709


Encoding: TypeAlias = Cicp | Gamma

ADOBE_RGB: Final = Gamma(563 / 256, ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65))
"""Adobe RGB (1998) color image encoding, 4.3.1.1 and 4.3.4.2."""

_SRGB_POWER: Final = 2.2
_NEAR: Final = 0.02
"""sRGB is written as a power of 2.2, and with rounded primaries."""

_BRADFORD: Final = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_ROWS: Final = 128


def is_hdr(encoding: Encoding | None) -> bool:
    """Whether the code values are PQ or HLG, which mean nothing as sRGB."""
    return isinstance(encoding, Cicp) and encoding.transfer in (_PQ, _HLG)


def is_srgb_encoding(encoding: Encoding | None) -> bool:
    """Whether RGB of this encoding is sRGB as it stands; so it is where it says nothing.

    The curves of BT.709, BT.601 and BT.2020 are those of a camera; a display shows all of them as
    it does sRGB.
    """
    if encoding is None:
        return True
    if isinstance(encoding, Gamma):
        apart = np.abs(np.subtract(encoding.primaries, BT709)).max()
        return bool(abs(encoding.power - _SRGB_POWER) <= _NEAR and apart <= _NEAR)
    plain = encoding.transfer not in (_PQ, _HLG) and encoding.transfer not in _GAMMAS
    return plain and (encoding.primaries == 1 or encoding.primaries not in _PRIMARIES)


def to_srgb(rgb: NDArray[Any], encoding: Encoding) -> NDArray[np.uint8]:
    """Convert code values to sRGB; HDR is tone-mapped.

    Args:
        rgb: uint8 or uint16 (H, W, 3), full range.
        encoding: what they mean.
    """
    peak = _peak(rgb, encoding) if is_hdr(encoding) else None
    matrix = _matrix(_primaries(encoding))
    out = np.empty(rgb.shape, np.uint8)
    for top in range(0, len(rgb), _ROWS):  # a large picture is never held in floats
        light = _light(rgb[top : top + _ROWS], encoding)
        if peak is not None:
            light = _tone_mapped(light, peak) / _WHITE_NITS
        out[top : top + _ROWS] = _srgb_codes(light @ matrix.T)
    return out


def _primaries(encoding: Encoding) -> Primaries:
    if isinstance(encoding, Gamma):
        return encoding.primaries
    return _PRIMARIES.get(encoding.primaries, BT709)


def _light(rgb: NDArray[Any], encoding: Encoding) -> NDArray[np.float32]:
    """Linear light: cd/m2 for PQ and HLG, 0..1 for the others."""
    linear: NDArray[np.float32] = _curve(encoding, np.iinfo(rgb.dtype).max)[rgb]
    if isinstance(encoding, Cicp) and encoding.transfer == _HLG:
        # The display's own rendering, BT.2100 table 5.
        luminance = linear @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        linear = linear * (_HLG_PEAK_NITS * luminance ** (_HLG_GAMMA - 1))[..., None]
    return linear


@lru_cache(maxsize=8)
def _curve(encoding: Encoding, top: int) -> NDArray[np.float32]:
    """The light of every code value."""
    code = np.arange(top + 1) / top
    if isinstance(encoding, Gamma):
        return np.asarray(code**encoding.power, np.float32)
    transfer = encoding.transfer
    if transfer == _PQ:
        light = _from_pq(code)
    elif transfer == _HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    elif transfer in _GAMMAS:
        light = code ** _GAMMAS[transfer]
    else:
        light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)


_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _from_pq(code: NDArray[Any]) -> NDArray[Any]:
    """PQ's code 0..1 to cd/m2 (BT.2100, table 4)."""
    power = np.maximum(code, 0) ** (1 / _M2)
    nits: NDArray[Any] = 10_000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)
    return nits


def _to_pq(nits: NDArray[Any]) -> NDArray[Any]:
    power = (np.maximum(nits, 0) / 10_000) ** _M1
    code: NDArray[Any] = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return code


def _peak(rgb: NDArray[Any], encoding: Encoding) -> float:
    """The brightest light of a picture, in cd/m2, single pixels aside."""
    step = max(1, min(rgb.shape[:2]) // 512)
    brightest = _light(np.ascontiguousarray(rgb[::step, ::step]), encoding).max(axis=-1)
    return float(np.percentile(brightest, _PEAK_PERCENTILE))


def _tone_mapped(light: NDArray[np.float32], peak: float) -> NDArray[np.float32]:
    """Bring everything up to `peak` below HDR's white, by the brightest of the three colours.

    What is no brighter than white stays as it is: only then is an HDR file of an ordinary scene
    the same picture as an SDR file of it. BT.2390, section 5.4.1, with black at zero.
    """
    if peak <= _WHITE_NITS:
        return light
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-6)
    source, target = _to_pq(np.array(peak)), _to_pq(np.array(_WHITE_NITS))
    most = target / source
    knee = 1.5 * most - 0.5
    code = np.minimum(_to_pq(brightest) / source, 1)
    t = (code - knee) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    spline += (3 * t**2 - 2 * t**3) * most
    mapped = _from_pq(np.where(code < knee, code, spline) * source)
    return np.asarray(light * (mapped / brightest), np.float32)


@lru_cache(maxsize=16)
def _matrix(primaries: Primaries) -> NDArray[np.float32]:
    """From linear RGB of these primaries to that of sRGB; white stays white."""
    *_, white = primaries
    cones_from, cones_to = _BRADFORD @ _xyz(white), _BRADFORD @ _xyz(_D65)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(cones_to / cones_from) @ _BRADFORD
    matrix = np.linalg.inv(_to_xyz(BT709)) @ adapt @ _to_xyz(primaries)
    return np.asarray(matrix, np.float32)


def _xyz(chromaticity: Point) -> NDArray[np.float64]:
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def _to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    *colours, white = primaries
    columns = np.stack([_xyz(colour) for colour in colours], axis=1)
    return columns * np.linalg.solve(columns, _xyz(white))


def _srgb_codes(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    light = np.clip(light, 0, 1)
    code = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(code * 255), np.uint8)
