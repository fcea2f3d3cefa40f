"""What the weights in a file had seen before a run begins with them.

A model's folder says it in its record. A bare `.safetensors` of this package says it in its header,
and a `.caffemodel` of this package in a file beside it. Of anything else it is unknown, and that is
said.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ilgnet.data.overlap import FOLDER as NOTES
from ilgnet.data.overlap import carry_notes
from ilgnet.errors import ModelError, in_words
from ilgnet.hashing import file_hash
from ilgnet.models.caffe.files import read_caffemodel
from ilgnet.models.caffe.networks import KNOWN_LAYERS
from ilgnet.models.checkpoints import read_metadata
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.records import RECORD_NAME, Weights, read_weights

HEADER: Final = "trained_on"
"""The key in a safetensors file's header."""

BESIDE: Final = ".trained_on.json"
"""How the file beside a caffemodel ends."""


@dataclass(frozen=True, slots=True)
class Ancestry:
    """What weights had seen when they were given to us.

    Attributes:
        trained_on: the entries for a record.
        folder: whose `trained_on/` may hold the notes of these entries.
    """

    trained_on: tuple[TrainedOn, ...] = ()
    folder: Path = Path()

    @classmethod
    def of_model(cls, weights: Weights) -> Ancestry:
        """What a model's record says."""
        return cls(weights.trained_on, weights.folder)

    @classmethod
    def of_file(cls, path: Path) -> Ancestry:
        """What the weights in a `.safetensors` or `.caffemodel` had seen.

        Raises:
            ModelError: the file or the record beside it is damaged.
        """
        record = _record_of(path)
        if record is not None:
            return cls.of_model(record)
        said = _said(path)
        if said is None:
            return cls((_published(path) or TrainedOn.unknown(path.name),))
        folders = [path.parent, path.parent.parent]  # the second is a run's own folder
        return cls(said, next((f for f in folders if (f / NOTES).is_dir()), path.parent))

    def hand_on(self, folder: Path) -> None:
        """Copy the notes into the folder of a model that descends from these weights."""
        carry_notes(self.folder, folder, self.trained_on)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What nobody can check, in words."""
        unclear = [entry for entry in self.trained_on if not entry.known]
        return tuple(
            f"an unknown part of {entry.collection.upper()} had been seen ({entry.name})"
            if entry.collection
            else f"{entry.name} is unknown"
            for entry in unclear
        )


def header(entries: Iterable[TrainedOn]) -> dict[str, str]:
    """The header of a safetensors file whose weights have seen this."""
    return {HEADER: _text(entries)}


def write_beside(caffemodel: Path, entries: Iterable[TrainedOn]) -> None:
    """Say beside a caffemodel, which has no room for it, what its weights have seen."""
    caffemodel.with_suffix(BESIDE).write_text(_text(entries) + "\n", encoding="utf-8")


def _text(entries: Iterable[TrainedOn]) -> str:
    return json.dumps([entry.to_json() for entry in entries], ensure_ascii=False)


def _published(path: Path) -> TrainedOn | None:
    """What the published ILGNets had seen, where a caffemodel looks like one of them."""
    if path.suffix != ".caffemodel" or not set(KNOWN_LAYERS) & set(read_caffemodel(path)):
        return None
    return TrainedOn(
        "AVA, if these are ILGNet's published weights",
        collection="ava",
        note="Jin et al. trained one on AVA1's and one on AVA2's training list; the file does not "
        "say which it is",
    )


def _record_of(path: Path) -> Weights | None:
    """The record beside a file, where the file is the one that it describes."""
    if not (path.parent / RECORD_NAME).is_file():
        return None
    weights = read_weights(path.parent)
    return weights if weights.files.get(path.name) == file_hash(path) else None


def _said(path: Path) -> tuple[TrainedOn, ...] | None:
    """What a file says itself, or the one beside it; None where nothing is said."""
    if path.suffix == ".safetensors":
        text = read_metadata(path).get(HEADER)
    else:
        beside = path.with_suffix(BESIDE)
        text = beside.read_text(encoding="utf-8") if beside.is_file() else None
    if text is None:
        return None
    try:
        return tuple(TrainedOn.from_json(entry) for entry in json.loads(text))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"{path} says damaged things of what it was trained on: {in_words(error)}"
        ) from error
