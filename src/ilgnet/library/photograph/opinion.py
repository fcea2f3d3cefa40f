"""What a person has said of a photograph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from ilgnet.errors import LibraryError

Flag = Literal["pick", "reject"]

REJECTED: Final = -1
"""The rating of a photograph that is rejected, as XMP has it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose for a photograph here, and not in another program.

    Attributes:
        flag: picked, rejected, or None for neither.
        stars: 0..5; None where they gave none and took none away.
    """

    flag: Flag | None = None
    stars: int | None = None

    @property
    def rating(self) -> int | None:
        """What it is in XMP: -1 for a reject, else the stars; None where it says nothing there."""
        return REJECTED if self.flag == "reject" else self.stars

    def __post_init__(self) -> None:
        if self.flag not in ("pick", "reject", None):
            raise LibraryError(f"a photograph is a 'pick', a 'reject' or None, not {self.flag!r}")
        if self.stars is not None and not 0 <= self.stars <= 5:
            raise LibraryError(f"stars are 0 to 5, or None, not {self.stars}")


@dataclass(frozen=True, slots=True)
class Opinion:
    """A person's decisions on a photograph.

    Attributes:
        rating: -1 or 1..5, the first that is stated; None for none.
        label: a colour label; None for none.
        ours: the rating that we gave and that still stands; None for none.
        problems: what could not be read, and what contradicts itself, in words.
        picked: they picked it here.
    """

    rating: int | None = None
    label: str | None = None
    ours: int | None = None
    problems: tuple[str, ...] = ()
    picked: bool = False

    @property
    def is_doubtful(self) -> bool:
        """What the person said could not be read, or contradicts itself."""
        return bool(self.problems) and not self.picked

    @property
    def is_reject(self) -> bool:
        """Whether the person rejected it, beyond doubt."""
        return self.rating == REJECTED and not self.is_doubtful

    def after(self, choice: Choice) -> Opinion:
        """The same with what the person chose here, which counts more than what files say."""
        opinion = self
        if choice.stars is not None:
            opinion = replace(opinion, rating=choice.stars or None, problems=())
        if choice.flag == "reject":
            return replace(opinion, rating=REJECTED, problems=(), picked=False)
        if choice.flag == "pick":
            stars = None if opinion.rating == REJECTED else opinion.rating
            return replace(opinion, rating=stars, picked=True)
        return opinion


NO_OPINION: Final = Opinion()
