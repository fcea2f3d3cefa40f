"""A learnt taste as a model folder: usable anywhere that a model is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from ilgnet.atomic import replacing
from ilgnet.data.identity import CONTENT, PictureKeys
from ilgnet.data.overlap import carry_notes, write_note
from ilgnet.data.rated import fingerprint
from ilgnet.engines.taste import write_taste
from ilgnet.errors import LibraryError, ModelError
from ilgnet.taste.learnt import Agreement, Learnt
from ilgnet.zoo.kept import keep_by_name, own_folder
from ilgnet.zoo.lineage import TrainedOn, joined
from ilgnet.zoo.measurements import Figure, Figures, Measurement
from ilgnet.zoo.records import (
    BASE_FOLDER,
    BUILTIN,
    ONNX_NAME,
    SAFETENSORS_NAME,
    TASTE_NAME,
    Base,
    Weights,
    find_weights,
    is_model_folder,
    is_plain_name,
    read_weights,
    write_weights,
)


@dataclass(frozen=True, slots=True)
class TastePlace:
    """Where a taste will lie, and by which names it goes.

    Attributes:
        folder: nothing but a taste in it is ever replaced.
        key: what `--model` takes.
        name: how results call it.
    """

    folder: Path
    key: str
    name: str


def taste_place(folder: Path | None, name: str = "") -> TastePlace:
    """Where a taste goes that is given a folder, a name, or both.

    Raises:
        LibraryError: neither is given, or something else goes by the name or is in the folder.
    """
    if not name and folder is None:
        raise LibraryError("a taste needs a name, or a folder of its own")
    key = name or Path(folder or "").resolve().name
    if not is_plain_name(key):
        raise LibraryError(
            f"{key!r} can be no name of a taste; take a printable one without slashes and colons "
            "that does not begin with a dot"
        )
    place = TastePlace(folder or own_folder(key), key, name or f"taste.{key}")
    if is_model_folder(place.folder) and read_weights(place.folder).base is None:
        raise LibraryError(f"{place.folder} is a model, not a taste; choose another folder")
    with suppress(ModelError):  # nothing goes by the name
        other = find_weights(key).folder
        if other.resolve() != place.folder.resolve():
            raise LibraryError(
                f"the name {key} means what is in {other}; choose another name for your taste"
            )
    return place


def save_taste(learnt: Learnt, base: Weights, place: TastePlace, rated: Iterable[bytes]) -> Weights:
    """Write a taste into its folder, replacing the taste that may be there, and keep its name.

    A base that is not built in is copied into the folder, so that the taste can be passed on.

    Args:
        learnt: what was learnt.
        base: the model on whose features it was learnt.
        place: from `taste_place`.
        rated: SHA-256 of the files that it was learnt from.

    Raises:
        LibraryError: it cannot be written.
    """
    folder = place.folder
    builtin = base.folder.is_relative_to(BUILTIN)
    keys = [PictureKeys(content=f"{CONTENT}{digest.hex()[:16]}") for digest in rated]
    own = fingerprint(key.content for key in keys)
    record = Weights(
        name=place.name,
        architecture=base.architecture,
        output=base.output,
        preprocess=base.preprocess,
        mean_error=base.mean_error,
        licence=f"of the person whose taste it is; the base model's: {base.licence}",
        about=f"The taste of one person on top of {base.name}.",
        trained_on=joined(base.trained_on, [TrainedOn("own ratings", len(set(keys)), own)]),
        metrics={"own ratings, held-out days": _metrics(learnt)},
        recipe="ilgnet taste learn",
        base=Base(base.name if builtin else BASE_FOLDER, base.files[ONNX_NAME]),
        similarity=base.similarity,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not builtin:
            _keep_base(base, folder / BASE_FOLDER)
        carry_notes(base.folder, folder, base.trained_on)
        write_note(folder, "own ratings", own, keys)
        with replacing(folder / TASTE_NAME) as partial:
            write_taste(learnt.taste, partial)
        saved = write_weights(record, folder)
    except OSError as error:
        raise LibraryError(f"the taste cannot be written to {folder}: {error.strerror}") from error
    try:
        keep_by_name(place.key, folder)
    except OSError as error:
        raise LibraryError(
            f"the taste is saved in {folder}, but the name {place.key} cannot be kept "
            f"({error.strerror}): give the folder to --model"
        ) from error
    return saved


def _keep_base(base: Weights, folder: Path) -> None:
    """Copy what a taste needs of its base."""
    folder.mkdir(exist_ok=True)
    shutil.copyfile(base.file(ONNX_NAME), folder / ONNX_NAME)
    (folder / SAFETENSORS_NAME).unlink(missing_ok=True)
    carry_notes(base.folder, folder, base.trained_on)
    write_weights(base, folder)


def _metrics(learnt: Learnt) -> Measurement:
    figures: Figures = {
        "pairwise_accuracy": _figure(learnt.agreement),
        "pairwise_accuracy_baseline": _figure(learnt.baseline),
        "gain": Figure(learnt.gain.value, (learnt.gain.low, learnt.gain.high)),
        "groups": Figure(learnt.groups),
        "blend": Figure(learnt.blend),
        "penalty": Figure(learnt.penalty),
    }
    for name, value in (("srcc", learnt.spearman), ("srcc_baseline", learnt.baseline_spearman)):
        if value is not None:
            figures[name] = Figure(value)
    return Measurement(
        figures, "on days or outings that it was not learnt from", images=learnt.pictures
    )


def _figure(agreement: Agreement) -> Figure:
    share = agreement.share
    interval = None if isnan(share.low) else (share.low, share.high)
    return Figure(share.value, interval, pairs=agreement.pairs)
