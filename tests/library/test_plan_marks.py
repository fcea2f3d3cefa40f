"""Which files get stars, and what of the person's stays."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.library.changes.carry_out import apply_plan, undo
from ilgnet.library.changes.journal import find_journal
from ilgnet.library.choosing.plan_marks import MarkPlan, MarkRule, SidecarStyle, plan_marks
from ilgnet.library.photograph.file_groups import FileGroup, Folder
from ilgnet.library.photograph.gather import gather, scored_file
from ilgnet.library.photograph.opinion import Opinion
from ilgnet.library.sidecar.inside import read_inside
from ilgnet.library.sidecar.statements import read_statements
from ilgnet.library.sidecar.write import merge_notes
from ilgnet.library.sidecar.xmp import (
    Notes,
    Statement,
    read_packet,
    read_picture,
    read_sidecar,
)
from ilgnet.values import Verdict
from tests.library.folders import tree
from tests.library.programs import needs_exiftool

SAMPLES = Path(__file__).parent / "sidecars"
OURS = Notes(6.25, 81.5, "test.model", "2026-05-04T10:00:00+02:00", rating=5, label="Blue")
AUTO = MarkRule()


def photos(tmp_path: Path, *names: str) -> Path:
    for name in names:
        if name.lower().endswith((".jpg", ".png")):
            Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(b"raw")
    return tmp_path


def plan(root: Path, *names: str, rule: MarkRule = AUTO, notes: Notes = OURS) -> MarkPlan:
    verdicts = [
        Verdict(str(root / n), 6.25, None, 0.9, 81.5, None, 8, 8, "test.model", "") for n in names
    ]
    return plan_marks(
        [(photo, notes) for photo in gather(map(scored_file, verdicts))],
        rule,
        [root],
        "stars",
    )


def read_opinion(group: FileGroup, stars_from: int = 1) -> Opinion:
    return read_statements(group).opinion(stars_from)


def rated(stars: int) -> bytes:
    """A packet with a person's stars."""
    packet = merge_notes(Statement(Path(), None), Notes(rating=stars)).data
    return packet.replace(b' ilgnet:Rating="%d"' % stars, b"")


def written(planned: MarkPlan) -> list[str]:
    return sorted(mark.path.name for mark in planned.marks)


@pytest.mark.parametrize(
    ("files", "style", "expected"),
    [
        (["A.CR2"], "auto", ["A.xmp"]),
        (["A.JPG"], "auto", ["A.JPG.xmp"]),
        (["A.CR2", "A.JPG"], "auto", ["A.xmp"]),
        (["A.CR2", "A.JPG"], "darktable", ["A.CR2.xmp", "A.JPG.xmp"]),
        (["A.CR2", "A.JPG"], "both", ["A.CR2.xmp", "A.JPG.xmp", "A.xmp"]),
        (["A.JPG"], "adobe", ["A.xmp"]),
        (["A.CR2", "B.CR2", "B.CR2.xmp"], "auto", ["A.CR2.xmp", "B.CR2.xmp"]),
        (["A.JPG", "B.JPG", "B.xmp"], "auto", ["A.xmp", "B.xmp"]),
        (["A.CR2", "A.CR2.xmp", "A.xmp"], "auto", ["A.CR2.xmp", "A.xmp"]),
        (["A.CR2", "A.JPG", "A.CR2.xmp"], "auto", ["A.CR2.xmp"]),
        (["A.CR2", "A.XMP"], "adobe", ["A.XMP"]),
        (["A.JPG", "A.png"], "adobe", ["A.JPG.xmp", "A.png.xmp"]),
    ],
)
def test_which_sidecars(
    tmp_path: Path, files: list[str], style: SidecarStyle, expected: list[str]
) -> None:
    pictures = [name for name in files if not name.lower().endswith(".xmp")]
    photos(tmp_path, *pictures)
    for name in files:
        if name.lower().endswith(".xmp"):
            (tmp_path / name).write_bytes((SAMPLES / "lightroom_unrated.xmp").read_bytes())
    planned = plan(tmp_path, *pictures, rule=MarkRule(style))
    assert written(planned) == expected
    before = tree(tmp_path)
    journal = apply_plan(planned.plan)
    assert journal.count("done") == len(expected)
    for name in expected:
        assert read_sidecar(tmp_path / name).rating == 5
    undo(find_journal(None))
    assert tree(tmp_path) == before


