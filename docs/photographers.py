"""Makes the pictures in photographers.md: real runs on the sample photographs.

    python docs/photographers.py

Bursts are imitated: frames of a sample that are shifted a little, and some of them blurred.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

import ilgnet

SAMPLES = Path(ilgnet.__file__).parent / "samples"
IMAGES = Path(__file__).parent / "images"
FRAMES = 5
WIDTH, GAP, LINE = 190, 8, 22
COLOURS = {"keep": "#2e9e5b", "maybe": "#d9a21b", "reject": "#c8423b"}


def shoot(folder: Path, sample: str, minute: int, first: int) -> None:
    """Five frames a third of a second apart; the hand moves, and focus comes and goes."""
    random = np.random.default_rng(first)
    image = Image.open(SAMPLES / f"{sample}.jpg").convert("RGB")
    for frame in range(FRAMES):
        dx, dy = random.uniform(0, 0.05, 2)
        box = (dx * image.width, dy * image.height, (0.95 + dx) * image.width)
        shot = image.crop((*map(int, box), int((0.95 + dy) * image.height)))
        blur = [0.0, 0.0, 1.0, 2.5, 5.0][int(random.permutation(FRAMES)[frame])]
        shot = shot.filter(ImageFilter.GaussianBlur(blur * image.width / 600))
        exif = Image.Exif()
        exif[0x0110] = "Sample camera"
        taken = datetime(2026, 5, 3, 11, minute) + timedelta(seconds=frame / 3)
        detail = exif.get_ifd(0x8769)
        detail[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
        detail[0x9291] = f"{taken.microsecond // 10_000:02d}"
        shot.save(folder / f"IMG_{first + frame:04d}.jpg", quality=92, exif=exif)


def run(*arguments: str) -> str:
    """What the command prints."""
    command = [sys.executable, "-m", "ilgnet", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sheet(rows: list[list[tuple[Path, str, str]]], target: Path) -> None:
    """A contact sheet: rows of (picture, words below it, colour of its frame)."""
    cell = (WIDTH, int(WIDTH * 0.7))
    size = (max(map(len, rows)) * (WIDTH + GAP) + GAP, len(rows) * (cell[1] + LINE + GAP) + GAP)
    page = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(13)
    for y, row in enumerate(rows):
        for x, (path, words, colour) in enumerate(row):
            left, top = GAP + x * (WIDTH + GAP), GAP + y * (cell[1] + LINE + GAP)
            thumb = Image.open(path).convert("RGB")
            scale = max(cell[0] / thumb.width, cell[1] / thumb.height)
            thumb = thumb.resize((round(thumb.width * scale), round(thumb.height * scale)))
            page.paste(thumb.crop((0, 0, *cell)), (left, top))
            if colour:
                draw.rectangle((left, top, left + cell[0] - 1, top + cell[1] - 1), None, colour, 4)
            draw.text((left, top + cell[1] + 3), words, colour or "#333333", font)
    page.save(target, quality=85)


def main() -> None:
    """Make both pictures and print what the commands said."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "photos"
        folder.mkdir()
        for number, sample in enumerate(("cat", "coffee", "rocket")):
            shoot(folder, sample, minute=number, first=1 + FRAMES * number)
        run("score", "--library", str(folder), "--jsonl", "--quiet")
        sys.stdout.write(run("library", "status", str(folder)))
        sys.stdout.write(run("bursts", str(folder)))
        bursts = json.loads(run("bursts", str(folder), "--json"))["bursts"]
        sheet(
            [
                [
                    (
                        folder / shot["path"],
                        f"{shot['score']:.2f}" + ("  best" if index == 0 else ""),
                        COLOURS["keep"] if index == 0 else "",
                    )
                    for index, shot in enumerate(burst["photographs"])
                ]
                for burst in bursts
            ],
            IMAGES / "bursts.jpg",
        )
        chosen = json.loads(run("cull", str(SAMPLES), "--percent", "25", "--maybe", "25", "--json"))
        photographs = sorted(chosen["photographs"], key=lambda photo: -photo["score"])
        cells = [
            (
                Path(photo["path"]),
                f"{photo['score']:.2f}  {photo['decision']}",
                COLOURS[photo["decision"]],
            )
            for photo in photographs
        ]
        sheet([cells[:4], cells[4:]], IMAGES / "cull.jpg")


if __name__ == "__main__":
    main()
