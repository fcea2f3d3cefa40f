"""Find the faces of a picture, and look at their eyes.

Two small networks by Google (MediaPipe, Apache-2.0; see NOTICE), made again by recipes/faces and
run by ONNX Runtime: one finds faces, one lays a mesh over a face with the lids of both eyes.
Nothing here can tell whose face it is, and no age, sex or beauty is computed. What cannot be known
is None: docs/explanations.md says what was measured, on which pictures, and what is thin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files
from math import atan2, cos, degrees, sin
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.engines.runtime import onnx_runtime
from ilgnet.faces.values import Eyes, Face

Array = NDArray[np.float64]

READ_SIDE: Final = 1280
"""The least side in pixels at which a picture is decoded to look for faces: frames of one burst are
looked at in one size, and what can be known of eyes depends on it."""

SIDE: Final = 192
"""Input side of both networks."""

LEAST_CERTAINTY: Final = 0.5
"""Of both networks, for a face to be one."""

LEAST_SIDE: Final = 48.0
"""Pixels of a face below which nothing is said of its eyes: the lids are then two pixels apart."""

CLOSED: Final = 0.10
"""Openness below which eyes are closed."""

OPEN: Final = 0.20
"""Openness from which eyes are open; between the two nothing is said."""

MOST_TURNED: Final = 40.0
"""Degrees beyond which one eye hides the other's evidence."""

_GRID: Final = 48
_OVERLAP: Final = 0.3
_LEFT_EYE, _RIGHT_EYE = 33, 263  # the outer corners in the mesh
_DETAIL_SIDE: Final = 96


