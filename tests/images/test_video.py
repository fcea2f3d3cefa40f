"""Frames of films that the tests make: their times, colours, orientation and faults."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from ilgnet.images.video import frames, open_frame, with_frames
from ilgnet.values import Failure, ImageRef

RATE = 10


def make_film(
    path: Path, values: list[int], *, size: tuple[int, int] = (64, 48), codec: str = "mpeg4"
) -> Path:
    """A film of one grey a frame, ten a second, the left half darker."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=RATE)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 4_000_000
        for value in values:
            picture = np.full((size[1], size[0], 3), value, np.uint8)
            picture[:, : size[0] // 2] //= 2
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                film.mux(packet)
        for packet in stream.encode(None):
            film.mux(packet)
    return path


def pixels(ref: object) -> NDArray[np.uint8]:
    assert isinstance(ref, ImageRef)
    return read_image(ref.source).rgb


def right_half(ref: object) -> float:
    rgb = pixels(ref)
    return float(rgb[:, rgb.shape[1] // 2 + 4 :].mean())


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi"])
def test_a_frame_every_second(name: str, tmp_path: Path) -> None:
    film = make_film(tmp_path / name, [10 * (i // 10) + 60 for i in range(35)])
    found = list(frames(str(film), 1.0))
    assert [ref.id for ref in found if isinstance(ref, ImageRef)] == [  # type: ignore[union-attr]
        f"{film}#t={second}" for second in range(4)
    ]
    assert [right_half(ref) for ref in found] == pytest.approx([60, 70, 80, 90], abs=4)
    assert pixels(found[0]).shape == (48, 64, 3)


def test_every_frame_and_none_twice(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", [100] * 12)
    assert len(list(frames(str(film), 0.001))) == 12
    assert len(list(frames(str(film), 0.25))) == 5  # 0, 0.3, 0.5, 0.8, 1.0
    assert len(list(frames(str(film), 60))) == 1


def test_a_frame_is_found_again_by_its_name(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", [5 * i + 20 for i in range(40)])
    for ref in frames(str(film), 0.7):
        assert isinstance(ref, ImageRef)
        again = read_image(open_frame(ref.id)).rgb
        np.testing.assert_array_equal(again, pixels(ref))
    assert open_frame("photo.jpg") == "photo.jpg"
    assert open_frame("photo.jpg#t=3") == "photo.jpg#t=3"


def turned(film: Path, matrix: tuple[int, ...]) -> Path:
    """The film with another display matrix in its track's header, as a phone writes it."""
    data = bytearray(film.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    data[place : place + 36] = struct.pack(">9i", *matrix)
    film.write_bytes(bytes(data))
    return film


ONE, W = 1 << 16, 1 << 30


def test_a_film_from_a_phone_is_turned_upright(tmp_path: Path) -> None:
    """Clockwise by 90 degrees: what was on the left, and darker, is on the top."""
    film = make_film(tmp_path / "a.mp4", [200] * 3)
    clockwise = (0, ONE, 0, -ONE, 0, 0, 48 * ONE, 0, W)
    (ref,) = frames(str(turned(film, clockwise)), 1.0)
    rgb = pixels(ref)
    assert rgb.shape == (64, 48, 3)
    assert rgb[:28].mean() == pytest.approx(100, abs=6)
    assert rgb[36:].mean() == pytest.approx(200, abs=6)


def test_films_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(b"no film" * 100)
    (tmp_path / "empty.mp4").write_bytes(b"")
    good = make_film(tmp_path / "cut.mkv", [100] * 100).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(good[: len(good) // 2])
    codes = {}
    for name in ("noise.mp4", "empty.mp4", "gone.mp4", "cut.mkv"):
        found = list(frames(str(tmp_path / name), 1.0))
        assert found
        last = found[-1]
        codes[name] = last.code if isinstance(last, Failure) else "frames"
        assert "Errno" not in str(last)
    assert codes.pop("cut.mkv") in ("frames", "corrupt")  # what is there is read
    assert codes == {"noise.mp4": "corrupt", "empty.mp4": "empty", "gone.mp4": "not_found"}


def test_a_film_that_is_taken_for_a_picture_says_what_it_is(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", [100] * 3)
    with pytest.raises(ImageError, match="--every") as caught:
        read_image(film)
    assert caught.value.code == "unsupported_format"


def test_only_films_are_taken_apart(tmp_path: Path) -> None:
    film = make_film(tmp_path / "a.mp4", [100] * 11)
    given = [ImageRef("b.png", "b.png"), ImageRef(str(film), str(film)), Failure("c", "empty", "")]
    found = list(with_frames(given, 1.0))
    assert [getattr(item, "id", "c") for item in found] == [
        "b.png", f"{film}#t=0", f"{film}#t=1", "c",
    ]  # fmt: skip
