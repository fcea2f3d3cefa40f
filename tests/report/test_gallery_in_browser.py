"""The gallery in a real browser, with the network off."""

from __future__ import annotations

import csv
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ilgnet.report.gallery import FIRST_CARDS, write_gallery
from ilgnet.text_files import read_csv
from tests.report.conftest import make_verdict
from tests.report.pictures import hostile_panel, make_run

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PICTURES, FAILURES = 150, 10
PHONE = {"width": 390, "height": 844}
LAPTOP = {"width": 1440, "height": 900}
WIDE = {"width": 2560, "height": 1300}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    run = make_run(tmp_path_factory.mktemp("pictures"), PICTURES, FAILURES)
    target = tmp_path_factory.mktemp("report") / "report.html"
    write_gallery(run, target, threads=1)
    return target


@pytest.fixture
def open_page(browser, report) -> Iterator:
    """Opens the report; afterwards nothing was asked of the network and nothing complained."""
    trouble: list[str] = []
    contexts = []

    def open_page(target: Path = report, **settings) -> Page:
        context = browser.new_context(offline=True, **{"viewport": LAPTOP, **settings})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: trouble.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        page.on("dialog", lambda dialog: trouble.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: note(request.url, target))
        page.goto(target.as_uri())
        return page

    def note(url: str, target: Path) -> None:
        if url != target.as_uri() and not url.startswith("data:image/"):
            trouble.append(f"request: {url[:80]}")

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def scores(page: Page) -> list[float]:
    return [float(score) for score in page.locator(".card .numbers b").all_inner_texts()]


def names(page: Page) -> list[str]:
    return page.locator(".card .name").all_inner_texts()


def scroll_to_the_end(page: Page, wanted: int) -> None:
    for _ in range(20):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        if page.locator(".card").count() == wanted:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"{page.locator('.card').count()} cards of {wanted}")


def test_the_best_come_first_and_all_come_in_the_end(open_page):
    page = open_page()
    shown = scores(page)
    assert shown[0] == 7.2
    assert shown == sorted(shown, reverse=True)
    assert FIRST_CARDS <= len(shown) < PICTURES
    scroll_to_the_end(page, PICTURES)
    assert scores(page)[-1] == 3.6
    assert page.locator("#failures li:visible").count() == FAILURES


def test_pictures_are_decoded(open_page):
    page = open_page()
    image = page.locator(".card img").first
    image.scroll_into_view_if_needed()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 50


def test_sorting(open_page):
    page = open_page()
    page.select_option("#sort", "name")
    assert names(page)[-1].startswith("picture-")
    shown = [name for name in names(page) if name.startswith("picture-")]
    assert shown == sorted(shown)
    page.click("#direction")
    assert names(page)[0] == "漢字 🌄.jpg"
    page.select_option("#sort", "std")
    assert len(scores(page)) >= FIRST_CARDS
    page.select_option("#sort", "percentile")
    assert scores(page)[0] == 7.2
    page.get_by_role("button", name="Highest first").click()
    assert scores(page)[0] == 3.6


def test_filter_by_name(open_page):
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("PICTURE-0142")
    assert names(page) == ["picture-0142.jpg"]
    assert not page.locator("#failures").is_visible()
    page.fill("#text", "onerror")
    assert page.locator(".card").count() == 1
    assert page.locator("#failures li:visible").count() == 1
    page.fill("#text", "no such name")
    assert page.get_by_text("No photograph matches.").is_visible()
    page.get_by_role("button", name="Show all photographs").click()
    assert page.locator(".card").count() >= FIRST_CARDS
    assert page.input_value("#text") == ""


def test_filter_by_verdict_and_failures(open_page):
    page = open_page()
    page.get_by_role("radio", name="Low 58").check()
    assert max(scores(page)) <= 5
    assert page.locator(".card").count() == 58
    assert not page.locator("#failures").is_visible()
    page.get_by_role("radio", name="High 92").check()
    assert min(scores(page)) >= 5  # in two decimals
    page.get_by_role("radio", name=f"Not scored {FAILURES}").check()
    assert page.locator(".card:visible").count() == 0
    assert page.locator("#failures li:visible").count() == FAILURES
    assert not page.locator("#nothing").is_visible()