def find_faces(rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
    """The faces of a picture, the largest first.

    Args:
        rgb: upright sRGB, uint8 (H, W, 3); 1,000 pixels of long side are plenty.
    """
    found = [_looked_at(rgb, candidate) for candidate in _candidates(rgb)]
    faces = [face for face in found if face is not None]
    return tuple(sorted(faces, key=lambda face: -face.side))


def main_face(faces: Sequence[Face]) -> Face | None:
    """The face that a picture is about: the largest, if it is no bystander's."""
    largest = max(faces, key=lambda face: face.side, default=None)
    if largest is None:
        return None
    left, top, right, bottom = largest.box
    return largest if (right - left) * (bottom - top) >= 0.005 else None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A face that the first network found: in pixels of the picture."""

    certainty: float
    box: Array  # left, top, right, bottom
    roll: float  # radians, from the eyes


def _candidates(rgb: NDArray[np.uint8]) -> list[_Candidate]:
    height, width = rgb.shape[:2]
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(rgb).resize(
        size, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    )
    x, y = (SIDE - size[0]) // 2, (SIDE - size[1]) // 2
    square = np.zeros((SIDE, SIDE, 3), np.float32)
    square[y : y + size[1], x : x + size[0]] = np.asarray(small)
    boxes, logits = _run(
        "detection.onnx", ["Identity", "Identity_1"], square / np.float32(127.5) - 1
    )
    certainty = 1 / (1 + np.exp(-np.clip(logits.reshape(-1), -50, 50)))
    chosen = np.flatnonzero(certainty > LEAST_CERTAINTY)
    numbers = boxes.reshape(-1, 8, 2)[chosen]  # centre, size, six key points
    cells = (np.stack([chosen % _GRID, chosen // _GRID], axis=1) + 0.5) * SIDE / _GRID
    ratio = np.array([width / size[0], height / size[1]])
    centres = (numbers[:, 0] + cells - [x, y]) * ratio
    halves = numbers[:, 1] * ratio / 2
    eyes = (numbers[:, 2:4] + cells[:, None] - [x, y]) * ratio
    corners = np.concatenate([centres - halves, centres + halves], axis=1)
    return _merged(certainty[chosen], corners, eyes)


def _merged(certainty: Array, boxes: Array, eyes: Array) -> list[_Candidate]:
    """Boxes of one face as their mean, weighed by certainty, the surest first."""
    left = list(np.argsort(-certainty))
    faces = []
    while left:
        alike = [i for i in left if _overlap(boxes[left[0]], boxes[i]) > _OVERLAP or i == left[0]]
        weight = certainty[alike] / certainty[alike].sum()
        (first, second) = np.tensordot(weight, eyes[alike], axes=1)
        roll = atan2(second[1] - first[1], second[0] - first[0])
        faces.append(_Candidate(float(certainty[left[0]]), weight @ boxes[alike], roll))
        left = [i for i in left if i not in alike]
    return faces


def _overlap(one: Array, other: Array) -> float:
    """Intersection over union."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    both = float(np.prod(np.maximum(sides, 0)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return both / max(areas - both, 1e-9)


def _looked_at(rgb: NDArray[np.uint8], candidate: _Candidate) -> Face | None:
    """Lay the mesh over a face, twice: the second time framed and turned by the first."""
    left, top, right, bottom = candidate.box
    middle = np.array([left + right, top + bottom]) / 2
    side = 1.5 * max(right - left, bottom - top)
    frame = _Frame(middle, side, candidate.roll)
    mesh, _, certainty = _mesh(rgb, frame)
    frame = _Frame.around(frame.in_picture(mesh[:, :2]))
    mesh, lids, certainty = _mesh(rgb, frame)
    if certainty < LEAST_CERTAINTY:
        return None
    height, width = rgb.shape[:2]
    box = np.clip(candidate.box / [width, height, width, height], 0, 1)
    turned = degrees(
        atan2(mesh[_LEFT_EYE, 2] - mesh[_RIGHT_EYE, 2], mesh[_RIGHT_EYE, 0] - mesh[_LEFT_EYE, 0])
    )
    shortest = float(max(right - left, bottom - top))
    openness = None
    if shortest >= LEAST_SIDE and abs(turned) <= MOST_TURNED:
        openness = float(np.mean([_openness(eye) for eye in lids]))
    return Face(
        box=(float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        side=shortest,
        certainty=min(candidate.certainty, certainty),
        detail=_detail(rgb, candidate),
        openness=openness,
        eyes=_eyes(openness),
        turned=turned if shortest >= LEAST_SIDE else None,
    )


def _eyes(openness: float | None) -> Eyes | None:
    if openness is None or CLOSED <= openness < OPEN:
        return None
    return "closed" if openness < CLOSED else "open"


def _openness(lids: Array) -> float:
    """Mean distance of the lids over the width of the eye, of its contour (71, 2)."""
    # Points 0 and 8 are the corners; 1..7 go along one lid, 9..15 along the other. The outermost
    # pair on either side is left out: near the corners every eye is closed.
    between = np.linalg.norm(lids[1:8] - lids[9:16], axis=1)[1:6]
    return float(between.mean() / max(float(np.linalg.norm(lids[0] - lids[8])), 1e-6))


@dataclass(frozen=True, slots=True)
class _Frame:
    """A turned square of the picture: its middle, side in pixels, and turn in radians."""

    middle: Array
    side: float
    turn: float

    @classmethod
    def around(cls, mesh: Array) -> _Frame:
        """The square that holds a mesh (468, 2), half as large again, upright for the eyes."""
        along = mesh[_RIGHT_EYE] - mesh[_LEFT_EYE]
        turn = atan2(along[1], along[0])
        axes = np.array([[cos(turn), sin(turn)], [-sin(turn), cos(turn)]])
        upright = mesh @ axes.T
        low, high = upright.min(axis=0), upright.max(axis=0)
        return cls((low + high) / 2 @ axes, 1.5 * float((high - low).max()), turn)

    def in_picture(self, points: Array) -> Array:
        """From pixels of the network's input (n, 2) to the picture's."""
        c, s = cos(self.turn), sin(self.turn)
        centred = (points - SIDE / 2) * self.side / SIDE
        return np.asarray(centred @ np.array([[c, s], [-s, c]]) + self.middle)

    def pixels(self, rgb: NDArray[np.uint8], side: int = SIDE) -> NDArray[np.uint8]:
        """The square, uint8 (side, side, 3)."""
        image = Image.fromarray(rgb)
        shrink = self.side / side / 1.5
        middle, length = self.middle, self.side
        if shrink > 1:  # first by averaging, so that nothing aliases
            # What is far outside is cut off first; large pictures have small faces.
            reach = length
            low = np.maximum(np.floor(middle - reach), 0)
            high = np.minimum(np.ceil(middle + reach), [image.width, image.height])
            part = image.crop((int(low[0]), int(low[1]), int(high[0]), int(high[1])))
            size = max(1, round(part.width / shrink)), max(1, round(part.height / shrink))
            ratio = np.array([size[0] / part.width, size[1] / part.height])
            image = part.resize(size, Image.Resampling.BOX)
            middle, length = (middle - low) * ratio, length * float(ratio.mean())
        c, s = (f(self.turn) * length / side for f in (cos, sin))
        x0 = middle[0] - (c - s) * side / 2
        y0 = middle[1] - (s + c) * side / 2
        turned = image.transform(
            (side, side),
            Image.Transform.AFFINE,
            (c, -s, x0, s, c, y0),
            Image.Resampling.BILINEAR,
        )
        return np.asarray(turned)


def _mesh(rgb: NDArray[np.uint8], frame: _Frame) -> tuple[Array, list[Array], float]:
    """The mesh (468, 3) and the contours of both eyes (71, 2), in pixels; the certainty."""
    names = ["output_mesh_identity", "output_left_eye", "output_right_eye", "conv_faceflag"]
    mesh, left, right, flag = _run("eyes.onnx", names, frame.pixels(rgb) / np.float32(255))
    certainty = float(1 / (1 + np.exp(-np.clip(flag.reshape(-1)[0], -50, 50))))
    return mesh.reshape(468, 3), [eye.reshape(71, 2) for eye in (left, right)], certainty


def _detail(rgb: NDArray[np.uint8], candidate: _Candidate) -> float:
    """How much of the face's contrast is fine: so exposure, which scales both, drops out."""
    left, top, right, bottom = candidate.box
    middle = np.array([left + right, top + bottom]) / 2
    frame = _Frame(middle, float(max(right - left, bottom - top)), candidate.roll)
    grey = np.asarray(
        Image.fromarray(frame.pixels(rgb, _DETAIL_SIDE)).convert("L"), dtype=np.float64
    )
    differences = (
        grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    )
    return float(np.log((differences.var() + 0.1) / (grey.var() + 1.0)))


def _run(name: str, outputs: list[str], pixels: NDArray[np.floating[Any]]) -> list[Array]:
    session = _session(name)
    given = {session.get_inputs()[0].name: pixels[None].astype(np.float32)}
    return [np.asarray(found, dtype=np.float64) for found in session.run(outputs, given)]


@cache
def _session(name: str) -> Any:
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    with as_file(files("ilgnet.faces") / "networks" / name) as path:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
