"""Do the readings of a face hold still when nothing happens to it, and move when something does?"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ilgnet.faces.find import LEAST_SIDE, find_faces
from ilgnet.faces.values import Face
from ilgnet.faces.worse import same_face, why_faces_worse
from ilgnet.images.decode import read_image

RGB = NDArray[np.uint8]
FOLDERS = ("imagenet_samples", "bsds500")
MOST = 60


def face_figures(shared: Path) -> dict[str, Any]:
    """How often a frame in which nothing happened to a face is given a reason, and a blurred one.

    On faces of 48 pixels and more of pictures that no threshold was set on (those were set on
    OASIS's and on faces that others had looked at).
    """
    seen = 0
    counts: dict[str, list[bool]] = {}
    openness: list[float] = []
    for rgb in _pictures(shared):
        if seen >= MOST:
            break
        faces = [face for face in find_faces(rgb) if face.side >= LEAST_SIDE]
        if not faces:
            continue
        seen += 1
        for name, alter in ALTERED.items():
            after = find_faces(alter(rgb, faces[0].side))
            reasons = why_faces_worse(after, faces[:1])
            counts.setdefault(f"{name}: blurred", []).append("main face blurred" in reasons)
            counts.setdefault(f"{name}: closed", []).append("eyes closed" in reasons)
            if name == "moved, smaller, another JPEG":
                openness += _moved(faces, after)
    return {
        "faces": seen,
        "reasons": {name: wilson(sum(each), len(each)) for name, each in counts.items()},
        "openness moves by": float(np.std(openness)) if openness else None,
    }


def _pictures(shared: Path) -> Any:
    for folder in FOLDERS:
        for path in sorted((shared / "data/photos" / folder).iterdir()):
            if path.suffix.lower() in (".jpg", ".jpeg"):
                yield read_image(path).rgb


def _moved(faces: list[Face], after: tuple[Face, ...]) -> list[float]:
    pairs = [(face, same_face(face, after)) for face in faces]
    return [
        other.openness - face.openness
        for face, other in pairs
        if other is not None and other.openness is not None and face.openness is not None
    ]


def harmless(rgb: RGB, _side: float) -> RGB:
    """Cut by a fiftieth, a tenth smaller, saved as JPEG of quality 85."""
    height, width = rgb.shape[:2]
    image = Image.fromarray(rgb).crop((width // 50, height // 50, width, height))
    size = (round(0.9 * image.width), round(0.9 * image.height))
    data = BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(data, "JPEG", quality=85)
    return np.asarray(Image.open(data))


def softened(share: float) -> Callable[[RGB, float], RGB]:
    """Blurred by a share of the face's side."""

    def soften(rgb: RGB, side: float) -> RGB:
        return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(share * side)))

    return soften


ALTERED: dict[str, Callable[[RGB, float], RGB]] = {
    "moved, smaller, another JPEG": harmless,
    "blurred by 1 % of the face": softened(0.01),
    "blurred by 2 % of the face": softened(0.02),
}


def wilson(hits: int, of: int) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return {"hits": 0, "of": 0}
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return {"hits": hits, "of": of, "low": float(middle - half), "high": float(middle + half)}
