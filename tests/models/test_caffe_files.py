"""Caffe's binary files, byte by byte."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ilgnet.errors import ModelError
from ilgnet.models.caffe.files import read_caffemodel, read_mean, write_caffemodel, write_mean
from ilgnet.models.caffe.wire import delimited, fields, varint, varints


def floats(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def blob(shape: list[int], numbers: list[float]) -> bytes:
    """With `shape`, as Caffe writes since 2014."""
    dims = delimited(1, b"".join(map(varint, shape)))
    return delimited(7, dims) + delimited(5, floats(*numbers))


def old_blob(shape: list[int], numbers: list[float]) -> bytes:
    """With num, channels, height and width."""
    sides = b"".join(varint(field << 3) + varint(n) for field, n in enumerate(shape, start=1))
    return sides + delimited(5, floats(*numbers))


def layer(name: str, *blobs: bytes) -> bytes:
    body = delimited(1, name.encode()) + delimited(2, b"InnerProduct")
    return delimited(100, body + b"".join(delimited(7, blob) for blob in blobs))


def old_layer(name: str, *blobs: bytes) -> bytes:
    """`layers`, whose name is field 4, type an enum in field 5, and blobs field 6."""
    body = delimited(4, name.encode()) + varint(5 << 3) + varint(14)
    return delimited(2, body + b"".join(delimited(6, blob) for blob in blobs))


def test_a_file_written_out_by_hand_is_read(tmp_path):
    path = tmp_path / "net.caffemodel"
    # name "n"; layer { name "ip" type "Tanh" blobs { shape { dim 1 dim 2 } data 1.5 -2.0 } }
    path.write_bytes(
        bytes.fromhex(
            "0a016e" + "a2061c" + "0a026970" + "120454616e68"
            + "3a10" + "3a040a020102" + "2a08" + "0000c03f" + "000000c0"
        )
    )  # fmt: skip
    blobs = read_caffemodel(path)
    assert list(blobs) == ["ip"]
    assert blobs["ip"][0].tolist() == [[1.5, -2.0]]


def test_both_ways_of_storing_layers_are_read(tmp_path):
    new = layer("ip", blob([2, 3], [1, 2, 3, 4, 5, 6]), blob([2], [7, 8]))
    old = old_layer(
        "ip", old_blob([1, 1, 2, 3], [1, 2, 3, 4, 5, 6]), old_blob([1, 1, 1, 2], [7, 8])
    )
    (tmp_path / "new").write_bytes(delimited(1, b"net") + new)
    (tmp_path / "old").write_bytes(delimited(1, b"net") + old)
    (newer, newer_bias), (older, older_bias) = (
        read_caffemodel(tmp_path / name)["ip"] for name in ("new", "old")
    )
    assert newer.shape == (2, 3)
    assert older.shape == (1, 1, 2, 3)
    assert np.array_equal(newer, older.reshape(2, 3))
    assert np.array_equal(newer_bias, older_bias.reshape(2))


def test_numbers_one_by_one_and_in_double_precision_are_read(tmp_path):
    unpacked = b"".join(varint(5 << 3 | 5) + floats(n) for n in (1.0, 2.0))
    double = delimited(8, struct.pack("<2d", 3.0, 4.0))
    sides = delimited(7, delimited(1, varint(2)))
    (tmp_path / "net").write_bytes(layer("a", sides + unpacked) + layer("b", sides + double))
    blobs = read_caffemodel(tmp_path / "net")
    assert blobs["a"][0].tolist() == [1.0, 2.0]
    assert blobs["b"][0].tolist() == [3.0, 4.0]
    assert blobs["b"][0].dtype == np.float32


def test_layers_without_numbers_are_passed_over(tmp_path):
    (tmp_path / "net").write_bytes(layer("relu") + layer("ip", blob([1], [1])))
    assert list(read_caffemodel(tmp_path / "net")) == ["ip"]


def test_what_is_written_is_read(tmp_path):
    random = np.random.default_rng(0)
    arrays = [random.normal(size=shape).astype(np.float32) for shape in ((4, 3, 5, 5), (4,))]
    path = tmp_path / "net.caffemodel"
    write_caffemodel(path, "net", [("conv", "Convolution", arrays), ("two", "Scale", arrays[1:])])
    blobs = read_caffemodel(path)
    assert [array.shape for array in blobs["conv"]] == [(4, 3, 5, 5), (4,)]
    assert all(map(np.array_equal, blobs["conv"], arrays))
    assert np.array_equal(blobs["two"][0], arrays[1])
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.caffemodel"]


def test_what_is_read_is_a_view_of_the_file(tmp_path):
    path = tmp_path / "net.caffemodel"
    write_caffemodel(path, "net", [("ip", "InnerProduct", [np.ones((300, 400), np.float32)])])
    array = read_caffemodel(path)["ip"][0]
    assert not array.flags.owndata
    assert not array.flags.writeable


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"Thou shalt not pickle", "protocol buffer"),
        (delimited(1, b"net"), "no layer in it has weights"),
        (layer("ip", blob([2], [1, 2]))[:-3], "ends in the middle"),
        (layer("ip", blob([3], [1, 2])), r"shape \(3,\) has 2 numbers"),
        (layer("ip", blob([1], [1])) * 2, "two layers called 'ip'"),
        (layer("ip", delimited(5, b"abc")), "middle of a number"),
        (varint(100 << 3) + varint(7), "damaged"),
    ],
)
def test_a_damaged_file_says_how(tmp_path, content, problem):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    with pytest.raises(
        ModelError, match=f"net.caffemodel cannot be read as a caffemodel: .*{problem}"
    ):
        read_caffemodel(path)


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ModelError, match="No such file"):
        read_caffemodel(tmp_path / "none.caffemodel")


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_file_cut_anywhere_is_an_error_and_nothing_else(tmp_path, cut):
    whole = layer("ip", blob([2, 2], [1, 2, 3, 4]), blob([2], [5, 6]))
    path = tmp_path / "net.caffemodel"
    path.write_bytes(whole[: len(whole) * cut // 60])
    with pytest.raises(ModelError):
        read_caffemodel(path)


def test_a_mean_image_comes_back(tmp_path):
    mean = np.random.default_rng(0).uniform(0, 255, (3, 5, 7)).astype(np.float32)
    write_mean(tmp_path / "mean.binaryproto", mean)
    assert np.array_equal(read_mean(tmp_path / "mean.binaryproto"), mean)
    raw = (tmp_path / "mean.binaryproto").read_bytes()
    assert raw[:8] == bytes([0x08, 1, 0x10, 3, 0x18, 5, 0x20, 7])  # num, channels, height, width


def test_a_mean_of_another_shape_is_refused(tmp_path):
    (tmp_path / "mean").write_bytes(old_blob([1, 1, 2, 2], [1, 2, 3, 4]))
    with pytest.raises(ModelError, match=r"is no mean image: its shape is \(1, 2, 2\)"):
        read_mean(tmp_path / "mean")


@given(st.lists(st.integers(0, 2**63 - 1)))
def test_varints_come_back(numbers):
    assert varints(memoryview(b"".join(map(varint, numbers)))) == numbers


@given(st.binary(max_size=200))
def test_any_bytes_are_fields_or_an_error(content):
    try:
        found = list(fields(memoryview(content)))
    except ModelError:
        return
    assert sum(len(value) if isinstance(value, memoryview) else 1 for _, value in found) <= len(
        content
    )
