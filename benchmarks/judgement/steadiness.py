"""Does a photograph keep its score when only the file changes, not the picture?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet import metrics
from ilgnet.data.rated import fingerprint
from ilgnet.images.decode import read_image
from ilgnet.images.sources import find_images
from ilgnet.scoring import Scorer, load, usable_cores
from ilgnet.values import ImageRef

COUNT = 500
RESAMPLES = 200

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]


def _saved(form: str, quality: int) -> Change:
    def save(rgb: Pixels, random: np.random.Generator) -> Pixels:
        del random
        stream = BytesIO()
        Image.fromarray(rgb).save(stream, form, quality=quality)
        return np.asarray(Image.open(stream).convert("RGB"))

    return save


def _resized(factor: float) -> Change:
    def resize(rgb: Pixels, random: np.random.Generator) -> Pixels:
        del random
        size = (round(rgb.shape[1] * factor), round(rgb.shape[0] * factor))
        return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))

    return resize


def _mirrored(rgb: Pixels, random: np.random.Generator) -> Pixels:
    del random
    return np.ascontiguousarray(rgb[:, ::-1])


def _cropped(rgb: Pixels, random: np.random.Generator) -> Pixels:
    """3 % of the width and of the height are lost, at sides that chance divides them between."""
    height, width = rgb.shape[:2]
    h, w = round(0.97 * height), round(0.97 * width)
    top, left = (round(lost * random.random()) for lost in (height - h, width - w))
    return np.ascontiguousarray(rgb[top : top + h, left : left + w])


CHANGES: dict[str, Change] = {
    "JPEG 95": _saved("JPEG", 95),
    "JPEG 85": _saved("JPEG", 85),
    "JPEG 75": _saved("JPEG", 75),
    "WebP 80": _saved("WEBP", 80),
    "three quarters of the size": _resized(0.75),
    "one and a half times the size": _resized(1.5),
    "mirrored": _mirrored,
    "cropped by 3 %": _cropped,
}


def measure_steadiness(folder: Path, models: list[str], count: int = COUNT) -> dict[str, Any]:
    """Root mean square moves of scores, in votes, over photographs spread evenly over a folder."""
    found = [ref for ref in find_images([str(folder)]) if isinstance(ref, ImageRef)]
    chosen = [found[i] for i in np.linspace(0, len(found) - 1, min(count, len(found))).astype(int)]
    names = [Path(str(ref.id)).relative_to(folder).as_posix() for ref in chosen]
    return {
        "date": date.today().isoformat(),
        "images": len(chosen),
        "of": len(found),
        "fingerprint": fingerprint(names),
        "models": {Path(model).name: _moves(load(model), chosen) for model in models},
    }


def _moves(scorer: Scorer, chosen: list[ImageRef]) -> dict[str, Any]:
    def scores(number: int) -> list[float]:
        rgb = read_image(chosen[number].source, min_side=None).rgb
        versions = [rgb] + [
            change(rgb, np.random.default_rng([number, place]))
            for place, change in enumerate(CHANGES.values())
        ]
        return [scorer.score(version).score for version in versions]

    with ThreadPoolExecutor(usable_cores()) as pool:
        table = np.array(list(pool.map(scores, range(len(chosen)))))
    original, *changed = table.T
    return {
        "sha256": scorer.weights.files.get("model.onnx", ""),
        "deviation of scores": round(float(original.std()), 3),
        "moves": {
            name: _move(original, after) for name, after in zip(CHANGES, changed, strict=True)
        },
    }


def _move(before: metrics.Floats, after: metrics.Floats) -> dict[str, float]:
    def move(rows: metrics.Indices) -> dict[str, float]:
        return {"rms": float(np.sqrt(np.square(after[rows] - before[rows]).mean()))}

    rms = metrics.bootstrap(move, len(before), replicates=RESAMPLES)["rms"]
    return {
        "rms": round(rms.value, 4),
        "low": round(rms.low, 4),
        "high": round(rms.high, 4),
        "mean": round(float((after - before).mean()), 4),
        "largest": round(float(np.abs(after - before).max()), 3),
        "spearman": round(metrics.srcc(before, after), 4),
    }
