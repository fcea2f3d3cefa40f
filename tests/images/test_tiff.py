"""TIFF: samples as they lie, in every form that is read; tifffile is the independent check."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from tests.worst_folder import encoded, scene

HEIGHT, WIDTH = 48, 64


def ramps() -> NDArray[np.uint8]:
    """Three different ramps and a patch, so that swapped planes, bytes and rows all show."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green = x * 255 // (WIDTH - 1), y * 255 // (HEIGHT - 1)
    rgb = np.stack([red, green, (x + y) * 255 // (WIDTH + HEIGHT - 2)], -1).astype(np.uint8)
    rgb[10:20, 10:20] = (255, 0, 0)
    return rgb


def written(pixels: NDArray[Any], **options: object) -> bytes:
    stream = BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def forms() -> Iterator[dict[str, Any]]:
    for bits, photometric, planar, order, tile in itertools.product(
        (8, 16),
        ("rgb", "rgb with alpha", "minisblack", "miniswhite", "separated"),
        ("contig", "separate"),
        ("<", ">"),
        (None, (16, 16)),
    ):
        if planar == "separate" and photometric.startswith("min"):
            continue
        for compression, predictor in ((None, False), ("zlib", False), ("zlib", True)):
            yield {
                "bits": bits,
                "photometric": photometric,
                "planar": planar,
                "order": order,
                "tile": tile,
                "compression": compression,
                "predictor": predictor,
            }


def test_every_form_gives_the_same_picture() -> None:
    rgb = ramps()
    for form in forms():
        kind, alpha = form["photometric"], form["photometric"] == "rgb with alpha"
        grey = np.repeat(rgb[..., 2:], 3, axis=-1)
        expected = {"minisblack": grey, "miniswhite": 255 - grey}.get(kind, rgb)
        values = rgb[..., 2] if kind.startswith("min") else rgb
        if kind == "separated":
            values = np.concatenate([255 - rgb, np.zeros((HEIGHT, WIDTH, 1), np.uint8)], -1)
        if alpha:
            values = np.concatenate([rgb, np.full((HEIGHT, WIDTH, 1), 255, np.uint8)], -1)
        if form["bits"] == 16:
            values = values.astype(np.uint16) * 257
        if form["planar"] == "separate":
            values = np.moveaxis(values, -1, 0).copy()
        options = {"planarconfig": form["planar"]} if values.ndim == 3 else {}
        data = written(
            values.astype(values.dtype.newbyteorder(form["order"])),
            photometric=kind.partition(" ")[0],
            compression=form["compression"],
            predictor=form["predictor"],
            tile=form["tile"],
            byteorder=form["order"],
            extrasamples=["unassalpha"] if alpha else None,
            **options,
        )
        np.testing.assert_array_equal(tifffile.imread(BytesIO(data)), values)
        found = read_image(data).rgb.astype(int)
        assert np.abs(found - expected).max() <= 1, form


def test_big_tiff_is_tiff() -> None:
    data = written(ramps(), photometric="rgb", bigtiff=True)
    assert (read_image(data).rgb == ramps()).all()


def pages(*kinds: tuple[int, int]) -> bytes:
    """A page for each (subfile type, shrink)."""
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for subfile, shrink in kinds:
            pixels = ramps()[::shrink, ::shrink].copy()
            if subfile == 4:
                pixels = np.ones((HEIGHT, WIDTH), bool)
            photometric = "minisblack" if subfile == 4 else "rgb"
            writer.write(pixels, photometric=photometric, subfiletype=subfile, metadata=None)
    return stream.getvalue()


@pytest.mark.parametrize(
    "kinds",
    [
        [(1, 4), (0, 1)],
        [(4, 1), (1, 2), (0, 1)],
        [(0, 1), (1, 4)],
        [(1, 4), (1, 1)],  # nothing is said to be full: the largest
    ],
)
def test_the_full_picture_is_taken_wherever_it_stands(kinds: list[tuple[int, int]]) -> None:
    picture = read_image(pages(*kinds))
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert (picture.rgb == ramps()).all()


def test_a_full_picture_below_a_reduced_one() -> None:
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        small = ramps()[::4, ::4].copy()
        writer.write(small, photometric="rgb", subfiletype=1, subifds=1, metadata=None)
        writer.write(ramps(), photometric="rgb", subfiletype=0, compression="zlib", metadata=None)
    assert (read_image(stream.getvalue()).rgb == ramps()).all()


def test_two_photographs_in_a_file_give_the_first() -> None:
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(ramps(), photometric="rgb", metadata=None)
        writer.write(255 - ramps(), photometric="rgb", metadata=None)
    assert (read_image(stream.getvalue()).rgb == ramps()).all()


def grey() -> NDArray[np.float32]:
    return ramps()[..., 2].astype(np.float32)


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        (grey() / 255, []),
        (grey(), []),
        (grey() / 255 * 1.2, [(340, 11, 1, 0.0, False), (341, 11, 1, 1.2, False)]),
        (grey() * 100, [(341, 11, 1, 25500.0, False)]),
        (grey().astype(np.uint32), []),
        (grey().astype(np.uint32) * 257, []),
    ],
)
def test_deep_grey_whose_white_is_known(values: NDArray[Any], tags: list[Any]) -> None:
    data = written(values, photometric="minisblack", extratags=tags)
    assert np.abs(read_image(data).rgb[..., 0].astype(int) - grey()).max() <= 1


