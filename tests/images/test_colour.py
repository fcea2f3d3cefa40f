"""Colours: HDR and wide gamuts by number, profiles by what they hold."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ilgnet.images import hdr
from ilgnet.images.boxes import Cicp, read_main_picture
from ilgnet.images.colour import is_srgb
from ilgnet.images.decode import read_image
from tests.worst_folder import HEIGHT, WIDTH, encoded, scene

PQ, HLG, SRGB, LINEAR = 16, 18, 13, 8
BT709, BT2020, P3 = 1, 9, 12


def linear(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """sRGB's own curve."""
    v = codes / 255
    return np.where(v <= 0.04045, v / 12.92, ((v + 0.055) / 1.055) ** 2.4)


# BT.2087, table 2: linear BT.709 to BT.2020.
TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])


def pq(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100, table 4, in its decimal constants."""
    y = np.clip(nits / 10_000, 0, 1) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y)) ** 78.84375


def hlg(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """BT.2100, table 5, for a display of 1,000 cd/m2."""
    luminance = nits @ np.array([0.2627, 0.6780, 0.0593]) / 1000
    scene_light = nits / 1000 * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene_light - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene_light <= 1 / 12, np.sqrt(3 * scene_light), bright)


def in_hdr(rgb: NDArray[np.uint8], transfer: int, white: float = 203.0) -> NDArray[np.uint16]:
    nits = linear(rgb) @ TO_BT2020.T * white
    codes = pq(nits) if transfer == PQ else hlg(nits)
    return np.asarray(np.rint(codes * 65535), np.uint16)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_an_ordinary_scene_in_hdr_is_the_same_picture(transfer: int) -> None:
    rgb = np.asarray(scene())
    back = hdr.to_srgb(in_hdr(rgb, transfer), Cicp(BT2020, transfer, 9))
    assert np.abs(back.astype(int) - rgb).max() <= 1


def test_highlights_keep_their_order_and_the_shadows_their_light() -> None:
    """A ramp from black to 1,000 cd/m2."""
    nits = np.repeat(np.linspace(0, 1000, 512)[None, :, None], 3, axis=2)
    codes = np.rint(pq(nits) * 65535).astype(np.uint16)
    grey = hdr.to_srgb(codes, Cicp(BT709, PQ, 0))[0, :, 0].astype(int)
    assert (np.diff(grey) >= 0).all()
    assert grey[-1] == 255
    assert len(np.unique(grey[nits[0, :, 0] > 203])) > 20, "highlights are not cut off"
    at_18_percent = grey[np.searchsorted(nits[0, :, 0], 0.18 * 203)]
    assert abs(at_18_percent - 118) <= 2  # as an ordinary picture shows middle grey


def test_neutral_colours_stay_neutral_under_every_white() -> None:
    grey = np.full((4, 4, 3), 128, np.uint8)
    for primaries in (1, 4, 5, 6, 8, 9, 11, 12, 22):
        out = hdr.to_srgb(grey, Cicp(primaries, SRGB, 0))
        assert np.abs(out.astype(int) - 128).max() <= 1, primaries


def heic(codes: NDArray[np.uint16], primaries: int, transfer: int) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
    size = (codes.shape[1], codes.shape[0])
    file = pillow_heif.from_bytes(mode="RGB;16", size=size, data=codes.tobytes())
    stream = BytesIO()
    file.save(
        stream,
        quality=95,
        chroma=444,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=9,
        full_range_flag=1,
        save_nclx_profile=True,
    )
    return stream.getvalue()


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("min_side", [None, 32])
def test_hdr_in_heic(transfer: int, min_side: int | None) -> None:
    rgb = np.asarray(scene(192, 128))
    picture = read_image(heic(in_hdr(rgb, transfer), BT2020, transfer), min_side=min_side)
    assert (picture.width, picture.height) == (192, 128)
    height, width = picture.rgb.shape[:2]
    assert (height, width) == ((128, 192) if min_side is None else (32, 48))
    for y, x in ((1, 1), (1, 3), (3, 1), (3, 3)):
        found = picture.rgb[height * y // 4, width * x // 4].astype(int)
        assert np.abs(found - rgb[128 * y // 4, 192 * x // 4]).max() <= 6


def renumbered(data: bytes, primaries: int, transfer: int) -> bytes:
    """The same file with other numbers in its nclx box."""
    place = data.index(b"colrnclx") + 8
    return data[:place] + struct.pack(">HH", primaries, transfer) + data[place + 4 :]


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_in_avif(transfer: int) -> None:
    rgb = np.asarray(scene())
    codes = (in_hdr(rgb, transfer) / 257).round().astype(np.uint8)
    plain = encoded(Image.fromarray(codes), "AVIF", quality=100, subsampling="4:4:4")
    data = renumbered(plain, BT2020, transfer)
    main = read_main_picture(BytesIO(data))
    assert main.cicp is not None
    assert main.cicp.transfer == transfer
    found = read_image(data).rgb.astype(int)
    assert np.abs(found - rgb).mean() <= 8  # eight bits of PQ are coarse
    assert np.abs(read_image(plain).rgb.astype(int) - rgb).mean() > 20


def test_a_wide_gamut_by_number() -> None:
    red = Image.new("RGB", (64, 64), (200, 60, 40))
    data = renumbered(encoded(red, "AVIF", quality=100, subsampling="4:4:4"), P3, SRGB)
    expected = hdr.to_srgb(np.array([[[200, 60, 40]]], np.uint8), Cicp(P3, SRGB, 0))[0, 0]
    assert expected[0] > 205
    found = read_image(data).rgb[32, 32].astype(int)
    assert np.abs(found - expected).max() <= 3


def png_with(image: Image.Image, kind: bytes, body: bytes) -> bytes:
    data = encoded(image, "PNG")
    return data[:33] + chunk(kind, body) + data[33:]  # behind IHDR


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def test_hdr_in_png() -> None:
    rgb = np.asarray(scene())
    codes = Image.fromarray((in_hdr(rgb, PQ) / 257).round().astype(np.uint8))
    found = read_image(png_with(codes, b"cICP", bytes([BT2020, PQ, 0, 1]))).rgb
    assert np.abs(found.astype(int) - rgb).max() <= 12
    plain = read_image(png_with(codes, b"cICP", bytes([BT709, SRGB, 0, 1]))).rgb
    assert (plain == np.asarray(codes)).all()


def with_aperture(data: bytes, numbers: tuple[int, ...]) -> bytes:
    """An AVIF with a clean aperture behind its other properties."""
    box = (40).to_bytes(4) + b"clap" + struct.pack(">IIIIiIiI", *numbers)
    grown = bytearray(data)

    def start(kind: bytes) -> int:
        return grown.index(kind) - 4

    def lengthen(kind: bytes, by: int) -> None:
        place = start(kind)
        grown[place : place + 4] = (int.from_bytes(grown[place : place + 4]) + by).to_bytes(4)

    ipco, ipma = start(b"ipco"), start(b"ipma")
    count = ipma + 18  # of the properties of the only item; behind it one byte for each
    number = grown[count] + 1
    assert grown[count + 1 : count + number] == bytes([1, 2, 0x83, 4])[: number - 1]
    grown[count] = number
    grown[count + number : count + number] = bytes([0x80 | number])
    end = ipco + int.from_bytes(grown[ipco : ipco + 4])
    grown[end:end] = box
    for kind, by in ((b"meta", 41), (b"iprp", 41), (b"ipco", 40), (b"ipma", 1)):
        lengthen(kind, by)
    pixels = grown.index(b"mdat") + 4
    moved = grown.index((pixels - 41).to_bytes(4))  # in iloc
    grown[moved : moved + 4] = pixels.to_bytes(4)
    return bytes(grown)


@pytest.mark.parametrize("min_side", [None, 16])
def test_an_avif_is_cropped_as_it_says(min_side: int | None) -> None:
    plain = encoded(scene(), "AVIF", quality=95)
    # The right half: 48 x 64, its centre 24 to the right of the picture's.
    numbers = (WIDTH // 2, 1, HEIGHT, 1, WIDTH // 4, 1, 0, 1)
    picture = read_image(with_aperture(plain, numbers), min_side=min_side)
    assert (picture.width, picture.height) == (WIDTH // 2, HEIGHT)
    left, right = picture.rgb[4, 2].astype(int), picture.rgb[4, -2].astype(int)
    assert np.abs(left - (30, 160, 40)).max() < 25
    assert np.abs(right - (30, 160, 40)).max() < 10
    nonsense = (WIDTH * 2, 1, HEIGHT, 1, 0, 1, 0, 1)
    assert read_image(with_aperture(plain, nonsense)).width == WIDTH


def profile(description: str, gamma: float, *, hdr_transfer: int | None = None) -> bytes:
    """A matrix profile with sRGB's primaries."""

    def number(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(number, values))

    text = description.encode() + b"\0"
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {
        b"desc": b"desc\0\0\0\0" + len(text).to_bytes(4) + text + bytes(78),
        b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7142),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    if hdr_transfer is not None:
        tags[b"cicp"] = b"cicp\0\0\0\0" + bytes([BT2020, hdr_transfer, 0, 1])
    offset = 132 + 12 * len(tags)
    table, body = len(tags).to_bytes(4), b""
    for tag, data in tags.items():
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", offset + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    white = b"".join(map(number, (0.9642, 1.0, 0.8249)))
    return (head + bytes(12) + b"acsp" + bytes(28) + white).ljust(128, b"\0") + table + body


def test_a_profile_is_what_it_holds_not_what_it_is_called() -> None:
    rgb = np.asarray(scene())
    light = Image.fromarray(np.rint(linear(rgb) * 255).astype(np.uint8))
    found = [
        read_image(encoded(light, "PNG", icc_profile=profile(name, 1.0))).rgb.astype(int)
        for name in ("sRGB-elle-V2-g10.icc", "Linear Rec709")
    ]
    assert (found[0] == found[1]).all()
    assert np.abs(found[0] - rgb).max() <= 3


def test_what_is_srgb_needs_no_conversion() -> None:
    assert is_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert not is_srgb(profile("sRGB", 1.8))
    assert not is_srgb(profile("sRGB", 2.4, hdr_transfer=PQ))
    assert is_srgb(None)


def test_a_profile_that_says_pq_is_taken_at_its_word() -> None:
    rgb = np.asarray(scene())
    codes = Image.fromarray((in_hdr(rgb, PQ) / 257).round().astype(np.uint8))
    data = encoded(
        codes, quality=100, subsampling=0, icc_profile=profile("HDR", 2.2, hdr_transfer=PQ)
    )
    found = read_image(data).rgb.astype(int)
    assert np.abs(found - rgb)[8:-8:8, 8:-8:8].max() <= 16


ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.3290))
PHOTO = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001), (0.3457, 0.3585))  # ROMM


