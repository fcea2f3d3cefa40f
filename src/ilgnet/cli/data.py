"""`ilgnet data`: check a collection, make or read partitions, find pictures in two lists."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import click

from ilgnet.cli.exits import EXIT_OK, EXIT_UNREADABLE
from ilgnet.cli.options import progress_options
from ilgnet.cli.rated_options import DATA, OpenRated, rated_options
from ilgnet.data.ava import read_ava
from ilgnet.data.check import check_pictures
from ilgnet.data.lists import ImageList, read_list, write_list
from ilgnet.data.overlap import Overlap, find_overlap, shared_pictures, write_trained_on
from ilgnet.data.partitions import Partition, ava1, ava2, write_partition
from ilgnet.data.protocols import (
    PROTOCOLS,
    find_protocol,
    published_or_not,
    read_protocol,
)
from ilgnet.data.rated import RatedSet
from ilgnet.errors import DataError, amount
from ilgnet.report.progress import track
from ilgnet.zoo.records import find_weights, is_model, read_weights, write_weights

OUT = click.Path(path_type=Path)


@click.group()
def data() -> None:
    """Rated pictures: check them, divide them, compare lists.

    \b
      ilgnet data check AVA.txt --images ava/
      ilgnet data partition ava1 AVA.txt -o lists/
      ilgnet data overlap AVA2_val.txt.gz --with AVA1_train.txt.gz
    """


@data.command()
@click.argument("source", metavar="DATA", type=DATA)
@rated_options
@click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")
@click.option(
    "--clean-list",
    type=OUT,
    metavar="FILE",
    help="Write the list of the pictures that can be read.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Decode N side by side.")
@progress_options
def check(
    source: Path,
    open_rated: OpenRated,
    as_json: bool,
    clean_list: Path | None,
    threads: int | None,
    quiet: bool,
    progress: bool | None,
) -> int:
    """Decode every picture of DATA and list those that are missing or damaged.

    \b
      ilgnet data check AVA.txt --images ava/ --clean-list usable.txt
      ilgnet data check my-ratings.csv --scale 1..5

    DATA is AVA.txt, a list, a table or a folder for each class. Nothing is changed. Exit code 3
    says that some pictures cannot be read.
    """
    rated = open_rated(source)
    outcomes = track(
        check_pictures(rated, threads=threads),
        total=len(rated.images),
        show=False if quiet else progress,
        label="Checking",
    )
    failures = [failure for failure in outcomes if failure]
    if clean_list:
        write_list(clean_list, as_list(rated.without({failure.path for failure in failures})))
    labels = [image.high for image in rated.images if image.high is not None]
    summary = {
        "name": rated.name,
        "images": len(rated.images),
        "fingerprint": rated.fingerprint,
        "scale": rated.scale,
        "unrated": rated.unrated,
        "high": sum(labels),
        "low": len(labels) - sum(labels),
        "contradicting_labels": [image.id for image in rated.images if image.contradicts],
        "failures": [asdict(failure) for failure in failures],
    }
    click.echo(json.dumps(summary, indent=2, ensure_ascii=False) if as_json else _checked(summary))
    return EXIT_UNREADABLE if failures else EXIT_OK


def _checked(summary: dict[str, object]) -> str:
    failures, contradicting = summary["failures"], summary["contradicting_labels"]
    assert isinstance(failures, list)
    assert isinstance(contradicting, list)
    lines = [
        f"{summary['name']}: {summary['images']:,} pictures, fingerprint {summary['fingerprint']}",
        f"{summary['high']:,} high, {summary['low']:,} low; ratings on {summary['scale']}",
    ]
    if summary["unrated"]:
        lines.append(f"{summary['unrated']:,} pictures without a rating were left out")
    if contradicting:
        lines.append(
            f"{len(contradicting):,} labels contradict their mean vote, {contradicting[0]} for one"
        )
    codes = Counter(failure["code"] for failure in failures)
    counts = ", ".join(f"{count:,} {code}" for code, count in codes.most_common())
    lines.append(f"Cannot be read: {counts or 'none'}")
    lines += [f"  {f['path']}: {f['message']}" for f in failures]
    return "\n".join(lines)


@data.group()
def partition() -> None:
    """Make AVA1 or AVA2, or read lists that somebody else made.

    \b
      ilgnet data partition ava1 AVA.txt -o lists/
      ilgnet data partition ava2 AVA.txt -o lists/ --seed 1
      ilgnet data partition read AVA1_train.txt.gz AVA1_val.txt.gz

    The same AVA.txt and options give the same lists everywhere. Their fingerprints, and how they
    were made, are kept beside them.
    """


def test_size(text: str | int) -> int | tuple[int, int]:
    """N pictures, or LOW,HIGH: how many low and how many high ones."""
    try:
        counts = [int(part) for part in str(text).split(",")]
    except ValueError:
        counts = []
    if len(counts) not in (1, 2) or min(counts) < 0:
        raise click.BadParameter(f"{text!r} is neither N nor LOW,HIGH")
    return counts[0] if len(counts) == 1 else (counts[0], counts[1])


ava_argument = click.argument("ava_txt", metavar="AVA.txt", type=DATA)
output_option = click.option(
    "--output", "-o", type=OUT, required=True, metavar="DIR", help="Folder for the lists."
)
val_option = click.option(
    "--val",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Pictures in a validation list, taken from the training list.",
)
seed_option = click.option("--seed", type=int, default=0, show_default=True, help="Of the draw.")


@partition.command("ava1")
@ava_argument
@output_option
@click.option(
    "--delta",
    type=click.FloatRange(0, 5),
    default=0.0,
    show_default=True,
    help="Do not train on mean votes within this of 5.",
)
@click.option(
    "--test",
    type=test_size,
    default=20_000,
    show_default=True,
    metavar="N|LOW,HIGH",
    help="Pictures in the test list; 4000,16000 is the make-up of the published one.",
)
@val_option
@seed_option
def make_ava1(
    ava_txt: Path, output: Path, delta: float, test: int | tuple[int, int], val: int, seed: int
) -> None:
    """Divide all of AVA; high is a mean vote greater than 5."""
    made = ava1(read_ava(ava_txt), delta=delta, test=test, val=val, seed=seed)
    _write(made, output)


@partition.command("ava2")
@ava_argument
@output_option
@click.option(
    "--share",
    type=click.FloatRange(0, 0.5, min_open=True),
    default=0.1,
    show_default=True,
    help="Of the pictures at either end.",
)
@val_option
@seed_option
def make_ava2(ava_txt: Path, output: Path, share: float, val: int, seed: int) -> None:
    """Take the best and the worst tenth of AVA, in two random halves."""
    _write(ava2(read_ava(ava_txt), share=share, val=val, seed=seed), output)


@partition.command("read")
@click.argument("lists", metavar="LIST...", type=DATA, nargs=-1, required=True)
def read_lists(lists: tuple[Path, ...]) -> None:
    """Say what is in lists, plain or gzip: pictures, share of high ones, fingerprint."""
    _describe([read_list(path) for path in lists])


def _write(made: Partition, folder: Path) -> None:
    write_partition(folder, made)
    _describe(list(made.lists.values()))


def _describe(lists: list[ImageList]) -> None:
    width = max(len(pictures.name) for pictures in lists)
    for pictures in lists:
        share = pictures.high_share
        high = "no labels" if share is None else f"{100 * share:.2f} % high"
        click.echo(
            f"{pictures.name:<{width}}  {len(pictures.ids):>9,}  {high:<13}  {pictures.fingerprint}"
        )


@data.command("protocols")
@click.argument("name", required=False, metavar="[NAME]")
def list_protocols(name: str | None) -> None:
    """Published collections and their protocols: what people rated, the split, licence, source.

    \b
      ilgnet data protocols
      ilgnet data protocols para
      ilgnet evaluate --protocol ava-official --data ava/
    """
    if name is None:
        width = max(map(len, PROTOCOLS))
        for protocol in PROTOCOLS.values():
            click.echo(f"{protocol.name:<{width}}  {protocol.collection.title}: {protocol.about}")
        return
    protocol = find_protocol(name)
    collection = protocol.collection
    for what, text in (
        ("Protocol", f"{protocol.name}: {protocol.about}"),
        ("Parts", ", ".join(protocol.parts)),
        ("Collection", f"{collection.title}, {collection.pictures:,} pictures"),
        ("Source", collection.source),
        ("Ratings", collection.ratings),
        ("Licence", collection.licence),
        ("Obtain", collection.obtain),
        ("Persons", "told apart" if collection.persons else "not told apart"),
        *(("Fingerprint", f"{value} ({part})") for part, value in protocol.published.items()),
    ):
        click.echo(f"{what + ':':<13}{text}")


@partition.command("protocol")
@click.argument("name", metavar="NAME")
@click.argument("root", metavar="FOLDER", type=DATA)
@output_option
def write_protocol(name: str, root: Path, output: Path) -> None:
    """Write the lists of a named protocol, from its collection's own files.

    \b
      ilgnet data partition protocol ava-official ava/ -o lists/
    """
    protocol = find_protocol(name)
    lists = []
    for part in protocol.parts:
        rated = read_protocol(protocol, root, part)
        pictures = replace(as_list(rated), name=f"{protocol.name}_{part}")
        write_list(output / f"{pictures.name}.txt", pictures)
        lists.append(pictures)
        for left in rated.left_out:
            click.echo(f"{part}: {len(left.ids):,} left out, {left.reason}", err=True)
        if said := published_or_not(protocol, part, rated):
            click.echo(f"{part}: {said}", err=True)
    _describe(lists)


@data.command()
@click.argument("source", metavar="DATA", type=DATA)
@click.option(
    "--with",
    "other",
    required=True,
    metavar="DATA|MODEL",
    help="What was trained on: a list, a table, AVA.txt, or a model that remembers.",
)
@rated_options
@click.option("--output", "-o", type=OUT, metavar="FILE", help="Write DATA without the overlap.")
def overlap(source: Path, other: str, open_rated: OpenRated, output: Path | None) -> None:
    """Count the pictures of DATA that a model, or another list, has too.

    \b
      ilgnet data overlap AVA2_val.txt.gz --with AVA1_train.txt.gz -o clean.txt
      ilgnet data overlap my-ratings.csv --scale 1..5 --with default

    Pictures of AVA are told by their ids, which is enough for a list without ratings. Others are
    told by the bytes of their files and by what they look like: a copy under another name is
    found, and one that was saved again or made smaller.
    """
    rated = open_rated(source, ratings_needed=False)
    found = _overlap(rated, other, open_rated)
    of_all = f"of the {len(rated.images):,} pictures of {rated.name}"
    for name, ids in found.leaked.items():
        click.echo(f"{len(ids):,} {of_all} in {name}")
    for name, ids in found.possible.items():
        click.echo(f"{len(ids):,} {of_all} may be in {name}: an unknown part was seen")
    for name in found.unchecked:
        click.echo(f"cannot be checked against {name}")
    if not found.ids and found.compared:
        click.echo(f"none {of_all} was found, compared {found.compared_words()}")
    elif not found.ids and not found.unchecked:
        click.echo(f"nothing is known of what {other} was trained on")
    if output:
        if len(found.ids) == len(rated.images):
            raise DataError(f"all pictures of {rated.name} overlap; {output} was not written")
        clean = rated.without(found.ids)
        write_list(output, as_list(clean))
        click.echo(
            f"{amount(len(clean.images), 'picture')} in {output}, fingerprint {clean.fingerprint}"
        )


@data.command()
@click.argument("model", metavar="MODEL", type=DATA)
@click.argument("source", metavar="DATA", type=DATA)
@rated_options
@click.option(
    "--whole",
    is_flag=True,
    help="DATA is all that it has seen of its collection: it no longer counts as an unknown part.",
)
def remember(model: Path, source: Path, open_rated: OpenRated, whole: bool) -> None:
    """Note in the folder MODEL that it was trained on DATA.

    \b
      ilgnet data remember ilgnet-2016 AVA1_train.txt.gz --whole

    Models that were trained here remember by themselves, and so do their descendants. The 2016
    weights do not say which part of AVA they have seen; tell them.
    """
    rated = open_rated(source, ratings_needed=False)
    weights = read_weights(model)
    entry = write_trained_on(model, rated)
    others = [e for e in weights.trained_on if e.fingerprint != entry.fingerprint]
    if whole:
        collections = {image.collection for image in rated.images}
        others = [e for e in others if e.known or e.collection not in collections - {""}]
    write_weights(replace(weights, trained_on=(*others, entry)), model)
    click.echo(f"{weights.name} remembers {entry.images:,} pictures of {rated.name}")


def _overlap(rated: RatedSet, other: str, open_rated: OpenRated) -> Overlap:
    path = Path(other)
    if path.exists() and not is_model(other):
        return shared_pictures(rated, open_rated(path, ratings_needed=False))
    return find_overlap(find_weights(other), rated)


def as_list(rated: RatedSet) -> ImageList:
    """The pictures of a set as a list, with labels where all have one."""
    labels = tuple(image.high for image in rated.images if image.high is not None)
    complete = len(labels) == len(rated.images)
    return ImageList(rated.name, rated.ids, labels if complete else None)
