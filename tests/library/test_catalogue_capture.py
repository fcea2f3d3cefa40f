"""When and with what a picture was taken, from EXIF in every container, and names' numbers."""

from __future__ import annotations

import sqlite3
import struct
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ilgnet.images.sources import find_images
from ilgnet.library.catalogue.catalogue import Catalogue
from ilgnet.library.catalogue.place import beside_pictures
from ilgnet.library.catalogue.schema import m004_times_again
from ilgnet.library.catalogue.score_once import score_library
from ilgnet.library.photograph.capture import Capture, read_capture, sequence_number
from ilgnet.scoring import Scorer
from tests.library.season import exif, picture, write_picture

MOMENT = datetime(2024, 5, 1, 12, 34, 56, 780_000)


def saved(format: str, data: Image.Exif) -> BytesIO:
    stream = BytesIO()
    picture(1).save(stream, format, exif=data.tobytes())
    stream.seek(0)
    return stream


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_every_container(format: str) -> None:
    capture = read_capture(saved(format, exif(MOMENT, camera="Z9")))
    assert capture == Capture(MOMENT, "Maker Z9")


def test_time_zone_and_serial_number() -> None:
    data = exif(MOMENT)
    data.get_ifd(0x8769).update({0x9011: "-03:30", 0xA431: "00123"})
    capture = read_capture(saved("JPEG", data))
    assert capture.camera == "Maker Testcam 00123"
    assert capture.taken is not None
    assert capture.taken.utcoffset() == -timedelta(hours=3, minutes=30)
    assert capture.taken.replace(tzinfo=None) == MOMENT


@pytest.mark.parametrize(
    ("text", "fraction", "offset"),
    [
        ("0000:00:00 00:00:00", "00", "+00:00"),
        ("    :  :     :  :  ", "", ""),
        ("2024:13:01 00:00:00", "1", "+99:99"),
        ("yesterday", "x", "Z"),
    ],
)
def test_impossible_times_are_no_times(text: str, fraction: str, offset: str) -> None:
    data = exif(MOMENT)
    data.get_ifd(0x8769).update({0x9003: text, 0x9291: fraction, 0x9011: offset})
    assert read_capture(saved("JPEG", data)) == Capture(None, "Maker Testcam")


def test_impossible_fraction_and_zone_leave_the_time() -> None:
    data = exif(MOMENT)
    data.get_ifd(0x8769).update({0x9291: "ab", 0x9011: "+99:99"})
    assert read_capture(saved("JPEG", data)).taken == MOMENT.replace(microsecond=0)


def test_no_exif_and_damaged_exif(tmp_path: Path) -> None:
    stream = BytesIO()
    picture(1).save(stream, "JPEG")
    assert read_capture(stream) == Capture()
    whole = saved("JPEG", exif(MOMENT)).getvalue()
    for length in range(0, 400, 7):
        read_capture(BytesIO(whole[:length]))  # never raises
    scrambled = bytearray(whole)
    scrambled[30:120] = b"\xff" * 90
    assert read_capture(BytesIO(bytes(scrambled))).taken is None


