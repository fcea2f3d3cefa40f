"""Ratings, rejects and labels as other programs write them; damage and attacks are refused."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ilgnet.errors import LibraryError
from ilgnet.library.sidecar.xmp import read_packet, read_sidecar

SAMPLES = Path(__file__).parent / "sidecars"
HERE = Path("here.xmp")


def packet(properties: str, head: str = "") -> bytes:
    return f"""{head}<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:digiKam="http://www.digikam.org/ns/1.0/"
 xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
 xmlns:ilgnet="https://github.com/ilgnet/ilgnet/ns/1.0/">{properties}</rdf:Description>
</rdf:RDF></x:xmpmeta>""".encode()


@pytest.mark.parametrize(
    ("name", "rating", "label"),
    [
        ("lightroom", 3, "Green"),
        ("lightroom_unrated", None, None),
        ("darktable", -1, "Blue"),
        ("digikam", 4, None),
    ],
)
def test_other_programs_sidecars(name: str, rating: int | None, label: str | None) -> None:
    sidecar = read_sidecar(SAMPLES / f"{name}.xmp")
    assert (sidecar.rating, sidecar.label) == (rating, label)
    assert (sidecar.persons_rating(), sidecar.users_label) == (rating, label)


@pytest.mark.parametrize(
    ("properties", "rating"),
    [
        ("<xmp:Rating>2</xmp:Rating>", 2),
        ("<xmp:Rating>\n  2\n</xmp:Rating>", 2),
        ("<xmp:Rating>3.0</xmp:Rating>", 3),
        ("<xmp:Rating><![CDATA[4]]></xmp:Rating>", 4),
        ("<xmp:Rating><!-- of five -->4</xmp:Rating>", 4),
        ("<xmp:Rating/>", None),
        ("<xmp:Rating>0</xmp:Rating>", 0),
        ("<digiKam:PickLabel>1</digiKam:PickLabel><xmp:Rating>3</xmp:Rating>", -1),
        ("<digiKam:PickLabel>3</digiKam:PickLabel>", None),
        ("<MicrosoftPhoto:Rating>99</MicrosoftPhoto:Rating>", 5),
        ("<MicrosoftPhoto:Rating>25</MicrosoftPhoto:Rating>", 2),
        ("<xmp:Rating>0</xmp:Rating><MicrosoftPhoto:Rating>1</MicrosoftPhoto:Rating>", 1),
    ],
)
def test_ratings(properties: str, rating: int | None) -> None:
    assert read_packet(packet(properties), HERE).rating == rating


@pytest.mark.parametrize(("number", "label"), [(0, None), (4, "Green"), (6, "Magenta"), (77, None)])
def test_digikam_colours(number: int, label: str | None) -> None:
    text = f"<digiKam:ColorLabel>{number}</digiKam:ColorLabel>"
    assert read_packet(packet(text), HERE).label == label


def test_our_own_stars_are_not_the_persons() -> None:
    ours = "<xmp:Rating>4</xmp:Rating><ilgnet:Rating>4</ilgnet:Rating>"
    changed = "<xmp:Rating>2</xmp:Rating><ilgnet:Rating>4</ilgnet:Rating>"
    cleared = "<xmp:Rating>0</xmp:Rating><ilgnet:Rating>4</ilgnet:Rating>"
    assert read_packet(packet(ours), HERE).persons_rating() is None
    assert read_packet(packet(changed), HERE).persons_rating() == 2
    assert read_packet(packet(cleared), HERE).persons_rating() is None
    assert [
        read_packet(packet(text), HERE).rating_cleared for text in (ours, changed, cleared)
    ] == [False, False, True]


@pytest.mark.parametrize("text", ["abc", "7", "-2", "nan", "1e999"])
def test_impossible_ratings_are_named(text: str) -> None:
    with pytest.raises(LibraryError, match=r"here\.xmp.*Rating"):
        read_packet(packet(f"<xmp:Rating>{text}</xmp:Rating>"), HERE)


def test_a_nested_rating_is_not_the_pictures() -> None:
    assert b'xmp:Rating="9"' in (SAMPLES / "lightroom.xmp").read_bytes()
    assert read_sidecar(SAMPLES / "lightroom.xmp").rating == 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings(encoding: str) -> None:
    text = packet("<xmp:Label>Grün</xmp:Label>").decode()
    assert read_packet(text.encode(encoding), HERE).label == "Grün"


def test_declared_encoding() -> None:
    text = packet("<xmp:Label>Grün</xmp:Label>", '<?xml version="1.0" encoding="ISO-8859-1"?>')
    assert read_packet(text.decode().encode("latin-1"), HERE).label == "Grün"


DAMAGED = {
    "cut off": packet("")[:-30],
    "tags crossed": packet("<xmp:Rating>3</xmp:Label>"),
    "unbound prefix": packet("<other:Thing/>"),
    "attribute twice": packet("").replace(b'rdf:about=""', b'rdf:about="" rdf:about=""'),
    "bytes that are not UTF-8": packet("<xmp:Label>\xe9</xmp:Label>").decode().encode("latin-1"),
    "unknown encoding": packet("", '<?xml version="1.0" encoding="klingon"?>'),
    "empty": b"",
    "zeros": bytes(4096),
    "not XML": b"\xff\xd8\xff\xe0 a JPEG",
    "XML but not XMP": b"<html><body/></html>",
    "two RDFs": packet("").replace(b"</x:xmpmeta>", b"").replace(b"<x:xmpmeta", b"<y><x:xmpmeta"),
    "UTF-32": packet("").decode().encode("utf-32"),
    "text after the end": packet("") + b"more",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_a_clear_error(kind: str) -> None:
    with pytest.raises(LibraryError, match=r"here\.xmp"):
        read_packet(DAMAGED[kind], HERE)


def test_entities_are_never_expanded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("4")
    laughs = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    for subset in (f'<!ENTITY a0 "ha">{laughs}', f'<!ENTITY a9 SYSTEM "{secret.as_uri()}">'):
        data = packet("<xmp:Rating>&a9;</xmp:Rating>", f"<!DOCTYPE x [{subset}]>")
        started = time.perf_counter()
        with pytest.raises(LibraryError, match="document type"):
            read_packet(data, HERE)
        assert time.perf_counter() - started < 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"gone\.xmp cannot be read"):
        read_sidecar(tmp_path / "gone.xmp")


@pytest.mark.parametrize(
    "value",
    [
        '<xmp:Rating rdf:parseType="Resource"><rdf:value>4</rdf:value></xmp:Rating>',
    ],
)
def test_a_rating_that_is_not_understood_is_not_taken_for_none(value: str) -> None:
    data = (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/">{value}</rdf:Description></rdf:RDF>'
    )
    with pytest.raises(LibraryError, match="its Rating is not a simple value"):
        read_packet(data.encode(), Path("here.xmp"))
