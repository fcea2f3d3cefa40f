"""A miniature AVA: generated pictures, and every file of the real data set in its real format.

    AVA.txt  tags.txt  challenges.txt
    aesthetics_image_lists/  style_image_lists/   as in AVA's own archive
    images/<id>.jpg                               some missing, some corrupt, as in real downloads

A picture's quality is learnable: good ones are colourful, contrasty and clean, bad ones grey,
flat and noisy. The votes are drawn around that quality as people's are.

From the command line: python tests/miniature_ava.py FOLDER [PICTURES]
"""

from __future__ import annotations

import colorsys
import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FIRST_ID = 1000
TAGS = {1: "Abstract", 14: "Landscape", 15: "Nature", 20: "Portraiture", 21: "Black_and_White"}
CHALLENGES = {7: "Shadows", 203: "Free_Study", 1396: "100_Meters"}
STYLES = {1: "Complementary_Colors", 2: "Duotones", 3: "HDR"}


@dataclass(frozen=True)
class MiniatureAva:
    """Where the files are, and what is wrong with the pictures on purpose."""

    folder: Path
    ids: tuple[int, ...]
    votes: NDArray[np.int64]
    missing: tuple[int, ...]
    corrupt: tuple[int, ...]

    @property
    def ava_txt(self) -> Path:
        return self.folder / "AVA.txt"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    @property
    def usable(self) -> tuple[int, ...]:
        """The ids whose pictures can be read."""
        broken = {*self.missing, *self.corrupt}
        return tuple(i for i in self.ids if i not in broken)

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean vote of every id, 1..10."""
        return self.votes @ np.arange(1, 11) / self.votes.sum(axis=1)


def build(
    folder: Path, pictures: int = 60, *, missing: int = 2, corrupt: int = 3, seed: int = 0
) -> MiniatureAva:
    """Write a miniature AVA into a folder; the same arguments give the same bytes."""
    random = np.random.default_rng(seed)
    ids = FIRST_ID + np.sort(random.permutation(3 * pictures)[:pictures])
    quality = random.permutation(np.linspace(0.0, 1.0, pictures))
    votes = np.array([draw_votes(q, random) for q in quality])
    broken = random.permutation(ids)[: missing + corrupt].tolist()
    miniature = MiniatureAva(
        folder,
        tuple(ids.tolist()),
        votes,
        missing=tuple(sorted(broken[:missing])),
        corrupt=tuple(sorted(broken[missing:])),
    )
    miniature.images.mkdir(parents=True, exist_ok=True)
    _write_texts(miniature, random)
    for image_id, q in zip(miniature.ids, quality, strict=True):
        data = encode(draw_picture(q, random))
        if image_id in miniature.corrupt:
            data = damage(data, miniature.corrupt.index(image_id))
        if image_id not in miniature.missing:
            (miniature.images / f"{image_id}.jpg").write_bytes(data)
    return miniature


def draw_votes(quality: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Counts of votes 1..10 of about 200 people; mean votes run from about 3 to 7.5."""
    centre = 3.0 + 4.5 * quality
    shape = np.exp(-0.5 * np.square((np.arange(1, 11) - centre) / 1.4))
    return random.multinomial(int(random.integers(150, 260)), shape / shape.sum())


def draw_picture(
    quality: float, random: np.random.Generator, short_side: int = 128
) -> NDArray[np.uint8]:
    """A subject before a graded background, RGB uint8 (H, W, 3); quality is 0..1."""
    height, width = short_side, int(short_side * random.uniform(1.0, 1.5))
    if random.random() < 0.3:
        height, width = width, height
    y, x = np.mgrid[0:height, 0:width] / short_side
    hue = random.random()
    saturation, contrast = 0.05 + 0.85 * quality, 0.15 + 0.75 * quality
    back = np.array(colorsys.hsv_to_rgb(hue, saturation, 0.5 + 0.3 * contrast))
    front = np.array(colorsys.hsv_to_rgb((hue + 0.5) % 1.0, saturation, 0.5 + 0.5 * contrast))
    shade = 1.0 - contrast * 0.6 * y / y.max()
    picture = shade[..., None] * back
    centre_y, centre_x = random.uniform(0.3, 0.7, 2) * (y.max(), x.max())
    subject = np.hypot(y - centre_y, x - centre_x) < random.uniform(0.15, 0.3)
    picture[subject] = front
    picture += random.normal(0.0, 0.02 + 0.10 * (1.0 - quality), picture.shape)
    return np.rint(255 * np.clip(picture, 0.0, 1.0)).astype(np.uint8)


def encode(rgb: NDArray[np.uint8]) -> bytes:
    """A JPEG file's bytes."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def damage(data: bytes, kind: int) -> bytes:
    """What bad downloads look like: an empty file, half a file, a web page in the file's place."""
    return (b"", data[: len(data) // 2], b"<html>404 Not Found</html>")[kind % 3]


def _write_texts(miniature: MiniatureAva, random: np.random.Generator) -> None:
    folder = miniature.folder
    tags, challenges = [0, *TAGS], list(CHALLENGES)
    lines = []
    for index, (image_id, votes) in enumerate(zip(miniature.ids, miniature.votes, strict=True), 1):
        first, second = random.choice(tags, 2, replace=False)
        challenge = random.choice(challenges)
        lines.append(" ".join(map(str, (index, image_id, *votes, first, second, challenge))))
    _write_lines(miniature.ava_txt, lines)
    for name, table in (("tags", TAGS), ("challenges", CHALLENGES)):
        _write_lines(folder / f"{name}.txt", [f"{key} {value}" for key, value in table.items()])

    half = len(miniature.ids) // 2
    train, test = miniature.ids[:half], miniature.ids[half:]
    aesthetics = folder / "aesthetics_image_lists"
    _write_lines(aesthetics / "generic_ls_train.jpgl", train)
    _write_lines(aesthetics / "generic_test.jpgl", test)
    styles = folder / "style_image_lists"
    _write_lines(styles / "styles.txt", [f"{key} {value}" for key, value in STYLES.items()])
    _write_lines(styles / "train.jpgl", train)
    _write_lines(styles / "train.lab", random.choice(list(STYLES), len(train)))
    _write_lines(styles / "test.jpgl", test)
    marks = random.integers(0, 2, (len(test), len(STYLES)))
    _write_lines(styles / "test.multilab", [" ".join(map(str, row)) for row in marks])


def _write_lines(path: Path, lines: Iterable[object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 60)
