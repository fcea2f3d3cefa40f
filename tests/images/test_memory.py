"""How much memory a large picture takes: the stated limit, held by what each pixel takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ilgnet.images.picture import FULL_PIXELS
from tests.images.heic_grid import heic_grid

WIDTH, HEIGHT = 4096, 3072
LIMIT = 3_000_000_000
"""Bytes for whatever is within the limits of decoding: decision 0083."""

READ = """
import json, sys
from ilgnet.images.decode import read_image

def peak():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return 1024 * int(line.split()[1])

read_image(sys.argv[1], min_side=224)  # a small one of the kind: the decoder is loaded
before = peak()
picture = read_image(sys.argv[2], min_side=224)
print(json.dumps([before, peak(), picture.width, picture.height]))
"""


def save(format: str, size: tuple[int, int], path: Path) -> None:
    """A picture of soft colours; a HEIC is in tiles, as phones write it."""
    across, down = np.linspace(0, 250, size[0]), np.linspace(0, 250, size[1])[:, None]
    red, green = np.broadcast_arrays(across, down)
    rgb = np.stack([red, green, (red + green) / 2], axis=-1).astype(np.uint8)
    image = Image.fromarray(rgb)
    if format == "deep TIFF":
        tifffile = pytest.importorskip("tifffile")
        tifffile.imwrite(path, rgb.astype(np.uint16) * 257, compression="zlib", rowsperstrip=64)
    elif format == "HEIC":
        pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
        side = min(size[0] // 4, size[1] // 3)
        path.write_bytes(heic_grid(image.resize((side, side)), 4, 3))
    else:
        options: dict[str, Any] = {"AVIF": {"quality": 40, "speed": 10}}
        image.save(path, format, **options.get(format, {}))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks are read on Linux")
@pytest.mark.parametrize("format", ["PNG", "TIFF", "deep TIFF", "HEIC", "AVIF"])
def test_the_largest_picture_stays_within_the_stated_memory(format: str, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    save(format, (256, 192), small)
    save(format, (WIDTH, HEIGHT), large)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(small), str(large)], capture_output=True, text=True
    )
    before, peak, width, height = json.loads(done.stdout)
    assert (width, height) == (WIDTH, HEIGHT)
    of_a_pixel = (peak - before) / (WIDTH * HEIGHT)
    assert before + of_a_pixel * FULL_PIXELS < LIMIT, f"{of_a_pixel:.1f} bytes a pixel"
