"""JPEGs that Pillow cannot write: lossless ones, and headers of every kind."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def segment(marker: int, body: bytes) -> bytes:
    """A marker with its parameters."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2) + body


def lossless_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """A lossless JPEG (ITU-T T.81, annex H): each sample as its difference from the one before.

    Args:
        rgb: uint8 (H, W, 3).
    """
    height, width, components = rgb.shape
    samples = rgb.astype(int)
    before = np.empty_like(samples)
    before[:, 1:] = samples[:, :-1]  # predictor 1: the sample to the left,
    before[1:, 0] = samples[:-1, 0]  # in the first column the one above,
    before[0, 0] = 128  # and half the range at the beginning
    bits = []
    for difference in (samples - before).reshape(-1).tolist():
        size = abs(difference).bit_length()
        bits.append(format(size, "04b"))  # the Huffman code of category n is n in four bits
        if size:
            low = difference if difference > 0 else difference + (1 << size) - 1
            bits.append(format(low, f"0{size}b"))
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\0")
    frame = bytes([8]) + height.to_bytes(2) + width.to_bytes(2) + bytes([components])
    frame += b"".join(bytes([i, 0x11, 0]) for i in range(components))
    table = bytes([0, 0, 0, 0, 9, *[0] * 12]) + bytes(range(9))
    header = bytes([components]) + b"".join(bytes([i, 0]) for i in range(components))
    return (
        b"\xff\xd8"
        + segment(0xC3, frame)
        + segment(0xC4, table)
        + segment(0xDA, header + bytes([1, 0, 0]))
        + scan
        + b"\xff\xd9"
    )


def renamed_frame(data: bytes, marker: int, bits: int = 8) -> bytes:
    """The same JPEG with another frame marker, and with samples said to have other bits."""
    start = next(
        data.index(bytes([0xFF, sof])) for sof in (0xC0, 0xC2) if bytes([0xFF, sof]) in data
    )
    changed = bytearray(data)
    changed[start + 1], changed[start + 4] = marker, bits
    return bytes(changed)
