"""One entry of the table of architectures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ilgnet.images.preprocess import Preprocess
from ilgnet.models.ilgnet import ILGNet, Output


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network by name.

    Attributes:
        name: what `model.json` and `create` call it.
        about: one sentence for people.
        build: makes the network, with fresh weights, for an output.
        preprocess: how pictures become its input unless the weights' record says otherwise.
        output: what it predicts unless asked otherwise.
    """

    name: str
    about: str
    build: Callable[[Output], ILGNet]
    preprocess: Preprocess
    output: Output = "votes"
