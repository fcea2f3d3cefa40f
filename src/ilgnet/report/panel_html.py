"""Why a picture has its score, for a page: plain words, and a layer to lay over the picture."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any


@dataclass(frozen=True, slots=True)
class Legend:
    """What the colours of a layer mean.

    Attributes:
        low: at the end that lowers, as "lowers -0.12".
        high: at the end that raises.
        words: of what these numbers are.
    """

    low: str
    high: str
    words: str


@dataclass(frozen=True, slots=True)
class Panel:
    """What a page says of why a picture has its score.

    Attributes:
        sentences: at most three.
        tables: a heading, and its rows of a name and a value in words; none is empty.
        layer: WebP with transparency in the picture's shape: gold raises, blue lowers, a white box
            is the best crop.
        legend: what the colours of the layer mean.
    """

    sentences: tuple[str, ...]
    tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    layer: bytes
    legend: Legend

    def to_json(self) -> dict[str, Any]:
        """Plain values; the layer as an address that holds its own data."""
        return {
            "sentences": list(self.sentences),
            "tables": [
                {"heading": heading, "rows": [list(row) for row in rows]}
                for heading, rows in self.tables
            ],
            "layer": self.layer_address,
            "legend": {
                "low": self.legend.low,
                "high": self.legend.high,
                "words": self.legend.words,
            },
        }

    @property
    def layer_address(self) -> str:
        """The layer as a `data:` address."""
        return f"data:image/webp;base64,{base64.b64encode(self.layer).decode()}"


def panel_html(panel: Panel) -> str:
    """A panel for the gallery's cards: shut, readable without a script."""
    legend = panel.legend
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in panel.sentences)
    return (
        '<details class="why"><summary>Why this score</summary>'
        f'<ul class="said" role="list">{said or "<li>No single thing stands out.</li>"}</ul>'
        '<div class="mapped">'
        f'<img class="layer" src="{panel.layer_address}" alt="" loading="lazy" decoding="async">'
        f'<p class="ramp"><span>{escape(legend.low)}</span><i></i>'
        f"<span>{escape(legend.high)}</span></p>"
        f'<p class="legend">{escape(legend.words)}</p></div>'
        f'<div class="tables">{"".join(_table(*each) for each in panel.tables)}</div></details>'
    )


def _table(heading: str, rows: Sequence[tuple[str, str]]) -> str:
    inside = "".join(f"<dt>{escape(name)}</dt><dd>{escape(words)}</dd>" for name, words in rows)
    return f"<h3>{escape(heading)}</h3><dl>{inside}</dl>"