def with_gamma(image: Image.Image, gamma: int, primaries: hdr.Primaries | None = None) -> bytes:
    """A PNG with `gAMA`, and `cHRM` where primaries are given: white first there."""
    chunks = chunk(b"gAMA", gamma.to_bytes(4))
    if primaries is not None:
        points = [round(x * 100_000) for point in (primaries[3], *primaries[:3]) for x in point]
        chunks += chunk(b"cHRM", struct.pack(">8I", *points))
    data = encoded(image, "PNG")
    return data[:33] + chunks + data[33:]


def test_a_png_is_as_its_gamma_says() -> None:
    """A linear picture, which would be a dark one as it stands."""
    rgb = np.asarray(scene())
    light = Image.fromarray(np.rint(linear(rgb) * 255).astype(np.uint8))
    assert np.abs(read_image(with_gamma(light, 100_000)).rgb.astype(int) - rgb).max() <= 3
    grey = read_image(with_gamma(light.convert("L"), 100_000)).rgb.astype(int)
    assert grey.mean() > np.asarray(light.convert("L")).mean() + 20
    profiled = encoded(light, "PNG", icc_profile=profile("linear", 1.0))
    both = profiled[:33] + chunk(b"gAMA", (45_455).to_bytes(4)) + profiled[33:]
    assert (read_image(both).rgb == read_image(profiled).rgb).all(), "a profile goes first"


