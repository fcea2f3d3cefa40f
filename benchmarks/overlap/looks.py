"""How far apart are the perceptual hashes of one picture, saved again, and of unrelated pictures?

    python benchmarks/overlap/looks.py ../shared/data/oasis ../shared/data/photos \\
        > benchmarks/overlap/results/looks.json

Any folders of photographs that have nothing to do with each other will do. Every sixth is saved
again in several ways. Prints the shares that count as the same picture, the least distances
between unrelated ones, and the nearest pairs, to look at: a set may hold one photograph twice.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from ilgnet.images.perceptual_hash import BITS, SAME, SIDE, perceptual_hash
from ilgnet.images.sources import find_images
from ilgnet.values import Failure

NEAREST = 6


def saved(image: Image.Image, kind: str, quality: int | None = None) -> bytes:
    """A picture's file."""
    stream = io.BytesIO()
    image.save(stream, kind, **({} if quality is None else {"quality": quality}))
    return stream.getvalue()


def smaller(image: Image.Image, share: float) -> Image.Image:
    """The same picture with fewer pixels."""
    return image.resize((max(1, int(image.width * share)), max(1, int(image.height * share))))


def cropped(image: Image.Image, share: float) -> Image.Image:
    """The picture without a border on every side."""
    width, height = image.size
    x, y = int(width * share), int(height * share)
    return image.crop((x, y, width - x, height - y))


CHANGES: dict[str, Callable[[Image.Image], bytes]] = {
    "JPEG 88": lambda image: saved(image, "JPEG", 88),
    "JPEG 50": lambda image: saved(image, "JPEG", 50),
    "JPEG 20": lambda image: saved(image, "JPEG", 20),
    "PNG": lambda image: saved(image, "PNG"),
    "WebP 60": lambda image: saved(image, "WEBP", 60),
    "grey": lambda image: saved(image.convert("L"), "JPEG", 88),
    "a tenth brighter": lambda image: saved(image.point(lambda v: min(255, v * 1.1)), "JPEG", 88),
    "half the size": lambda image: saved(smaller(image, 1 / 2), "JPEG", 88),
    "160 pixels wide": lambda image: saved(smaller(image, 160 / image.width), "JPEG", 85),
    "a quarter of the size": lambda image: saved(smaller(image, 1 / 4), "JPEG", 85),
    "2 % less on every side": lambda image: saved(cropped(image, 0.02), "JPEG", 88),
}


def hashed(source: Path | bytes) -> bytes | None:
    """The hash as training and evaluation take it; None where there is none."""
    try:
        return perceptual_hash(read_image(source, min_side=SIDE).rgb)
    except ImageError:
        return None


def bits(hashes: Iterable[bytes]) -> NDArray[np.float32]:
    """Hashes as rows of -1 and 1."""
    rows = [np.unpackbits(np.frombuffer(each, np.uint8)) for each in hashes]
    return np.stack(rows).astype(np.float32) * 2 - 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    given = parser.parse_args()
    found = [ref for ref in find_images(given.folders) if not isinstance(ref, Failure)]
    paths = [Path(ref.id) for ref in found]
    known = {path: code for path in paths if (code := hashed(path)) is not None}
    rows = bits(known.values())
    again: dict[str, object] = {}
    chosen = list(known)[::6]
    for name, change in CHANGES.items():
        distances = []
        for path in chosen:
            with Image.open(path) as image:
                code = hashed(change(image.convert("RGB")))
            if code is not None:
                distances.append(int((BITS - bits([known[path]])[0] @ bits([code])[0]) / 2))
        again[name] = {
            "pictures": len(distances),
            "same": round(float(np.mean(np.array(distances) < SAME)), 4),
            "median": float(np.median(distances)),
            "greatest": max(distances),
        }
    above = np.triu_indices(len(rows), 1)
    unrelated = ((BITS - rows @ rows.T) / 2)[above]
    names = [path.name for path in known]
    nearest = np.argsort(unrelated)[:NEAREST]
    print(
        json.dumps(
            {
                "pictures": len(paths),
                "without_features": len(paths) - len(known),
                "same_below": SAME,
                "saved_again": again,
                "unrelated": {
                    "pairs": len(unrelated),
                    "same": int((unrelated < SAME).sum()),
                    "one_in_a_million": float(np.quantile(unrelated, 1e-6)),
                    "nearest": [
                        [int(unrelated[i]), *(names[side[i]] for side in above)] for i in nearest
                    ],
                },
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
