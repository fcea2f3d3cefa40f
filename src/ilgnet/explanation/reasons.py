"""Why one frame is worse than another, from what was measured in both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ilgnet.explanation.attributes import UNITS, Attributes
from ilgnet.values import Difference

SOFTER: Final = (0.3, 1.25)
"""Edges are wider by at least so many pixels, and by so many times."""

TILT: Final = 1.5
"""Degrees by which a frame must be more slanted."""

EXPOSURE: Final = 0.4
"""Stops by which a frame must be darker or brighter."""

CLIPPED: Final = 2.0
"""Per cent of the picture by which more must be burnt out or black."""

NOISE: Final = (1.0, 1.3)
"""Grey levels by which a frame must be noisier, and so many times."""

MOTION: Final = 4.0
"""Pixels by which a smear must be longer ..."""

SMEAR_SHARE: Final = 0.6
"""... and the share of an edge's added variance that it must explain: the rest is lost focus."""


def why_worse(frame: Attributes, best: Attributes) -> tuple[Difference, ...]:
    """What is wrong with a frame that is not wrong with the best one.

    Both must be frames of one scene, measured at the same size. Nothing is said of what differs by
    less than readings of one scene do, so the answer may be empty.

    Args:
        frame: readings of the frame that lost.
        best: readings of the frame that won.
    """
    return tuple(_differences(frame, best))


def _differences(frame: Attributes, best: Attributes) -> Iterator[Difference]:
    def differs(reading: str, words: str) -> Difference:
        now, before = (float(getattr(each, reading)) for each in (frame, best))
        return Difference(reading, now, before, UNITS[reading], words)

    softer = _softer(frame, best)
    if softer is not None:
        name, words = softer
        now, before = getattr(frame, name), getattr(best, name)
        if _is_smear(frame, best, now**2 - before**2):
            yield differs(
                "motion",
                f"smeared by {frame.motion:.0f} px or more along {frame.motion_angle:.0f}°",
            )
        else:
            yield differs(name, f"{words}: {now - before:.1f} px")
    slant = frame.tilt
    if slant is not None and best.tilt is not None and abs(slant) - abs(best.tilt) >= TILT:
        yield differs("tilt", f"tilted {abs(slant):.1f}°")
    brighter = frame.exposure - best.exposure
    if frame.clipped_highlights - best.clipped_highlights >= CLIPPED:
        words = f"burnt out: {frame.clipped_highlights:.0f} % of the picture"
        yield differs("clipped_highlights", words)
    elif brighter >= EXPOSURE:
        yield differs("exposure", f"brighter by {brighter:.1f} EV")
    if frame.clipped_shadows - best.clipped_shadows >= CLIPPED:
        yield differs("clipped_shadows", f"black: {frame.clipped_shadows:.0f} % of the picture")
    elif -brighter >= EXPOSURE:
        yield differs("exposure", f"darker by {-brighter:.1f} EV")
    least, times = NOISE
    if frame.noise - best.noise >= least and frame.noise >= times * best.noise:
        yield differs("noise", f"noisier: {frame.noise - best.noise:.1f} grey levels")


def _softer(frame: Attributes, best: Attributes) -> tuple[str, str] | None:
    """The first reading of the edges' width that is clearly larger, and how that is called."""
    least, times = SOFTER
    for name, words in (("subject_blur", "softer"), ("blur", "softer as a whole")):
        now, before = getattr(frame, name), getattr(best, name)
        if now is None or before is None:
            continue
        # Below half a pixel nobody sees a difference.
        if now - before >= least and now >= times * max(before, 0.5):
            return name, words
    return None


def _is_smear(frame: Attributes, best: Attributes, added: float) -> bool:
    """Whether a straight smear explains by how much edges are wider, in pixels squared."""
    longer = frame.motion_angle is not None and frame.motion - best.motion >= MOTION
    return longer and frame.motion**2 / 12 >= SMEAR_SHARE * added