def test_a_png_is_not_decoded_to_look_for_exif(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = BytesIO()
    picture(1).save(stream, "PNG")

    def no_decoding(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", no_decoding)
    stream.seek(0)
    assert read_capture(stream) == Capture()


def tiff_block(data: Image.Exif) -> bytes:
    return data.tobytes().removeprefix(b"Exif\0\0")


def test_canon_cr3_boxes() -> None:
    """ISO media boxes: CMT1 holds the main directory, CMT2 the photographic one."""
    main = Image.Exif()
    main[0x010F], main[0x0110] = "Canon", "EOS R5"
    detail = Image.Exif()
    detail[0x9003], detail[0x9291] = "2024:05:01 12:34:56", "78"

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    cr3 = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(
        b"moov", box(b"CMT1", tiff_block(main)) + box(b"CMT2", tiff_block(detail))
    )
    assert read_capture(BytesIO(cr3)) == Capture(MOMENT, "Canon EOS R5")


def test_raf_and_heic_have_exif_behind_a_marker() -> None:
    for head in (b"FUJIFILMCCD-RAW 0201" + bytes(100), b"\0\0\0\x18ftypheic" + bytes(64)):
        block = head + b"Exif\0\0" + tiff_block(exif(MOMENT, camera="X-T5"))
        assert read_capture(BytesIO(block + bytes(1000))) == Capture(MOMENT, "Maker X-T5")


def test_zone_east() -> None:
    data = exif(MOMENT)
    data.get_ifd(0x8769)[0x9011] = "+05:45"
    zone = timezone(timedelta(hours=5, minutes=45))
    assert read_capture(saved("JPEG", data)).taken == MOMENT.replace(tzinfo=zone)


@pytest.mark.parametrize("head", [b"IIRO", b"IIRS", b"MMOR", b"IIU\0"])
def test_what_is_tiff_but_for_its_first_bytes(head: bytes) -> None:
    data = exif(MOMENT, camera="OM-1")
    data.endian = "<" if head.startswith(b"II") else ">"
    block = head + tiff_block(data)[4:]
    assert read_capture(BytesIO(block)) == Capture(MOMENT, "Maker OM-1")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026:05:02 24:08:19", datetime(2026, 5, 2, 0, 8, 19)),
        ("2026-05-05 10:00:00", datetime(2026, 5, 5, 10)),
        ("2026/05/05 10:00:00", datetime(2026, 5, 5, 10)),
        ("2026-05-06T10:00:00", datetime(2026, 5, 6, 10)),
        ("2026:05:08 10:00", datetime(2026, 5, 8, 10)),
        ("2026:05:09 10:00:00.123", datetime(2026, 5, 9, 10, 0, 0, 123_000)),
        (
            "2026:05:10 10:00:00+02:00",
            datetime(2026, 5, 10, 10, tzinfo=timezone(timedelta(hours=2))),
        ),
        ("2026-05-10T10:00:00Z", datetime(2026, 5, 10, 10, tzinfo=UTC)),
        (
            "2026-05-10T10:00:00.5-0330",
            datetime(2026, 5, 10, 10, 0, 0, 500_000, timezone(-timedelta(hours=3.5))),
        ),
        ("2026:05:14  9:05: 7", datetime(2026, 5, 14, 9, 5, 7)),
        ("2026: 5: 4 10:00:00", datetime(2026, 5, 4, 10)),
        ("2026:05:14", datetime(2026, 5, 14)),
        ("2026:05:14 10:00:00\0\0", datetime(2026, 5, 14, 10)),
        ("2026:05:14 10:61:00", None),
        ("2026:05", None),
    ],
)
def test_times_as_they_are_spelled(text: str, moment: datetime | None) -> None:
    data = exif(None)
    data.get_ifd(0x8769)[0x9003] = text
    assert read_capture(saved("JPEG", data)).taken == moment


def test_the_most_certain_time_counts() -> None:
    data = exif(None)
    detail = data.get_ifd(0x8769)
    data[0x0132], detail[0x9290] = "2026:05:04 10:00:00", "5"
    changed = datetime(2026, 5, 4, 10, 0, 0, 500_000)
    assert read_capture(saved("JPEG", data)).taken == changed
    written = with_xmp("JPEG", data, 'xmp:CreateDate="2026-05-07T08:00"')
    assert read_capture(written).taken == datetime(2026, 5, 7, 8)
    detail[0x9004] = "2026:05:03 10:00:00"
    assert read_capture(saved("JPEG", data)).taken == datetime(2026, 5, 3, 10)
    detail[0x9003] = "2026:05:02 10:00:00"
    assert read_capture(saved("JPEG", data)).taken == datetime(2026, 5, 2, 10)
    detail[0x9003] = "0000:00:00 00:00:00"
    assert read_capture(saved("JPEG", data)).taken == datetime(2026, 5, 3, 10)


