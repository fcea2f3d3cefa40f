"""What weights have learned from: their own pictures, and those of the weights they began with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from ilgnet.errors import ModelError

FINGERPRINT: Final = re.compile(r"[0-9a-f]{12}")
"""What `ilgnet.data.rated.fingerprint` gives; it names a file, so nothing else may stand there."""


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """Pictures that weights have learned from, or were chosen by.

    One of three: a list whose pictures are known (`fingerprint`; they are in `trained_on/` beside
    the record), an unknown part of a published collection (`collection` alone), or pictures of
    which nothing is known (neither).

    Attributes:
        name: for people.
        images: how many pictures; None where that is not known.
        fingerprint: of the list, see `ilgnet.data.rated.fingerprint`; "" where no list is known.
        collection: the published collection, such as "ava", of which an unknown part was seen.
        note: what else there is to say, one sentence.
    """

    name: str
    images: int | None = None
    fingerprint: str = ""
    collection: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.fingerprint and not FINGERPRINT.fullmatch(self.fingerprint):
            raise ModelError(
                f"{self.fingerprint!r} is no fingerprint of a list: twelve digits from 0 to f"
            )
        if self.fingerprint and self.images is None:
            raise ModelError(f"the list {self.name!r} needs the number of its pictures")

    @classmethod
    def unknown(cls, source: str) -> TrainedOn:
        """Of weights that came without a word on what they have seen.

        Args:
            source: the file that they came in, for people.
        """
        return cls(f"whatever {source} was trained on")

    @property
    def known(self) -> bool:
        """Whether it is known which pictures these are."""
        return bool(self.fingerprint)

    def __str__(self) -> str:
        """In words, for people."""
        if self.known:
            return f"{self.name}: {self.images:,} pictures, fingerprint {self.fingerprint}"
        if self.collection:
            return f"{self.name}: an unknown part of {self.collection.upper()}"
        return f"{self.name}: unknown"

    def to_json(self) -> dict[str, Any]:
        """The stored form: what is not known is left out."""
        return {key: value for key, value in asdict(self).items() if value not in ("", None)}

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> TrainedOn:
        """From the stored form.

        Raises:
            TypeError: a value is of another type, or a key is unknown.
            ModelError: the fingerprint is none.
        """
        trained = cls(**entry)
        for name, kind in (("name", str), ("fingerprint", str), ("collection", str)):
            if not isinstance(getattr(trained, name), kind):
                raise TypeError(f"trained_on: {name} must be a text")
        if not isinstance(trained.images, int | None):
            raise TypeError("trained_on: images must be a whole number")
        return trained


def joined(*lines: Iterable[TrainedOn]) -> tuple[TrainedOn, ...]:
    """What several lines of descent have seen, each only once, in the order of first mention."""
    return tuple(dict.fromkeys(entry for line in lines for entry in line))
