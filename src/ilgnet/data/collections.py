"""Published collections: where they come from, under which terms, and how their files are read.

A collection is a record over the general table reader: which file rates its pictures, what its
columns mean, where its pictures are, and how its authors divided it. Nothing is downloaded: the
files are given as their authors pack them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ilgnet.data.ava import pictures_folder, rated_ava
from ilgnet.data.rated import RatedSet
from ilgnet.data.scale import Scale
from ilgnet.data.table_files import Table, made_table, open_table
from ilgnet.data.tables import TableForm, rated_table
from ilgnet.errors import DataError, in_words

PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the ratings of one part are.

    Attributes:
        file: the table's name, as the authors pack it.
        form: what its columns mean.
        pictures: names of the folder of the pictures; the first that is there counts.
        open: reads the file; the general reader where nothing else is needed.
    """

    file: str
    form: TableForm
    pictures: tuple[str, ...] = ()
    open: Callable[[Path], Table] = open_table


@dataclass(frozen=True, slots=True)
class Collection:
    """A published collection.

    Attributes:
        name: what commands call it.
        title: what its authors call it.
        source: authors, title of the paper, year.
        licence: the terms, as its authors state them.
        obtain: where to get it.
        ratings: what people rated, and how.
        pictures: how many.
        split: how its authors divided it; "" where they did not, and all of it is measured.
        parts: by name, "train", "validation" and "test"; without a split "test" alone.
        persons: what every person gave, where the collection tells them apart.
        known_as: the collection whose ids its pictures carry, for finding what a model has seen.
    """

    name: str
    title: str
    source: str
    licence: str
    obtain: str
    ratings: str
    pictures: int
    split: str
    parts: Mapping[str, Source]
    persons: Source | None = None
    known_as: str = ""


def read_part(
    collection: Collection, root: Path, part: str = "test", images: Path | None = None
) -> RatedSet:
    """Read one part of a collection from its authors' files.

    Args:
        collection: which.
        root: the folder that it was unpacked into.
        part: "train", "validation" or "test"; a collection without a split has "test" alone.
        images: the folder of its pictures, where they do not lie as its authors pack them.

    Raises:
        DataError: the collection has no such part, or its files are not there.
    """
    if part not in collection.parts:
        raise DataError(
            f"{collection.title} has no {part} part; its authors "
            + (f"give {', '.join(collection.parts)}" if collection.split else "did not divide it")
        )
    return _read(collection, collection.parts[part], root, images)


def read_persons(collection: Collection, root: Path, images: Path | None = None) -> RatedSet:
    """All pictures of a collection with what every person gave them, in `RatedSet.personal`.

    Raises:
        DataError: the collection does not tell people apart, or its files are not there.
    """
    if collection.persons is None:
        raise DataError(f"{collection.title} does not say which person gave which rating")
    return _read(collection, collection.persons, root, images)


def find_file(root: Path, name: str, obtain: str = "") -> Path:
    """A file of a collection: in its folder, or up to three folders below.

    Args:
        root: the collection's folder, or the file itself.
        name: of the file; `name.gz` is taken too.
        obtain: where the file can be had, for the error.
    """
    if root.is_file():
        if root.match(name) or root.match(f"{name}.gz"):
            return root
        root = root.parents[name.count("/")]
    found = next(_named(root, (name, f"{name}.gz")), None)
    if found is None:
        raise DataError(
            f"{root} holds no {name}, nor does a folder in it"
            + (f". It comes from {obtain}" if obtain else "")
        )
    return found


