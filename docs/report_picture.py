"""Make docs/images/report.jpg again: the demo's page as Chromium shows it.

python docs/report_picture.py            needs Chromium and the extra "test"
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

TARGET = Path(__file__).parent / "images/report.jpg"


def main() -> None:
    """Write the page, look at it, keep the picture."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "page.html"
        command = [sys.executable, "-m", "ilgnet", "demo", "-o", str(page_file)]
        subprocess.run(command, check=True, capture_output=True)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1440, "height": 1180})
        page.goto(page_file.as_uri())
        page.wait_for_load_state("networkidle")
        page.evaluate("Promise.all([...document.images].map(i => i.decode().catch(() => 0)))")
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    picture.resize((1080, 885), Image.Resampling.LANCZOS).save(TARGET, quality=85)


if __name__ == "__main__":
    main()
