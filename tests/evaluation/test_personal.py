"""A few pictures of one person: what the regression can and cannot gain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.data.rated import PersonalRating, RatedImage, RatedSet
from ilgnet.errors import DataError
from ilgnet.evaluation.personal import look, personalised
from ilgnet.scoring import load
from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> RatedSet:
    """Sixty pictures of one colour; the tiny model's features are the colour itself."""
    folder = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    colours = random.integers(40, 216, (60, 3))
    images, personal = [], []
    for index, colour in enumerate(colours.tolist()):
        name = f"{index}.png"
        Image.new("RGB", (40, 40), tuple(colour)).save(folder / name)
        images.append(RatedImage(name, folder / name, mean=5.0))
        for person in range(12):
            likes_red = person % 2 == 0
            wish = colour[0] if likes_red else 255 - colour[0]
            value = 1 + 9 * np.clip(wish / 255 + 0.03 * random.normal(), 0, 1)
            personal.append(PersonalRating(f"p{person}", name, float(value)))
    return RatedSet("made up", tuple(images), personal=tuple(personal))


def test_a_few_pictures_tell_what_a_person_likes(rated: RatedSet, tmp_path: Path) -> None:
    scorer = load(make_tiny_model(tmp_path), threads=1)
    seen = look(scorer, rated)
    few, more = personalised(rated, seen, (5, 30), replicates=100)
    assert (few.shots, few.persons, more.persons) == (5, 12, 12)
    # Half like red and half the opposite, so the model's own order says nothing on average.
    assert abs(more.generic.value) < 0.35
    assert more.personal.value > 0.9
    assert more.gain.low > 0.3
    assert few.personal.value < more.personal.value
    assert more.gain.value == pytest.approx(more.personal.value - more.generic.value)


def test_persons_who_rated_too_little_are_no_protocol(rated: RatedSet, tmp_path: Path) -> None:
    seen = look(load(make_tiny_model(tmp_path), threads=1), rated)
    with pytest.raises(DataError, match="nobody rated 50 pictures and 20 more"):
        personalised(rated, seen, (50,))
    with pytest.raises(DataError, match="nobody rated"):
        personalised(replace(rated, personal=()), seen)
