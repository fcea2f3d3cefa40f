"""The table of architectures: every network that this package can build, by name.

A family is one file in `ilgnet.models.trunks`: a trunk, and `ARCHITECTURES`, its entries here.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from ilgnet.errors import ModelError
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks import (
    efficientnet_lite,
    googlenet,
    inception_v4,
    mini_inception,
    mobilenet,
    paired_lite,
)
from ilgnet.models.trunks.open_clip import PREFIX as OPEN_CLIP
from ilgnet.models.trunks.open_clip import open_clip_architecture
from ilgnet.models.trunks.timm import PREFIX as TIMM
from ilgnet.models.trunks.timm import timm_architecture

BORROWED = {TIMM: timm_architecture, OPEN_CLIP: open_clip_architecture}

FAMILIES = (mobilenet, efficientnet_lite, paired_lite, googlenet, mini_inception, inception_v4)


def tabulate(entries: Iterable[Architecture]) -> dict[str, Architecture]:
    """Put entries into a table by name; a name that is there twice is an error."""
    table: dict[str, Architecture] = {}
    for entry in entries:
        if entry.name in table:
            raise ModelError(f"two architectures are called {entry.name!r}; rename one of them")
        table[entry.name] = entry
    return table


_TABLE = tabulate(entry for family in FAMILIES for entry in family.ARCHITECTURES)


def architectures() -> tuple[Architecture, ...]:
    """All entries, family by family."""
    return tuple(_TABLE.values())


def architecture(name: str) -> Architecture:
    """One entry; an unknown name is an error that lists the names most like it.

    Args:
        name: as in `architectures()`, or "timm:NAME" or "open_clip:NAME" for a trunk of these
            libraries, which are extras.
    """
    for prefix, borrowed in BORROWED.items():
        if name.startswith(prefix):
            return borrowed(name)
    if name not in _TABLE:
        close = get_close_matches(name, _TABLE, n=3, cutoff=0.4) or list(_TABLE)
        raise ModelError(f"no architecture {name!r}; did you mean {' or '.join(close)}?")
    return _TABLE[name]


def create(name: str, *, output: Output | None = None) -> ILGNet:
    """Build a network with fresh weights, in training mode.

    Args:
        name: of the architecture, as in `architectures()`, "timm:NAME" or "open_clip:NAME".
        output: "votes" or "high_low"; None takes what the architecture is made for.
    """
    entry = architecture(name)
    return entry.build(output or entry.output)