def test_a_png_is_in_the_primaries_that_it_names() -> None:
    red = Image.new("RGB", (32, 32), (200, 60, 40))
    found = read_image(with_gamma(red, 45_471, ADOBE)).rgb[0, 0].astype(int)
    adobe = hdr.to_srgb(np.array([[[200, 60, 40]]], np.uint8), hdr.ADOBE_RGB)[0, 0]
    assert np.abs(found - adobe).max() <= 1
    assert adobe[0] > 220
    white = Image.new("RGB", (8, 8), (255, 255, 255))
    for primaries in (ADOBE, PHOTO):
        assert read_image(with_gamma(white, 55_556, primaries)).rgb.min() >= 254


@pytest.mark.parametrize(
    ("gamma", "primaries"),
    [
        (45_455, hdr.BT709),  # what most programs write of sRGB
        (45_200, None),
        (0, hdr.BT709),
        (2**31, ADOBE),
        (45_455, ((0.3, 0.3), (0.3, 0.3), (0.3, 0.3), (0.3, 0.3))),
        (45_455, ((0.64, 0.0), (0.3, 0.6), (0.15, 0.06), (0.3127, 0.3290))),
    ],
)
def test_srgb_in_other_words_and_nonsense_change_nothing(
    gamma: int, primaries: hdr.Primaries | None
) -> None:
    assert (read_image(with_gamma(scene(), gamma, primaries)).rgb == np.asarray(scene())).all()


