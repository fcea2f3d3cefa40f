"""Pictures as they are: every format, turn, depth and colour space, and every way to be broken."""

from __future__ import annotations

import errno
import os
import threading
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from ilgnet.errors import ImageError
from ilgnet.images import decode, picture
from ilgnet.images.decode import read_image
from tests.worst_folder import HEIGHT, WIDTH, dng, encoded, failures, oddities, scene

CORNERS = {
    "top left": (200, 30, 30),
    "top right": (30, 160, 40),
    "bottom left": (40, 50, 190),
    "bottom right": (210, 200, 40),
}


def corners(rgb: NDArray[np.uint8]) -> dict[str, NDArray[np.int64]]:
    """The colour in the middle of each quarter."""
    height, width = rgb.shape[:2]
    top, bottom, left, right = height // 4, 3 * height // 4, width // 4, 3 * width // 4
    return {
        "top left": rgb[top, left].astype(int),
        "top right": rgb[top, right].astype(int),
        "bottom left": rgb[bottom, left].astype(int),
        "bottom right": rgb[bottom, right].astype(int),
    }


def assert_is_scene(rgb: NDArray[np.uint8], tolerance: int = 6) -> None:
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    for place, colour in corners(rgb).items():
        np.testing.assert_allclose(colour, CORNERS[place], atol=tolerance, err_msg=place)


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("JPEG", {"quality": 95, "subsampling": 0}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("AVIF", {"quality": 95}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
        ("GIF", {}),
        ("JPEG2000", {}),
    ],
)
def test_every_format_gives_the_same_picture(format: str, options: dict[str, object]) -> None:
    picture = read_image(encoded(scene(), format, **options))
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert_is_scene(picture.rgb)


def stored_turned(orientation: int) -> Image.Image:
    """The scene as a camera stores it that writes this EXIF orientation."""
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    return scene() if undo is None else scene().transpose(undo)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_orientation_comes_out_upright(orientation: int, format: str) -> None:
    stored = stored_turned(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = read_image(encoded(stored, format, quality=95, exif=exif), min_side=32)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert_is_scene(picture.rgb)


def test_a_large_jpeg_is_decoded_scaled_and_a_small_one_is_not_enlarged() -> None:
    large = read_image(encoded(scene(4096, 2048)), min_side=300)
    assert (large.width, large.height) == (4096, 2048)
    assert 300 <= large.rgb.shape[0] < 600
    small = read_image(encoded(scene(64, 48)), min_side=300)
    assert small.rgb.shape == (48, 64, 3)


def test_scaled_decoding_keeps_the_picture() -> None:
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (60, 90, 3), dtype=np.uint8))
    data = encoded(noise.resize((2880, 1920), Image.Resampling.BICUBIC), quality=92)
    size = (144, 96)
    scaled = Image.fromarray(read_image(data, min_side=192).rgb).resize(size)
    full = Image.fromarray(read_image(data).rgb).resize(size)
    error = np.asarray(scaled, float) - np.asarray(full, float)
    decibel = 10 * np.log10(255**2 / np.mean(error**2))
    assert decibel > 45


