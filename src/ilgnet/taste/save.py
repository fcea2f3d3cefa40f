"""A learnt taste as a model folder: usable anywhere that a model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ilgnet.atomic import replacing
from ilgnet.engines.taste import write_taste
from ilgnet.errors import LibraryError
from ilgnet.taste.agreement import Agreement
from ilgnet.taste.learn import Learnt
from ilgnet.zoo.records import (
    BUILTIN,
    ONNX_NAME,
    RECORD_NAME,
    TASTE_NAME,
    Weights,
    read_weights,
    write_weights,
)


def save_taste(learnt: Learnt, base: Weights, folder: Path, name: str) -> Weights:
    """Write a taste into a folder, replacing the taste that may be there.

    Args:
        learnt: what was learnt.
        base: the model on whose features it was learnt; it is pointed to, not copied.
        folder: to make; nothing but a taste in it is ever replaced.
        name: how results call it.

    Raises:
        LibraryError: something else is there, or it cannot be written.
    """
    if (folder / RECORD_NAME).exists() and read_weights(folder).base is None:
        raise LibraryError(f"{folder} is a model, not a taste; choose another folder with -o")
    builtin = base.folder.is_relative_to(BUILTIN)
    record = Weights(
        name=name,
        architecture=base.architecture,
        output=base.output,
        preprocess=base.preprocess,
        mean_error=base.mean_error,
        licence=f"of the person whose taste it is; the base model's: {base.licence}",
        about=f"The taste of one person on top of {base.name}.",
        trained_on=base.trained_on,
        metrics={"own ratings, held-out days": _metrics(learnt)},
        recipe="ilgnet taste learn",
        base={
            "model": base.name if builtin else str(base.folder.resolve()),
            "sha256": base.files[ONNX_NAME],
        },
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / TASTE_NAME) as partial:
            write_taste(learnt.taste, partial)
        return write_weights(record, folder)
    except OSError as error:
        raise LibraryError(f"the taste cannot be written to {folder}: {error.strerror}") from error


def _metrics(learnt: Learnt) -> dict[str, Any]:
    return {
        "pictures": learnt.pictures,
        "groups": learnt.groups,
        "pairwise_accuracy": _figure(learnt.agreement),
        "pairwise_accuracy_stock": _figure(learnt.stock),
        "srcc": learnt.spearman,
        "srcc_stock": learnt.stock_spearman,
        "blend": learnt.blend,
        "hold": learnt.hold,
    }


def _figure(agreement: Agreement) -> dict[str, Any]:
    share = agreement.share
    return {"value": share.value, "interval": [share.low, share.high], "pairs": agreement.pairs}