def _named(root: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Files with these names in a folder, the nearest first."""
    for depth in ("", "*/", "*/*/", "*/*/*/"):
        for name in names:
            yield from sorted(path for path in root.glob(f"{depth}{name}") if path.is_file())


def _read(collection: Collection, source: Source, root: Path, images: Path | None) -> RatedSet:
    file = find_file(root, source.file, collection.obtain)
    folder = images or _pictures(root if root.is_dir() else root.parent, file, source.pictures)
    if collection.name == "ava":
        return rated_ava(file, folder)
    form = replace(source.form, collection=collection.known_as or collection.name)
    return replace(rated_table(source.open(file), form, folder), name=collection.title)


def _pictures(root: Path, file: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        places = (root, file.parent, file.parent.parent, *sorted(root.glob("*/")))
        for folder in (place / name for place in places):
            if folder.is_dir():
                return folder
    return pictures_folder(file.parent if file.parent != root else root)


def _words(*header: str) -> Callable[[Path], Table]:
    """Reads lines of words without a line of names."""
    return lambda path: open_table(path, header=header, separator=" ")


def _cadb(path: Path) -> Table:
    """CADB's JSON: {picture: {"scores": five experts', "dist": shares of 1..5, "mean"}}."""
    return made_table(
        path,
        (
            {"picture": name, **{f"votes_{k}": v for k, v in enumerate(rated["dist"], 1)}}
            for name, rated in _json(path).items()
        ),
    )


def _cadb_part(part: str) -> Callable[[Path], Table]:
    def read(path: Path) -> Table:
        wanted = set(_json(find_file(path.parent, "split.json"))[part])
        table = _cadb(path)
        return replace(table, rows=tuple(r for r in table.rows if r.text("picture") in wanted))

    return read


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON: {in_words(error)}") from error


def _oasis(path: Path) -> Table:
    """Brielmann and Pelli's means, under the names of Kurdi's pictures: Acorns1 -> Acorns 1.jpg."""
    table = open_table(path)
    rows = tuple(
        replace(row, cells={**row.cells, "picture": _spaced(row.text("Theme"))})
        for row in table.rows
    )
    return replace(table, header=(*table.header, "picture"), rows=rows)


def _spaced(theme: str) -> str:
    return re.sub(r"\s*(\d+)$", r" \1.jpg", theme)


def _flickr(path: Path) -> Table:
    """FLICKR-AES separates its columns by a comma and a space."""
    table = open_table(path)
    rows = tuple(
        replace(row, cells={name: row.text(name) for name in table.header}) for row in table.rows
    )
    return replace(table, rows=rows)


_AADB = TableForm({"picture": "picture", "mean": "score"}, Scale(0, 1))
_AADB_TRAINED = ("datasetImages_originalSize", "datasetImages_warp256")
_KONIQ = TableForm({"picture": "image_name", "votes": "c"})
_KONIQ_PICTURES = ("1024x768", "512x384")
_PARA = TableForm(
    {"picture": "{sessionId}/{imageName}", "votes": "aestheticScore", "group": "sessionId"}
)
_EVA = Source(
    "votes_filtered.csv",
    TableForm({"picture": "image_id", "mean": "score", "person": "user_id"}, Scale(0, 10)),
    ("EVA_together",),
    lambda path: open_table(path, separator="="),
)
_TAD = TableForm({"picture": "image", "mean": "score"}, Scale(0, 10))
_CADB = TableForm({"picture": "picture", "votes": "votes"})


def _koniq(part: str) -> Source:
    form = replace(_KONIQ, where={"set": part})
    return Source("koniq10k_distributions_sets.csv", form, _KONIQ_PICTURES)


COLLECTIONS: Final[dict[str, Collection]] = {
    collection.name: collection
    for collection in (
        Collection(
            "ava",
            "AVA",
            "Murray, Marchesotti and Perronnin, AVA: A Large-Scale Database for Aesthetic Visual "
            "Analysis, CVPR 2012",
            "none stated for the lists; the pictures belong to their photographers on dpchallenge",
            "the authors' release of June 2012 (AVA.txt and its lists); pictures by their ids",
            "votes 1..10 of about 210 people a picture",
            255_530,
            "see the protocols ava-official, ava1 and ava2",
            {"test": Source("AVA.txt", TableForm({}))},
        ),
        Collection(
            "aadb",
            "AADB",
            "Kong, Shen, Lin, Mech and Fowlkes, Photo Aesthetics Ranking Network with Attributes "
            "and Content Adaptation, ECCV 2016",
            "none stated; Creative Commons photographs from Flickr",
            "github.com/aimerykong/deepImageAestheticsAnalysis",
            "aesthetics 0..1, mean of five or more people, and eleven attributes",
            10_000,
            "8,500 to learn from, 500 for validation, 1,000 new ones to test",
            {
                part: Source(
                    f"imgList{name}Regression_score.txt",
                    _AADB,
                    pictures,
                    _words("picture", "score"),
                )
                for part, name, pictures in (
                    ("train", "Train", _AADB_TRAINED),
                    ("validation", "Validation", _AADB_TRAINED),
                    ("test", "TestNew", ("AADB_newtest_originalSize", *_AADB_TRAINED)),
                )
            },
        ),
        Collection(
            "eva",
            "EVA",
            "Kang, Valenzise and Dufaux, EVA: An Explainable Visual Aesthetics Dataset, "
            "ATQAM/MAST 2020",
            "CC0 1.0 for the ratings; the pictures are AVA's",
            "github.com/kang-gnak/eva-dataset",
            "aesthetics 0..10 of 30 to 46 people a picture, four attributes",
            4_070,
            "",
            {"test": _EVA},
            _EVA,
            known_as="ava",
        ),
        Collection(
            "para",
            "PARA",
            "Yang, Xu, Li, Qie, Li, Zhang and Guo, Personalized Image Aesthetics Assessment with "
            "Rich Attributes, CVPR 2022",
            "research and learning only; no commercial use of the data or of results based on it",
            "cv-datasets.institutecv.com (OPPO)",
            "aesthetics 1..5 in halves of about 25 people a picture, quality and attributes",
            31_220,
            "28,220 to learn from, 3,000 to test",
            {
                "train": Source("PARA-GiaaTrain.csv", _PARA, ("imgs",)),
                "test": Source("PARA-GiaaTest.csv", _PARA, ("imgs",)),
            },
            Source(
                "PARA-Images.csv",
                TableForm(
                    {
                        "picture": "{sessionId}/{imageName}",
                        "mean": "aestheticScore",
                        "person": "userId",
                        "group": "sessionId",
                    },
                    Scale(1, 5),
                ),
                ("imgs",),
            ),
        ),
        Collection(
            "tad66k",
            "TAD66K",
            "He, Zhang, Xie, Jiang and Ming, Rethinking Image Aesthetics Assessment: Models, "
            "Datasets and Benchmarks, IJCAI 2022",
            "Apache-2.0 for code and ratings; photographs from Flickr, their rights not stated",
            "github.com/woshidandan/TANet-image-aesthetics-and-quality-assessment",
            "aesthetics 0..10 (as its authors' loader scales it), means alone, by 47 themes",
            66_327,
            "52,248 to learn from, 14,079 to test (the folder merge)",
            {
                part: Source("merge/" + file, _TAD, ("TAD66K", "images"))
                for part, file in (("train", "train.csv"), ("test", "test.csv"))
            },
        ),
        Collection(
            "koniq10k",
            "KonIQ-10k",
            "Hosu, Lin, Sziranyi and Saupe, KonIQ-10k: An Ecologically Valid Database for Deep "
            "Learning of Blind Image Quality Assessment, IEEE TIP 2020",
            "MIT for the ratings; Creative Commons photographs from YFCC100M",
            "database.mmsp-kn.de/koniq-10k-database.html",
            "technical quality 1..5 of about 120 people a picture: not aesthetics",
            10_073,
            "7,058 to learn from, 1,000 for validation, 2,015 to test",
            {
                "train": _koniq("training"),
                "validation": _koniq("validation"),
                "test": _koniq("test"),
            },
        ),
        Collection(
            "spaq",
            "SPAQ",
            "Fang, Zhu, Zeng, Ma and Wang, Perceptual Quality Assessment of Smartphone "
            "Photography, CVPR 2020",
            "none stated; for research",
            "github.com/h4nwei/SPAQ",
            "technical quality 0..100, means alone: not aesthetics",
            11_125,
            "",
            {
                "test": Source(
                    "MOS and Image attribute scores.xlsx",
                    TableForm({"picture": "Image name", "mean": "MOS"}, Scale(0, 100)),
                    ("TestImage",),
                )
            },
        ),
        Collection(
            "flickr-aes",
            "FLICKR-AES",
            "Ren, Shen, Lin, Mech and Foran, Personalized Image Aesthetics, ICCV 2017",
            "for research only; Creative Commons photographs from Flickr",
            "github.com/alanspike/personalizedImageAesthetics",
            "aesthetics: weighted mean 0..1 a picture, and 1..5 by each of 210 people",
            40_988,
            "",
            {
                "test": Source(
                    "FLICKR-AES_image_score.txt",
                    TableForm({"picture": "picture", "mean": "score"}, Scale(0, 1)),
                    ("40K",),
                    _words("picture", "score"),
                )
            },
            Source(
                "FLICKR-AES_image_labeled_by_each_worker.csv",
                TableForm(
                    {"picture": "imagePair", "mean": "score", "person": "worker"}, Scale(1, 5)
                ),
                ("40K",),
                _flickr,
            ),
        ),
        Collection(
            "cadb",
            "CADB",
            "Zhang, Niu and Zhang, Image Composition Assessment with Saliency-augmented "
            "Multi-pattern Pooling, BMVC 2021",
            "none stated; photographs of AADB under numbers of its own",
            "github.com/bcmi/Image-Composition-Assessment-Dataset-CADB",
            "composition 1..5 of five experts a picture",
            9_497,
            "8,547 to learn from, 950 to test (split.json)",
            {
                part: Source("composition_scores.json", _CADB, ("images",), _cadb_part(part))
                for part in ("train", "test")
            },
        ),
        Collection(
            "oasis",
            "OASIS",
            "Kurdi, Lozano and Banaji, Introducing the Open Affective Standardized Image Set, "
            "2017; beauty: Brielmann and Pelli, Intense Beauty Requires Intense Pleasure, 2019",
            "open access for research; some pictures are under their own Creative Commons terms",
            "pictures: benedekkurdi.com/#oasis; ratings: github.com/aenneb/OASIS-beauty",
            "beauty 1..7 of 104 to 368 people a picture, means alone",
            900,
            "",
            {
                "test": Source(
                    "means_per_image.csv",
                    TableForm(
                        {"picture": "picture", "mean": "beauty_mean", "category": "Category"},
                        Scale(1, 7),
                    ),
                    ("Images", "images"),
                    _oasis,
                )
            },
        ),
        Collection(
            "agiqa-3k",
            "AGIQA-3K",
            "Li, Zhang, Wu, Sun, Min, Liu, Zhai and Lin, AGIQA-3K: An Open Database for "
            "AI-Generated Image Quality Assessment, 2023",
            "MIT",
            "github.com/lcysyzxdxc/AGIQA-3k-Database",
            "perceived quality 0..5 of generated pictures, means alone: not photographs",
            2_982,
            "",
            {
                "test": Source(
                    "data.csv",
                    TableForm(
                        {"picture": "name", "mean": "mos_quality", "category": "style"},
                        Scale(0, 5),
                    ),
                    ("images", "AGIQA-3K"),
                )
            },
        ),
    )
}
"""Every collection that can be called by name."""


def find_collection(name: str) -> Collection:
    """A collection by its name.

    Raises:
        DataError: lists the names that there are.
    """
    if name not in COLLECTIONS:
        raise DataError(f"no collection {name!r}; there are: {', '.join(COLLECTIONS)}")
    return COLLECTIONS[name]
