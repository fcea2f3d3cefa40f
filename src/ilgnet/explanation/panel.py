"""An explanation as pages show it: the HTML report, and the page to cull in."""

from __future__ import annotations

from typing import Final

from ilgnet.errors import ImageError
from ilgnet.explanation.explain import Explanation, explain
from ilgnet.explanation.overlay import encoded, layer, scale_words
from ilgnet.explanation.sentences import TARGET_WORDS, readings_in_words
from ilgnet.report.panel_html import Legend, Panel
from ilgnet.scoring import Scorer
from ilgnet.values import ImageRef, ImageSource

SIDE: Final = 640
"""Long side of a layer in pixels; what it shows is coarse."""


def panel_of(explanation: Explanation) -> Panel:
    """What a page shows of an explanation."""
    verdict, crop, heat = explanation.verdict, explanation.crop, explanation.map
    scale = min(1.0, SIDE / max(verdict.width, verdict.height))
    size = max(1, round(verdict.width * scale)), max(1, round(verdict.height * scale))
    low, high, words = scale_words(heat)
    tables = {
        "The score, taken apart": _parts(explanation),
        "What if": _changes(explanation),
        "Faces": _faces(explanation),
        "Measured": readings_in_words(explanation.attributes),
    }
    return Panel(
        explanation.sentences,
        tuple((heading, rows) for heading, rows in tables.items() if rows),
        encoded(layer(heat, size, crop.box if crop else None), "WEBP"),
        Legend(low, high, f"{words[0].upper()}{words[1:]}."),
    )


def panel_for(scorer: Scorer, path: str, image: ImageSource) -> Panel | None:
    """The panel of a picture; None where it can no longer be read.

    Args:
        scorer: the model that is asked.
        path: the picture's name.
        image: its path, bytes or pixels.
    """
    try:
        return panel_of(explain(ImageRef(path, image), scorer))
    except ImageError:
        return None


_Rows = tuple[tuple[str, str], ...]


def _parts(explanation: Explanation) -> _Rows:
    """The parts as a sum whose last row is what the rows above add up to."""
    parts = explanation.parts
    if parts is None:
        return ()
    rows = [("a plain card of its mean colour", f"{parts.whole.baseline:.2f}")]
    for name, heat in (("detail (local)", parts.local), ("the whole (global)", parts.global_)):
        if heat is not None:
            rows.append((name, f"{float(heat.values.sum()):+.2f}"))
    rows.append((TARGET_WORDS[explanation.map.target], f"{parts.whole.value:.2f}"))
    return tuple(rows)


def _changes(explanation: Explanation) -> _Rows:
    rows = []
    for change in explanation.changes:
        by = f" by {abs(change.amount):.1f}°" if change.edit == "straightened" else ""
        by = " by half a stop" if change.edit in ("brighter", "darker") else by
        rows.append((f"{change.edit}{by}", f"{change.score:+.2f}"))
    crop = explanation.crop
    if crop is not None:
        share = 100 * (crop.box[2] - crop.box[0])
        rows.append((f"cropped to {share:.0f} % (the white box)", f"{crop.gain:+.2f}"))
    return tuple(rows)


def _faces(explanation: Explanation) -> _Rows:
    return tuple(
        (f"{face.side:.0f} px", f"eyes {face.eyes}" if face.eyes else "eyes not known")
        for face in explanation.faces or ()
    )
