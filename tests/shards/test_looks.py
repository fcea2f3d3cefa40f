"""Pictures that look the same, found among many without comparing all with all."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import ilgnet
from ilgnet.images.perceptual_hash import SAME, first_same
from ilgnet.shards.filter import Fate, Filter, Wanted, read_listed
from ilgnet.shards.looks import TABLES, Looks, first_alike
from ilgnet.shards.parts import merge, open_parts
from tests.shards.collections import planned, rows, scored


def planted(
    count: int, copies: int, apart: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Random hashes, some of them copies of earlier ones that differ in so many bits."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 256, (count, 32), dtype=np.uint8)
    sources = random.integers(0, count // 2, copies)
    targets = count // 2 + random.permutation(count // 2)[:copies]
    for source, target in zip(sources, targets, strict=True):
        bits = np.unpackbits(hashes[source])
        bits[random.choice(256, apart, replace=False)] ^= 1
        hashes[target] = np.packbits(bits)
    return hashes, sources, targets


@pytest.mark.parametrize("apart", [0, 8, 16, 31])
def test_as_many_are_found_as_the_formula_says(apart: int) -> None:
    hashes, sources, targets = planted(20_000, 500, apart, seed=apart)
    expected = 1 - (1 - (1 - apart / 256) ** 16) ** TABLES
    slack = 4 * np.sqrt(expected * (1 - expected) / 500) + 0.01
    first = first_alike(hashes)
    assert np.mean(first[targets] == sources) > expected - slack
    held = Looks(hashes[:10_000]).hold(hashes[targets])
    assert np.mean(held) > expected - slack
    others = np.setdiff1d(np.arange(10_000, 20_000), targets)
    assert not Looks(hashes[:10_000]).hold(hashes[others]).any()
    assert (first[others] == others).all()


def test_nothing_is_found_that_comparing_all_would_not() -> None:
    hashes, _, _ = planted(2_000, 300, 20, seed=1)
    exact = np.array(first_same(hashes))
    found = first_alike(hashes)
    same = found != np.arange(len(found))
    assert same.any()
    assert (exact[same] != np.flatnonzero(same)).all()
    assert SAME == 32


def test_none_and_one() -> None:
    none = np.zeros((0, 32), np.uint8)
    assert first_alike(none).shape == (0,)
    assert Looks(none).hold(np.zeros((3, 32), np.uint8)).tolist() == [False] * 3
    assert first_alike(np.zeros((1, 32), np.uint8)).tolist() == [0]


SAMPLES = [
    Path(ilgnet.__file__).parent / "samples" / f"{name}.jpg"
    for name in ("astronaut", "camera", "cat", "coffee", "rocket")
]


def photograph(number: int) -> Image.Image:
    """One of the package's samples, or one seen in a mirror."""
    image = Image.open(SAMPLES[number % len(SAMPLES)]).convert("RGB")
    image.thumbnail((480, 480))
    return image if number < len(SAMPLES) else ImageOps.mirror(image)


def saved(image: Image.Image, form: str, quality: int) -> bytes:
    data = io.BytesIO()
    image.save(data, form, quality=quality)
    return data.getvalue()


def test_copies_saved_again_in_a_job(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(len(SAMPLES)):
        image = photograph(number)
        (folder / f"{number}-a.jpg").write_bytes(saved(image, "JPEG", 95))
        (folder / f"{number}-b.webp").write_bytes(
            saved(image.resize((image.width // 2, image.height // 2)), "WEBP", 60)
        )
    (folder / "wall.png").write_bytes(saved(Image.new("RGB", (320, 240), "grey"), "PNG", 0))
    (folder / "wall-2.png").write_bytes(saved(Image.new("RGB", (320, 200), "grey"), "PNG", 0))
    job = planned([folder], tmp_path / "job", model, rows=5)
    scored(job)
    unlike = Filter(open_parts(job), Wanted(unlike=True))
    assert unlike.found.fates[Fate.LOOKS_THE_SAME] == 5
    taken = {row["key"] for _, batch in unlike.selected() for row in batch.to_pylist()}
    assert taken == {f"{n}-a.jpg" for n in range(5)} | {"wall.png", "wall-2.png"}
    only = Filter(open_parts(job), Wanted(where="key not in ('3-a.jpg', '4-a.jpg')", unlike=True))
    assert only.found.fates[Fate.LOOKS_THE_SAME] == 3, "the first of those that are asked for stays"


def test_leakage_by_look(tmp_path: Path, model: Path) -> None:
    """From another job merged, and from what a model remembers of its training."""
    for name, form, quality, numbers in (
        ("train", "JPEG", 95, range(8)),
        ("test", "WEBP", 70, range(6, 10)),
    ):
        (tmp_path / name).mkdir()
        for number in numbers:
            path = tmp_path / name / f"{number}.{form.lower()}"
            path.write_bytes(saved(photograph(number), form, quality))
    test = planned([tmp_path / "test"], tmp_path / "test-job", model)
    scored(test)
    merge(test, tmp_path / "test.parquet")
    remembered = [f"sha256:{r['sha256'][:16]}\tlook:{r['look'].hex()}\n" for r in rows(test)]
    (tmp_path / "test.txt").write_text("".join(remembered))
    train = planned([tmp_path / "train"], tmp_path / "train-job", model)
    scored(train)
    for name in ("test.parquet", "test.txt"):
        wanted = Wanted(without=read_listed([str(tmp_path / name)]))
        found = Filter(open_parts(train), wanted)
        taken = {row["key"] for _, batch in found.selected() for row in batch.to_pylist()}
        assert taken == {f"{number}.jpeg" for number in range(6)}, name
