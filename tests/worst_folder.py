"""The worst folder that we could think of: every picture in it is a trap of its own."""

from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 96, 64


def scene(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A picture whose four corners differ, so that a wrong turn or mirror shows.

    Red top left, green top right, blue bottom left, yellow bottom right.
    """
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 30, 30)
    pixels[: height // 2, width // 2 :] = (30, 160, 40)
    pixels[height // 2 :, : width // 2] = (40, 50, 190)
    pixels[height // 2 :, width // 2 :] = (210, 200, 40)
    return Image.fromarray(pixels)


def encoded(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    """The bytes of a file."""
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def bomb_png(width: int = 20_000, height: int = 15_000) -> bytes:
    """A valid 300-megapixel PNG in a few hundred kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    row = b"\0" + bytes(width)
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def endless_box(first: bytes, kind: bytes) -> bytes:
    """A file of boxes, the second of which is longer than any file: a length beyond 2^63."""
    second = (1).to_bytes(4) + kind + ((1 << 63) + 100).to_bytes(8) + bytes(64)
    return (4 + len(first)).to_bytes(4) + first + second


def failures(folder: Path) -> dict[str, str]:
    """Fill a folder with what cannot be scored; returns file name -> expected failure code."""
    jpeg = encoded(scene(640, 480), quality=95)
    png = encoded(scene(640, 480), "PNG")
    damaged = bytearray(png)
    damaged[len(png) // 2] ^= 0xFF
    contents = {
        "truncated.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "truncated.png": (png[: len(png) // 2], "truncated"),
        "header-only.jpg": (jpeg[:20], "corrupt"),
        "damaged.png": (bytes(damaged), "corrupt"),
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"<!doctype html><title>404</title>", "unsupported_format"),
        "zeros.jpg": (bytes(4096), "unsupported_format"),
        "bomb.png": (bomb_png(), "too_large"),
        "endless-box.heic": (endless_box(b"ftypheic\0\0\0\0mif1heic", b"mdat"), "truncated"),
        "endless-box.avif": (endless_box(b"ftypavif\0\0\0\0mif1avif", b"mdat"), "truncated"),
        "endless-box.jp2": (endless_box(b"jP  \r\n\x87\n", b"jp2c"), "truncated"),
    }
    for name, (data, _) in contents.items():
        (folder / name).write_bytes(data)
    (folder / "folder.jpg").mkdir()
    (folder / "loop-a.jpg").symlink_to("loop-b.jpg")
    (folder / "loop-b.jpg").symlink_to("loop-a.jpg")
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "below").mkdir()
    (folder / "below" / "up").symlink_to("..", target_is_directory=True)
    return {
        **{name: code for name, (_, code) in contents.items()},
        "folder.jpg": "is_a_directory",
        "loop-a.jpg": "link_loop",
        "loop-b.jpg": "link_loop",
        "dangling.jpg": "not_found",
        "pipe.jpg": "not_a_file",
        "below/up": "link_loop",
    }


