"""Decoding as it was: what the sample photographs' pixels come to, full and scaled by the decoder.

python -m tests.images.test_golden            writes golden_pixels.json again
"""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from ilgnet.images.decode import read_image
from ilgnet.images.preprocess import Preprocess, resize_rgb

SAMPLES: Final = sorted((Path(str(files("ilgnet"))) / "samples").glob("*.jpg"))
GOLDEN: Final = Path(__file__).parent / "golden_pixels.json"
GRID: Final = 4
SCALED: Final = 112
"""A side that lets every sample be decoded at a half or a quarter."""


def summary(path: Path, min_side: int | None) -> dict[str, Any]:
    """The size decoded to, and the mean colours of a 4 x 4 grid after resizing to 64 x 64."""
    rgb = read_image(path, min_side=min_side).rgb
    cells = resize_rgb(rgb, Preprocess("warp", 64, 64)).astype(float)
    means = cells.reshape(GRID, 64 // GRID, GRID, 64 // GRID, 3).mean(axis=(1, 3))
    return {"shape": list(rgb.shape), "means": means.round(2).reshape(-1).tolist()}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("kind", ["full", "scaled"])
def test_pixels_are_what_they_were(path: Path, kind: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[kind][path.name]
    found = summary(path, SCALED if kind == "scaled" else None)
    assert found["shape"] == golden["shape"]
    np.testing.assert_allclose(found["means"], golden["means"], atol=0.25)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_scaled_decode_shows_the_same_picture(path: Path) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    full, scaled = (golden[kind][path.name] for kind in ("full", "scaled"))
    assert full["shape"][0] >= 2 * scaled["shape"][0] - 1
    np.testing.assert_allclose(full["means"], scaled["means"], atol=2)


if __name__ == "__main__":
    pixels = {
        "full": {path.name: summary(path, None) for path in SAMPLES},
        "scaled": {path.name: summary(path, SCALED) for path in SAMPLES},
    }
    lines = [
        f'"{kind}": {{\n'
        + ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in of_kind.items())
        + "\n}"
        for kind, of_kind in pixels.items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
