"""A learnt taste as a model folder: usable anywhere that a model is."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from math import isnan
from pathlib import Path

from ilgnet.atomic import replacing
from ilgnet.data.identity import CONTENT, PictureKeys
from ilgnet.data.overlap import carry_notes, write_note
from ilgnet.data.rated import fingerprint
from ilgnet.engines.taste import write_taste
from ilgnet.errors import LibraryError
from ilgnet.taste.learnt import Agreement, Learnt
from ilgnet.zoo.lineage import TrainedOn, joined
from ilgnet.zoo.measurements import Figure, Figures, Measurement
from ilgnet.zoo.records import (
    BASE_FOLDER,
    BUILTIN,
    ONNX_NAME,
    RECORD_NAME,
    SAFETENSORS_NAME,
    TASTE_NAME,
    Base,
    Weights,
    read_weights,
    write_weights,
)


def save_taste(
    learnt: Learnt, base: Weights, folder: Path, name: str, rated: Iterable[bytes]
) -> Weights:
    """Write a taste into a folder, replacing the taste that may be there.

    A base that is not built in is copied into the folder, so that the taste can be passed on.

    Args:
        learnt: what was learnt.
        base: the model on whose features it was learnt.
        folder: to make; nothing but a taste in it is ever replaced.
        name: how results call it.
        rated: SHA-256 of the files that it was learnt from.

    Raises:
        LibraryError: something else is there, or it cannot be written.
    """
    if (folder / RECORD_NAME).exists() and read_weights(folder).base is None:
        raise LibraryError(f"{folder} is a model, not a taste; choose another folder with -o")
    builtin = base.folder.is_relative_to(BUILTIN)
    keys = [PictureKeys(content=f"{CONTENT}{digest.hex()[:16]}") for digest in rated]
    own = fingerprint(key.content for key in keys)
    record = Weights(
        name=name,
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
        return write_weights(record, folder)
    except OSError as error:
        raise LibraryError(f"the taste cannot be written to {folder}: {error.strerror}") from error


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
