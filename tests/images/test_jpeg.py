"""Every kind of JPEG goes to the decoder that is made for it, or is named."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from ilgnet.errors import ImageError
from ilgnet.images.decode import read_image
from ilgnet.images.jpeg import read_frame
from tests.images.jpegs import lossless_jpeg, renamed_frame, segment
from tests.worst_folder import encoded, scene

END = b"\xff\xd9"
HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)


def noise(width: int = 320, height: int = 240) -> Image.Image:
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The frame markers of what the scaled decoder is given."""
    seen: list[int] = []
    decode = simplejpeg.decode_jpeg

    def watched(data: bytes, *args: object, **options: object) -> NDArray[np.uint8]:
        frame = read_frame(data)
        assert frame is not None
        seen.append(frame.marker)
        pixels: NDArray[np.uint8] = decode(data, *args, **options)
        return pixels

    monkeypatch.setattr(simplejpeg, "decode_jpeg", watched)
    return seen


def test_a_lossless_jpeg_is_exact_and_never_scaled(scaled: list[int]) -> None:
    pixels = np.asarray(scene(1024, 960))[::8, ::8].repeat(2, 0).repeat(2, 1)
    picture = read_image(lossless_jpeg(pixels), min_side=32)
    assert (picture.rgb == pixels).all()
    assert scaled == []


@pytest.mark.parametrize("marker", [*range(0xC0, 0xD0), 0xF7])
@pytest.mark.parametrize("bits", [8, 12])
def test_only_what_it_is_made_for_reaches_the_scaled_decoder(
    marker: int, bits: int, scaled: list[int]
) -> None:
    if marker in (0xC4, 0xC8, 0xCC):
        return  # these mark no frames
    data = renamed_frame(encoded(noise(), quality=90), marker, bits)
    failure = None
    try:
        read_image(data, min_side=32)
    except ImageError as error:
        failure = error
    refused = "12-bit" if bits == 12 else "hierarchical" if marker in HIERARCHICAL else ""
    if refused:
        assert failure is not None
        assert failure.code == "unsupported_format"
        assert refused in failure.message
    assert set(scaled) <= {0xC0, 0xC1, 0xC2}
    assert bits == 8 or not scaled


def test_a_second_frame_does_not_hide_the_first() -> None:
    data = encoded(scene(), quality=90)
    start = data.index(b"\xff\xc0")
    length = int.from_bytes(data[start + 2 : start + 4])
    frame = data[start + 4 : start + 2 + length]
    twice = data[:start] + segment(0xC3, frame) + data[start:]
    with pytest.raises(ImageError):
        read_image(twice, min_side=16)


@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}],
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_without_its_end_marker_it_is_whole(mode: str, options: dict[str, object]) -> None:
    data = encoded(noise().convert(mode), quality=85, **options)
    assert data.endswith(END)
    whole = read_image(data).rgb
    assert (read_image(data[:-2]).rgb == whole).all()
    assert (read_image(data[:-2], min_side=60).rgb == read_image(data, min_side=60).rgb).all()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
@pytest.mark.parametrize("end", [b"", END])
def test_with_data_missing_it_is_truncated(
    mode: str, progressive: bool, share: float, end: bytes
) -> None:
    data = encoded(noise().convert(mode), quality=85, progressive=progressive)
    with pytest.raises(ImageError) as caught:
        read_image(data[: int(len(data) * share)] + end, min_side=60)
    assert caught.value.code == "truncated"


def test_a_progressive_jpeg_without_its_last_scans_is_truncated() -> None:
    data = encoded(noise(), quality=85, progressive=True)
    last_scan = data.rindex(b"\xff\xda")
    with pytest.raises(ImageError) as caught:
        read_image(data[:last_scan])
    assert caught.value.code == "truncated"