def oddities(folder: Path) -> list[str]:
    """Fill a folder with pictures that are odd but fine; returns their names."""
    image = scene()
    exif = Image.Exif()
    exif[0x0112] = 6
    rng = np.random.default_rng(0)
    deep = Image.fromarray(rng.integers(0, 65536, (HEIGHT, WIDTH), dtype=np.uint16))
    files = {
        "with space.jpg": encoded(image),
        "with\nnewline.jpg": encoded(image),
        "grey.jpg": encoded(image.convert("L")),
        "cmyk.jpg": encoded(image.convert("CMYK")),
        "progressive.jpg": encoded(image, progressive=True),
        "rotated.jpg": encoded(image, exif=exif),
        "UPPER.JPG": encoded(image),
        "really-a-png.jpg": encoded(image, "PNG"),
        "really-a-jpeg.png": encoded(image),
        "sixteen-bit.png": encoded(deep, "PNG"),
        "palette.png": encoded(image.convert("P"), "PNG"),
        "alpha.png": encoded(image.convert("RGBA"), "PNG"),
        "bilevel.png": encoded(image.convert("1"), "PNG"),
        "lossy.webp": encoded(image, "WEBP"),
        "modern.avif": encoded(image, "AVIF"),
        "pages.tiff": encoded(image, "TIFF", save_all=True, append_images=[image]),
        "moving.gif": encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        "moving.png": encoded(image, "PNG", save_all=True, append_images=[image.rotate(180)]),
        "plain.bmp": encoded(image, "BMP"),
        "tiny.png": encoded(image.resize((1, 1)), "PNG"),
        "thin.png": encoded(image.resize((900, 2)), "PNG"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    not_utf8 = os.fsdecode(b"not-utf8-\xff\xe9.jpg")
    (folder / not_utf8).write_bytes(encoded(image))
    return [*files, not_utf8]


def dng(
    orientation: int = 1, preview: bytes | None = None, size: tuple[int, int] = (640, 480)
) -> bytes:
    """A camera RAW file of the scene: a DNG with a Bayer mosaic and, if given, a JPEG preview.

    Args:
        orientation: EXIF orientation of the whole file.
        preview: an encoded JPEG of the same size.
        size: of the mosaic, (width, height).
    """
    linear = (np.asarray(scene(*size)) / 255.0) ** 2.2 * 60_000
    mosaic = linear[..., 1].copy()
    mosaic[0::2, 0::2] = linear[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = linear[1::2, 1::2, 2]
    raw = mosaic.astype("<u2").tobytes()
    identity = [number for value in (1, 0, 0, 0, 1, 0, 0, 0, 1) for number in (value, 1)]
    byte, ascii_, short, long, rational, signed = (
        (1, "B"),
        (2, "s"),
        (3, "H"),
        (4, "I"),
        (5, "I"),
        (10, "i"),
    )
    width, height = size
    common = [(256, long, [width]), (257, long, [height]), (278, long, [height])]
    raw_tags = [
        *common,
        (254, long, [0]),
        (258, short, [16]),
        (259, short, [1]),
        (262, short, [32803]),  # a colour filter array
        (274, short, [orientation]),
        (277, short, [1]),
        (33421, short, [2, 2]),  # CFARepeatPatternDim
        (33422, byte, [0, 1, 1, 2]),  # CFAPattern: red green, green blue
        (50706, byte, [1, 4, 0, 0]),  # DNGVersion
        (50708, ascii_, b"ILGNet test camera\0"),  # UniqueCameraModel
        (50717, long, [65535]),  # WhiteLevel
        (50721, signed, identity),  # ColorMatrix1
        (50728, rational, [1] * 6),  # AsShotNeutral
        (50778, short, [21]),  # CalibrationIlluminant1: D65
    ]
    preview_tags = [
        *common,
        (254, long, [1]),  # a reduced-resolution image
        (258, short, [8, 8, 8]),
        (259, short, [7]),  # JPEG
        (262, short, [6]),  # YCbCr
        (277, short, [3]),
    ]
    pages = [(raw_tags, raw)] + ([(preview_tags, preview)] if preview else [])
    return _tiff(pages)


def _tiff(pages: list[tuple[list[tuple[int, tuple[int, str], object]], bytes]]) -> bytes:
    """A little-endian TIFF of pages with one strip each."""
    file = bytearray(b"II*\0" + struct.pack("<I", 0))
    link = 4
    for tags, strip in pages:
        data = len(file)
        file += strip + bytes(len(strip) % 2)
        tags = [*tags, (273, (4, "I"), [data]), (279, (4, "I"), [len(strip)])]
        entries = b""
        for tag, (kind, letter), values in sorted(tags, key=lambda entry: entry[0]):
            packed = (
                values
                if isinstance(values, bytes)
                else struct.pack(f"<{len(values)}{letter}", *values)
            )
            count = len(values) // (2 if kind in (5, 10) else 1)
            if len(packed) > 4:
                place = len(file)
                file += packed + bytes(len(packed) % 2)
                packed = struct.pack("<I", place)
            entries += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
        file[link : link + 4] = struct.pack("<I", len(file))
        file += struct.pack("<H", len(tags)) + entries
        link = len(file)
        file += bytes(4)
    return bytes(file)
