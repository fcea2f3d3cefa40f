"""Rated pictures: the one form that every data set is read into."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ilgnet.errors import DataError, amount
from ilgnet.values import HIGH_ABOVE


@dataclass(frozen=True, slots=True)
class RatedImage:
    """One picture and what people thought of it; at least one of the ratings is there.

    Attributes:
        id: how the list names it: its path inside the pictures' folder, with "/".
        path: where the picture is (or should be).
        mean: mean vote, mapped to 1..10.
        votes: how many people gave 1, 2, ... 10; fractions where another scale was mapped.
        label: high (True) or low (False) where the list says so itself.
        group: pictures of one group may be compared: a shoot, a theme, a challenge. "" is none.
        categories: what it shows or how it is taken, for tables by category.
        collection: the published collection whose id this is, such as "ava"; "" where the picture
            is known by its bytes alone.
    """

    id: str
    path: Path
    mean: float | None = None
    votes: tuple[float, ...] | None = None
    label: bool | None = None
    group: str = ""
    categories: tuple[str, ...] = ()
    collection: str = ""

    @property
    def high(self) -> bool | None:
        """High quality: what the list says, else whether the mean vote is greater than 5."""
        if self.label is not None or self.mean is None:
            return self.label
        return self.mean > HIGH_ABOVE

    @property
    def contradicts(self) -> bool:
        """Whether the list's label differs from what the mean vote says."""
        return (
            self.label is not None
            and self.mean is not None
            and self.label != (self.mean > HIGH_ABOVE)
        )


@dataclass(frozen=True, slots=True)
class Preference:
    """Somebody looked at two pictures and preferred one; both are ids."""

    better: str
    worse: str


@dataclass(frozen=True, slots=True)
class PersonalRating:
    """What one person gave one picture.

    Attributes:
        person: who, as the collection calls them.
        image: the picture's id.
        value: mapped to 1..10.
    """

    person: str
    image: str
    value: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Pictures that a list names and a set does not have.

    Attributes:
        reason: why, for people.
        ids: as the list names them.
    """

    reason: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RatedSet:
    """Rated pictures in the order of their list.

    Attributes:
        name: for people; results carry it.
        images: the pictures; no id occurs twice.
        choices: which of two pictures people preferred, where the set has such ratings.
        scale: the scale that the ratings had before they were mapped to 1..10.
        left_out: pictures that the list names and that are not in `images`, with the reason.
        personal: who gave what, where the collection tells people apart.
        protocol: the named protocol whose pictures these are, in words; "" for none.
    """

    name: str
    images: tuple[RatedImage, ...]
    choices: tuple[Preference, ...] = ()
    scale: str = "1..10"
    left_out: tuple[LeftOut, ...] = ()
    personal: tuple[PersonalRating, ...] = ()
    protocol: str = ""

    def __post_init__(self) -> None:
        if not self.images:
            raise DataError(f"{self.name}: there is no rated picture in it")
        refuse_repeats((image.id for image in self.images), self.name)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids in list order."""
        return tuple(image.id for image in self.images)

    @property
    def fingerprint(self) -> str:
        """Which pictures the list holds, whatever their order; see `fingerprint`."""
        return fingerprint(self.ids)

    @property
    def unrated(self) -> int:
        """How many pictures the list names and does not rate."""
        return sum(len(left.ids) for left in self.left_out)

    def without(self, ids: Collection[str]) -> RatedSet:
        """The set without some pictures, and without the choices that concern them.

        Raises:
            DataError: no picture is left.
        """
        kept = tuple(image for image in self.images if image.id not in ids)
        choices = tuple(c for c in self.choices if c.better not in ids and c.worse not in ids)
        personal = tuple(rating for rating in self.personal if rating.image not in ids)
        if not kept:
            raise DataError(f"{self.name}: none of its {len(self.images):,} pictures is left")
        return replace(self, images=kept, choices=choices, personal=personal)

    def select(self, ids: Iterable[str]) -> RatedSet:
        """The pictures with these ids, in their order, and what people said of them."""
        known = {image.id: image for image in self.images}
        images = tuple(known[name] for name in ids)
        names = {image.id for image in images}
        return replace(
            self,
            images=images,
            choices=tuple(c for c in self.choices if c.better in names and c.worse in names),
            personal=tuple(rating for rating in self.personal if rating.image in names),
        )


def fingerprint(ids: Iterable[str]) -> str:
    """Twelve hex digits that name a list of pictures.

    The SHA-256 of the sorted ids, each followed by a newline, so anybody can recompute it:
    `cut -d' ' -f1 list.txt | LC_ALL=C sort | sha256sum | cut -c-12`.
    """
    lines = "".join(f"{name}\n" for name in sorted(ids))
    return hashlib.sha256(lines.encode()).hexdigest()[:12]


def refuse_repeats(ids: Iterable[str], where: str) -> None:
    """Raise a DataError when an id occurs twice."""
    repeats = [name for name, count in Counter(ids).items() if count > 1]
    if repeats:
        shown = ", ".join(repeats[:3])
        raise DataError(
            f"{where}: {amount(len(repeats), 'picture')} listed more than once "
            f"({shown}{', ...' if len(repeats) > 3 else ''}); keep one line for each"
        )
