"""A run of real picture files with hostile names, made from the sample photographs."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from PIL import Image

from ilgnet.report.panel_html import Legend, Panel
from ilgnet.values import Failure, ImageSource, Outcome
from tests.report.conftest import make_verdict

SAMPLES = Path(str(files("ilgnet"))) / "samples"
SHAPES = [(240, 160), (160, 240), (200, 200), (480, 120), (60, 240), (213, 160)]
NAMES = [
    "<img src=x onerror=window.pwned=1>.jpg",
    '" onmouseover="window.pwned=1.jpg',
    "<script>window.pwned=1<script>.jpg",
    "<!-- <script>.jpg",
    "$title &amp; <!-- first cards -->.jpg",
    os.fsdecode(b"caf\xe9.jpg"),
    "\u202egpj.exe",
    "漢字 🌄.jpg",
    "two\nlines.jpg",
    "a-name-without-any-break-" + "x" * 180 + ".jpg",
]


def make_run(folder: Path, pictures: int, failures: int = 0) -> list[Outcome]:
    """Picture files with evenly spread scores from 3.6 to 7.2, worst first, and failures."""
    samples = [Image.open(path).convert("RGB") for path in sorted(SAMPLES.glob("*.jpg"))]
    run: list[Outcome] = []
    for number in range(pictures):
        name = NAMES[number] if number < len(NAMES) else f"picture-{number:04d}.jpg"
        size = SHAPES[number % len(SHAPES)]
        path = os.path.join(folder, name)
        samples[number % len(samples)].resize(size).save(path, "JPEG", quality=80)
        score = 3.6 + 3.6 * number / max(1, pictures - 1)
        run.append(replace(make_verdict(path, score, *size), score=score))
    codes = ["truncated", "empty", "unsupported_format"]
    for number in range(failures):
        name = NAMES[number % len(NAMES)]
        run.append(Failure(f"broken/{name}", codes[number % 3], f"cannot read {name}"))
    return run


def hostile_panel(path: str, image: ImageSource) -> Panel:
    """A panel as `write_gallery` asks for one: the right half of its layer gold, names hostile."""
    with Image.open(os.fspath(image)) as picture:
        size = picture.size
    layer, data = Image.new("RGBA", size, (0, 0, 0, 0)), BytesIO()
    layer.paste((255, 170, 0, 255), (size[0] // 2, 0, *size))
    layer.save(data, "WEBP", lossless=True)
    return Panel(
        sentences=("Centre: the score falls by 0.31.", "<script>window.pwned=1</script>"),
        tables=(("What if", (("brighter", "+0.20"),)), ("Measured", (("blur & <b>", "0.8 px"),))),
        layer=data.getvalue(),
        legend=Legend("lowers -0.12", "+0.12 raises", "What a 49th adds, in votes."),
    )
