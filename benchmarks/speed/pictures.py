"""Camera-like JPEGs made from the sample photographs: 12 and 24 megapixels, 2 to 4 MB each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

import ilgnet

SIZES = {"12MP": (4000, 3000), "24MP": (6000, 4000)}
SMALLEST, LARGEST = 2_000_000, 4_000_000
SAMPLES = sorted((Path(ilgnet.__file__).parent / "samples").glob("*.jpg"))


def make_pictures(folder: Path, each: int) -> dict[str, list[Path]]:
    """Write `each` pictures of every size; returns size name -> files. Made once, then kept."""
    made: dict[str, list[Path]] = {}
    for name, size in SIZES.items():
        made[name] = [folder / f"{name}-{index:02d}.jpg" for index in range(each)]
        for index, path in enumerate(made[name]):
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_jpeg(_scene(index, size)))
    return made


def _scene(index: int, size: tuple[int, int]) -> Image.Image:
    """A part of one sample enlarged, lit anew, with the detail of another and sensor noise."""
    rng = np.random.default_rng(index)
    base = Image.open(SAMPLES[index % len(SAMPLES)]).convert("RGB")
    detail = Image.open(SAMPLES[(index * 3 + 1) % len(SAMPLES)]).convert("L")
    picture = base.resize(size, Image.Resampling.BICUBIC, box=_window(base, rng))
    gain, gamma = rng.uniform(0.6, 1.3), rng.uniform(0.6, 1.6)
    lit = gain * 255.0 * (np.asarray(picture, np.float32) / 255.0) ** gamma
    tile = np.asarray(detail.resize((size[0] // 4, size[1] // 4)), np.float32)
    texture = np.tile(tile - tile.mean(), (4, 4))[: size[1], : size[0]]
    grain = Image.fromarray(rng.integers(0, 256, (size[1], size[0]), dtype=np.uint8))
    noise = np.asarray(grain.filter(ImageFilter.GaussianBlur(1.2)), np.float32) - 127.5
    pixels = lit + (rng.uniform(0, 0.08) * texture + 0.35 * noise)[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _window(image: Image.Image, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """A random part of a picture, at least half its width and height."""
    width, height = (side * rng.uniform(0.5, 1.0) for side in image.size)
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
    return left, top, left + width, top + height


def _jpeg(image: Image.Image) -> bytes:
    """At the highest quality that stays within the sizes that cameras write."""
    from io import BytesIO

    for quality in range(95, 20, -3):
        stream = BytesIO()
        image.save(stream, "JPEG", quality=quality)
        if stream.tell() <= LARGEST:
            break
    if stream.tell() < SMALLEST:
        raise RuntimeError(f"the picture has {stream.tell()} bytes, less than {SMALLEST}")
    return stream.getvalue()
