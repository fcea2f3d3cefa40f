"""What our own run writes into a picture costs it nothing of what is known of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from ilgnet import scoring
from ilgnet.library.choosing.plan_marks import MarkRule
from ilgnet.library.choosing.stars import StarRule
from ilgnet.library.open_library import Library, open_library
from tests.library.season import write_picture

AVA = StarRule("ava")


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Library:
    """Three pictures, one of them twice, all scored."""
    root = tmp_path / "photos"
    for number in range(3):
        write_picture(root / f"IMG_{number}.jpg", number)
    (root / "copies").mkdir()
    shutil.copy2(root / "IMG_0.jpg", root / "copies" / "IMG_0.jpg")
    library = open_library(root, model=tiny_model, catalogue="beside", threads=1)
    list(library.score())
    return library


def scores(library: Library) -> dict[str, float]:
    return {str(photo.path): photo.score for photo in library.photographs(features=True)}


def forbid_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_image(*_: object, **__: object) -> None:
        raise AssertionError("a picture was read again")

    monkeypatch.setattr(scoring, "read_image", read_image)


def score_again(library: Library) -> dict[str, float]:
    again = open_library(library.root, model=library.scorer.weights.folder, threads=1)
    return {outcome.path: outcome.score for outcome in again.score()}  # type: ignore[union-attr]


def test_stars_inside_pictures_are_no_new_pictures(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_reading(monkeypatch)
    before = scores(library)
    library.choose(library.photographs(), stars=4)
    contents = {path: Path(path).read_bytes() for path in before}
    applied = library.stars(AVA, MarkRule(embed=True, overwrite=True)).apply()
    assert applied.done == 4
    assert all(Path(path).read_bytes() != data for path, data in contents.items())
    assert score_again(library) == before
    status = open_library(library.root, threads=1).status()
    assert (status.new, status.missing) == ((), ())
    assert {p.opinion.rating for p in library.photographs(opinions=True)} == {4}
    applied.undo()
    assert {path: Path(path).read_bytes() for path in before} == contents
    assert score_again(library) == before
    assert {p.opinion.rating for p in library.photographs(opinions=True)} == {4}


def test_what_somebody_else_wrote_since_is_new(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that is changed between our writing and our noting it is scored again."""
    from ilgnet.library import proposals

    carry_out = proposals.apply_plan

    def and_then(*arguments: object) -> object:
        journal = carry_out(*arguments)  # type: ignore[arg-type]
        write_picture(library.root / "IMG_1.jpg", 77)
        return journal

    monkeypatch.setattr(proposals, "apply_plan", and_then)
    before = scores(library)
    library.stars(AVA, MarkRule(embed=True)).apply()
    after = score_again(library)
    changed = {Path(path).name for path in before if before[path] != after[path]}
    assert changed == {"IMG_1.jpg"}
