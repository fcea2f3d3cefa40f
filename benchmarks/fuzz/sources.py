"""Sound pictures of every format that is read, to be damaged: small, made in code or from a wheel.

The photographs are those of scikit-image's wheel that are public domain or CC0.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import skimage
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.images.jpegs import lossless_jpeg
from tests.worst_folder import dng

import pillow_jxl  # noqa: F401  isort: skip - registers the writer

SIZE = (160, 120)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    b'syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3" '
    b'xmp:CreateDate="2026-05-01T10:00:00"/></rdf:RDF></x:xmpmeta>'
)


def photograph(name: str) -> Image.Image:
    """A small picture from a public-domain photograph."""
    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        return image.convert("RGB").resize(SIZE)


def exif() -> Image.Exif:
    """What a camera writes."""
    tags = Image.Exif()
    tags[0x010F], tags[0x0110], tags[0x0112] = "Maker", "Camera", 6
    tags.get_ifd(0x8769).update({0x9003: "2026:05:01 10:00:00", 0x9291: "12", 0x9011: "+02:00"})
    return tags


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    """The bytes of a file."""
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def tiff(pixels: NDArray[np.generic], **options: Any) -> bytes:
    """The bytes of a TIFF file by tifffile."""
    stream = BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def sources() -> dict[str, bytes]:
    """File name -> contents. The same in every run with the same versions of the writers."""
    cat, coffee = photograph("chelsea.png"), photograph("coffee.png")
    return {
        name: data
        for group in (_jpeg, _png, _tiff, _boxes, _others, _raw)
        for name, data in group(cat, coffee)
    }


Files = Iterator[tuple[str, bytes]]


def _jpeg(cat: Image.Image, coffee: Image.Image) -> Files:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    yield "camera.jpg", saved(cat, "JPEG", quality=88, exif=exif(), icc_profile=profile, xmp=XMP)
    yield "progressive.jpg", saved(coffee, "JPEG", quality=80, progressive=True, exif=exif())
    yield "444.jpg", saved(cat, "JPEG", quality=92, subsampling=0)
    yield "restarts.jpg", saved(coffee, "JPEG", quality=75, restart_marker_rows=1)
    yield "grey.jpg", saved(cat.convert("L"), "JPEG")
    yield "inks.jpg", saved(cat.convert("CMYK"), "JPEG")
    yield "lossless.jpg", lossless_jpeg(np.asarray(coffee.resize((64, 48))))
    yield "several.mpo", saved(cat, "MPO", save_all=True, append_images=[coffee])


def _png(cat: Image.Image, coffee: Image.Image) -> Files:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "words " * 200, zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options = {"pnginfo": text, "exif": exif(), "icc_profile": profile}
    yield "plain.png", saved(cat, "PNG", **options)
    yield "palette.png", saved(coffee.convert("P"), "PNG", transparency=3)
    yield "alpha.png", saved(cat.convert("RGBA"), "PNG")
    yield "bilevel.png", saved(cat.convert("1"), "PNG")
    deep = Image.fromarray(np.asarray(coffee.convert("L")).astype(np.uint16) * 257)
    yield "sixteen.png", saved(deep, "PNG")
    yield "moving.png", saved(cat, "PNG", save_all=True, append_images=[coffee])


def _tiff(cat: Image.Image, coffee: Image.Image) -> Files:
    rgb = np.asarray(cat)
    deep = rgb.astype(np.uint16) * 257
    yield "plain.tif", saved(cat, "TIFF", exif=exif())
    for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        yield f"{name}.tif", saved(coffee, "TIFF", compression=name)
    yield "fax.tif", saved(cat.convert("1"), "TIFF", compression="group4")
    yield "palette.tif", saved(cat.convert("P"), "TIFF")
    yield "inks.tif", saved(cat.convert("CMYK"), "TIFF")
    yield "lab.tif", tiff(rgb, photometric="cielab")
    yield "tiles.tif", tiff(deep, photometric="rgb", tile=(32, 32), compression="zlib")
    planes = np.moveaxis(deep, -1, 0).copy()
    yield "planes.tif", tiff(planes, photometric="rgb", planarconfig="separate")
    yield "big.tif", tiff(rgb, photometric="rgb", bigtiff=True, byteorder=">")
    grey = rgb[..., 1]
    yield "negative.tif", tiff(65535 - grey.astype(np.uint16) * 257, photometric="miniswhite")
    yield "float.tif", tiff(grey.astype(np.float32) / 255, photometric="minisblack")
    stream = BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(rgb[::4, ::4].copy(), photometric="rgb", subfiletype=1, subifds=1)
        writer.write(rgb, photometric="rgb", compression="zlib", subfiletype=0)
        writer.write(rgb, photometric="rgb")
    yield "pages.tif", stream.getvalue()


def _boxes(cat: Image.Image, coffee: Image.Image) -> Files:
    pillow_heif.register_heif_opener()
    yield "phone.heic", saved(cat, "HEIF", quality=60, exif=exif().tobytes(), xmp=XMP)
    deep = (np.asarray(coffee).astype(np.uint16) * 200).tobytes()
    file = pillow_heif.from_bytes(mode="RGB;16", size=SIZE, data=deep)
    stream = BytesIO()
    nclx = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9}
    file.save(stream, quality=60, save_nclx_profile=True, **nclx)
    yield "hdr.heic", stream.getvalue()
    file = pillow_heif.from_pillow(cat.convert("RGBA"))
    file.add_from_pillow(coffee)
    stream = BytesIO()
    file.save(stream, quality=50)
    yield "several.heic", stream.getvalue()
    yield "plain.avif", saved(cat, "AVIF", quality=60, exif=exif(), xmp=XMP)
    yield "alpha.avif", saved(coffee.convert("RGBA"), "AVIF", quality=50, speed=8)
    yield "moving.avif", saved(cat, "AVIF", save_all=True, append_images=[coffee], speed=9)
    yield "plain.jp2", saved(cat, "JPEG2000", quality_layers=[30])
    yield "tiles.jp2", saved(coffee, "JPEG2000", tile_size=(64, 64))
    yield "stream.j2k", saved(cat, "JPEG2000", no_jp2=True)
    yield "plain.jxl", saved(cat, "JXL", quality=80, exif=exif().tobytes())
    yield "box.jxl", saved(coffee, "JXL", lossless=True, use_container=True)


def _others(cat: Image.Image, coffee: Image.Image) -> Files:
    yield "lossy.webp", saved(cat, "WEBP", quality=70, exif=exif(), xmp=XMP)
    yield "lossless.webp", saved(coffee.convert("RGBA"), "WEBP", lossless=True)
    yield "moving.webp", saved(cat, "WEBP", save_all=True, append_images=[coffee])
    yield "plain.gif", saved(cat, "GIF")
    yield "moving.gif", saved(cat, "GIF", save_all=True, append_images=[coffee])
    yield "plain.bmp", saved(cat, "BMP")
    yield "palette.bmp", saved(coffee.convert("P"), "BMP")
    yield "plain.dib", saved(cat, "DIB")
    yield "plain.ppm", saved(cat, "PPM")
    yield "plain.pgm", saved(cat.convert("L"), "PPM")
    yield "deep.pgm", saved(cat.convert("L").convert("I"), "PPM")
    yield "text.ppm", b"P3 8 8 255\n" + b" ".join(b"%d" % (i % 256) for i in range(192)) + b"\n"
    unit = Image.fromarray(np.asarray(cat.convert("L")).astype(np.float32) / 255)
    yield "float.pfm", saved(unit, "PPM")
    yield "plain.tga", saved(cat, "TGA")
    yield "rle.tga", saved(coffee, "TGA", compression="tga_rle")
    yield "plain.psd", photoshop(np.asarray(cat))
    yield "named.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"


def photoshop(rgb: NDArray[np.uint8]) -> bytes:
    """A flat 8-bit RGB document, uncompressed, with a resource."""
    height, width = rgb.shape[:2]
    header = b"8BPS\0\1" + bytes(6) + (3).to_bytes(2) + height.to_bytes(4) + width.to_bytes(4)
    resource = b"8BIM" + (1005).to_bytes(2) + bytes(2) + (16).to_bytes(4) + bytes(16)
    parts = (b"", resource, b"")  # of the colour mode, of resources, of layers
    body = b"".join(len(part).to_bytes(4) + part for part in parts)
    pixels = np.moveaxis(rgb, -1, 0).tobytes()
    return header + (8).to_bytes(2) + (3).to_bytes(2) + body + bytes(2) + pixels


def _raw(cat: Image.Image, coffee: Image.Image) -> Files:
    preview = saved(cat.resize((320, 240)), "JPEG")
    yield "mosaic.dng", dng(size=(320, 240))
    yield "preview.dng", dng(6, preview=preview, size=(320, 240))
    yield "nikon.nef", dng(3, preview=preview, size=(160, 120))
    yield "sony.arw", dng(8, size=(160, 120))
    jpeg = saved(coffee, "JPEG", exif=exif())
    head = b"FUJIFILMCCD-RAW 0201FF389501Camera".ljust(84, b"\0")
    places = (160, len(jpeg), 160 + len(jpeg), 4000, 4160 + len(jpeg), 40_000)
    raf = head + b"".join(place.to_bytes(4) for place in places)
    yield "fuji.raf", raf.ljust(160, b"\0") + jpeg + bytes(4000) + bytes(range(250)) * 160
    boxes = b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + b"\0\0\0\x10moovCMT1II*\0"
    yield "canon.cr3", boxes + (8 + len(jpeg)).to_bytes(4) + b"mdat" + jpeg
