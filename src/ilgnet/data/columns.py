"""Which column of a table holds what: found by the names that data sets use, or told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from ilgnet.data.scale import STARS, Scale
from ilgnet.errors import DataError

KNOWN: Final = {
    "picture": ("file", "path", "filename", "file_name", "image", "image_name", "image_id", "id"),
    "mean": ("mean", "mean_score", "score", "mos", "rating"),
    "stars": ("stars",),
    "label": ("label", "high"),
    "better": ("better", "winner", "preferred"),
    "worse": ("worse", "loser", "rejected"),
    "group": ("group",),
    "category": ("category",),
    "person": ("person",),
}
"""Role -> the names it is found by, first match first."""

RATINGS: Final = ("votes", "mean", "stars", "label")
"""The roles that rate a picture, the richest first."""

ROLES: Final = (*KNOWN, "votes")
_VOTES: Final = re.compile(r"(?i)(.*?)[_ ]?(\d+(?:\.\d+)?)")
PATTERN: Final = re.compile(r"\{([^{}]+)\}")
"""A column inside a pattern such as "{session}/{name}", which makes one name of several columns."""

_VOTE_PREFIXES: Final = ("count", "counts", "vote", "votes", "rating", "c", "n")


@dataclass(frozen=True, slots=True)
class Layout:
    """What the columns of one table mean.

    Attributes:
        names: role -> column name, or a pattern of several ("{session}/{name}").
        votes: the columns of the histogram from the worst vote to the best; empty without one.
        rating: the role of the ratings: "votes", "mean", "stars", "label" or "choice".
        scale: of the ratings.
    """

    names: Mapping[str, str]
    votes: tuple[str, ...]
    rating: str
    scale: Scale | None


def find_layout(
    header: Sequence[str], told: Mapping[str, str], scale: Scale | None, where: str
) -> Layout:
    """Decide what every column means.

    Args:
        header: the table's column names.
        told: role -> column name (for "votes": what stands before the number) where the user said.
        scale: where the user said; a histogram's numbers or stars need none.
        where: the table's name for errors.

    Raises:
        DataError: lists the columns that are there and says how to name the right one.
    """
    names = _names(header, told, where)
    found_votes = _vote_columns(header, told.get("votes"), where)
    if "better" in names or "worse" in names:
        return Layout(_need(names, ("better", "worse"), header, where), (), "choice", None)
    _need(names, ("picture",), header, where)
    present = [role for role in RATINGS if role in names or (role == "votes" and found_votes)]
    asked = [role for role in RATINGS if role in told]
    if not present:
        raise DataError(
            f"{where} has no ratings that are known by name; its columns are: "
            f"{', '.join(header)}. Say which it is: --column mean=NAME, label=NAME, stars=NAME, "
            "votes=PREFIX (as in count_ for count_1, count_2, ...), or better=NAME and worse=NAME"
        )
    rating = (asked or present)[0]
    votes = found_votes if rating == "votes" else {}
    if "person" in names and rating not in ("mean", "stars"):
        if "person" in told:
            raise DataError(
                f"{where}: a row that is one person's rating holds a number, so name its column: "
                "--column mean=NAME"
            )
        del names["person"]
    if rating != "label" and "label" not in told:
        names.pop("label", None)  # a column of that name may hold anything
    if rating == "votes":
        own = Scale(min(votes), max(votes))
        if scale not in (None, own):
            raise DataError(
                f"{where}: its histogram has the votes {own}, but the scale was given as {scale}; "
                "leave the scale out"
            )
        scale = own
    elif rating == "stars":
        scale = scale or STARS
    elif rating == "mean" and scale is None:
        raise DataError(
            f"{where}: the column {names['mean']!r} is a mean on an unknown scale; "
            "say which, as in --scale 1..10"
        )
    return Layout(names, tuple(votes[k] for k in sorted(votes)), rating, scale)


def _names(header: Sequence[str], told: Mapping[str, str], where: str) -> dict[str, str]:
    folded = {name.strip().lower(): name for name in reversed(header)}
    names = {}
    for role, known in KNOWN.items():
        for name in known:
            if name in folded:
                names[role] = folded[name]
                break
    for role, name in told.items():
        if role not in ROLES:
            raise DataError(f"no column role {role!r}; there are: {', '.join(ROLES)}")
        if role != "votes":
            for column in PATTERN.findall(name) or [name]:
                if column not in header:
                    raise DataError(
                        f"{where} has no column {column!r} (for {role}); its columns are: "
                        f"{', '.join(header)}"
                    )
            names[role] = name
    return names


def _vote_columns(header: Sequence[str], prefix: str | None, where: str) -> dict[float, str]:
    """Vote -> column, for columns such as count_1, count_2, ... or score_1.0, score_1.5, ..."""
    wanted = _VOTE_PREFIXES if prefix is None else (prefix.rstrip("_ ").lower(),)
    votes: dict[float, str] = {}
    for name in header:
        match = _VOTES.fullmatch(name.strip())
        if match and match[1].rstrip("_ ").lower() in wanted:
            votes[float(match[2])] = name
    if prefix is None and len(votes) < 2:
        return {}
    if len(votes) < 2 or not _evenly_spaced(sorted(votes)):
        raise DataError(
            f"{where}: a histogram needs a column for every vote from the worst to the best, "
            f"found {', '.join(votes.values()) or 'none'} among: {', '.join(header)}"
        )
    return votes


def _evenly_spaced(values: Sequence[float]) -> bool:
    """Whether no vote is missing: whole numbers, or equal steps of less than one."""
    steps = {round(after - before, 9) for before, after in pairwise(values)}
    return len(steps) == 1 and max(steps) <= 1


def _need(
    names: dict[str, str], roles: Sequence[str], header: Sequence[str], where: str
) -> dict[str, str]:
    for role in roles:
        if role not in names:
            raise DataError(
                f"{where} has no column for {role!r}; its columns are: {', '.join(header)}. "
                f"Say which it is: --column {role}=NAME"
            )
    return names
