"""The words of the record of "everyday"."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAME = "ilgnet_paired_lite2.everyday (research and learning only)"

LICENCE = (
    "PARA's terms: for research and learning only, no commercial use of the weights or of results "
    "made with them; name the source, PARA (Yang et al., CVPR 2022)"
)

ABOUT = (
    "A second opinion on the default's own network: the same two trunks, to the bit, under a "
    "head that was fitted to what about 25 people each thought of 6,513 ordinary photographs "
    "(PARA), to OASIS's beauty ratings, on unrated photographs to NIMA's opinion and that of "
    "a ridge on OASIS, and to photographs beside copies of themselves, which should score "
    "alike when only the file differs and lower when they are spoilt. `technical` is what "
    "people think of technical quality, and a little of the default's `technical`. Scores are "
    "on AVA's scale; the votes always spread alike, so their deviation says nothing. For "
    "research and learning only: see the licence."
)

LIMITS = (
    "Made for research and learning. Whoever earns money with photographs uses the default.",
    "PARA's pictures were at hand as copies of 224 x 224 pixels whose shape is lost.",
    "A picture's subject counts for much, as it does for people. It is no measure of a "
    "photographer's skill, and nothing to judge people by.",
    "Every picture is squeezed to a square of 224 pixels: fine detail, and a wide picture's shape, "
    "are not seen.",
    "The head was chosen on two of the five folds that its figures are of, so they may be a little "
    "kind; components of the taps were set on pictures of all folds, without their ratings.",
)

SOURCES = (
    "PARA: research and learning only, no commercial use of the data or of results based on it "
    "(OPPO). No picture and no rating of it is in this distribution.",
    "EfficientNet-Lite 2 and NIMA's MobileNet: Apache-2.0, from the default model. OASIS: open for "
    "research. ImageNet samples and BSDS500: for research.",
)


def asked(figures: Mapping[str, Any]) -> tuple[str, ...]:
    """What was asked of it, met before missed.

    Args:
        figures: what the run measured, as the record keeps it.
    """
    para, oasis = figures["PARA, held-out folds"], figures["OASIS, held-out folds"]
    unseen, cost = figures["Photographs never trained on"], figures["Scale and cost"]
    alone = unseen["by_the_score_alone"]["original_preferred"]
    least = (
        ("rank correlation on PARA", para["srcc"]["value"], 0.83),
        ("rank correlation on PARA's quality", para["srcc_of_technical_quality"]["value"], 0.82),
        ("rank correlation on OASIS", oasis["srcc"]["value"], 0.755),
        ("rank correlation with NIMA", unseen["srcc_with_nima"]["value"], 0.75),
        *(
            (
                f"original preferred by the score alone, {family} untaught",
                alone[family]["value"],
                bar,
            )
            for family, bar in (("noise", 0.97), ("exposure", 0.8), ("tilt", 0.85), ("crop", 0.85))
        ),
    )
    said = [
        f"{'met' if value >= bar else 'missed'}: {what}, {value:.3f} (at least {bar:g})"
        for what, value, bar in least
    ]
    for what, most in (("time_against_the_default", 1.05), ("megabytes", 20)):
        verdict = "met" if cost[what] <= most else "missed"
        said.append(f"{verdict}: {what.replace('_', ' ')}, {cost[what]} (at most {most})")
    return tuple(sorted(said))