@pytest.mark.parametrize("profile_name", ["Display P3", "Adobe RGB"])
def test_wide_gamut_is_converted_to_srgb(profile_name: str) -> None:
    # The same primaries as those profiles have, as a matrix profile made here.
    profile = _matrix_profile(profile_name)
    red_in_profile = Image.new("RGB", (64, 64), (200, 60, 40))
    data = encoded(red_in_profile, quality=98, subsampling=0, icc_profile=profile)
    expected = ImageCms.profileToProfile(
        red_in_profile,
        ImageCms.ImageCmsProfile(BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
    )
    assert expected is not None
    actual = read_image(data).rgb[32, 32].astype(int)
    np.testing.assert_allclose(actual, np.asarray(expected)[32, 32].astype(int), atol=3)
    assert actual[0] - 200 > 8, "a wide-gamut red is stronger in sRGB numbers"


def test_wide_gamut_by_the_definition_of_the_colour_spaces() -> None:
    """Adobe RGB to sRGB by hand: gamma 2.2, the two spaces' matrices to XYZ, sRGB's own curve."""
    adobe_to_xyz = np.array(
        [[0.6097, 0.2053, 0.1492], [0.3111, 0.6257, 0.0632], [0.0195, 0.0609, 0.7446]]
    )
    srgb_to_xyz = np.array(
        [[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]]
    )
    colour = np.array([120, 150, 110])
    linear = np.linalg.solve(srgb_to_xyz, adobe_to_xyz @ (colour / 255) ** 2.2)
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    data = encoded(
        Image.new("RGB", (8, 8), tuple(map(int, colour))),
        "PNG",
        icc_profile=_matrix_profile("Adobe RGB"),
    )
    np.testing.assert_allclose(read_image(data).rgb[0, 0], expected, atol=1.5)
    assert np.abs(expected - colour).max() > 10


def _matrix_profile(name: str) -> bytes:
    """An ICC v2 matrix profile with the primaries of Display P3 or Adobe RGB (D50-adapted)."""
    import struct

    columns = {
        "Display P3": [
            (0.5151, 0.2412, -0.0011),
            (0.2919, 0.6922, 0.0419),
            (0.1571, 0.0666, 0.7841),
        ],
        "Adobe RGB": [(0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446)],
    }[name]

    def fixed(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(values: tuple[float, float, float]) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))

    text = name.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256))
    tags = {
        b"desc": description,
        b"cprt": b"text\0\0\0\0CC0\0",
        b"wtpt": xyz((0.9642, 1.0, 0.8249)),
        b"rXYZ": xyz(columns[0]),
        b"gXYZ": xyz(columns[1]),
        b"bXYZ": xyz(columns[2]),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    offset = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for tag, data in tags.items():
        data += bytes(-len(data) % 4)
        table += tag + struct.pack(">II", offset + len(body), len(data))
        body += data
    header = struct.pack(
        ">I4sI4s4s4s", offset + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ "
    )
    header += (
        bytes(12) + b"acsp" + bytes(28) + b"".join(map(fixed, (0.9642, 1.0, 0.8249))) + bytes(48)
    )
    return header + table + body


def test_a_damaged_profile_does_not_lose_the_picture() -> None:
    assert_is_scene(read_image(encoded(scene(), quality=95, icc_profile=b"not a profile")).rgb)


def test_cmyk_without_a_profile() -> None:
    assert_is_scene(read_image(encoded(scene().convert("CMYK"), quality=95)).rgb, tolerance=10)


def test_grey_and_bilevel_become_rgb() -> None:
    for mode in ("L", "1"):
        rgb = read_image(encoded(scene().convert(mode), "PNG")).rgb
        assert rgb.shape == (HEIGHT, WIDTH, 3)
        assert (rgb[..., 0] == rgb[..., 2]).all()


def test_sixteen_bits_keep_their_range() -> None:
    ramp = np.linspace(0, 65535, 256 * 8).reshape(8, 256).astype(np.uint16)
    rgb = read_image(encoded(Image.fromarray(ramp), "PNG")).rgb
    np.testing.assert_allclose(rgb[:, :, 0].astype(float), ramp / 257, atol=0.51)


def test_sixteen_bits_stay_dark_where_they_are() -> None:
    nearly_black = np.full((8, 8), 200, np.uint16)
    assert (read_image(encoded(Image.fromarray(nearly_black), "PNG")).rgb == 1).all()


def test_float_grey_is_read_from_0_to_1() -> None:
    ramp = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    ramp[0, 0] = np.nan
    rgb = read_image(encoded(Image.fromarray(ramp), "TIFF")).rgb
    np.testing.assert_allclose(rgb[1:, :, 0], ramp[1:] * 255, atol=0.51)


@pytest.mark.parametrize("mode", ["P", "1", "I;16", "LA", "RGBA"])
def test_a_large_picture_of_any_kind_is_made_small_before_anything_else(mode: str) -> None:
    pixels = np.zeros((900, 1200), np.uint16)
    pixels[:, 600:] = 65535
    image = Image.fromarray(pixels)
    if mode != "I;16":
        image = Image.fromarray((pixels // 257).astype(np.uint8)).convert(mode)
    picture = read_image(encoded(image, "PNG"), min_side=224)
    assert picture.rgb.shape == (225, 300, 3)
    assert (picture.width, picture.height) == (1200, 900)
    assert (picture.rgb[:, :140].max(), picture.rgb[:, 160:].min()) == (0, 255)


def test_transparency_lies_on_white() -> None:
    image = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    assert (read_image(encoded(image, "PNG")).rgb == 255).all()
    palette = scene(32, 32).convert("P")
    data = encoded(palette, "PNG", transparency=palette.getpixel((0, 0)))
    assert (read_image(data).rgb[0, 0] == 255).all()


def test_the_first_frame_of_an_animation() -> None:
    other = Image.new("RGB", (WIDTH, HEIGHT), "black")
    for format in ("GIF", "PNG", "WEBP"):
        data = encoded(scene(), format, save_all=True, append_images=[other], lossless=True)
        assert_is_scene(read_image(data).rgb)


def test_heic_needs_its_extra_and_decodes_with_it() -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
    stream = BytesIO()
    pillow_heif.from_pillow(scene()).save(stream, quality=95)
    picture = read_image(stream.getvalue())
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert_is_scene(picture.rgb, tolerance=10)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_comes_out_upright(orientation: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif", reason="pip install 'ilgnet[heif]'")
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    # The writer turns the tag into the container's own turn and mirror, as phones store them.
    data = encoded(stored_turned(orientation), "HEIF", quality=95, exif=exif.tobytes())
    picture = read_image(data, min_side=32)
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert_is_scene(picture.rgb, tolerance=10)


def test_a_camera_file_of_several_jpegs_gives_the_first() -> None:
    other = Image.new("RGB", (WIDTH, HEIGHT), "black")
    data = encoded(scene(), "MPO", quality=95, save_all=True, append_images=[other])
    assert_is_scene(read_image(data).rgb)


UPRIGHT_SIZE = {1: (640, 480), 3: (640, 480), 6: (480, 640), 8: (480, 640)}
FIRST_CORNER = {1: "top left", 3: "bottom right", 6: "bottom left", 8: "top right"}
"""Which corner of the stored picture is at the top left once upright, by orientation."""


@pytest.mark.parametrize("orientation", UPRIGHT_SIZE)
def test_raw_gives_its_embedded_preview_upright(orientation: int, tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="pip install 'ilgnet[raw]'")
    path = tmp_path / "photo.dng"
    path.write_bytes(dng(orientation, preview=encoded(scene(640, 480), quality=95)))
    picture = read_image(path, min_side=200)
    assert (picture.width, picture.height) == UPRIGHT_SIZE[orientation]
    first = corners(picture.rgb)["top left"]
    np.testing.assert_allclose(first, CORNERS[FIRST_CORNER[orientation]], atol=6)


@pytest.mark.parametrize("orientation", UPRIGHT_SIZE)
def test_raw_without_a_preview_is_developed_upright(orientation: int, tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="pip install 'ilgnet[raw]'")
    path = tmp_path / "photo.nef"
    path.write_bytes(dng(orientation))
    picture = read_image(path, min_side=200)
    assert (picture.width, picture.height) == UPRIGHT_SIZE[orientation]
    assert min(picture.rgb.shape[:2]) == 240, "developed at half size"
    first, expected = corners(picture.rgb)["top left"], CORNERS[FIRST_CORNER[orientation]]
    assert first.argmax() == np.argmax(expected)
    assert first.argmin() in np.flatnonzero(np.array(expected) < 60)


def test_a_raw_preview_that_is_too_small_is_not_used(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="pip install 'ilgnet[raw]'")
    path = tmp_path / "photo.dng"
    path.write_bytes(dng(preview=encoded(scene(640, 480).resize((64, 48)))))
    assert min(read_image(path, min_side=200).rgb.shape[:2]) == 240


@pytest.mark.parametrize("extra", ["pillow_heif", "rawpy"])
def test_without_the_extra_the_message_says_how_to_get_it(
    extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, extra, None)
    path = tmp_path / ("photo.heic" if extra == "pillow_heif" else "photo.dng")
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
    path.write_bytes(heic if extra == "pillow_heif" else b"II*\0" + bytes(64))
    with pytest.raises(ImageError, match=r"pip install 'ilgnet\[") as caught:
        read_image(path)
    assert caught.value.code == "unsupported_format"


def test_every_broken_picture_has_its_code(tmp_path: Path) -> None:
    for name, code in failures(tmp_path).items():
        if name == "below/up":
            continue  # found by the search, not by opening it
        with pytest.raises(ImageError) as caught:
            read_image(tmp_path / name, min_side=224)
        assert caught.value.code == code, f"{name}: {caught.value}"
        assert caught.value.message
        if name == "bomb.png":
            assert caught.value.message.endswith("megapixels; the limit for this format is 256")


TRUNCATED = {
    "JPEG": {},
    "progressive": {"progressive": True},
    "PNG": {},
    "WEBP": {},
    "AVIF": {},
    "TIFF": {},
    "TIFF in LZW": {"compression": "tiff_lzw"},
    "GIF": {},
    "BMP": {},
    "JPEG2000": {},
    "HEIF": {},
}


@pytest.mark.parametrize("kind", TRUNCATED)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_file_that_was_copied_in_part_is_truncated(kind: str, share: float) -> None:
    if kind == "HEIF":
        pytest.importorskip(
            "pillow_heif", reason="pip install 'ilgnet[heif]'"
        ).register_heif_opener()
    format = {"progressive": "JPEG", "TIFF in LZW": "TIFF"}.get(kind, kind)
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (240, 320, 3), dtype=np.uint8))
    data = encoded(noise, format, **TRUNCATED[kind])
    with pytest.raises(ImageError) as caught:
        read_image(data[: int(len(data) * share)], min_side=224)
    assert caught.value.code == "truncated"


def test_a_raw_file_that_is_none_or_ends_early(tmp_path: Path) -> None:
    pytest.importorskip("rawpy", reason="pip install 'ilgnet[raw]'")
    path = tmp_path / "photo.dng"
    for data, code in (
        (dng()[:100_000], "truncated"),
        (encoded(scene(), "TIFF"), "unsupported_format"),
    ):
        path.write_bytes(data)
        with pytest.raises(ImageError) as caught:
            read_image(path)
        assert caught.value.code == code


def test_what_runs_as_a_program_is_never_opened() -> None:
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(ImageError) as caught:
        read_image(program)
    assert caught.value.code == "unsupported_format"


def test_a_function_that_cannot_give_the_bytes() -> None:
    for error, code in ((FileNotFoundError(2, "gone"), "not_found"), (KeyError("x"), "corrupt")):

        def opener(error: Exception = error) -> bytes:
            raise error

        with pytest.raises(ImageError) as caught:
            read_image(opener)
        assert caught.value.code == code


def test_every_odd_picture_is_read(tmp_path: Path) -> None:
    for name in oddities(tmp_path):
        picture = read_image(str(tmp_path / name), min_side=32)
        assert picture.rgb.dtype == np.uint8, name
        assert picture.rgb.shape[2] == 3, name


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOENT, "not_found"),
        (errno.ENAMETOOLONG, "not_found"),
        (errno.EACCES, "permission_denied"),
        (errno.EPERM, "permission_denied"),
        (errno.ELOOP, "link_loop"),
        (errno.EISDIR, "is_a_directory"),
        (errno.EIO, "io_error"),
        (errno.ESTALE, "io_error"),
    ],
)
def test_what_the_operating_system_refuses(
    number: int, code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(scene()))

    def refused(*_: object) -> BinaryIO:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.code == code