def test_filter_by_the_lowest_score(open_page):
    page = open_page()
    page.locator("#minimum").fill("6.8")
    assert min(scores(page)) >= 6.8
    assert page.locator("#range").inner_text() == f"At least 6.8: {len(scores(page))}"
    page.get_by_role("button", name="Show all", exact=True).click()
    assert page.locator(".card").count() >= FIRST_CARDS


def test_the_histogram_counts_and_filters(open_page):
    page = open_page()
    bars = page.locator(".bars button")
    labels = [bars.nth(i).get_attribute("aria-label") for i in range(bars.count())]
    assert sum(int(label.rpartition(": ")[2]) for label in labels) == PICTURES
    bar = page.get_by_role("button", name="6.0 to 6.2: ")
    bar.click()
    assert scores(page)
    assert all(6.0 <= score <= 6.2 for score in scores(page))
    assert bar.get_attribute("aria-label").endswith(f": {len(scores(page))}")
    assert bar.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="6.6 to 6.8: ").click(modifiers=["Shift"])
    assert (max(scores(page)) <= 6.8, min(scores(page)) >= 6.0) == (True, True)
    assert max(scores(page)) > 6.6
    bar.click()
    bar.click()
    assert page.locator("#range").inner_text() == "All scores"


def test_the_histogram_by_drag_and_by_keyboard(open_page):
    page = open_page()
    first = page.get_by_role("button", name="5.0 to 5.2: ")
    last = page.get_by_role("button", name="5.4 to 5.6: ")
    start, end = first.bounding_box(), last.bounding_box()
    page.mouse.move(start["x"] + 3, start["y"] + 60)
    page.mouse.down()
    page.mouse.move(end["x"] + 3, end["y"] + 60, steps=6)
    page.mouse.up()
    assert page.locator("#range").inner_text().startswith("From 5.0 to 5.6: ")
    assert all(5.0 <= score <= 5.6 for score in scores(page))
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.locator("#range").inner_text().startswith("From 5.2 to 5.4: ")


def test_the_large_view_with_the_keyboard(open_page):
    page = open_page()
    page.locator(".photo").nth(1).focus()
    page.keyboard.press("Enter")
    detail = page.get_by_role("dialog")
    assert detail.is_visible()
    assert detail.locator("#detail-place").inner_text() == f"2 of {PICTURES}"
    assert detail.locator("#detail-score").inner_text() == "7.18"
    assert detail.locator("h2").inner_text() == names(page)[1]
    assert detail.locator("#detail-votes rect").count() == 10
    assert "Better than" in detail.inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert detail.locator("#detail-place").inner_text() == f"3 of {PICTURES}"
    page.keyboard.press("End")
    assert detail.locator("#detail-score").inner_text() == "3.60"
    assert "sure that the mean vote is 5 or less" in detail.inner_text()
    page.keyboard.press("ArrowRight")
    assert detail.locator("#detail-place").inner_text() == f"{PICTURES} of {PICTURES}"
    page.keyboard.press("Escape")
    assert not detail.is_visible()
    focused = page.evaluate("document.activeElement.closest('.card').querySelector('.name').title")
    assert focused.endswith("onerror=window.pwned=1>.jpg")


def test_the_best_of_a_run_is_not_better_than_all_of_it(open_page, tmp_path):
    (best,) = make_run(tmp_path, 1)
    target = tmp_path / "report.html"
    write_gallery([replace(best, percentile=99.7, run_percentile=99.9)], target)
    page = open_page(target)
    assert page.locator(".rank").inner_text() == "top 1%"
    page.locator(".photo").click()
    assert page.locator("#detail-facts dd").all_inner_texts()[:2] == [
        "99% of AVA",
        "99% of this run",
    ]


def test_what_a_model_says_beside_the_score_is_shown_where_it_is_said(open_page, tmp_path):
    worse, better = make_run(tmp_path, 2)
    target = tmp_path / "report.html"
    write_gallery([replace(worse, technical=None), replace(better, technical=-0.314)], target)
    page = open_page(target)
    page.locator(".photo").first.click()
    assert "Technical\n\u22120.31 standard deviations" in page.locator("#detail-facts").inner_text()
    page.keyboard.press("ArrowRight")
    assert "Technical" not in page.locator("#detail-facts").inner_text()


