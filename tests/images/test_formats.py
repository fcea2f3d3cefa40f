"""Which formats are read, which are named, and none in silence."""

from __future__ import annotations

import random
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ilgnet.errors import ImageError
from ilgnet.images import jpeg_2000
from ilgnet.images.decode import read_image
from ilgnet.images.formats import (
    IMAGE_EXTENSIONS,
    READ,
    UNREAD,
    UNREAD_EXTENSIONS,
    VIDEO_EXTENSIONS,
)
from ilgnet.images.jxl import _codestream, read_size
from ilgnet.images.sources import find_images
from ilgnet.library.photograph.scan import scan
from tests.images.test_decode import assert_is_scene
from tests.worst_folder import HEIGHT, WIDTH, encoded, scene


def test_no_extension_stands_for_two_formats() -> None:
    endings = [ending for each in (*READ, *UNREAD) for ending in each.extensions]
    assert len(endings) == len(set(endings))
    assert not VIDEO_EXTENSIONS & set(endings)
    assert not IMAGE_EXTENSIONS & set(UNREAD_EXTENSIONS)


def photoshop(rgb: np.ndarray, *, bits: int = 8, mode: int = 3, version: int = 1) -> bytes:
    """A flat document as Photoshop writes its composite: planes, uncompressed."""
    height, width, channels = rgb.shape
    head = b"8BPS" + version.to_bytes(2) + bytes(6) + channels.to_bytes(2)
    head += height.to_bytes(4) + width.to_bytes(4) + bits.to_bytes(2) + mode.to_bytes(2)
    planes = np.moveaxis(rgb, -1, 0).tobytes()
    return head + bytes(12) + bytes(2) + planes


@pytest.mark.parametrize("format", ["PPM", "TGA", "DIB"])
def test_older_formats_are_read(format: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo.{format.lower()}"
    scene().save(path, format)
    picture = read_image(path)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert_is_scene(picture.rgb)


def test_sixteen_bits_of_a_netpbm_file_stay_dark_where_they_are() -> None:
    dark = b"P5 8 8 65535\n" + (200).to_bytes(2) * 64
    assert (read_image(dark).rgb == 1).all()


def test_a_photoshop_document_is_its_composite() -> None:
    picture = read_image(photoshop(np.asarray(scene())))
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert_is_scene(picture.rgb)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (photoshop(np.asarray(scene()), bits=16), "16-bit RGB Photoshop"),
        (photoshop(np.asarray(scene()), bits=32), "32-bit RGB Photoshop"),
        (photoshop(np.asarray(scene()), mode=9, bits=16), "16-bit Lab Photoshop"),
        (photoshop(np.asarray(scene()), version=2), "large Photoshop"),
        (b"II\xbc\x01" + bytes(100), "JPEG XR"),
        (b"v/1\x01" + bytes(100), "OpenEXR"),
        (b"#?RADIANCE\n" + bytes(100), "Radiance HDR"),
        (b"gimp xcf v011\0" + bytes(100), "GIMP"),
        (b"qoif" + bytes(100), "QOI"),
        (b"\0\0\1\0\1\0" + bytes(100), "icon"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>" + bytes(100), "SVG"),
        (b"%PDF-1.7" + bytes(100), "PDF"),
    ],
)
def test_what_is_not_read_is_named(data: bytes, words: str) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(data)
    assert caught.value.code == "unsupported_format"
    assert words in caught.value.message