def test_a_failing_disk_in_the_middle_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(encoded(scene(), "PNG"))

    class Failing(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 32:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(decode, "open_image_file", lambda _: Failing(path.read_bytes()))
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert caught.value.code == "io_error"


def test_a_vanished_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        read_image(tmp_path / "gone.jpg")
    assert caught.value.code == "not_found"
    with pytest.raises(ImageError) as caught:
        read_image("/proc/self/mem/below.jpg")
    assert caught.value.code == "not_found"
    with pytest.raises(ImageError) as caught:
        read_image("nul\0byte.jpg")
    assert caught.value.code == "not_found"


def test_a_jpeg_with_a_harmless_oddity_is_read() -> None:
    data = encoded(scene(), quality=95)
    assert_is_scene(read_image(data + b"trailing bytes of a motion photo" * 50).rgb)
    scan = data.index(b"\xff\xda")
    assert_is_scene(read_image(data[:scan] + b"\0\0" + data[scan:]).rgb)


def test_pixels_and_pillow_images_are_taken_as_they_are() -> None:
    pixels = np.asarray(scene())
    assert (read_image(pixels).rgb == pixels).all()
    assert (read_image(pixels[:, :, 0]).rgb[..., 1] == pixels[:, :, 0]).all()
    assert (read_image(scene()).rgb == pixels).all()
    assert_is_scene(read_image(lambda: encoded(scene(), "PNG")).rgb)
    with pytest.raises(ImageError, match="uint8"):
        read_image(pixels.astype(np.float32))
    with pytest.raises(TypeError, match="int"):
        read_image(42)


@pytest.mark.parametrize("options", [{"format": "PNG"}, {"progressive": True}])
def test_large_full_decodes_wait_for_each_other(
    options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "ONE_AT_A_TIME_PIXELS", 10)
    data = encoded(scene(), **options)
    done = threading.Event()
    thread = threading.Thread(target=lambda: (read_image(data, min_side=8), done.set()))
    with picture._large_picture:
        thread.start()
        assert not done.wait(0.2)
    assert done.wait(10)
    thread.join()


def test_too_many_pixels_is_a_failure_before_memory_is_taken() -> None:
    # A baseline JPEG header that claims 65,500 x 65,500 pixels.
    data = bytearray(encoded(scene()))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = (65500).to_bytes(2, "big") * 2
    with pytest.raises(ImageError) as caught:
        read_image(bytes(data), min_side=224)
    assert caught.value.code == "too_large"