def test_the_large_view_with_the_mouse(open_page):
    page = open_page()
    page.locator(".photo").first.click()
    assert page.get_by_role("button", name="Previous photograph").count() == 0
    page.get_by_role("button", name="Next photograph").click()
    page.get_by_role("button", name="Previous photograph").click()
    # The button under the focus has just vanished; the keys still work.
    page.keyboard.press("ArrowRight")
    assert page.locator("#detail-place").inner_text() == f"2 of {PICTURES}"
    page.get_by_role("button", name="Close").click()
    assert not page.get_by_role("dialog").is_visible()


def sides(page: Page) -> list[str]:
    """The names of the two pictures that are to be compared."""
    return page.evaluate(
        """() => ["left", "right"].map((side) => {
            const source = document.querySelector(`#compare-${side} img`).src;
            const image = [...document.querySelectorAll(".card img")].find((i) => i.src === source);
            return image.closest(".card").querySelector(".name").textContent;
        })"""
    )


def saved(page: Page, folder: Path) -> list[dict[str, str]]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save choices").click()
    assert download.value.suggested_filename == "choices.csv"
    download.value.save_as(folder / "choices.csv")
    with (folder / "choices.csv").open(
        encoding="utf-8", errors="surrogateescape", newline=""
    ) as stream:
        return list(csv.DictReader(stream))


def test_comparing_two_at_a_time(open_page, tmp_path):
    page = open_page()
    page.locator("#minimum").fill("6.8")
    shown = set(names(page))
    page.get_by_role("button", name="Compare").click()
    expected = []
    asked = set()

    def note(winner: int) -> None:
        pair = sides(page)
        assert set(pair) <= shown
        assert frozenset(pair) not in asked
        asked.add(frozenset(pair))
        expected.append((pair[winner], pair[1 - winner]))

    note(0)
    page.keyboard.press("ArrowLeft")
    note(1)
    page.get_by_role("button", name="The right one").click()
    asked.add(frozenset(sides(page)))
    page.get_by_role("button", name="Cannot say").click()
    note(0)
    page.get_by_role("button", name="The left one").click()
    assert page.locator("#compare-count").inner_text() == "3 choices"
    page.keyboard.press("Backspace")
    assert tuple(sides(page)) == expected.pop()
    asked.discard(frozenset(sides(page)))
    note(1)
    page.keyboard.press("ArrowRight")
    rows = saved(page, tmp_path)
    assert [(Path(r["winner"]).name, Path(r["loser"]).name) for r in rows] == expected
    assert all(Path(row["winner"]).is_file() for row in rows)


