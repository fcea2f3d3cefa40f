"""From a decoded picture to the network's input: one implementation for training and serving.

Resizing is Pillow's antialiased bicubic on 8-bit RGB, unless the record names another filter: the
networks of 2016 were fed by OpenCV and by scikit-image, which are called where that is asked for.
Tensor libraries resize differently, so nothing else in this package resizes what a network is going
to see.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import ModelError, in_words, require

IMPLEMENTATION: Final = 1
"""Raised when the code below changes what a network sees; part of every fingerprint."""

DECODE_MARGIN: Final = 2
"""JPEGs are decoded at no less than this many times the network's input, so that the scaled
decoding costs no accuracy (54 dB against a full decode)."""


Filter = Literal["pillow-bicubic", "opencv-bilinear", "skimage-linear"]
FILTERS: Final = get_args(Filter)

WHOLE: Final = 1 << 20
"""A side that no picture has: it is decoded at its full size."""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a picture becomes the network's input, as plain data.

    Attributes:
        resize: "warp" squeezes the picture to height x width whatever its shape; "aspect" keeps
            its shape: the short side becomes `height`, the long side follows.
        height: of the resized picture; the short side for "aspect".
        width: of the resized picture; for "aspect" the same as `height`.
        multiple: for "aspect", the long side is rounded to a multiple of this.
        max_aspect: for "aspect", a longer picture is squeezed to this ratio (nothing is cut off).
        crop: side of a centre crop after resizing, or None.
        channels: order of the colour channels, "RGB" or "BGR".
        mean: subtracted from 0..255, in the order of `channels`.
        std: divided by, in the order of `channels`.
        filter: what resizes. "pillow-bicubic" looks at every pixel; "opencv-bilinear" (of 8-bit
            numbers, as Caffe's convert_imageset) and "skimage-linear" (of floats, order 1, as
            pycaffe's `resize_image`) look at the nearest two by two alone, and need an extra.
    """

    resize: Literal["warp", "aspect"]
    height: int
    width: int
    multiple: int = 32
    max_aspect: float = 2.0
    crop: int | None = None
    channels: Literal["RGB", "BGR"] = "RGB"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    filter: Filter = "pillow-bicubic"

    def __post_init__(self) -> None:
        if self.resize not in ("warp", "aspect"):
            raise ModelError(f"resize must be 'warp' or 'aspect', not {self.resize!r}")
        if self.filter not in FILTERS:
            raise ModelError(f"filter must be one of {', '.join(FILTERS)}, not {self.filter!r}")
        if self.resize == "aspect" and self.height != self.width:
            raise ModelError(
                f"resize 'aspect' takes one short side, got {self.height} x {self.width}"
            )
        if self.crop is not None and self.crop > min(self.height, self.width):
            raise ModelError(f"a crop of {self.crop} does not fit {self.height} x {self.width}")

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Preprocess:
        """Read the form that `to_json` writes; an unknown key is an error."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
        }
        try:
            return cls(**fields)
        except TypeError as error:
            raise ModelError(f"the preprocessing record does not fit: {in_words(error)}") from error

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types, in field order."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def fingerprint(self) -> str:
        """Twelve hex digits that change whenever the network would see other numbers."""
        record = self.to_json()
        if self.filter == "pillow-bicubic":  # older records do not name it
            del record["filter"]
        text = json.dumps({"implementation": IMPLEMENTATION, **record}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture of this size is resized to, before the crop."""
        if self.resize == "warp":
            return self.width, self.height
        ratio = min(max(width, height) / min(width, height), self.max_aspect)
        long = max(self.height, round(self.height * ratio / self.multiple) * self.multiple)
        return (long, self.height) if width >= height else (self.height, long)

    @property
    def decode_side(self) -> int:
        """Neither side of a scaled decode may be shorter than this."""
        if self.filter != "pillow-bicubic":
            return WHOLE
        return DECODE_MARGIN * max(self.height, self.width)


Pixels = NDArray[np.uint8] | NDArray[np.float32]


def resize_rgb(rgb: NDArray[np.uint8], preprocess: Preprocess) -> Pixels:
    """Resize and crop: RGB uint8 (H, W, 3) -> RGB (h, w, 3), 0..255.

    Returns:
        uint8; float32 from "skimage-linear", which rounds nothing.

    Raises:
        MissingExtra: the record names a filter that is not installed.
    """
    size = preprocess.resized(rgb.shape[1], rgb.shape[0])
    pixels: Pixels = rgb
    if preprocess.filter == "skimage-linear":
        pixels = _skimage(rgb, size)
    elif (rgb.shape[1], rgb.shape[0]) != size:
        pixels = (
            _opencv(rgb, size) if preprocess.filter == "opencv-bilinear" else _pillow(rgb, size)
        )
    if preprocess.crop is not None:
        left = (size[0] - preprocess.crop) // 2
        top = (size[1] - preprocess.crop) // 2
        pixels = pixels[top : top + preprocess.crop, left : left + preprocess.crop]
    return pixels


def resized_bytes(rgb: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.uint8]:
    """As `resize_rgb`, for what paints on the picture: always uint8, rounded where it was float."""
    pixels = resize_rgb(rgb, preprocess)
    if pixels.dtype == np.float32:
        pixels = np.rint(pixels).clip(0, 255)
    return pixels.astype(np.uint8, copy=False)


def _pillow(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))


def _opencv(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    cv2 = require("cv2", "routes", "the filter 'opencv-bilinear'")
    resized: NDArray[np.uint8] = cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR)
    return resized


def _skimage(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """As pycaffe's `resize_image`: floats from the picture's lowest value to its highest."""
    transform = require("skimage.transform", "routes", "the filter 'skimage-linear'")
    image = rgb.astype(np.float32) / np.float32(255.0)
    low, high = image.min(), image.max()
    if low == high:
        return np.full((size[1], size[0], 3), 255.0 * low, np.float32)
    scaled = (image - low) / (high - low)
    shape = (size[1], size[0], 3)
    resized = transform.resize(scaled, shape, order=1, mode="constant", anti_aliasing=False)
    back: NDArray[np.float32] = (255.0 * (resized * (high - low) + low)).astype(np.float32)
    return back


def normalise(rgb: Pixels, preprocess: Preprocess) -> NDArray[np.float32]:
    """Scale the numbers: RGB (h, w, 3), 0..255, -> float32 (3, h, w) in the order of `channels`."""
    ordered = rgb if preprocess.channels == "RGB" else rgb[:, :, ::-1]
    mean = np.asarray(preprocess.mean, dtype=np.float32)
    scale = np.float32(1.0) / np.asarray(preprocess.std, dtype=np.float32)
    scaled = (ordered.astype(np.float32) - mean) * scale
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def prepare(rgb: NDArray[np.uint8], preprocess: Preprocess) -> NDArray[np.float32]:
    """The whole way: upright sRGB uint8 (H, W, 3) -> the network's input float32 (3, h, w)."""
    return normalise(resize_rgb(rgb, preprocess), preprocess)
