"""Take the pictures of the page that docs/service.md shows, in Chromium.

    python docs/page_pictures.py

The photographs are the samples of the package, some of them as frames of a burst.
"""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from PIL import Image, ImageEnhance, ImageFilter
from playwright.sync_api import Page, sync_playwright

import ilgnet

ROOT = Path(__file__).parents[1]
SAMPLES = Path(str(files("ilgnet"))) / "samples"
ARGUMENTS = "--no-sandbox --disable-gpu --disable-background-networking".split()
FRAMES = {"cat.jpg": (1.0, 1.08, 0.8), "coffee.jpg": (1.0, 0.85)}


def write_photographs(folder: Path) -> None:
    """Two days; of two samples frames that differ in light and sharpness."""
    for number, sample in enumerate(sorted(SAMPLES.glob("*.jpg"))):
        start = datetime(2026, 5, 2 + number // 5, 10, 7 * (number % 5))
        for frame, light in enumerate(FRAMES.get(sample.name, (1.0,))):
            image = ImageEnhance.Brightness(Image.open(sample)).enhance(light)
            if frame == 2:
                image = image.filter(ImageFilter.GaussianBlur(2))
            exif = Image.Exif()
            taken = (start + timedelta(seconds=frame)).strftime("%Y:%m:%d %H:%M:%S")
            exif.get_ifd(0x8769)[0x9003] = taken
            image.save(folder / f"{sample.stem}-{frame + 1}.jpg", quality=92, exif=exif)


def keep(page: Page, name: str) -> None:
    """Write what is seen as a JPEG."""
    page.wait_for_timeout(1500)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    image.save(ROOT / "docs/images" / name, quality=82, optimize=True)


def main() -> None:
    """The grid, dark; a comparison, light; the grid on a phone, light."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "May"
        photos.mkdir()
        write_photographs(photos)
        list(ilgnet.open_library(photos, catalogue="beside").score())
        process = subprocess.Popen(
            [sys.executable, "-m", "ilgnet", "serve", str(photos), "--port", "0", "--no-browser"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(Path(folder) / "cache")},
        )
        assert process.stderr is not None
        found = re.search(r"http://\S+", process.stderr.readline())
        assert found
        try:
            with sync_playwright() as driver:
                browser = driver.chromium.launch(
                    executable_path="/usr/bin/chromium", args=ARGUMENTS
                )
                context = browser.new_context(
                    viewport={"width": 1440, "height": 900}, color_scheme="dark"
                )
                page = context.new_page()
                page.goto(found[0])
                page.wait_for_selector("html[data-ready=yes]")
                page.evaluate("document.querySelector('.tile.focus').focus()")
                for key in ("p", "x", "4"):
                    page.keyboard.press(key)
                keep(page, "page-grid.jpg")
                page.set_viewport_size({"width": 820, "height": 1180})
                page.emulate_media(color_scheme="light")
                page.locator(".tile.stack").first.click()
                page.keyboard.press("c")
                keep(page, "page-compare.jpg")
                page.keyboard.press("Escape")
                page.keyboard.press("Escape")
                page.set_viewport_size({"width": 390, "height": 844})
                keep(page, "page-phone.jpg")
                browser.close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


if __name__ == "__main__":
    main()