@pytest.mark.parametrize("ending", sorted(UNREAD_EXTENSIONS))
def test_a_named_file_of_such_a_format_is_named_too(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"photo{ending}"
    path.write_bytes(b"whatever it holds" * 10)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.code == "unsupported_format"
    assert UNREAD_EXTENSIONS[ending] in caught.value.message


def test_jpeg_xl_needs_its_extra_and_decodes_with_it() -> None:
    pytest.importorskip("pillow_jxl", reason="pip install 'ilgnet[jxl]'")
    for container in (False, True):
        data = encoded(scene(), "JXL", quality=95, use_container=container)
        picture = read_image(data)
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)
        assert_is_scene(picture.rgb, tolerance=10)
    with pytest.raises(ImageError) as caught:
        read_image(data[: len(data) // 2])
    assert caught.value.code == "truncated"


@pytest.mark.parametrize(
    "size", [(1, 1), (8, 8), (40, 40), (96, 64), (160, 120), (320, 200), (513, 77), (9000, 3)]
)
@pytest.mark.parametrize("container", [False, True])
def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded(
    size: tuple[int, int], container: bool
) -> None:
    pytest.importorskip("pillow_jxl", reason="pip install 'ilgnet[jxl]'")
    data = encoded(Image.new("RGB", size), "JXL", use_container=container, effort=1)
    assert read_size(_codestream(BytesIO(data))) == size
    picture = read_image(data)
    assert (picture.width, picture.height) == size


def test_a_jpeg_xl_that_is_too_large_is_refused_before_memory_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pillow_jxl", reason="pip install 'ilgnet[jxl]'")
    data = encoded(scene(), "JXL")
    monkeypatch.setattr("pillow_jxl.JpegXLImagePlugin.JXLImageFile._open", None)
    # Sides of 30 bits: selector 3, height and width 2^30.
    bits = 3 << 1 | ((1 << 30) - 1) << 3 | 3 << 36 | ((1 << 30) - 1) << 38
    with pytest.raises(ImageError) as caught:
        read_image(b"\xff\x0a" + bits.to_bytes(9, "little") + data[11:])
    assert caught.value.code == "too_large"


def test_a_jpeg_2000_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(scene(), "JPEG2000")
    monkeypatch.setattr(jpeg_2000, "JPEG_2000_PIXELS", WIDTH * HEIGHT)
    assert_is_scene(read_image(data).rgb)
    monkeypatch.setattr(jpeg_2000, "JPEG_2000_PIXELS", WIDTH * HEIGHT - 1)
    with pytest.raises(ImageError) as caught:
        read_image(data)
    assert caught.value.code == "too_large"


def test_a_panic_of_a_decoder_is_a_damaged_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pillow_jxl", reason="pip install 'ilgnet[jxl]'")
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})

    def broken(*_: object) -> None:
        raise panic("index out of bounds")

    monkeypatch.setattr("pillow_jxl.JpegXLImagePlugin.JXLImageFile._open", broken)
    with pytest.raises(ImageError, match="index out of bounds") as caught:
        read_image(encoded(scene(), "JXL"))
    assert caught.value.code == "corrupt"


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP"])
def test_pictures_of_150_megapixels_are_read(format: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    Image.new("L", (13_000, 12_500), 77).save(path, format)
    picture = read_image(path, min_side=224)
    assert (picture.width, picture.height) == (13_000, 12_500)
    assert (picture.rgb == 77).all()


def test_without_its_extra_jpeg_xl_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_jxl", None)
    for head in (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"):
        with pytest.raises(ImageError, match=r"JPEG XL.*pip install 'ilgnet\[jxl\]'") as caught:
            read_image(head + bytes(64))
        assert caught.value.code == "unsupported_format"


def test_a_png_with_a_long_text_is_a_good_picture() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>" + " " * 1_200_000, zip=True)
    text.add_text("Comment", "words " * 300_000, zip=True)
    assert_is_scene(read_image(encoded(scene(), "PNG", pnginfo=text)).rgb)
    data = encoded(scene(), "PNG")
    late = encoded(scene(), "PNG", pnginfo=text)
    chunk = late[late.index(b"iTXt") - 4 : late.index(b"IDAT") - 4]
    assert_is_scene(read_image(data[:-12] + chunk + data[-12:]).rgb)


def with_metadata(format: str) -> tuple[bytes, int, int]:
    """A file, and first and last place of the camera's tags in it."""
    exif = Image.Exif()
    exif[0x010F] = "A maker of cameras"
    exif.get_ifd(0x8769)[0x9003] = "2026:05:01 10:00:00"
    data = encoded(scene(), format, quality=95, exif=exif.tobytes())
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    start = data.index(block)
    return data, start, start + len(block)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of tags
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "JXL"])
def test_damaged_metadata_cost_no_picture(format: str) -> None:
    if format == "HEIF":
        heif = pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
        heif.register_heif_opener()
    if format == "JXL":
        pytest.importorskip("pillow_jxl", reason="pip install 'ilgnet[jxl]'")
    data, start, end = with_metadata(format)
    chance = random.Random(0)
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 4, 30))):
            damaged[chance.randrange(start, end)] = chance.choice((0, 255, chance.randrange(256)))
        picture = read_image(bytes(damaged))
        if (picture.width, picture.height) == (WIDTH, HEIGHT):
            assert_is_scene(picture.rgb, tolerance=10)


def test_the_scan_of_a_library_names_them(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.exr", "c.SVG", ".d.exr", "e.txt", "f.mov", "b.exr.xmp"):
        (tmp_path / name).write_bytes(b"")
    found = scan(tmp_path)
    assert found.unread == ("b.exr", "c.SVG")
    assert found.pictures == ("a.jpg",)
    assert found.orphans == ()


def test_a_search_tells_of_them(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.exr", "below/c.SVG", ".d.exr", "e.txt", "f.mov"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for asked in (tmp_path, f"{tmp_path}/**"):
        unread: list[str] = []
        found = [ref.id for ref in find_images(asked, unread=unread.append)]
        assert found == [str(tmp_path / "a.jpg")]
        assert sorted(unread) == [str(tmp_path / "b.exr"), str(tmp_path / "below/c.SVG")]


@pytest.mark.parametrize("command", ["score", "rank", "cull", "stars"])
def test_commands_count_them(command: str, tmp_path: Path) -> None:
    for name in ("b.exr", "c.svg", "d.SVG"):
        (tmp_path / name).write_bytes(b"")
    scene().save(tmp_path / "a.jpg")
    run = [sys.executable, "-m", "ilgnet", command, str(tmp_path)]
    words = "formats are not decoded here: 2 SVG, 1 OpenEXR."
    assert words in subprocess.run(run, capture_output=True, text=True).stderr
    assert words not in subprocess.run([*run, "-q"], capture_output=True, text=True).stderr


def test_pillows_own_limits_are_not_the_process_s_to_change() -> None:
    """Importing changes no filter; and what Pillow would warn of is read without a word."""
    code = (
        "import warnings; before = list(warnings.filters); import ilgnet, ilgnet.images.decode; "
        "from PIL import Image; "
        "new = [f for f in warnings.filters if f not in before]; "
        "mine = [f for f in new if not f[1] and issubclass(Image.DecompressionBombWarning, f[2])]; "
        "assert not mine, mine"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_picture_beyond_pillows_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # it warns beyond, and refuses twice that
    for format, options in (
        ("PNG", {}),
        ("JPEG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("AVIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ):
        stream = BytesIO()
        scene().save(stream, format, **options)
        assert_is_scene(read_image(stream.getvalue(), min_side=16).rgb, tolerance=40)