def test_saved_choices_name_files_to_the_letter(open_page, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    make_run(folder, 10)  # the names of hostile files
    strange = ["Screenshot at 10.00.00\u202fAM.jpg", "wide\u3000space.jpg"]
    for name in strange:
        shutil.copy(folder / "漢字 🌄.jpg", folder / name)
    paths = sorted(map(str, folder.iterdir()))
    run = [make_verdict(path, 4 + place / 10, 40, 30) for place, path in enumerate(paths)]
    target = tmp_path / "report.html"
    write_gallery(run, target, threads=1)
    page = open_page(target)
    page.get_by_role("button", name="Compare").click()
    for _ in range(len(paths) * (len(paths) - 1) // 2):
        page.keyboard.press("ArrowLeft")
    saved(page, tmp_path)
    table = read_csv(tmp_path / "choices.csv")
    named = {cell for row in table.rows for cell in row.cells.values()}
    assert named == set(paths)
    assert all(os.path.isfile(path) for path in named)


def test_comparing_ends_when_every_pair_was_seen(open_page, tmp_path):
    page = open_page()
    page.fill("#text", "picture-014")
    page.get_by_role("button", name="Compare").click()
    seen = Counter()
    for _ in range(45):  # 10 pictures
        seen[frozenset(sides(page))] += 1
        page.keyboard.press("ArrowLeft")
    assert set(seen.values()) == {1}
    assert page.get_by_text("No two photographs are left").is_visible()
    page.keyboard.press("ArrowLeft")
    assert len(saved(page, tmp_path)) == 45
    page.keyboard.press("Escape")
    page.fill("#text", "no such name")
    page.get_by_role("button", name="Compare").click()
    assert page.get_by_text("No two photographs are left").is_visible()


def test_comparing_says_nothing_of_scores(open_page):
    page = open_page()
    page.get_by_role("button", name="Compare").click()
    said = page.get_by_role("dialog").inner_text() + page.locator("#compare-two").inner_html()
    assert not re.search(r"\d\.\d\d|picture-", re.sub(r'src="[^"]*"', "", said))


@pytest.mark.parametrize("viewport", [{"width": 320, "height": 600}, PHONE, LAPTOP, WIDE])
def test_nothing_is_wider_than_the_window(open_page, viewport):
    page = open_page(viewport=viewport, is_mobile=viewport["width"] < 500)
    scroll_to_the_end(page, PICTURES)
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert page.evaluate(
        "[...document.querySelectorAll('#failures span')]"
        ".every(e => e.scrollWidth <= e.clientWidth)"
    )
    page.get_by_role("button", name="Compare").click()
    compare = page.locator("#compare")
    assert compare.evaluate("e => e.scrollWidth") <= viewport["width"]
    assert compare.evaluate("e => e.scrollHeight") <= viewport["height"]
    page.keyboard.press("Escape")
    page.locator(".card", has_text="a-name-without-any-break").locator(".photo").click()
    assert page.evaluate("document.getElementById('detail').scrollWidth") <= viewport["width"]


def test_a_tall_window_of_small_pictures_is_filled(open_page):
    page = open_page(viewport={"width": 2560, "height": 3000})
    page.locator("#size").fill("0.5")
    page.locator(".card").nth(PICTURES - 1).wait_for(state="attached")


def test_without_scripts_the_best_are_shown(open_page):
    page = open_page(java_script_enabled=False)
    assert page.locator(".card").count() == FIRST_CARDS
    assert page.get_by_text(f"the best {FIRST_CARDS} of {PICTURES}").is_visible()
    assert not page.locator(".controls").is_visible()
    assert page.locator("#failures li").first.is_visible()


def test_names_do_not_run(open_page):
    page = open_page()
    scroll_to_the_end(page, PICTURES)
    page.fill("#text", "pwned")
    for place in range(page.locator(".photo").count()):
        page.locator(".photo").nth(place).click()
        page.keyboard.press("Escape")
    assert page.evaluate("window.pwned") is None


def test_the_policy_holds_where_escaping_would_fail(browser, report):
    page = browser.new_context(offline=True).new_page()
    page.goto(report.as_uri())
    violations = page.evaluate(
        """async () => {
            const seen = [];
            addEventListener("securitypolicyviolation", (e) => seen.push(e.effectiveDirective));
            const box = document.createElement("div");
            box.innerHTML = `<img src="https://example.invalid/a.png">
              <img src="data:," onerror="window.pwned = 1"><p style="color: red">`;
            document.body.append(box);
            for (let i = 0; i < 100 && seen.length < 3; i++)
                await new Promise(requestAnimationFrame);
            return seen;
        }"""
    )
    assert set(violations) == {"img-src", "script-src-attr", "style-src-attr"}
    assert page.evaluate("window.pwned") is None
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(open_page, scheme):
    """WCAG AA: 4.5 to 1 for every colour of text on the page's ground."""
    page = open_page(color_scheme=scheme)
    ratios = page.evaluate(
        """() => {
            const light = (text) => {
                const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
                const [r, g, b] = text.match(/[\\d.]+/g).map((c) => linear(c / 255));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = light(getComputedStyle(document.body).backgroundColor);
            const texts = document.querySelectorAll("p, b, span, h1, h2, code, dd, i, small");
            return [...texts].map((e) => {
                const text = light(getComputedStyle(e).color);
                const ratio = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
                return [ratio, `${e.tagName} ${e.className}`];
            });
        }"""
    )
    assert min(ratios)[0] >= 4.5, min(ratios)


def test_light_and_dark(open_page):
    page = open_page(color_scheme="dark")

    def ground() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = ground()
    page.get_by_role("button", name="Light or dark").click()
    light = ground()
    assert dark != light
    page.get_by_role("button", name="Light or dark").click()
    assert ground() == dark


def test_everything_that_can_be_used_has_a_name(open_page):
    page = open_page()
    page.locator(".photo").first.click()
    for role in ("button", "slider", "searchbox", "combobox", "radio", "img"):
        for element in page.get_by_role(role).all():
            assert element.evaluate(
                "e => e.ariaLabel || e.alt || e.innerText || e.labels?.[0]?.innerText"
                " || e.querySelector('img')?.alt"
            ), element.evaluate("e => e.outerHTML.slice(0, 200)")


@pytest.mark.parametrize(
    ("failures", "text"),
    [(0, "There are no photographs in this run."), (2, "The files that could not be read")],
)
def test_a_run_without_photographs(open_page, tmp_path, failures, text):
    target = tmp_path / "empty.html"
    write_gallery(make_run(tmp_path, 0, failures), target)
    page = open_page(target)
    assert page.get_by_text(text).is_visible()
    assert not page.locator(".controls").is_visible()
    assert not page.locator("#nothing").is_visible()
    assert page.locator(".none-found").is_visible() == (failures == 0)


# ---- why: `--explain` ----


@pytest.fixture(scope="module")
def explained(tmp_path_factory) -> Path:
    run = make_run(tmp_path_factory.mktemp("pictures"), 70)
    gone = run[-2].path  # the second best
    target = tmp_path_factory.mktemp("report") / "why.html"
    write_gallery(
        run,
        target,
        threads=1,
        explain=lambda path, image: None if path == gone else hostile_panel(path, image),
    )
    return target


def test_the_large_view_says_why(open_page, explained):
    page = open_page(explained)
    assert not page.get_by_text("Centre: the score falls").first.is_visible()
    page.locator(".photo").first.click()
    detail = page.locator("#detail")
    assert detail.get_by_text("Centre: the score falls by 0.31.").is_visible()
    assert detail.get_by_text("<script>window.pwned=1</script>").is_visible()
    assert "What if\nbrighter\n+0.20\nMeasured" in detail.locator("#detail-tables").inner_text()
    page.keyboard.press("ArrowRight")
    assert not detail.locator("#detail-why").is_visible()
    assert not detail.locator("#detail-tables").is_visible()
    page.keyboard.press("End")
    assert detail.get_by_text("Centre: the score falls by 0.31.").is_visible()
    assert page.evaluate("window.pwned") is None


@pytest.mark.parametrize("viewport", [PHONE, LAPTOP, WIDE])
def test_the_map_lies_in_the_box_of_its_picture(open_page, explained, viewport):
    page = open_page(explained, viewport=viewport)
    page.locator(".photo").first.click()
    button = page.get_by_role("button", name="Show the map")
    layer, image = page.locator("#detail-layer"), page.locator("#detail-image")
    assert not layer.is_visible()
    button.click()
    assert page.locator("#detail").get_by_text("What a 49th adds, in votes.").is_visible()
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "End"):
        page.keyboard.press(key)
        if not page.locator("#detail-why").is_visible():
            assert not layer.is_visible()
            assert image.evaluate("e => getComputedStyle(e).filter") == "none"
            continue
        box, under = layer.bounding_box(), image.bounding_box()
        for side in ("x", "y", "width", "height"):
            assert box[side] == pytest.approx(under[side], abs=1.5)
        assert "raises" in layer.get_attribute("alt")
    painted = Image.open(BytesIO(page.screenshot())).convert("RGB")
    box = layer.bounding_box()
    left, right = (
        painted.getpixel((int(box["x"] + share * box["width"]), int(box["y"] + box["height"] / 2)))
        for share in (0.25, 0.75)
    )
    assert right == pytest.approx((255, 170, 0), abs=12), "gold over the right half"
    assert max(left) - min(left) < 60, "no colour of the layer, little of the picture's own"
    page.keyboard.press("m")
    assert not layer.is_visible()
    assert page.get_by_role("button", name="Show the map").get_attribute("aria-pressed") == "false"
    assert page.evaluate("document.getElementById('detail').scrollWidth") <= viewport["width"]


def test_without_scripts_a_card_says_why(open_page, explained):
    page = open_page(explained, java_script_enabled=False)
    assert not page.get_by_text("Centre: the score falls").first.is_visible()
    page.get_by_text("Why this score").first.click()
    assert page.get_by_text("Centre: the score falls").first.is_visible()
