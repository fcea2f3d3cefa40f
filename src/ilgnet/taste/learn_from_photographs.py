"""From rated photographs to a saved taste."""

from __future__ import annotations

from pathlib import Path

from ilgnet.hashing import file_hash
from ilgnet.taste.labels import Labelled
from ilgnet.taste.learn import learn
from ilgnet.taste.learnt import TasteLearnt
from ilgnet.taste.save import TastePlace, save_taste
from ilgnet.zoo.records import Weights


def learn_and_save(labelled: Labelled, base: Weights, place: TastePlace) -> TasteLearnt:
    """Learn a taste from what a person said of photographs, and save it as a model.

    Args:
        labelled: the photographs, with the features of the base model.
        base: that model.
        place: where it is saved, and its names.

    Raises:
        LibraryError: there is too little to learn from, or nothing that could be learnt; nothing
            was saved.
    """
    figures = learn(labelled.features, labelled.baseline, labelled.opinions, labelled.groups)
    rated = [photo.sha256 or _hash(photo.path) for photo in labelled.photographs]
    saved = save_taste(figures, base, place, rated)
    return TasteLearnt(saved, place.key, figures, labelled.left_out)


def _hash(path: Path) -> bytes:
    return bytes.fromhex(file_hash(path))
