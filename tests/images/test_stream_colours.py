"""Colours that only the coded stream tells, as real encoders write them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.images.av1 import stream_colours
from ilgnet.images.boxes import Cicp, read_main_picture
from ilgnet.images.decode import read_image
from ilgnet.images.hevc import configured_colours
from tests.images.test_colour import BT2020, HLG, PQ, heic, in_hdr
from tests.priority import kept_priority
from tests.worst_folder import scene

av: Any = pytest.importorskip("av", reason="pip install 'ilgnet[video]'")
QUIET = "log-level=none"


def encoded(
    format: str, codec: str, pixels: str, transfer: int, frames: int = 1, **options: str
) -> bytes:
    """The scene, coded by a real encoder that is told its colours."""
    codes = in_hdr(np.asarray(scene(192, 128)), transfer)
    stream = io.BytesIO()
    with kept_priority(), av.open(stream, "w", format=format) as file:
        video = file.add_stream(codec, rate=25, options=options)
        video.height, video.width = codes.shape[:2]
        video.pix_fmt = pixels
        context = video.codec_context
        context.color_primaries, context.color_trc, context.colorspace = BT2020, transfer, 9
        context.color_range = 2
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(codes, format="rgb48le")
            frame = frame.reformat(format=pixels, dst_colorspace=9, dst_color_range=2)
            frame.color_primaries, frame.color_trc, frame.pts = BT2020, transfer, number
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
    return stream.getvalue()


def without_nclx(data: bytes) -> bytes:
    assert data.count(b"colrnclx") == 1
    return data.replace(b"colrnclx", b"freenclx")


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_that_only_the_av1_stream_tells(transfer: int) -> None:
    whole = encoded("avif", "libsvtav1", "yuv420p10le", transfer, crf="5")
    bare = without_nclx(whole)
    assert read_main_picture(io.BytesIO(bare)).cicp is None
    found = read_image(bare).rgb
    assert (found == read_image(whole).rgb).all()
    assert np.abs(found.astype(int) - np.asarray(scene(192, 128))).mean() < 10


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_that_only_the_hevc_stream_tells(transfer: int) -> None:
    whole = heic(in_hdr(np.asarray(scene(192, 128)), transfer), BT2020, transfer)
    assert (read_image(without_nclx(whole)).rgb == read_image(whole).rgb).all()


def configuration(film: bytes) -> bytes:
    with av.open(io.BytesIO(film)) as file:
        return bytes(file.streams.video[0].codec_context.extradata)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le", "yuv444p10le"])
@pytest.mark.parametrize(
    "parameters",
    [
        "keyint=1",
        "scaling-list=default:bframes=4:ref=4",
        "sar=4:overscan=show",
        "temporal-layers=3",
    ],
)
def test_sequence_parameters_of_many_kinds(pixels: str, parameters: str) -> None:
    options = {"x265-params": f"{parameters}:{QUIET}"}
    film = encoded("mp4", "libx265", pixels, PQ, frames=5, **options)
    assert configured_colours(configuration(film)) == Cicp(BT2020, PQ, 9)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_sequence_headers_of_films(pixels: str) -> None:
    film = encoded("mp4", "libsvtav1", pixels, HLG, frames=3)
    assert stream_colours(configuration(film)[4:]) == Cicp(BT2020, HLG, 9)


@given(st.binary(max_size=200))
def test_damage_says_nothing_or_numbers(data: bytes) -> None:
    for found in (stream_colours(data), stream_colours(b"\x0a" + data), configured_colours(data)):
        assert found is None or isinstance(found, Cicp)
