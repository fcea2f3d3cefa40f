"""Stars inside pictures of every kind, as XMP and as EXIF, are found without decoding."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ilgnet.library.sidecar.inside import Inside, read_inside
from ilgnet.library.sidecar.xmp import read_picture
from tests.library.programs import needs_exiftool

XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:'
    b'meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    b'rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>'
)
RATING, PERCENT = 0x4746, 0x4749


def exif(**tags: int) -> bytes:
    block = Image.Exif()
    names = {"rating": RATING, "percent": PERCENT}
    for name, value in tags.items():
        block[names[name]] = value
    return block.tobytes()


def saved(form: str, **more: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).save(stream, form, **more)
    return stream.getvalue()


def pillow(form: str) -> Callable[[bytes | None, bytes | None], bytes]:
    def make(xmp: bytes | None, block: bytes | None) -> bytes:
        if form == "HEIF":
            pytest.importorskip("pillow_heif").register_heif_opener()
        given = {"xmp": xmp, "exif": block}
        return saved(form, **{name: value for name, value in given.items() if value})

    return make


def tiff(xmp: bytes | None, block: bytes | None) -> bytes:
    tags = Image.Exif()
    if block:
        tags.load(block)
    return saved("TIFF", tiffinfo={**({700: xmp} if xmp else {}), **dict(tags)})


def png(
    xmp: bytes | None, block: bytes | None, *, packed: bool = False, behind: bool = False
) -> bytes:
    """Before the picture's data, or behind it, where some programs put metadata."""
    data = saved("PNG")
    place = len(data) - 12 if behind else 33
    chunks = b""
    if xmp:
        text = zlib.compress(xmp) if packed else xmp
        head = b"XML:com.adobe.xmp\0" + bytes([packed, 0]) + b"en\0\0"
        chunks += _chunk(b"iTXt", head + text)
    if block:
        chunks += _chunk(b"eXIf", block.removeprefix(b"Exif\0\0"))
    return data[:place] + chunks + data[place:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def box(kind: bytes, *content: bytes) -> bytes:
    data = b"".join(content)
    return struct.pack(">I", 8 + len(data)) + kind + data


def cr3(xmp: bytes | None, block: bytes | None) -> bytes:
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    packet = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    first = box(b"CMT1", block.removeprefix(b"Exif\0\0")) if block else b""
    moov = box(b"moov", box(b"uuid", canon, box(b"CNCV", b"Canon"), first), box(b"mvhd", bytes(9)))
    return (
        box(b"ftyp", b"crx \0\0\0\1crx isom")
        + moov
        + (box(b"uuid", packet, xmp) if xmp else b"")
        + box(b"mdat", bytes(500))
    )


def jxl(xmp: bytes | None, block: bytes | None) -> bytes:
    return (
        box(b"JXL ", b"\r\n\x87\n")
        + box(b"ftyp", b"jxl \0\0\0\0jxl ")
        + (box(b"Exif", bytes(4), block.removeprefix(b"Exif\0\0")) if block else b"")
        + (box(b"xml ", xmp) if xmp else b"")
        + box(b"jxlc", bytes(50))
    )


def raf(xmp: bytes | None, block: bytes | None) -> bytes:
    inner = pillow("JPEG")(xmp, block)
    head = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0") + struct.pack(">II", 160, len(inner))
    return head.ljust(160, b"\0") + inner + bytes(900)


KINDS: dict[str, Callable[[bytes | None, bytes | None], bytes]] = {
    "JPEG": pillow("JPEG"),
    "PNG": png,
    "PNG behind": lambda xmp, block: png(xmp, block, behind=True),
    "PNG packed": lambda xmp, block: png(xmp, block, packed=True),
    "WebP": pillow("WEBP"),
    "AVIF": pillow("AVIF"),
    "HEIC": pillow("HEIF"),
    "TIFF": tiff,
    "CR3": cr3,
    "RAF": raf,
    "JPEG XL": jxl,
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_inside(tmp_path: Path, kind: str) -> None:
    make = KINDS[kind]
    path = tmp_path / "picture"
    path.write_bytes(make(XMP, None))
    assert read_inside(io.BytesIO(make(XMP, None))) == Inside(XMP, None)
    assert read_picture(path).persons_rating() == 4
    assert read_inside(io.BytesIO(make(None, exif(rating=5, percent=99)))).stars == 5
    assert read_inside(io.BytesIO(make(XMP, exif(percent=25)))) == Inside(XMP, 2)
    assert read_inside(io.BytesIO(make(None, None))) == Inside()


@pytest.mark.parametrize(
    ("tags", "stars"),
    [
        ({"rating": 1}, 1),
        ({"rating": 0}, None),
        ({"rating": 0, "percent": 99}, None),
        ({"percent": 50}, 3),
        ({"percent": 0}, None),
        ({"rating": 6}, None),
        ({"rating": 65535}, None),
        ({"percent": 30000}, None),
    ],
)
def test_stars_of_exif(tags: dict[str, int], stars: int | None) -> None:
    assert read_inside(io.BytesIO(KINDS["JPEG"](None, exif(**tags)))).stars == stars


def test_xmp_counts_before_exif(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(KINDS["JPEG"](XMP, exif(rating=2)))
    assert read_picture(path).rating == 4
    path.write_bytes(KINDS["JPEG"](XMP.replace(b' xmp:Rating="4"', b""), exif(rating=2)))
    assert read_picture(path).rating == 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "CR3", "RAF"])
def test_damaged_exif_hides_no_xmp(kind: str) -> None:
    block = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xee" * 40
    assert read_inside(io.BytesIO(KINDS[kind](XMP, block))) == Inside(XMP, None)


@needs_exiftool
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WebP", "AVIF", "HEIC", "TIFF"])
def test_what_exiftool_wrote(tmp_path: Path, kind: str) -> None:
    name = {"JPEG": "a.jpg", "TIFF": "a.tif"}.get(kind, f"a.{kind.lower()}")
    path = tmp_path / name
    for tag, found in (("-XMP-xmp:Rating=3", (3, 3)), ("-IFD0:Rating=3", (3, 3))):
        path.write_bytes(KINDS[kind](None, None))
        subprocess.run(["exiftool", "-q", "-overwrite_original", tag, str(path)], check=True)
        assert (read_picture(path).rating, read_picture(path).persons_rating()) == found


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_damage_says_nothing_and_ends(kind: str, data: st.DataObject) -> None:
    """Whatever stands where lengths and places should be."""
    whole = bytearray(KINDS[kind](XMP, exif(rating=5)))
    place = data.draw(st.integers(0, min(len(whole), 900)))
    noise = data.draw(st.binary(min_size=1, max_size=12) | st.just(b"\xff" * 12))
    damaged = whole[:place] + noise + whole[place + len(noise) :]
    cut = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
    found = read_inside(io.BytesIO(bytes(damaged[:cut])))
    assert found.stars is None or 1 <= found.stars <= 5


@pytest.mark.parametrize(
    "head", [b"", b"\xff\xd8", b"RIFF\0\0\0\0WEBP", b"II*\0", b"\0\0\0\x08ftyp"]
)
def test_hardly_anything(head: bytes) -> None:
    assert read_inside(io.BytesIO(head)) == Inside()
