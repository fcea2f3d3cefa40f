"""The rated collections that are measured wherever a user has them, by the names of their files.

A collection is found if a folder of its name, or of its publisher's, lies in the folder that is
given, with its ratings and pictures as published. Any other goes by `--data NAME=FILE --scale`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ilgnet.data.rated import RatedSet
from ilgnet.data.readers import read_rated
from ilgnet.data.scale import Scale
from ilgnet.data.tables import TableForm


@dataclass(frozen=True)
class Collection:
    """Where a published collection keeps what.

    Attributes:
        name: of its folder.
        ratings: its table, below that folder.
        images: the folder of its pictures, below that folder.
        scale: of the table's means; None where it has a histogram.
        columns: role -> column, where the names do not tell.
        group: the column whose equals are compared two by two: of one scene class, or seen by the
            same people; "" is none.
        about: one line for the page.
    """

    name: str
    ratings: str
    images: str
    scale: str | None
    columns: tuple[tuple[str, str], ...] = ()
    group: str = ""
    about: str = ""

    def read(self, folder: Path) -> RatedSet:
        """Open it below a folder that has it."""
        columns = dict(self.columns) | ({"group": self.group} if self.group else {})
        scale = Scale.parse(self.scale) if self.scale else None
        rated = read_rated(
            folder / self.ratings, images=folder / self.images, form=TableForm(columns, scale)
        )
        return replace(rated, name=self.name)


COLLECTIONS = (
    Collection(
        "oasis", "ratings.csv", ".", None, (("category", "category"),), "category",
        "photographs of animals, objects, people and scenes, beauty 1..7 (Kurdi, Lozano and Banaji "
        "2017; Brielmann and Pelli 2019); pairs of one category",
    ),
    Collection(
        "para", "ratings.csv", ".", "1..5", (("mean", "mean"),), "session",
        "ordinary photographs rated by about 25 people each, aesthetics 1..5 (Yang et al., CVPR "
        "2022); pairs of one session, which the same people rated",
    ),
    Collection(
        "agiqa-3k", "data.csv", "images", "0..5", (("picture", "name"), ("mean", "mos_quality")),
        about="pictures made by machines, quality 0..5 (Li et al. 2023)",
    ),
    Collection(
        "koniq-10k", "koniq10k_scores_and_distributions.csv", "1024x768", "1..5",
        (("picture", "image_name"), ("mean", "MOS")),
        about="photographs as the web has them, technical quality 1..5 (Hosu et al. 2020)",
    ),
)  # fmt: skip


def at_hand(folder: Path) -> Iterator[tuple[Collection, RatedSet]]:
    """Every known collection that lies in a folder, opened."""
    for collection in COLLECTIONS:
        place = folder / collection.name
        if (place / collection.ratings).is_file():
            yield collection, collection.read(place)
