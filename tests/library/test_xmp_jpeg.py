"""Embedding changes one segment of a JPEG and nothing else."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from ilgnet.errors import LibraryError
from ilgnet.library.changes.plan import Edit
from ilgnet.library.sidecar.embed import replace_embedded
from ilgnet.library.sidecar.inside import read_inside
from ilgnet.library.sidecar.write import merge_notes
from ilgnet.library.sidecar.xmp import Notes, Statement, read_packet
from tests.library.programs import exiftool, exiv2, needs_exiftool, needs_exiv2

HERE = Path("here.jpg")
OURS = Notes(6.25, 81.5, "test.model", "2026-05-04T10:00:00+02:00", rating=-1)
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SAMPLE = Path(__file__).parent / "sidecars" / "lightroom_unrated.xmp"


def jpeg(xmp: bytes | None = None, **options: object) -> bytes:
    pixels = np.random.default_rng(7).integers(0, 255, (40, 60, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0110] = "Camera"
    stream = io.BytesIO()
    if xmp is not None:
        options["xmp"] = xmp
    Image.fromarray(pixels).save(
        stream, "JPEG", exif=exif, icc_profile=PROFILE, comment=b"hello", **options
    )
    return stream.getvalue()


def segment(contents: bytes, marker: int = 0xE1) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(contents) + 2) + contents


def split(data: bytes) -> tuple[list[bytes], bytes]:
    """The segments, and everything from the scan on: a second reading, simpler than ours."""
    position, segments = 2, []
    while data[position + 1] != 0xDA:
        end = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        segments.append(data[position:end])
        position = end
    return segments, data[position:]


def others(data: bytes) -> list[bytes]:
    return [part for part in split(data)[0] if XMP not in part]


def embed(data: bytes, notes: Notes = OURS) -> bytes:
    present = Statement(HERE, None)
    old = read_inside(io.BytesIO(data)).xmp
    if old is not None:
        present = read_packet(old, HERE)
    return replace_embedded(data, old, merge_notes(present, notes).data, HERE)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("xmp", [None, SAMPLE.read_bytes()], ids=["inserted", "replaced"])
@pytest.mark.parametrize("trailer", [b"", b"\0trailing video\xff\xd8\xff"])
def test_one_segment_changes(progressive: bool, xmp: bytes | None, trailer: bytes) -> None:
    before = jpeg(xmp, progressive=progressive) + trailer
    after = embed(before)
    assert others(after) == others(before)
    assert split(after)[1] == split(before)[1]
    assert (np.asarray(Image.open(io.BytesIO(after))) == Image.open(io.BytesIO(before))).all()
    packet = read_inside(io.BytesIO(after)).xmp
    assert packet is not None
    assert read_packet(packet, HERE).rating == -1
    assert embed(after) == after


def test_exif_stays_in_front() -> None:
    parts = split(embed(jpeg()))[0]
    assert [part[4:8] for part in parts[:3]] == [b"JFIF", b"Exif", b"http"]


def test_padding_takes_up_the_change() -> None:
    before = jpeg(SAMPLE.read_bytes())
    assert len(embed(before)) == len(before)


def test_extended_xmp_is_respected() -> None:
    guid = b"0123456789ABCDEF0123456789ABCDEF"
    main = SAMPLE.read_bytes().replace(
        b'crs:HasSettings="True"',
        b'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + guid + b'"',
    )
    extended = segment(EXTENSION + guid + struct.pack(">II", 9, 0) + b"<a>b</a>\n")
    plain = jpeg(main)
    cut = plain.index(segment(XMP + main)) + len(segment(XMP + main))
    before = plain[:cut] + extended + plain[cut:]
    after = embed(before)
    assert extended in after
    assert others(after) == others(before)
    packet = read_inside(io.BytesIO(after)).xmp
    assert packet is not None
    assert guid in packet


def test_a_full_segment_is_refused() -> None:
    filler = b"x" * (65_400 - len(SAMPLE.read_bytes()))
    xmp = SAMPLE.read_bytes().replace(b"\r\n" + b" " * 100, b"").replace(b"-0.50", filler)
    before = jpeg(xmp)
    long = Notes(6.25, 81.5, "m" * 3000, rating=1)
    with pytest.raises(LibraryError, match="JPEG segment"):
        embed(before, long)


def test_a_second_picture_is_not_lost() -> None:
    plain = jpeg()
    before = plain[:2] + segment(b"MPF\0II*\0", 0xE2) + plain[2:]
    with pytest.raises(LibraryError, match="second picture"):
        embed(before)
    padded = jpeg(SAMPLE.read_bytes())
    padded = padded[:2] + segment(b"MPF\0II*\0", 0xE2) + padded[2:]
    assert len(embed(padded)) == len(padded)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        jpeg()[:100],
        jpeg()[:2] + segment(XMP + b"<a/>") + segment(XMP + b"<a/>") + jpeg()[2:],
        jpeg(b"<not><xmp></not>"),
    ],
    ids=["empty", "PNG", "cut off", "two packets", "damaged packet"],
)
def test_what_cannot_be_embedded_into_is_refused(data: bytes) -> None:
    with pytest.raises(LibraryError, match=r"here\.jpg"):
        embed(data)


PLAIN = jpeg(SAMPLE.read_bytes())


@given(st.binary(min_size=1, max_size=40), st.integers(0, len(PLAIN)))
def test_damage_is_refused_or_left_as_it_is(noise: bytes, place: int) -> None:
    damaged = PLAIN[:place] + noise + PLAIN[place:]
    try:
        after = embed(damaged)
    except LibraryError:
        return
    packet = read_inside(io.BytesIO(after)).xmp
    assert packet is not None
    assert read_packet(packet, HERE).rating == -1
    change = Edit.between(HERE, damaged, after, 0)
    assert len(change.removed) <= len(SAMPLE.read_bytes()) + len(noise)


@needs_exiftool
@needs_exiv2
@pytest.mark.parametrize("xmp", [None, SAMPLE.read_bytes()], ids=["inserted", "replaced"])
def test_other_programs_read_it(tmp_path: Path, xmp: bytes | None) -> None:
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(embed(jpeg(xmp)))
    tags = exiftool(path)
    assert tags["XMP-xmp:Rating"] == -1
    assert tags["XMP-ilgnet:Score"] == 6.25
    assert tags["IFD0:Model"] == "Camera"
    assert exiv2(path)["Xmp.xmp.Rating"] == "-1"