def test_one_name_for_two_photographs_is_said(tmp_path: Path) -> None:
    planned = plan(photos(tmp_path, "A.JPG", "A.png"), "A.JPG", rule=MarkRule("adobe"))
    assert "more than one photograph" in planned.problems[0]


def test_a_pair_that_disagrees_keeps_both_and_says_so(tmp_path: Path) -> None:
    photos(tmp_path, "A.CR2", "A.JPG")
    (tmp_path / "A.CR2.xmp").write_bytes((SAMPLES / "darktable.xmp").read_bytes())
    (tmp_path / "A.xmp").write_bytes((SAMPLES / "lightroom.xmp").read_bytes())
    planned = plan(tmp_path, "A.CR2", "A.JPG")
    assert "disagree" in planned.problems[0]
    assert "A.xmp says 3 stars" in planned.problems[0]
    assert "A.CR2.xmp says reject" in planned.problems[0]
    apply_plan(planned.plan)
    assert read_sidecar(tmp_path / "A.xmp").rating == 3
    assert read_sidecar(tmp_path / "A.CR2.xmp").rating == -1
    assert read_sidecar(tmp_path / "A.xmp").notes.score == 6.25


def test_stars_inside_a_jpeg_are_the_persons_too(tmp_path: Path) -> None:
    packet = rated(2)
    pixels = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    pixels.save(tmp_path / "A.JPG", xmp=packet)
    planned = plan(tmp_path, "A.JPG")
    assert planned.marks[0].words == "your own 2 stars kept"
    apply_plan(planned.plan)
    assert read_sidecar(tmp_path / "A.JPG.xmp").persons_rating() == 2
    apply_plan(plan(tmp_path, "A.JPG", rule=MarkRule(overwrite=True)).plan)
    assert read_sidecar(tmp_path / "A.JPG.xmp").rating == 5


@pytest.mark.parametrize("name", ["A.DNG", "A.NEF", "A.tif", "A.webp", "A.avif"])
def test_stars_inside_other_pictures_are_the_persons_too(tmp_path: Path, name: str) -> None:
    """Lightroom writes into DNG and TIFF, never beside them."""
    packet = rated(2)
    pixels = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    if name in ("A.webp", "A.avif"):
        pixels.save(tmp_path / name, xmp=packet)
    else:
        pixels.save(tmp_path / name, "TIFF", tiffinfo={700: packet})
    planned = plan(tmp_path, name)
    assert (planned.marks[0].words, planned.problems) == ("your own 2 stars kept", ())
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:40])
    assert plan(tmp_path, name).problems == ()


def test_exif_alone_is_the_persons_too(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "A.JPG", exif=5)
    planned = plan(tmp_path, "A.JPG")
    assert planned.marks[0].words == "your own 5 stars kept"
    apply_plan(planned.plan)
    assert read_sidecar(tmp_path / "A.JPG.xmp").persons_rating() == 5


def write_jpeg(path: Path, xmp: bytes | None = None, exif: int | None = None) -> None:
    tags = Image.Exif()
    if exif is not None:
        tags[0x4746] = exif
    given = {} if xmp is None else {"xmp": xmp}
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path, "JPEG", exif=tags, **given)


INSIDE = """<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description xmlns:xap='http://ns.adobe.com/xap/1.0/' xmlns:dc='http://purl.org/dc/elements/1.1/'>
<xap:Rating>3</xap:Rating><xap:Label>Green</xap:Label>
<dc:subject><rdf:Bag><rdf:li>Göteborg</rdf:li></rdf:Bag></dc:subject></rdf:Description>
</rdf:RDF></x:xmpmeta>{}<?xpacket end='w'?>""".format(" " * 2000).encode()


