"""Do the readings of a face hold still when nothing happens to it, and move when something does?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from ilgnet.faces import find
from ilgnet.faces.find import LEAST_SIDE, find_faces, main_face
from ilgnet.faces.values import Face
from ilgnet.faces.worse import same_face, why_faces_worse
from ilgnet.images.decode import read_image

RGB = NDArray[np.uint8]
FOLDERS = ("imagenet_samples", "bsds500")
MOST = 200


def face_figures(shared: Path) -> dict[str, Any]:
    """How often a frame in which nothing happened to a face is given a reason, and a worse one.

    On main faces of 48 pixels and more of pictures that no threshold was set on (those were set on
    OASIS's and on faces that others had looked at). Some are no human faces: what is done to them
    is done to a picture all the same.
    """
    counts: dict[str, list[bool]] = {}
    openness: list[float] = []
    seen = 0
    for rgb in _pictures(shared):
        if seen >= MOST:
            break
        faces = find_faces(rgb)
        main = main_face(faces)
        if main is None or main.side < LEAST_SIDE:
            continue
        seen += 1
        for name, alter in ALTERED.items():
            after = find_faces(alter(rgb, main))
            if same_face(main, after) is None:
                counts.setdefault(f"{name}: face not found again", []).append(True)
                continue
            counts.setdefault(f"{name}: face not found again", []).append(False)
            reasons = [each.words for each in why_faces_worse(after, faces)]
            blurred = "main face blurred" in reasons
            counts.setdefault(f"{name}: called blurred", []).append(blurred)
            if main.eyes == "open":
                closed = any(each.startswith("eyes closed") for each in reasons)
                counts.setdefault(f"{name}: open eyes called closed", []).append(closed)
            if name == "moved, smaller, another JPEG":
                openness += _moved(faces, after)
    return {
        "faces": seen,
        **{name: wilson(sum(each), len(each)) for name, each in counts.items()},
        "openness moves by": float(np.std(openness)) if openness else None,
    }


def _pictures(shared: Path) -> Iterator[RGB]:
    for folder in FOLDERS:
        for path in sorted((shared / "data/photos" / folder).iterdir()):
            if path.suffix.lower() in (".jpg", ".jpeg"):
                yield read_image(path).rgb


def _moved(faces: tuple[Face, ...], after: tuple[Face, ...]) -> list[float]:
    pairs = [(face, same_face(face, after)) for face in faces]
    return [
        other.openness - face.openness
        for face, other in pairs
        if other is not None and other.openness is not None and face.openness is not None
    ]


def harmless(rgb: RGB, _: Face) -> RGB:
    """Cut by a fiftieth, a tenth smaller, saved as JPEG of quality 85."""
    height, width = rgb.shape[:2]
    image = Image.fromarray(rgb).crop((width // 50, height // 50, width, height))
    size = (round(0.9 * image.width), round(0.9 * image.height))
    data = BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(data, "JPEG", quality=85)
    return np.asarray(Image.open(data))


def softened(share: float) -> Callable[[RGB, Face], RGB]:
    """Blurred by a share of the face's side."""

    def soften(rgb: RGB, face: Face) -> RGB:
        return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(share * face.side)))

    return soften


def exposed(stops: float) -> Callable[[RGB, Face], RGB]:
    """Darker or brighter in linear light, by the simple curve."""

    def expose(rgb: RGB, _: Face) -> RGB:
        light = (rgb / 255.0) ** 2.2 * 2.0**stops
        return np.asarray((255 * np.clip(light, 0, 1) ** (1 / 2.2)).round(), np.uint8)

    return expose


def cleaned(rgb: RGB, _: Face) -> RGB:
    """Without its noise and finest texture, as cameras do at high sensitivity: a median of 3."""
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.MedianFilter(3)))


def around(rgb: RGB, face: Face) -> RGB:
    """All but the face out of focus."""
    height, width = rgb.shape[:2]
    left, top, right, bottom = face.box
    x, y = 0.25 * (right - left), 0.25 * (bottom - top)
    box = (
        round(max(0, left - x) * width),
        round(max(0, top - y) * height),
        round(min(1, right + x) * width),
        round(min(1, bottom + y) * height),
    )
    image = Image.fromarray(rgb)
    soft = image.filter(ImageFilter.GaussianBlur(0.03 * face.side))
    soft.paste(image.crop(box), box)
    return np.asarray(soft)


def shut(rgb: RGB, face: Face) -> RGB:
    """The upper lids drawn down over the eyes, a dark line where they end.

    Where the lids are comes from the network that is measured; nothing else knows it here.
    """
    candidates = find._candidates(rgb)
    middle = np.array(face.box).reshape(2, 2).mean(axis=0) * [rgb.shape[1], rgb.shape[0]]
    nearest = min(
        candidates, key=lambda each: np.hypot(*(each.box.reshape(2, 2).mean(axis=0) - middle))
    )
    side = 1.5 * float(max(nearest.box[2] - nearest.box[0], nearest.box[3] - nearest.box[1]))
    frame = find._Frame(nearest.box.reshape(2, 2).mean(axis=0), side, nearest.roll)
    mesh, *_ = find._mesh(rgb, frame)
    frame = find._Frame.around(frame.in_picture(mesh[:, :2]))
    _, lids, _ = find._mesh(rgb, frame)
    found = rgb.copy()
    for eye in lids:
        _shut_eye(found, rgb, frame.in_picture(eye[:16]))
    return found


def _shut_eye(found: RGB, rgb: RGB, contour: NDArray[np.float64]) -> None:
    one, other = contour[0:9], contour[[8, 9, 10, 11, 12, 13, 14, 15, 0]]
    upper, lower = sorted((one, other), key=lambda lid: lid[:, 1].mean())
    upper, lower = (lid[np.argsort(lid[:, 0])] for lid in (upper, lower))
    line = max(1, round(0.08 * float(np.ptp(contour[:, 0]))))
    for x in range(int(contour[:, 0].min()), int(contour[:, 0].max()) + 1):
        top, bottom = (np.interp(x, lid[:, 0], lid[:, 1]) for lid in (upper, lower))
        gap = bottom - top
        if gap < 1 or not 0 <= x < rgb.shape[1]:
            continue
        rows = np.arange(int(top - gap), int(bottom) + 2)
        rows = rows[(rows >= 0) & (rows < rgb.shape[0])]
        # The skin above the lid, stretched to twice its height.
        source = (top - gap) + (rows - (top - gap)) / 2
        taken = np.clip(source.round().astype(int), 0, rgb.shape[0] - 1)
        found[rows, x] = rgb[taken, x]
        lash = rows[rows > bottom - line]
        found[lash, x] = (0.4 * found[lash, x]).astype(np.uint8)


ALTERED: dict[str, Callable[[RGB, Face], RGB]] = {
    "moved, smaller, another JPEG": harmless,
    "darker by 1.5 stops": exposed(-1.5),
    "brighter by 1 stop": exposed(1.0),
    "without noise": cleaned,
    "all but the face blurred": around,
    "blurred by 1 % of the face": softened(0.01),
    "blurred by 2 % of the face": softened(0.02),
    "blurred by 3 % of the face": softened(0.03),
    "lids drawn down": shut,
}


def wilson(hits: int, of: int) -> dict[str, Any]:
    """A share with its 95 % interval (Wilson 1927)."""
    if not of:
        return {"hits": 0, "of": 0}
    z, share = 1.96, hits / of
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    half = z * np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return {
        "value": share,
        "low": float(max(0.0, middle - half)),
        "high": float(min(1.0, middle + half)),
        "hits": hits,
        "of": of,
    }
