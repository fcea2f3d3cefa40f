"""When and with what a picture was taken, from EXIF in every container, and names' numbers."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ilgnet.library.photograph.capture import Capture, read_capture, sequence_number
from tests.library.season import exif, picture

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