@pytest.mark.parametrize("style", ["auto", "adobe", "both"])
def test_a_new_sidecar_carries_what_is_inside(tmp_path: Path, style: SidecarStyle) -> None:
    """Programs that find a sidecar read it instead of what is inside."""
    write_jpeg(tmp_path / "A.JPG", INSIDE + b"\0", exif=1)
    planned = plan(tmp_path, "A.JPG", rule=MarkRule(style))
    assert "your own 3 stars and your own label Green kept" in planned.marks[0].words
    apply_plan(planned.plan)
    for path in tmp_path.glob("*.xmp"):
        said = read_sidecar(path)
        assert (said.persons_rating(), said.users_label, said.notes.score) == (3, "Green", 6.25)
        assert "Göteborg".encode() in path.read_bytes()
        assert b"xmlns:xmp=" not in path.read_bytes()
        assert b" " * 100 not in path.read_bytes()
    assert len(list(tmp_path.glob("*.xmp"))) == (2 if style == "both" else 1)
    again = plan(tmp_path, "A.JPG", rule=MarkRule(style))
    assert [mark.outcome for mark in again.marks] == ["same"] * len(again.marks)


def test_one_sidecar_of_a_pair_carries_stars_and_label_alone(tmp_path: Path) -> None:
    """What else is inside the JPEG is not true of the RAW."""
    photos(tmp_path, "A.CR2")
    write_jpeg(tmp_path / "A.JPG", INSIDE)
    apply_plan(plan(tmp_path, "A.CR2", "A.JPG").plan)
    said = read_sidecar(tmp_path / "A.xmp")
    assert (said.persons_rating(), said.users_label) == (3, "Green")
    assert "Göteborg".encode() not in (tmp_path / "A.xmp").read_bytes()


def test_stars_that_we_embedded_stay_ours_in_a_sidecar(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "A.JPG")
    apply_plan(plan(tmp_path, "A.JPG", rule=MarkRule(embed=True)).plan)
    apply_plan(plan(tmp_path, "A.JPG", notes=Notes(score=5.0, rating=2)).plan)
    said = read_sidecar(tmp_path / "A.JPG.xmp")
    assert (said.rating, said.persons_rating()) == (2, None)


