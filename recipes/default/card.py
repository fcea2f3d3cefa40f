"""The sentences of the model card; the figures come from the run."""

ABOUT = (
    "ILGNet with pooled local and global taps and a connected layer, on the MobileNet trunk that "
    "idealo trained on AVA's votes (NIMA, Apache-2.0). The trunk is as AVA made it; the head "
    "learned from OASIS's beauty ratings, on unrated photographs from the average of NIMA's "
    "opinion and that of a larger teacher, and from originals beside spoilt copies of themselves. "
    "Scores are on AVA's scale: over the photographs at hand their mean is 5.38 and their "
    "deviation 0.73, as over AVA's."
)

BARS = [
    "Met: rank correlation with NIMA on photographs never trained on at least 0.75; AVA's mean and "
    "deviation; at most 20 MB; at most 15 ms a picture on one core.",
    "Met, for ways of spoiling that training never showed: the original is preferred at least 97 % "
    "of the time for sharpness, compression and contrast.",
    "Missed: 0.80 on OASIS. It is 0.674, 0.126 short. Of the categories, Scene reaches 0.62; "
    "Person (0.586), Object (0.529) and Animal (0.415) do not.",
    "Missed, for ways that training never showed: noise (77 % instead of 97 %; coarse grey grain "
    "is taken for texture), exposure (67 %; a washed-out copy loses 90 % of the time, but one "
    "darkened by a tone curve is preferred as often as not), crop (78 % instead of 85 %) and tilt "
    "(80 % instead of 85 %).",
    "On 120 of the same photographs, ways that training did show: sharpness, noise and compression "
    "at least 99 %, exposure 94 %, contrast 89 % (a little too much contrast often pleases), crop "
    "and tilt 84 %.",
    "Missed: the milder of two strengths is not reliably preferred for WebP (60 %) and grey noise "
    "(47 %, chance).",
]
WORST = [
    "Overrated by two to three deviations: unpleasant things, photographed well. Cooling towers "
    "under a dramatic sky, a mangy dog, a burning car, a drunkard at a table, an angry face in "
    "gold, a soldier with his rifle. People rate what is shown; this model sees how it is shown.",
    "Overrated: flawless product pictures (two cups on white) that bore people.",
    "Underrated: beauty in the dark or in haze. Ballet on a black stage, graves before a sunset, a "
    "silhouette on plain grey, a wedding couple blurred behind a car.",
    "Underrated: dense colour without a single subject (rings on a bouquet).",
]
LIMITS = [
    "Its accuracy on AVA could not be measured: AVA's pictures were not at hand. NIMA's own "
    "published figures (Spearman 0.609) say what the trunk knew before; the head is new.",
    "OASIS's ratings come from people who answered online and follow how pleasant a "
    "subject is. They are no measure of a photographer's skill.",
    "Every picture is squeezed to a square of 224 pixels: fine detail, and a wide picture's shape, "
    "are not seen.",
    "Do not use a score to judge people: it knows nothing of what makes a face, and portraits are "
    "where it is weak.",
]
LICENCES = [
    "NIMA's weights: Apache-2.0 (idealo). EfficientNet-Lite2, the teacher's features: Apache-2.0.",
    "OASIS: open for research; its photographs come from free collections, and its ratings are "
    "published. ImageNet samples and BSDS500: for research, without a licence to pass them on. No "
    "picture is in this package. Whether weights inherit anything from pictures that they were "
    "trained on is not settled law; whoever needs certainty should ask a lawyer.",
    "AVA, which NIMA learned from, consists of photographs by members of DPChallenge, who keep "
    "their rights.",
]
WORDS = {
    "Which bars it meets": BARS,
    "Where it fails: the worst misses": WORST,
    "Limits": LIMITS,
    "Licences of the sources": LICENCES,
}
