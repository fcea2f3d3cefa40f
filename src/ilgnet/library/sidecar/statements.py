"""What a person has said of a photograph already, in its sidecars and inside its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ilgnet.errors import LibraryError
from ilgnet.library.photograph.companions import folded, owners
from ilgnet.library.photograph.file_groups import FileGroup
from ilgnet.library.photograph.opinion import Opinion
from ilgnet.library.photograph.photograph import Photograph
from ilgnet.library.sidecar.write import rating_words
from ilgnet.library.sidecar.xmp import Statement, read_picture, read_sidecar

JPEG_EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})


@dataclass(frozen=True, slots=True)
class Statements:
    """What a photograph's files say, each read once.

    Attributes:
        group: the files.
        files: path -> what it says; sidecars first.
        unreadable: path -> why it could not be read.
    """

    group: FileGroup
    files: dict[Path, Statement]
    unreadable: dict[Path, LibraryError]

    def opinion(self, stars_from: int = 1) -> Opinion:
        """The person's decisions.

        A sidecar counts before what is inside the pictures that it belongs to, as it does for
        other programs. Sidecars that differ, or pictures, are a problem to look at.

        Args:
            stars_from: the lowest number of stars that is an opinion; a reject always is.
        """
        stated = {
            path: rating
            for path, said in self.files.items()
            if (rating := said.persons_rating(stars_from)) is not None
        }
        overruled = {
            picture
            for sidecar in self.group.sidecars
            if sidecar in stated
            for picture in self.pictures_of(sidecar)
        }
        ratings = {path: rating for path, rating in stated.items() if path not in overruled}
        problems = [str(error) for error in self.unreadable.values()]
        if len(set(ratings.values())) > 1:
            problems.append(_disagreement(ratings))
        said = self.files.values()
        return Opinion(
            rating=next(iter(ratings.values()), None),
            label=next((one.users_label for one in said if one.users_label), None),
            ours=next((one.rating for one in said if one.rating and one.is_ours), None),
            problems=tuple(problems),
        )

    def pictures_of(self, sidecar: Path) -> tuple[Path, ...]:
        """The pictures that a sidecar belongs to: of IMG_1.CR2.xmp that one, of IMG_1.xmp all."""
        files, stems = owners(sidecar.name)
        pictures = self.group.pictures
        by_name = tuple(path for path in pictures if folded(path.name) in files)
        by_stem = tuple(path for path in pictures if folded(path.stem) in stems)
        return by_name or by_stem or pictures


def with_opinions(
    photographs: Iterable[Photograph],
    stars_from: int = 1,
    *,
    said: dict[Path, Statements] | None = None,
) -> list[Photograph]:
    """The same photographs with what the person said of them, in any program and here.

    Args:
        photographs: as they were gathered.
        stars_from: the lowest number of stars that is an opinion; a reject always is.
        said: takes up what their files say, for what comes next.
    """
    found = []
    for photo in photographs:
        statements = read_statements(photo.group)
        if said is not None:
            said[photo.path] = statements
        opinion = statements.opinion(stars_from)
        if photo.choice is not None:
            opinion = opinion.after(photo.choice)
        found.append(replace(photo, opinion=opinion))
    return found


def read_statements(group: FileGroup) -> Statements:
    """Read the sidecars of a photograph and what is inside its pictures."""
    found = Statements(group, {}, {})
    files = [(read_sidecar, path) for path in group.sidecars]
    files += [(read_picture, path) for path in group.pictures]
    for read, path in files:
        try:
            found.files[path] = read(path)
        except LibraryError as error:
            found.unreadable[path] = error
    return found


def _disagreement(ratings: dict[Path, int]) -> str:
    folder = next(iter(ratings)).parent
    said = ", ".join(f"{path.name} says {rating_words(stars)}" for path, stars in ratings.items())
    return f"your ratings disagree in {folder}: {said}; each stays as it is"