@pytest.mark.parametrize("embed", [True, False])
def test_unreadable_xmp_inside_is_named_and_nothing_is_written(tmp_path: Path, embed: bool) -> None:
    """There may be stars in it, which a sidecar would hide from those who can read it."""
    write_jpeg(tmp_path / "A.JPG", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><not closed")
    planned = plan(tmp_path, "A.JPG", rule=MarkRule(embed=embed))
    (mark,) = planned.marks
    assert mark.outcome == "failed"
    assert mark.words.startswith("unreadable XMP")
    assert "damaged" not in mark.words
    assert planned.plan.steps == ()


def test_a_packet_that_ends_with_nuls_is_read_and_edited(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "A.JPG", INSIDE.replace(b">3<", b">-1<") + bytes(40))
    assert plan(tmp_path, "A.JPG").marks[0].words.startswith("your own reject")
    rule = MarkRule(embed=True, overwrite=True)
    size = (tmp_path / "A.JPG").stat().st_size
    apply_plan(plan(tmp_path, "A.JPG", rule=rule).plan)
    assert read_picture(tmp_path / "A.JPG").rating == 5
    assert (tmp_path / "A.JPG").stat().st_size == size


DARKTABLE = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
 xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:darktable="http://darktable.sf.net/"
 xmp:Rating="{rating}" darktable:change_timestamp="{changed}"/></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize(
    ("rating", "changed", "opinion"),
    [
        (1, -1, None),
        (1, 63931274999000000, 1),
        (2, -1, 2),
        (5, -1, 5),
        (-1, -1, -1),
        (0, -1, None),
    ],
)
def test_the_star_that_darktable_gives_at_import(
    tmp_path: Path, rating: int, changed: int, opinion: int | None
) -> None:
    """Giving stars alone does not move its time stamp, so all but the one star count."""
    write_jpeg(tmp_path / "A.JPG")
    sidecar = tmp_path / "A.JPG.xmp"
    sidecar.write_text(DARKTABLE.format(rating=rating, changed=changed))
    group = Folder(tmp_path).group_of(tmp_path / "A.JPG")
    assert (read_opinion(group).rating, read_opinion(group).ours) == (opinion, None)
    apply_plan(plan(tmp_path, "A.JPG").plan)
    assert read_sidecar(sidecar).rating == (5 if opinion is None else opinion)
    if opinion is None:
        assert (read_opinion(group).rating, read_opinion(group).ours) == (None, 5)


@pytest.mark.parametrize("stars_from", [1, 2, 3, 4])
def test_from_how_many_stars_they_are_an_opinion(tmp_path: Path, stars_from: int) -> None:
    for name, stars in (("A", 2), ("B", 3), ("C", -1)):
        write_jpeg(tmp_path / f"{name}.JPG", rated(stars))
    names = ("A.JPG", "B.JPG", "C.JPG")
    counted = [
        read_opinion(Folder(tmp_path).group_of(tmp_path / name), stars_from).rating
        for name in names
    ]
    assert counted == [2 if stars_from <= 2 else None, 3 if stars_from <= 3 else None, -1]
    rule = MarkRule(stars_from=stars_from)
    apply_plan(plan(tmp_path, *names, rule=rule).plan)
    written = [read_sidecar(tmp_path / f"{name}.xmp").rating for name in names]
    assert written == [5 if rating is None else rating for rating in counted]


def test_a_sidecar_counts_before_what_is_inside_its_picture(tmp_path: Path) -> None:
    """In-camera stars stay inside when the person changes them later, in a sidecar."""
    write_jpeg(tmp_path / "A.JPG", exif=2)
    (tmp_path / "A.JPG.xmp").write_bytes(rated(4))
    photos(tmp_path, "A.CR2")
    opinion = read_opinion(Folder(tmp_path).group_of(tmp_path / "A.JPG"))
    assert (opinion.rating, opinion.problems) == (4, ())
    (tmp_path / "A.JPG.xmp").rename(tmp_path / "A.CR2.xmp")
    opinion = read_opinion(Folder(tmp_path).group_of(tmp_path / "A.JPG"))
    assert "A.CR2.xmp says 4 stars, A.JPG says 2 stars" in opinion.problems[0]


@needs_exiftool
@pytest.mark.parametrize("name", ["A.tif", "A.png", "A.webp"])
def test_stars_that_exiftool_put_inside(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    command = ["exiftool", "-q", "-overwrite_original", "-XMP-xmp:Rating=4", str(path)]
    subprocess.run(command, check=True)
    assert plan(tmp_path, name).marks[0].words == "your own 4 stars kept"


def test_embedding_is_asked_for(tmp_path: Path) -> None:
    photos(tmp_path, "A.JPG", "A.CR2", "B.png")
    before = tree(tmp_path)
    pixels = np.asarray(Image.open(tmp_path / "A.JPG"))
    planned = plan(tmp_path, "A.JPG", "A.CR2", "B.png", rule=MarkRule(embed=True))
    assert written(planned) == ["A.JPG", "A.xmp", "B.png.xmp"]
    apply_plan(planned.plan)
    with (tmp_path / "A.JPG").open("rb") as stream:
        packet = read_inside(stream).xmp
    assert packet is not None
    assert read_packet(packet, tmp_path).rating == 5
    assert (np.asarray(Image.open(tmp_path / "A.JPG")) == pixels).all()
    again = plan(tmp_path, "A.JPG", rule=MarkRule(embed=True))
    assert [mark.outcome for mark in again.marks] == ["same", "same"]
    undo(find_journal(None))
    assert tree(tmp_path) == before


def test_damaged_sidecars_are_left_alone_and_named(tmp_path: Path) -> None:
    photos(tmp_path, "A.CR2", "B.CR2")
    (tmp_path / "A.xmp").write_bytes(b"<xmpmeta><not closed")
    planned = plan(tmp_path, "A.CR2", "B.CR2")
    assert [mark.outcome for mark in planned.marks] == ["failed", "new"]
    assert "unreadable XMP" in planned.marks[0].words
    apply_plan(planned.plan)
    assert (tmp_path / "A.xmp").read_bytes() == b"<xmpmeta><not closed"
    assert read_sidecar(tmp_path / "B.xmp").rating == 5


def test_a_link_to_a_sidecar_stays_a_link(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    photos(root, "A.CR2")
    (root / "store.bin").write_bytes((SAMPLES / "darktable.xmp").read_bytes())
    (root / "A.xmp").symlink_to("store.bin")
    apply_plan(plan(root, "A.CR2", rule=MarkRule(overwrite=True)).plan)
    assert (root / "A.xmp").is_symlink()
    assert read_sidecar(root / "store.bin").rating == 5


def test_a_link_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside.xmp"
    root.mkdir()
    photos(root, "A.CR2")
    outside.write_bytes((SAMPLES / "darktable.xmp").read_bytes())
    (root / "A.xmp").symlink_to(outside)
    journal = apply_plan(plan(root, "A.CR2", rule=MarkRule(overwrite=True)).plan)
    assert journal.count("failed") == 1
    assert outside.read_bytes() == (SAMPLES / "darktable.xmp").read_bytes()


def test_a_name_that_is_too_long_for_a_sidecar_is_said_in_words(tmp_path: Path) -> None:
    name = "x" * 251 + ".JPG"
    photos(tmp_path, name)
    (mark,) = plan(tmp_path, name).marks
    assert (mark.outcome, mark.words) == ("failed", "File name too long")


def test_a_link_into_another_programs_folder_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "Mine.photoslibrary" / "originals"
    inside.mkdir(parents=True)
    photos(inside, "A.JPG")
    (tmp_path / "A.JPG").symlink_to(inside / "A.JPG")
    planned = plan(tmp_path, "A.JPG", rule=MarkRule(embed=True))
    assert planned.plan.steps == ()
    assert "belongs to another program" in planned.marks[0].words
    apply_plan(plan(tmp_path, "A.JPG").plan)  # a sidecar lies beside the link
    assert list(inside.iterdir()) == [inside / "A.JPG"]


def test_what_was_rejected_by_us_can_be_taken_up_again(tmp_path: Path) -> None:
    photos(tmp_path, "A.CR2")
    apply_plan(plan(tmp_path, "A.CR2", notes=Notes(score=3.0, rating=-1)).plan)
    assert read_sidecar(tmp_path / "A.xmp").rating == -1
    apply_plan(plan(tmp_path, "A.CR2", notes=Notes(score=6.0, rating=0)).plan)
    assert read_sidecar(tmp_path / "A.xmp").rating == 0


def test_a_read_only_sidecar_stays_and_is_named(tmp_path: Path) -> None:
    root = photos(tmp_path, "A.JPG")
    sidecar = root / "A.xmp"
    sidecar.write_bytes((SAMPLES / "lightroom.xmp").read_bytes().replace(b'"4"', b'"0"'))
    sidecar.chmod(0o444)
    planned = plan(root, "A.JPG")
    (mark,) = planned.marks
    assert (mark.outcome, planned.plan.steps) == ("failed", ())
    assert "read-only" in mark.words


def test_much_white_space_in_a_packet_takes_no_time(tmp_path: Path) -> None:
    """Of 64 KB in front of something else than the packet's end."""
    padded = INSIDE.replace(b"<dc:subject>", b" " * 60_000 + b"<dc:subject>")
    write_jpeg(tmp_path / "A.JPG", padded)
    apply_plan(plan(tmp_path, "A.JPG").plan)
    assert b" " * 60_000 in (tmp_path / "A.JPG.xmp").read_bytes()


def test_an_empty_packet_is_none(tmp_path: Path) -> None:
    write_jpeg(tmp_path / "A.JPG", b"")
    data = (tmp_path / "A.JPG").read_bytes()
    head = b"http://ns.adobe.com/xap/1.0/\0"
    segment = b"\xff\xe1" + (len(head) + 2).to_bytes(2, "big") + head
    (tmp_path / "A.JPG").write_bytes(data[:2] + segment + data[2:])
    apply_plan(plan(tmp_path, "A.JPG", rule=MarkRule(embed=True)).plan)
    assert read_picture(tmp_path / "A.JPG").rating == 5
