"""Generated pictures: scenes that differ, and frames of a scene that hardly do."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (96, 64)
EPOCH = 1_700_000_000
"""Modification times of generated files, in seconds: long ago, so that their stamps are trusted."""


def picture(scene: int, frame: int = 0, brightness: float = 0.0) -> Image.Image:
    """RGB 96 x 64: soft blobs that belong to the scene, and noise that belongs to the frame."""
    blobs = np.random.default_rng([scene, 1]).uniform(20, 235, (4, 6, 3)).astype(np.uint8)
    soft = np.asarray(Image.fromarray(blobs).resize(SIZE, Image.Resampling.BICUBIC))
    noise = np.random.default_rng([scene, 2, frame]).normal(brightness, 4.0, (*soft.shape[:2], 1))
    return Image.fromarray(np.clip(soft + noise, 0, 255).astype(np.uint8))


def exif(taken: datetime | None, *, camera: str = "Testcam", fraction: bool = True) -> Image.Exif:
    """EXIF as cameras write it."""
    data = Image.Exif()
    data[0x010F], data[0x0110] = "Maker", camera
    if taken is not None:
        detail = data.get_ifd(0x8769)
        detail[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
        if fraction:
            detail[0x9291] = f"{taken.microsecond // 10_000:02d}"
    return data


def write_picture(
    path: Path,
    scene: int,
    frame: int = 0,
    *,
    brightness: float = 0.0,
    taken: datetime | None = None,
    camera: str = "Testcam",
    fraction: bool = True,
) -> Path:
    """Write a JPEG with capture time and an old modification time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = exif(taken, camera=camera, fraction=fraction)
    picture(scene, frame, brightness).save(path, "JPEG", quality=90, exif=data)
    make_old(path)
    return path


def make_old(path: Path) -> None:
    """Give a file a modification time of long ago."""
    os.utime(path, (EPOCH, EPOCH))
