"""A taste from pairs picked on the page that `ilgnet score --report` writes, in a real browser."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ilgnet.cli.main import ilgnet
from ilgnet.scoring import load
from tests.library.season import picture, write_picture

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

from playwright.sync_api import Page, sync_playwright  # noqa: E402

SCENES, CHOICES = range(2000, 2120), 240
NAMES = """() => ["left", "right"].map((side) => {
    const source = document.querySelector(`#compare-${side} img`).src;
    const image = [...document.querySelectorAll(".card img")].find((i) => i.src === source);
    return image.closest(".card").querySelector(".name").textContent;
})"""


def redness(scene: int) -> float:
    pixels = np.asarray(picture(scene), dtype=float)
    return float((pixels[..., 0] - pixels[..., 2]).mean())


def choose(page: Page, count: int) -> None:
    """Prefer the redder picture, as somebody with that taste would."""
    page.get_by_role("button", name="Compare").click()
    for _ in range(count):
        left, right = (redness(int(name[4:8])) for name in page.evaluate(NAMES))
        page.keyboard.press("ArrowLeft" if left > right else "ArrowRight")


def call(*arguments: object) -> str:
    words = [str(argument) for argument in arguments]
    result = CliRunner().invoke(ilgnet, words, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.stdout


def test_pairs_picked_on_the_page_teach_a_taste(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, scene in enumerate(SCENES):
        taken = datetime(2024, 5, 1) + timedelta(days=number // 10, minutes=5 * (number % 10))
        write_picture(tmp_path / "photos" / f"IMG_{scene}.jpg", scene, taken=taken)
    call("score", "--library", "photos", "--model", tiny_model, "--report", "page.html", "--quiet")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto((tmp_path / "page.html").as_uri())
        choose(page, CHOICES)
        with page.expect_download() as download:
            page.get_by_role("button", name="Save choices").click()
        (tmp_path / "downloads").mkdir()
        choices = tmp_path / "downloads" / download.value.suggested_filename
        download.value.save_as(choices)
        browser.close()
    said = call(
        "taste", "learn", "photos", "--model", tiny_model, "--pairs", choices, "-o", "my-taste"
    )
    assert f"of {CHOICES} pairs" in said
    mine = load("my-taste")
    scores = [mine.score(tmp_path / "photos" / f"IMG_{scene}.jpg").score for scene in SCENES]
    assert np.corrcoef(scores, [redness(scene) for scene in SCENES])[0, 1] > 0.6
