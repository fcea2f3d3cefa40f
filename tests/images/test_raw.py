"""Camera RAW: never a black or half-grey frame; a preview that is whole and the right way up."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from tests.images.test_decode import CORNERS, FIRST_CORNER, corners
from tests.worst_folder import dng, encoded, scene

pytest.importorskip("rawpy", reason="pip install 'ilgnet[raw]'")


def read(data: bytes, tmp_path: Path, name: str = "photo.dng") -> np.ndarray:
    path = tmp_path / name
    path.write_bytes(data)
    return read_image(path, min_side=200).rgb


def code(data: bytes, tmp_path: Path, name: str = "photo.dng") -> str:
    with pytest.raises(ImageError) as caught:
        read(data, tmp_path, name)
    return caught.value.code


def preview(image: Image.Image | None = None, **options: object) -> bytes:
    return encoded(image or scene(640, 480), quality=95, **options)


@pytest.mark.parametrize("name", ["photo.dng", "photo.nef", "photo.arw"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_a_cut_file_is_truncated(share: float, name: str, tmp_path: Path) -> None:
    whole = dng()
    directory = whole[int.from_bytes(whole[4:8], "little") :]
    # With the directory in front, as cameras write it, a cut takes only pixels.
    moved = relocated(whole, directory)
    assert np.ptp(read(moved, tmp_path, name)) > 100
    assert code(moved[: int(len(moved) * share)], tmp_path, name) == "truncated"


def relocated(whole: bytes, directory: bytes) -> bytes:
    """A DNG of `tests.worst_folder` with its tags before its pixels."""
    first = int.from_bytes(whole[4:8], "little")
    count = int.from_bytes(directory[:2], "little")
    pixels, gap = whole[8:], 4096
    file = bytearray(whole[:4] + (8).to_bytes(4, "little"))
    entries = bytearray(directory[: 2 + 12 * count])
    for i in range(count):
        place = 2 + 12 * i
        tag, kind = (int.from_bytes(entries[place + j : place + j + 2], "little") for j in (0, 2))
        number = int.from_bytes(entries[place + 4 : place + 8], "little")
        size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 10: 8}[kind] * number
        if size > 4 or tag == 273:
            value = int.from_bytes(entries[place + 8 : place + 12], "little") - 8 + gap
            entries[place + 8 : place + 12] = value.to_bytes(4, "little")
    assert first > gap
    return bytes(file + entries + bytes(4)).ljust(gap, b"\0") + pixels


def test_pixels_behind_the_end_are_missing_though_the_preview_is_whole(tmp_path: Path) -> None:
    data = bytearray(dng(preview=preview()))
    place = data.index((273).to_bytes(2, "little") + (4).to_bytes(2, "little"))
    data[place + 8 : place + 12] = (len(data) + 1000).to_bytes(4, "little")
    assert code(bytes(data), tmp_path) == "truncated"


def test_a_raf_whose_pixels_are_missing(tmp_path: Path) -> None:
    header = b"FUJIFILMCCD-RAW 0201".ljust(84, b"\0")
    places = (160, 1000, 1160, 100, 2000, 50_000)
    data = header + b"".join(place.to_bytes(4) for place in places) + bytes(3000)
    assert code(data, tmp_path, "photo.raf") == "truncated"


def panasonic(pixels: int, place_tag: int) -> bytes:
    """The header of an RW2, and so many of the 8,000 bytes that it says its pixels have."""
    tags = {273: 0xFFFFFFFF, 279: 8000} | {place_tag: 64}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags))
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return (b"IIU\0" + (8).to_bytes(4, "little") + directory).ljust(64, b"\0") + bytes(pixels)


@pytest.mark.parametrize("place_tag", [273, 0x118])
def test_an_rw2_whose_pixels_are_missing(place_tag: int, tmp_path: Path) -> None:
    assert code(panasonic(4000, place_tag), tmp_path, "photo.rw2") == "truncated"
    assert code(panasonic(8000, place_tag), tmp_path, "photo.rw2") == "unsupported_format"


def test_pixels_of_which_nothing_can_be_decoded_are_no_black_frame(tmp_path: Path) -> None:
    whole = dng()
    black = bytearray(whole)
    first = int.from_bytes(whole[4:8], "little")
    black[8:first] = bytes(first - 8)
    assert code(bytes(black), tmp_path) == "corrupt"


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("tags", [None, {}, {0x0112: 1}])
def test_a_preview_without_an_orientation_of_its_own_is_turned(
    orientation: int, tags: dict[int, int] | None, tmp_path: Path
) -> None:
    options: dict[str, object] = {}
    if tags is not None:
        exif = Image.Exif()
        exif[0x0131] = "a program"
        exif.update(tags)
        options["exif"] = exif
    rgb = read(dng(orientation, preview=preview(**options)), tmp_path)
    found = corners(rgb)["top left"]
    np.testing.assert_allclose(found, CORNERS[FIRST_CORNER[orientation]], atol=6)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_preview_with_its_own_orientation_is_turned_once(
    orientation: int, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb = read(dng(orientation, preview=preview(exif=exif)), tmp_path)
    found = corners(rgb)["top left"]
    np.testing.assert_allclose(found, CORNERS[FIRST_CORNER[orientation]], atol=6)


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_preview_that_the_camera_has_turned_is_left_alone(
    orientation: int, tmp_path: Path
) -> None:
    tall = scene(480, 640)
    rgb = read(dng(orientation, preview=preview(tall)), tmp_path)
    np.testing.assert_allclose(corners(rgb)["top left"], CORNERS["top left"], atol=6)


@pytest.mark.parametrize("damage", ["cut", "no jpeg", "lossless"])
def test_a_damaged_preview_is_developed_instead(damage: str, tmp_path: Path) -> None:
    whole = preview(Image.effect_noise((640, 480), 80).convert("RGB"))
    damaged = {
        "cut": whole[: len(whole) // 2].ljust(len(whole), b"\0"),
        "no jpeg": os.urandom(4000),
        "lossless": whole.replace(b"\xff\xc0", b"\xff\xc7"),
    }[damage]
    rgb = read(dng(preview=damaged), tmp_path)
    assert rgb.shape == (240, 320, 3), "developed at half size"
    assert corners(rgb)["top left"].argmax() == 0


def test_a_camera_that_sees_no_colours(tmp_path: Path) -> None:
    data = bytearray(dng())
    place = data.index((262).to_bytes(2, "little") + (3).to_bytes(2, "little"))
    data[place + 8 : place + 10] = (34892).to_bytes(2, "little")  # linear RAW, one sample
    rgb = read(bytes(data), tmp_path)
    assert rgb.shape[2] == 3
    assert (rgb[..., 0] == rgb[..., 2]).all()