def xmp_packet(attributes: str = "", elements: str = "") -> bytes:
    return (
        '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {attributes}>{elements}'
        "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def with_xmp(format: str, data: Image.Exif, attributes: str = "", elements: str = "") -> BytesIO:
    packet = xmp_packet(attributes, elements)
    options: dict[str, object] = {"xmp": packet}
    if format == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", packet.decode())
        options = {"pnginfo": text}
    if format == "TIFF":
        options = {"tiffinfo": {700: packet}}
    if data:
        options["exif"] = data.tobytes()
    stream = BytesIO()
    picture(1).save(stream, format, **options)
    return stream


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
def test_a_time_that_only_xmp_knows(format: str) -> None:
    if format == "HEIF":
        heif = pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
        heif.register_heif_opener()
    stream = with_xmp(format, Image.Exif(), 'photoshop:DateCreated="2026-05-01T10:00:00.25"')
    assert read_capture(stream).taken == datetime(2026, 5, 1, 10, 0, 0, 250_000)
    element = "<exif:DateTimeOriginal>2026-05-02</exif:DateTimeOriginal>"
    stream = with_xmp(format, Image.Exif(), 'xmp:CreateDate="2026-05-01"', element)
    assert read_capture(stream).taken == datetime(2026, 5, 2)


def test_damaged_xmp_leaves_the_rest() -> None:
    data = exif(None)
    data[0x0132] = "2026:05:04 10:00:00"
    for packet in ('xmp:CreateDate="yesterday"', "xmp:CreateDate=", "<<<"):
        stream = with_xmp("JPEG", data, packet)
        assert read_capture(stream) == Capture(datetime(2026, 5, 4, 10), "Maker Testcam")


def test_heic_of_any_length_keeps_its_camera() -> None:
    heif = pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
    stream = BytesIO()
    heif.from_pillow(picture(1)).save(stream, exif=exif(MOMENT).tobytes())
    assert read_capture(stream) == Capture(MOMENT, "Maker Testcam")


def test_a_very_large_jpeg_keeps_its_time() -> None:
    whole = bytearray(saved("JPEG", exif(MOMENT)).getvalue())
    start = whole.index(b"\xff\xc0")
    whole[start + 5 : start + 9] = (24_000).to_bytes(2) * 2  # 576 megapixels
    assert read_capture(BytesIO(bytes(whole))) == Capture(MOMENT, "Maker Testcam")


def test_a_catalogue_learns_times_that_it_could_not_read(tmp_path: Path, scorer: Scorer) -> None:
    """As an older version left it: pictures scored, their times unknown."""
    path = tmp_path / "photos" / "a.jpg"
    write_picture(path, 1, taken=MOMENT)
    with Catalogue(beside_pictures(path.parent), "create") as catalogue:
        list(score_library(scorer, find_images([path]), catalogue))
    connection = sqlite3.connect(beside_pictures(path.parent).file, isolation_level=None)
    connection.execute("UPDATE contents SET taken = NULL, camera = NULL")
    m004_times_again(connection)
    connection.close()
    with Catalogue(beside_pictures(path.parent)) as catalogue:
        list(score_library(scorer, find_images([path]), catalogue))
        (found,) = catalogue.scored_files(catalogue.find_model())
    assert found.capture == Capture(MOMENT, "Maker Testcam")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("IMG_1234.jpg", 1234),
        ("IMG_1234-2.jpg", 1234),
        ("_DSC0042.NEF", 42),
        ("IMG_20231207_101605_BURST017.jpg", 17),
        ("20231207_101605_001.jpg", 1),
        ("P1010023 (3).JPG", 1010023),
        ("frame-07.png", 7),
        ("sunset.jpg", None),
        ("1234567890123.jpg", None),
        ("0005", 5),
    ],
)
def test_sequence_numbers(name: str, number: int | None) -> None:
    assert sequence_number(name) == number
