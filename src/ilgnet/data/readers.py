"""One way to open any rated collection, for every command and every recipe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from ilgnet.data.ava import COLLECTION, FIELDS, pictures_folder, rated_ava
from ilgnet.data.folders import read_folders
from ilgnet.data.lists import ImageList, read_lines, read_list
from ilgnet.data.rated import LeftOut, RatedImage, RatedSet
from ilgnet.data.table_files import is_table
from ilgnet.data.tables import TableForm, read_table
from ilgnet.errors import DataError

AS_NAMED: Final = TableForm({})
"""Columns by their own names."""


def read_rated(
    source: Path,
    *,
    images: Path | None = None,
    ratings: Path | None = None,
    form: TableForm = AS_NAMED,
) -> RatedSet:
    """Open a rated collection; what it is, its name and first line say.

    Args:
        source: `AVA.txt`; a table (.csv, .tsv, .parquet, .xlsx); a folder for each class; or a list
            of pictures (`<id>.jpg <label>` or ids alone).
        images: the folder of the pictures; None looks in `images` beside the ratings, then beside
            them (tables: beside them).
        ratings: for a list: `AVA.txt` or a table that rates its pictures. The list says which
            pictures, in which order, and where it has labels, which are high.
        form: how to read a table.

    Raises:
        DataError: says what was expected and what was found.
    """
    if source.is_dir():
        return read_folders(source, form.scale)
    if is_table(source):
        return read_table(source, form, images)
    if is_ava(source):
        return rated_ava(source, images)
    pictures = read_list(source)
    if ratings is not None:
        return select(read_rated(ratings, images=images, form=form), pictures)
    return _from_labels(pictures, images or pictures_folder(source.parent), form.collection)


def is_ava(path: Path) -> bool:
    """Whether the first line has the 15 integers of `AVA.txt`."""
    _, line = next(read_lines(path), (0, ""))
    return len(line.split()) == FIELDS and line.replace(" ", "").isdecimal()


def read_pictures(
    source: Path,
    *,
    images: Path | None = None,
    ratings: Path | None = None,
    form: TableForm = AS_NAMED,
) -> RatedSet:
    """Open a collection of which only the pictures matter: a list of ids alone will do.

    Args and errors are those of `read_rated`.
    """
    if ratings is None and not source.is_dir() and not is_table(source) and not is_ava(source):
        pictures = read_list(source)
        return _of_list(pictures, images or pictures_folder(source.parent), form.collection)
    return read_rated(source, images=images, ratings=ratings, form=form)


def select(rated: RatedSet, pictures: ImageList) -> RatedSet:
    """The pictures of a list that are rated, in its order and with its labels.

    Pictures of the list without a rating are left out and counted: 70 of the 20,000 of AVA's own
    test list are not in `AVA.txt`.

    Raises:
        DataError: most pictures of the list are not rated.
    """
    known = {image.id: image for image in rated.images}
    unknown = tuple(name for name in pictures.ids if name not in known)
    if 2 * len(unknown) > len(pictures.ids):
        raise DataError(
            f"{len(unknown):,} of the {len(pictures.ids):,} pictures of {pictures.name} are not "
            f"rated in {rated.name}, such as {unknown[0]}; they do not belong together"
        )
    chosen = rated.select(name for name in pictures.ids if name in known)
    if pictures.labels is not None:
        labels = dict(zip(pictures.ids, pictures.labels, strict=True))
        labelled = tuple(replace(image, label=labels[image.id]) for image in chosen.images)
        chosen = replace(chosen, images=labelled)
    left_out = (LeftOut(f"not rated in {rated.name}", unknown),) if unknown else ()
    return replace(chosen, name=pictures.name, left_out=left_out)


def _from_labels(pictures: ImageList, folder: Path, collection: str) -> RatedSet:
    if pictures.labels is None:
        raise DataError(
            f"{pictures.name} lists pictures but does not rate them; "
            "say where their ratings are, as in --ratings AVA.txt"
        )
    return _of_list(pictures, folder, collection)


def _of_list(pictures: ImageList, folder: Path, collection: str) -> RatedSet:
    # Lists of numbered pictures are AVA's; a collection of one's own may say otherwise.
    numbered = all(Path(name).stem.isdecimal() for name in pictures.ids)
    if pictures.labels is None and not numbered and not (folder / pictures.ids[0]).is_file():
        collection = collection or "names"  # without the files, names are all that there is
    labels = pictures.labels or (None,) * len(pictures.ids)
    return RatedSet(
        pictures.name,
        tuple(
            RatedImage(
                name,
                folder / name,
                label=label,
                collection=collection or (COLLECTION if numbered else ""),
            )
            for name, label in zip(pictures.ids, labels, strict=True)
        ),
        scale="high or low" if pictures.labels else "no ratings",
    )
