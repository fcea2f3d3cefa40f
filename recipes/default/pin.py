"""Pin the scores that the shipped model gives the sample photographs, after it was made again.

python recipes/default/pin.py
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from ilgnet import find_images, load
from ilgnet.values import Verdict
from ilgnet.zoo.records import ONNX_NAME

GOLDEN = Path(__file__).parents[2] / "tests/zoo/golden_scores.json"


def main() -> None:
    """Score them and write the file that a test compares with."""
    scorer = load()
    verdicts = list(scorer.score_many(find_images([str(files("ilgnet") / "samples")])))
    scored = {Path(v.path).name: v for v in verdicts if isinstance(v, Verdict)}
    golden = {
        "preprocess": scorer.weights.preprocess.fingerprint(),
        "onnx": scorer.weights.files[ONNX_NAME],
        "scores": {name: round(v.score, 4) for name, v in scored.items()},
        "technical": {name: round(v.technical or 0.0, 4) for name, v in scored.items()},
    }
    GOLDEN.write_text(json.dumps(golden, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
