"""Named protocols: which pictures of a collection are learned from and which are measured.

A published number means something beside another one only where both are of the same pictures. A
protocol names them once: `ilgnet evaluate --protocol ava-official` measures what papers measure,
and says by fingerprints whether the lists at hand are the published ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from ilgnet.data.collections import COLLECTIONS, Collection, find_file, read_part
from ilgnet.data.lists import ImageList, read_list
from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import select
from ilgnet.errors import DataError
from ilgnet.metrics import outside


@dataclass(frozen=True, slots=True)
class Protocol:
    """Which pictures of a collection count for what.

    Attributes:
        name: what commands call it.
        collection: whose pictures.
        about: which pictures, by whom.
        lists: part -> the file that lists its pictures; empty where the collection's own files
            divide it.
        rest: the part that is everything that `lists` does not name.
        published: part -> fingerprint of its rated pictures as published.
    """

    name: str
    collection: Collection
    about: str
    lists: Mapping[str, str] = field(default_factory=dict)
    rest: str = ""
    published: Mapping[str, str] = field(default_factory=dict)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that it has, "test" last."""
        names = {*self.lists, self.rest} - {""} if self.lists else set(self.collection.parts)
        return tuple(sorted(names, key=("train", "validation", "test").index))


_AVA: Final = COLLECTIONS["ava"]

PROTOCOLS: Final[dict[str, Protocol]] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "ava-official",
            _AVA,
            "AVA's own test list, generic_test.jpgl: 20,000 ids, of which 19,930 have votes. "
            "Learned from is the rest of AVA, 235,599 pictures, as papers do",
            {"test": "generic_test.jpgl"},
            rest="train",
            published={"test": "9c526b5049b0", "train": "9949389f2607"},
        ),
        Protocol(
            "ava1",
            _AVA,
            "ILGNet's published AVA1 (2016): 235,529 pictures to learn from, 20,000 to test, of "
            "which 80.00 % are high; high is a mean vote above 5",
            {"train": "AVA1_train.txt", "test": "AVA1_val.txt"},
            published={"train": "b7b83ce2969f", "test": "c57e3f7f0e9e"},
        ),
        Protocol(
            "ava2",
            _AVA,
            "ILGNet's published AVA2 (2016): the best and the worst tenth of AVA in two random "
            "halves of 25,553. 23,768 of its test pictures are in AVA1's training list",
            {"train": "AVA2_train.txt", "test": "AVA2_val.txt"},
            published={"train": "f608418c4fcc", "test": "ccdb3892a5f4"},
        ),
        *(
            Protocol(
                collection.name,
                collection,
                collection.split or "all of it: its authors did not divide it",
            )
            for collection in COLLECTIONS.values()
            if collection.name != "ava"
        ),
    )
}
"""Every protocol that can be called by name."""


def find_protocol(name: str) -> Protocol:
    """A protocol by its name.

    Raises:
        DataError: lists the names that there are.
    """
    if name not in PROTOCOLS:
        raise DataError(f"no protocol {name!r}; there are: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]


def read_protocol(
    protocol: Protocol, root: Path, part: str = "test", *, images: Path | None = None
) -> RatedSet:
    """The rated pictures of one part of a protocol.

    Args:
        protocol: which.
        root: the collection's folder, as its authors pack it, or its main file.
        part: "train", "validation" or "test".
        images: the folder of the pictures, where it is another.

    Raises:
        DataError: the protocol has no such part, or the collection's files are not there.
    """
    if part not in protocol.parts:
        raise DataError(
            f"the protocol {protocol.name} has no {part} part; it has: {', '.join(protocol.parts)}"
        )
    if not protocol.lists:
        rated = read_part(protocol.collection, root, part, images)
    elif part in protocol.lists:
        whole = read_part(protocol.collection, root, images=images)
        rated = select(whole, _list(protocol, root, part))
    else:
        whole = read_part(protocol.collection, root, images=images)
        named = {name for other in protocol.lists for name in _list(protocol, root, other).ids}
        rated = whole.without(named)
    said = (f"{protocol.name}: {protocol.about}", published_or_not(protocol, part, rated))
    return replace(rated, name=f"{protocol.name}, {part}", protocol="; ".join(filter(None, said)))


def published_or_not(protocol: Protocol, part: str, rated: RatedSet) -> str:
    """Whether these are the published pictures, in words; "" where no fingerprint is published."""
    known = protocol.published.get(part)
    if known is None:
        return ""
    if rated.fingerprint == known:
        return "the published pictures, by their fingerprint"
    return f"not the published pictures (fingerprint {known})"


def without_band(rated: RatedSet, delta: float) -> RatedSet:
    """The clear cases, as Murray et al. train on them: means > 5 + delta, or <= 5 - delta.

    Raises:
        DataError: the pictures have no mean votes, or none is left.
    """
    means = [image.mean for image in rated.images]
    if any(mean is None for mean in means):
        raise DataError(f"{rated.name} has no mean votes: no band around 5 can be left out")
    clear = outside(np.array(means, dtype=np.float64), delta)
    return rated.without({i.id for i, kept in zip(rated.images, clear, strict=True) if not kept})


def _list(protocol: Protocol, root: Path, part: str) -> ImageList:
    pictures = read_list(find_file(root, protocol.lists[part], protocol.collection.obtain))
    return replace(pictures, name=f"{protocol.name}, {part}")
