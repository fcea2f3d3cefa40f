"""Merging touches the bytes of our properties and no others."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ilgnet.errors import LibraryError
from ilgnet.library.sidecar.edit import set_properties
from ilgnet.library.sidecar.packet import parse_packet
from ilgnet.library.sidecar.write import Merged, empty_packet, merge_notes
from ilgnet.library.sidecar.xmp import NOTES, PREFIXES, RATING, Notes, Statement, read_packet
from tests.library.programs import exiv2, needs_exiv2

SAMPLES = Path(__file__).parent / "sidecars"
HERE = Path("here.xmp")
OURS = Notes(6.25, 81.5, "test.model", "2026-05-04T10:00:00+02:00", rating=5, label="Blue")
OUR_TEXT = (
    'ilgnet:Score="6.25"',
    'ilgnet:Percentile="81.5"',
    'ilgnet:Model="test.model"',
    'ilgnet:Rating="5"',
    'ilgnet:Label="Blue"',
    'ilgnet:Date="2026-05-04T10:00:00+02:00"',
)


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xmp").read_bytes()


def merge(data: bytes | None, notes: Notes, *, overwrite: bool = False) -> Merged:
    present = Statement(HERE, None) if data is None else read_packet(data, HERE)
    return merge_notes(present, notes, overwrite=overwrite)


def added(gap: str, *texts: str, declare: bool = True) -> bytes:
    declaration = (f'xmlns:ilgnet="{NOTES}"',) if declare else ()
    return "".join(gap + text for text in (*declaration, *texts)).encode()


def test_lightroom_overwritten_byte_for_byte() -> None:
    before = sample("lightroom")
    expected = (
        before.replace(b'xmp:Rating="3"', b'xmp:Rating="5"')
        .replace(b'xmp:Label="Green"', b'xmp:Label="Blue"')
        .replace(
            b'crs:HasSettings="True">', b'crs:HasSettings="True"' + added("\n   ", *OUR_TEXT) + b">"
        )
    )
    assert merge(before, OURS, overwrite=True).data == expected


def test_lightroom_with_the_persons_stars_kept() -> None:
    before = sample("lightroom")
    merged = merge(before, OURS)
    notes = OUR_TEXT[:3] + OUR_TEXT[5:]
    assert merged.data == before.replace(
        b'crs:HasSettings="True">', b'crs:HasSettings="True"' + added("\n   ", *notes) + b">"
    )
    assert merged.kept == ("your own 3 stars", "your own label Green")
    assert read_packet(merged.data, HERE).persons_rating() == 3


def test_carriage_returns_wrapper_and_padding_stay() -> None:
    before = sample("lightroom_unrated")
    assert b"\r\n" in before
    stars = ('xmp:Rating="5"', 'xmp:Label="Blue"', f'xmlns:ilgnet="{NOTES}"', *OUR_TEXT)
    expected = before.replace(
        b'crs:HasSettings="True"/>',
        b'crs:HasSettings="True"' + added("\r\n   ", *stars, declare=False) + b"/>",
    )
    assert merge(before, OURS).data == expected


def test_darktable_history_stays_byte_for_byte() -> None:
    before = sample("darktable")
    anchor = b'darktable:history_current_hash="5f60718293a4b5c6d7e80f3a1b2c3d4e"'
    expected = before.replace(b'xmp:Rating="-1"', b'xmp:Rating="5"').replace(
        anchor, anchor + added("\n   ", *OUR_TEXT)
    )
    assert merge(before, OURS, overwrite=True).data == expected


def test_digikam_elements_and_copies_are_kept_in_step() -> None:
    before = sample("digikam")
    merged = merge(before, replace(OURS, rating=-1), overwrite=True).data
    anchor = b'xmlns:digiKam="http://www.digikam.org/ns/1.0/"'
    rejected = (text.replace('Rating="5"', 'Rating="-1"') for text in OUR_TEXT)
    of_theirs = b'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    expected = (
        before.replace(anchor, anchor + added("\n    ", *rejected))
        .replace(of_theirs, of_theirs + b'\n    xmp:Label="Blue"')
        .replace(b"<xmp:Rating>4<", b"<xmp:Rating>-1<")
        .replace(b"PickLabel>0<", b"PickLabel>1<")
        .replace(b"ColorLabel>0<", b"ColorLabel>5<")
        .replace(b"<MicrosoftPhoto:Rating>75<", b"<MicrosoftPhoto:Rating>0<")
        .replace(b"<acdsee:rating>4<", b"<acdsee:rating>0<")
    )
    assert merged == expected
    again = merge(merged, replace(OURS, rating=2)).data
    assert b"PickLabel>0<" in again
    assert b"<MicrosoftPhoto:Rating>25<" in again


@pytest.mark.parametrize("name", [path.stem for path in sorted(SAMPLES.glob("*.xmp"))])
def test_twice_is_once(name: str) -> None:
    once = merge(sample(name), OURS).data
    later = replace(OURS, date="2027-01-01T00:00:00+01:00")
    assert merge(once, later).data == once


def test_a_new_sidecar() -> None:
    merged = merge(None, OURS)
    sidecar = read_packet(merged.data, HERE)
    assert sidecar.notes == OURS
    assert (sidecar.rating, sidecar.label) == (5, "Blue")
    assert merged.data.startswith(empty_packet().data[:200])


def test_our_stars_are_ours_to_change_until_the_person_does() -> None:
    ours = merge(None, OURS).data
    changed = merge(ours, replace(OURS, rating=2))
    assert read_packet(changed.data, HERE).rating == 2
    theirs = ours.replace(b'xmp:Rating="5"', b'xmp:Rating="1"')
    assert merge(theirs, replace(OURS, rating=2)).kept == ("your own 1 star",)
    cleared = ours.replace(b'xmp:Rating="5"', b'xmp:Rating="0"')
    merged = merge(cleared, OURS)
    assert (merged.data, merged.kept) == (cleared, ("your own no stars",))


def test_agreeing_with_the_person_does_not_make_their_stars_ours() -> None:
    merged = merge(sample("lightroom"), replace(OURS, rating=3))
    assert read_packet(merged.data, HERE).persons_rating() == 3
    assert "your own 3 stars" not in merged.kept


def test_scores_alone() -> None:
    merged = merge(None, replace(OURS, rating=None, label=None))
    sidecar = read_packet(merged.data, HERE)
    assert (sidecar.rating, sidecar.label, sidecar.notes.score) == (None, None, 6.25)


def test_structure_inside_a_rating_is_refused() -> None:
    data = sample("digikam").replace(
        b"<xmp:Rating>4<",
        b"<xmp:Rating><rdf:Description><rdf:value>4</rdf:value></rdf:Description><",
    )
    with pytest.raises(LibraryError, match=r"here\.xmp was not touched.*Rating"):
        set_properties(parse_packet(data, "here.xmp"), {RATING: "2"}, PREFIXES)


def test_a_foreign_use_of_our_prefixes_is_no_trouble() -> None:
    data = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:ilgnet="urn:a">'
        b'<rdf:Description xmlns:xmp="urn:b" xmlns:q="http://ns.adobe.com/xap/1.0/" '
        b"xmp:Rating='yes' ilgnet:Score='no' q:Rating = '1'/></rdf:RDF>"
    )
    after = merge(data, OURS, overwrite=True).data
    assert b"xmp:Rating='yes' ilgnet:Score='no' q:Rating = '5'" in after
    assert f'xmlns:ilgnet1="{NOTES}" ilgnet1:Score="6.25"'.encode() in after
    assert read_packet(after, HERE).notes == OURS


@pytest.mark.parametrize(
    "rdf",
    ["<rdf:RDF{0}/>", "<rdf:RDF{0}></rdf:RDF>", "<RDF{1}{0}/>", "<RDF{1}></RDF>"],
)
def test_rdf_without_a_description(rdf: str) -> None:
    uri = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    data = rdf.format(f' xmlns:rdf="{uri}"', f' xmlns="{uri}"').encode()
    after = merge(data, OURS).data
    assert read_packet(after, HERE).notes == OURS
    etree.fromstring(after)


XAP = "http://ns.adobe.com/xap/1.0/"
RDF_START = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
DATED = "<{0}:CreateDate>2006-05-03</{0}:CreateDate>"


@pytest.mark.parametrize("prefix", ["xap", "xmp", "a.b-1"])
@pytest.mark.parametrize(
    "where",
    [
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:{p}="{u}">{r}><rdf:Description/></rdf:RDF>'
        "</x:xmpmeta>",
        '{r} xmlns:{p}="{u}"><rdf:Description/></rdf:RDF>',
        '{r} xmlns:{p}="{u}"></rdf:RDF>',
        '{r}><rdf:Description xmlns:{p}="{u}" {p}:CreateDate="2006"/></rdf:RDF>',
        '{r}><rdf:Description/><rdf:Description xmlns:{p}="{u}">{d}</rdf:Description></rdf:RDF>',
        '{r}><rdf:Description/><rdf:Description><{p}:CreateDate xmlns:{p}="{u}">2006'
        "</{p}:CreateDate></rdf:Description></rdf:RDF>",
        '{r}><rdf:Description xmlns:q="urn:q"><q:a><q:b xmlns:{p}="{u}" {p}:c=""/></q:a>'
        "</rdf:Description></rdf:RDF>",
    ],
    ids=["root", "RDF", "no description", "first", "second", "element", "nested"],
)
def test_one_prefix_for_one_namespace(tmp_path: Path, prefix: str, where: str) -> None:
    """Other programs refuse a packet with two; the one that is there is taken."""
    text = where.format(p=prefix, u=XAP, r=RDF_START, d=DATED.format(prefix))
    after = merge(text.encode(), OURS).data
    assert set(re.findall(rb'xmlns:([^=]+)="http://ns.adobe.com/xap/1.0/"', after)) == {
        prefix.encode()
    }
    assert (read_packet(after, HERE).rating, read_packet(after, HERE).label) == (5, "Blue")
    again = merge(after, replace(OURS, rating=2)).data
    assert read_packet(again, HERE).rating == 2
    assert len(re.findall(rb":Rating=", again)) == 2  # theirs and ours


@needs_exiv2
def test_exiv2_reads_what_it_read_before(tmp_path: Path) -> None:
    text = (
        f"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{RDF_START}>"
        "<rdf:Description rdf:about='' xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/'>"
        "<photoshop:City>Somewhere</photoshop:City></rdf:Description>"
        f"<rdf:Description rdf:about='' xmlns:xap='{XAP}'>{DATED.format('xap')}</rdf:Description>"
        "</rdf:RDF></x:xmpmeta>"
    )
    path = tmp_path / "a.xmp"
    path.write_bytes(merge(text.encode(), OURS).data)
    read = exiv2(path)
    assert read["Xmp.photoshop.City"] == "Somewhere"
    assert (read["Xmp.xmp.CreateDate"], read["Xmp.xmp.Rating"]) == ("2006-05-03", "5")


def test_a_prefix_that_means_something_else_anywhere_is_not_taken() -> None:
    text = (
        f"{RDF_START}><rdf:Description/><rdf:Description xmlns:xmp='urn:x' xmlns:ilgnet='urn:y'/>"
        "</rdf:RDF>"
    )
    after = merge(text.encode(), OURS).data
    assert f'xmlns:xmp1="{XAP}" xmp1:Rating="5"'.encode() in after
    assert f'xmlns:ilgnet1="{NOTES}"'.encode() in after


TAILS = (b"\0", bytes(300), b" \n\0\0 ", b"\n" * 9, b"\0rest of a longer packet</rdf:RDF>\xff\xfe")


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("name", ["lightroom", "digikam"])
def test_what_follows_a_packet_is_no_trouble_and_stays(name: str, tail: bytes) -> None:
    """Phones and cameras pad with NULs, and write shorter packets over longer ones."""
    assert b"<?xpacket end" in sample(name)
    merged = merge(sample(name).rstrip() + tail, OURS)
    assert read_packet(sample(name) + tail, HERE).rating == read_packet(sample(name), HERE).rating
    assert merged.data == merge(sample(name).rstrip(), OURS).data + tail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("padding", ["\0", "\0" * 7, " \0", "\n\0\n", "  \n"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_padding_in_any_encoding(encoding: str, padding: str, wrapped: bool) -> None:
    text = f"{RDF_START}><rdf:Description xmlns:xmp='{XAP}' xmp:Rating='-1'/></rdf:RDF>"
    text = f"<?xpacket begin='\ufeff'?>{text}<?xpacket end='w'?>" if wrapped else text
    data = (text + padding).encode(encoding)
    assert read_packet(data, HERE).rating == -1
    tail = padding.encode({"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding))
    assert merge(data, replace(OURS, rating=2), overwrite=True).data.endswith(tail)


def test_padding_in_front() -> None:
    data = b"\0\0 \n" + sample("lightroom")
    after = merge(data, OURS, overwrite=True).data
    assert after.startswith(b"\0\0 \n<")
    assert read_packet(after, HERE).rating == 5


def test_no_stars_are_written_as_0() -> None:
    """darktable gives one star to what has no rating."""
    none = replace(OURS, rating=0)
    assert b'xmp:Rating="0"' in merge(None, none).data
    unrated = sample("lightroom_unrated")
    assert read_packet(unrated, HERE).rating is None
    assert read_packet(merge(unrated, none).data, HERE).rating == 0
    once = merge(None, none).data
    assert merge(once, none).data == once


NEWLINES = st.sampled_from(["\n", "\r\n", " ", "\n\t", "\r\n    "])
TEXTS = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"
    ),
    max_size=12,
)


@given(
    gap=NEWLINES,
    quote=st.sampled_from("\"'"),
    prefix=st.sampled_from(["xmp", "xap", "ns-1.x", "é"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    form=st.sampled_from(["attribute", "element", "both"]),
    label=TEXTS,
    foreign=TEXTS,
)
def test_only_the_slots_change(
    gap: str, quote: str, prefix: str, encoding: str, form: str, label: str, foreign: str
) -> None:
    """A packet with slots for the values: the merge is the same text with the slots filled."""

    def text(rating: str, label_text: str) -> str:
        def attribute(name: str, value: str) -> str:
            return f"{gap}{prefix}:{name}{gap}={gap}{quote}{value}{quote}"

        def element(name: str, value: str) -> str:
            return f"{gap}<{prefix}:{name}>{value}</{prefix}:{name}>"

        strange = re.sub("[<&>\"']", "&#62;", foreign)
        attributes = attribute("Label", label_text) if form != "element" else ""
        attributes += attribute("Rating", rating) if form == "attribute" else ""
        elements = element("Rating", rating) if form != "attribute" else ""
        elements += element("Label", label_text) if form == "element" else ""
        return (
            f"<?xpacket begin='\ufeff'?>{gap}<!-- {strange.replace('-', '')} -->{gap}"
            f'<x:xmpmeta xmlns:x="adobe:ns:meta/">{gap}'
            f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            f'<rdf:Description f:a="{strange}" xmlns:f="urn:f"'
            f' xmlns:{prefix}="http://ns.adobe.com/xap/1.0/"{attributes}{gap}>{elements}{gap}'
            f"<f:b f:c='>'>{strange}<![CDATA[<{prefix}:Rating>]]></f:b>"
            f"</rdf:Description></rdf:RDF></x:xmpmeta>{gap}<?xpacket end='w'?>{gap}"
        )

    escaped = label.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if form != "element":
        escaped = escaped.replace('"', "&quot;").replace("'", "&apos;")
    values = {RATING: "4", RATING._replace(local="Label"): label}
    before = text("1", "old").encode(encoding)
    after = set_properties(parse_packet(before, "here.xmp"), values, PREFIXES)
    assert after == text("4", escaped).encode(encoding)
    seen = read_packet(after, HERE)
    assert (seen.rating, seen.label) == (4, (label.strip() if form == "element" else label) or None)


@given(st.binary(max_size=400), st.integers(0, 2000))
def test_damage_never_gets_worse(noise: bytes, place: int) -> None:
    """Whatever is pasted into a sidecar: a clear refusal, or a merge that reads back."""
    before = sample("digikam")
    damaged = before[:place] + noise + before[place:]
    try:
        after = merge(damaged, OURS, overwrite=True).data
    except LibraryError:
        return
    assert read_packet(after, HERE).rating == 5
