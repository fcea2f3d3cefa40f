"""Write README.md beside this file from results.json, so that no figure can drift.

python benchmarks/explain/page.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

HEAD = """# Are the explanations true?

Measured by `run.py` on photographs that no model was trained on and nothing of the explanations was
tuned on: every sixth of the unrated ones, which recipes/default reserves. Tuning was done on
OASIS's. Intervals are 95 %, by resampling pictures. Each table names the number of pictures; run
with more to narrow it:

```sh
python benchmarks/explain/run.py ../shared --into benchmarks/explain/results.json
python benchmarks/explain/page.py
```

Seen here before it was chosen: that the exact parts are the map where there are any, after the
first table below; and that occlusion shows each place alone, too. Without that it beat a random
order here but not the centre; the cure was tried on six pictures of OASIS's, then measured here
once.

What has no table was not measured: `run.py` has the step.
"""


def page(record: dict[str, Any]) -> str:
    """The document."""
    parts = [HEAD]
    for name, words in SECTIONS.items():
        if name in record:
            found = record[name]
            parts.append(f"## {words[0]}\n{words[1]}\n\n{table(found)}\n")
    return "\n".join(parts)


def table(found: dict[str, Any]) -> str:
    """Every figure of a step, one a row."""
    rows = ["| what | value | interval |", "|---|---|---|"]
    for name, value in _flat(found, ""):
        if isinstance(value, dict):
            name = f"{name} ({value['hits']} of {value['of']})" if "hits" in value else name
            rows.append(
                f"| {name} | {value['value']:.3f} | {value['low']:.3f} to {value['high']:.3f} |"
            )
        else:
            shown = f"{value:.4f}" if isinstance(value, float) else value
            rows.append(f"| {name} | {shown} | |")
    return "\n".join(rows)


def _flat(found: dict[str, Any], before: str) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    if "in order" in found:
        amounts, medians = (
            " ".join(f"{v:g}" for v in found[key]) for key in ("amounts", "medians")
        )
        silent = f", {found['silent']} silent" if found["silent"] else ""
        words = f"{found['alteration']} {amounts}: read as {medians}"
        return [(f"{before}{words}", f"{found['in order']} of {found['of']}{silent}")]
    for name, value in found.items():
        if isinstance(value, dict) and not {"value", "low", "high"} <= set(value):
            rows += _flat(value, f"{before}{name}: ")
        else:
            rows.append((f"{before}{name}", value))
    if {"value", "low", "high"} <= set(found):
        both = {key: found[key] for key in ("value", "low", "high")}
        rows = [(n, v) for n, v in rows if n not in both] + [(f"{before}correlation", both)]
    return rows


SECTIONS = {
    "time": (
        "How long it takes",
        "From a JPEG file of 12 megapixels to its explanation, and to its score alone, on two "
        "cores and two threads. Processor seconds are those of all threads together, and bear a "
        "busy machine; with two free cores an explanation takes at least half as many seconds. "
        "Seconds of the clock stand here only if the machine did nothing else.",
    ),
    "curves, parts": (
        "Deletion and insertion: the exact parts",
        "Votes by which the map beats a random order and the centre first: how much lower "
        "the score lies on "
        "average while places go, and how much higher while they come. Places are replaced "
        "by a blur or by plain "
        "card. Above 0 in every row: the map is believed.",
    ),
    "curves, occlusion": (
        "Deletion and insertion: occlusion",
        "The same for the map by occlusion, which serves models without known heads.",
    ),
    "sums": (
        "The parts add up",
        "Votes by which the parts' sum misses the distance between the two scores.",
    ),
    "targets": (
        "Two targets, two maps",
        "Correlation of the map of the score with that of `technical`; 1 would be one map "
        "for both.",
    ),
    "weights": (
        "Shuffled weights destroy the map",
        "Correlation with the map of the same network with every weight's values shuffled.",
    ),
    "flips": (
        "The map follows a flip",
        "Correlation of the picture's map with its mirror image's, mirrored back; and as it lies.",
    ),
    "shifts": (
        "The map follows a shift",
        "Correlation of the maps of two parts of a picture, one place apart, where they "
        "overlap; and as they lie.",
    ),
    "replacement": (
        "A over B: the map of what B gains",
        "B is A with two of its ninths blurred; the map says what B gains when a place is taken "
        "from A.",
    ),
    "crops": (
        "Suggested crops on a second model",
        "The second model is NIMA as idealo trained it. It is a different network with a "
        "head of its own, but no "
        "stranger: the default's second trunk descends from its weights.",
    ),
    "attributes": (
        "Do readings follow what is done to a picture?",
        "Each picture is altered by four known amounts; in order are those of which the four "
        "readings never go back. Silent are those that the reading says nothing of. The medians "
        "are over pictures.",
    ),
    "faces": (
        "Do faces hold still, and move when something happens?",
        "A face beside itself in an altered copy of its picture, as a frame beside another frame "
        "of its burst. Only blurred faces should be called blurred, and only drawn lids closed. "
        "The faces are those that the detector finds; a few are dogs and statues. Lids are drawn "
        "down where the network itself sees them, so that row flatters it.",
    ),
}


def main() -> None:
    """Write."""
    record = json.loads((HERE / "results.json").read_text(encoding="utf-8"))
    (HERE / "README.md").write_text(page(record), encoding="utf-8")


if __name__ == "__main__":
    main()