def test_srgb_goes_before_gamma() -> None:
    data = with_gamma(scene(), 100_000, ADOBE)
    named = data[:33] + chunk(b"sRGB", b"\0") + data[33:]
    assert (read_image(named).rgb == np.asarray(scene())).all()


@pytest.mark.parametrize("progressive", [False, True])
def test_a_camera_says_adobe_rgb_without_a_profile(progressive: bool) -> None:
    """DCF 2.0: an index of interoperability in the EXIF."""

    def taken(index: str) -> bytes:
        exif = Image.Exif()
        exif[0x8769] = {0xA001: 0xFFFF, 0xA005: {1: index}}
        image = Image.new("RGB", (64, 64), (200, 60, 40))
        return encoded(
            image, quality=100, subsampling=0, exif=exif.tobytes(), progressive=progressive
        )

    expected = hdr.to_srgb(np.array([[[200, 60, 40]]], np.uint8), hdr.ADOBE_RGB)[0, 0]
    assert np.abs(read_image(taken("R03")).rgb[32, 32].astype(int) - expected).max() <= 3
    assert np.abs(read_image(taken("R98")).rgb[32, 32].astype(int) - (200, 60, 40)).max() <= 3


def test_the_profile_of_a_jpeg_2000_counts() -> None:
    rgb = np.asarray(scene())
    light = Image.fromarray(np.rint(linear(rgb) * 255).astype(np.uint8))
    plain = encoded(light, "JPEG2000")
    place = plain.index(b"colr") - 4
    old = int.from_bytes(plain[place : place + 4])
    body = b"colr\x02\0\0" + profile("linear", 1.0)
    box = (4 + len(body)).to_bytes(4) + body
    header = plain.index(b"jp2h") - 4
    length = int.from_bytes(plain[header : header + 4]) + len(box) - old
    data = plain[:header] + length.to_bytes(4) + plain[header + 4 : place] + box
    found = read_image(data + plain[place + old :]).rgb.astype(int)
    assert np.abs(found - rgb).max() <= 3
    assert (read_image(plain).rgb == np.asarray(light)).all()


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
@pytest.mark.parametrize("kind", [1, 3, 4])
def test_an_orientation_in_any_kind_of_number(format: str, kind: int) -> None:
    value = struct.pack("<I", 6)
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHI", 1, 0x112, kind, 1) + value + bytes(4)
    assert read_image(encoded(scene(), format, exif=exif)).width == HEIGHT
