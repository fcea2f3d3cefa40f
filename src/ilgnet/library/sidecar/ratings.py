"""A person's own stars and rejects for the shots of a library."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.files import Folder
from ilgnet.library.photograph.shots import Shot
from ilgnet.library.sidecar.opinions import read_opinion


@dataclass(frozen=True, slots=True)
class Ratings:
    """What a person said of some shots; stars that this program gave do not count.

    Attributes:
        stars: path of the shot -> -1 for a reject, or 1..5 stars.
        problems: what could not be read or contradicts itself, in words; such shots have no stars.
    """

    stars: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def own_ratings(root: Path, shots: Iterable[Shot]) -> Ratings:
    """Read the ratings of a library's shots, from sidecars and from inside JPEGs.

    Args:
        root: of the library.
        shots: of the library.
    """
    ratings = Ratings()
    folders: dict[Path, Folder] = {}
    for shot in shots:
        path = root / shot.path
        try:
            folder = folders.get(path.parent) or folders.setdefault(
                path.parent, Folder(path.parent)
            )
            opinion = read_opinion(folder.group_of(path))
        except (OSError, LibraryError) as error:
            ratings.problems.append(f"{path}: {error}")
            continue
        ratings.problems.extend(opinion.problems)
        if opinion.rating is not None and not opinion.problems:
            ratings.stars[shot.path] = opinion.rating
    return ratings