def test_twelve_bits_have_their_own_white() -> None:
    """Two samples in three bytes, as libtiff packs them."""
    values = np.rint(grey() / 255 * 4095).astype(int).reshape(-1, 2)
    first, second = values[:, 0], values[:, 1]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], -1)
    data = bytearray(written(np.zeros((HEIGHT, WIDTH), np.uint16), photometric="minisblack"))
    page = tifffile.TiffFile(BytesIO(bytes(data))).pages.first
    bits = page.tags["BitsPerSample"].valueoffset
    data[bits : bits + 2] = (12).to_bytes(2, "little")
    start = page.dataoffsets[0]
    data[start : start + packed.size] = packed.astype(np.uint8).tobytes()
    found = read_image(bytes(data)).rgb[..., 0].astype(int)
    assert np.abs(found - grey()).max() <= 1


def test_what_sixteen_bits_happen_to_reach_is_not_their_white() -> None:
    tags = [(341, 3, 1, 1000, False)]
    data = written(np.full((8, 8), 1000, np.uint16), photometric="minisblack", extratags=tags)
    assert (read_image(data).rgb == 4).all()


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (grey() / 255 * 1.2, {}, "1.2"),
        (grey() / 255 * 37, {}, "floating-point grey with values"),
        (grey().astype(np.uint32) * (1 << 20), {}, "32-bit grey"),
        (np.full((8, 8), np.inf, np.float32), {}, "white"),
        (ramps() / np.float32(255), {"photometric": "rgb"}, "32-bit floating-point RGB TIFF"),
        (grey().astype(np.float64), {}, "64-bit floating-point grey TIFF"),
        (grey().astype(np.float16), {}, "16-bit floating-point grey TIFF"),
        (grey().astype(np.int16), {}, "16-bit signed-integer grey TIFF"),
        (ramps().astype(np.uint32), {"photometric": "rgb"}, "32-bit RGB TIFF"),
        (ramps(), {"photometric": "cielab", "bits": 16}, "16-bit CIE L"),
    ],
)
def test_a_form_that_is_not_read_is_named(
    values: NDArray[Any], options: dict[str, Any], words: str
) -> None:
    if options.pop("bits", None):
        values = values.astype(np.uint16) * 257
    with pytest.raises(ImageError) as caught:
        read_image(written(values, **({"photometric": "minisblack"} | options)))
    assert caught.value.code == "unsupported_format"
    assert words in caught.value.message


def test_what_is_inside_a_tiff_is_named() -> None:
    data = bytearray(written(ramps(), photometric="rgb"))
    entry = data.index(b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00")  # 259, SHORT, one, 1
    data[entry + 8 : entry + 10] = (50001).to_bytes(2, "little")
    with pytest.raises(ImageError, match=r"WebP inside TIFF .8-bit RGB.") as caught:
        read_image(bytes(data))
    assert caught.value.code == "unsupported_format"


def test_a_directory_that_leads_back_to_itself_is_no_trap() -> None:
    data = bytearray(encoded(scene(), "TIFF"))
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    link = first + 2 + 12 * count
    data[link : link + 4] = first.to_bytes(4, "little")
    assert read_image(bytes(data)).width == 96


def test_no_picture_at_all() -> None:
    with pytest.raises(ImageError) as caught:
        read_image(b"II*\0\x08\0\0\0\0\0" + bytes(40))
    assert caught.value.code == "corrupt"


def test_a_palette_in_bytes_is_no_black_picture() -> None:
    """Old programs wrote eight bits where TIFF has sixteen; libtiff takes them at that."""
    colours = np.stack([np.arange(256), np.arange(256)[::-1], np.full(256, 90)]).astype(np.uint16)
    indices = np.arange(64 * 48, dtype=np.uint8).reshape(48, 64)
    for scale in (1, 257):
        data = written(indices, photometric="palette", colormap=colours * np.uint16(scale))
        np.testing.assert_array_equal(read_image(data).rgb, colours.T[indices].astype(np.uint8))


def test_the_byte_order_that_pillow_does_not_know_is_named() -> None:
    with pytest.raises(ImageError, match="big-endian BigTIFF") as caught:
        read_image(written(ramps(), bigtiff=True, byteorder=">"))
    assert caught.value.code == "unsupported_format"
