"""Rated pictures are divided without dividing groups, and lists that overlap are refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ilgnet.data.rated import RatedImage, RatedSet
from ilgnet.errors import DataError, RecipeError
from ilgnet.images.preprocess import Preprocess
from ilgnet.training.recipe import AugmentRecipe, DataRecipe
from ilgnet.training.split import Split, divide, load_split, read_split
from tests import miniature_ava


def rated_set(count: int, group_of: int = 0) -> RatedSet:
    return RatedSet(
        "test",
        tuple(
            RatedImage(
                f"{i}.jpg",
                Path(f"{i}.jpg"),
                mean=5.0,
                group=f"g{i // group_of}" if group_of else "",
            )
            for i in range(count)
        ),
    )


def table(folder: Path, names: list[str], *, colour_of: dict[str, int] | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        shade = (colour_of or {}).get(name, sum(name.encode()) % 200)
        Image.new("RGB", (40, 30), (shade, 90, 200 - shade)).save(folder / name)
    path = folder / "ratings.csv"
    rows = [f"{name},{1 + i % 5},s{i // 2}\n" for i, name in enumerate(names)]
    path.write_text("file,stars,shoot\n" + "".join(rows), encoding="utf-8")
    return path


def test_division_keeps_a_share_and_depends_on_the_seed_alone() -> None:
    rated = rated_set(100)
    split = divide(rated, 0.2, seed=1)
    assert len(split.validation.images) == 20
    assert sorted(split.train.ids + split.validation.ids) == sorted(rated.ids)
    assert divide(rated, 0.2, seed=1) == split
    assert divide(rated, 0.2, seed=2) != split


def test_groups_are_never_divided() -> None:
    split = divide(rated_set(100, group_of=7), 0.2, seed=3)
    groups = [{image.group for image in part.images} for part in (split.train, split.validation)]
    assert not groups[0] & groups[1]
    assert 20 <= len(split.validation.images) < 27


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="form 1 groups"):
        divide(rated_set(10, group_of=10), 0.2, seed=0)


def test_copies_of_a_file_stay_together(tmp_path: Path) -> None:
    table(tmp_path, ["a.png"])
    copies = [shutil.copy(tmp_path / "a.png", tmp_path / f"copy{i}.png") for i in range(5)]
    rated = RatedSet("copies", tuple(RatedImage(p.name, p, mean=5.0) for p in map(Path, copies)))
    with pytest.raises(DataError, match="form 1 groups"):
        divide(rated, 0.4, seed=0)


def test_the_group_column_of_a_table_is_used(tmp_path: Path) -> None:
    names = [f"{i:02}.png" for i in range(20)]
    path = table(tmp_path, names, colour_of={name: 10 * i for i, name in enumerate(names)})
    split = read_split(DataRecipe(train=str(path), group="shoot", validation_share=0.3), 0)
    held = {int(name[:2]) // 2 for name in split.validation.ids}
    assert len(split.validation.images) == 6
    assert len(held) == 3


def test_lists_that_share_pictures_are_refused(tmp_path: Path) -> None:
    train = table(tmp_path / "one", ["a.png", "b.png", "c.png"])
    test = table(
        tmp_path / "two", ["renamed.png", "x.png"], colour_of={"renamed.png": sum(b"b.png") % 200}
    )
    with pytest.raises(DataError, match=r"share 1 picture, renamed\.png"):
        read_split(DataRecipe(train=str(train), test=str(test)), 0)
    with pytest.raises(DataError, match="share 1 picture,"):
        read_split(DataRecipe(train=str(train), validation=str(test)), 0)


def test_no_pictures_named_is_an_error_with_a_remedy() -> None:
    with pytest.raises(DataError, match="--data"):
        read_split(DataRecipe(), 0)


def test_unreadable_pictures_are_left_out_and_too_few_stop(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(12)]
    path = table(tmp_path, names, colour_of={name: 10 * i for i, name in enumerate(names)})
    (tmp_path / "3.png").write_bytes(b"not a picture")
    (tmp_path / "7.png").unlink()
    split = read_split(DataRecipe(train=str(path), validation_share=0.4), 0)
    loading = (tmp_path / "cache", Preprocess("warp", 32, 32), AugmentRecipe(crop="centre"))
    loaded = load_split(split, *loading, seed=0, threads=1, show=False)
    assert {failure.path for failure in loaded.failures} == {"3.png", "7.png"}
    readable = loaded.split.train.ids
    left = readable + loaded.split.validation.ids
    assert sorted(left) == sorted(set(names) - {"3.png", "7.png"})
    assert len(loaded.train) + len(loaded.validation) == 10

    nowhere = RatedSet("lost", tuple(RatedImage(n, tmp_path / "none" / n, mean=5.0) for n in names))
    with pytest.raises(DataError, match=r"only 0 of the 12.*the first that cannot.*--images"):
        load_split(Split(nowhere, nowhere), *loading, seed=0, threads=1, show=False)
    few = split.train.without(set(split.train.ids) - set(readable[:3]))
    with pytest.raises(DataError, match=r"3 pictures of .* are left .*validation_share"):
        load_split(Split(few, few), *loading, seed=0, threads=1, show=False)


def test_a_named_protocol_divides_a_collection(tmp_path: Path) -> None:
    mini = miniature_ava.build(tmp_path, 30, missing=0, corrupt=0)
    recipe = DataRecipe(train=str(tmp_path), protocol="ava-official", validation_share=0.3)
    split = read_split(recipe, 0)
    test = {f"{i}.jpg" for i in mini.ids[15:]}
    assert not test & {*split.train.ids, *split.validation.ids}
    assert len(split.train.images) + len(split.validation.images) == 15
    clear = read_split(replace(recipe, delta=1.5), 0)
    assert clear.validation == split.validation  # only what is learned from is thinned
    assert {*clear.train.ids} < {*split.train.ids}
    with pytest.raises(RecipeError, match=r"data\.protocol brings its own parts"):
        replace(recipe, test="list.txt")
    with pytest.raises(DataError, match="spaq has no part to learn from"):
        read_split(replace(recipe, protocol="spaq"), 0)
