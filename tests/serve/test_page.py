"""The page in a real browser, over the real service, on real files."""

from __future__ import annotations

import base64
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import ilgnet
from ilgnet.library.sidecar.xmp import read_sidecar
from tests.library.season import write_picture
from tests.library.test_taste_commands import SIDECAR
from tests.tiny_model import make_tiny_model

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("needs Chromium: apt-get install chromium", allow_module_level=True)

from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
SCENES = 6
FRAMES = 3


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def photos(tmp_path: Path, model: Path) -> Path:
    """Two days of bursts and single frames, scored."""
    root = tmp_path / "photos"
    for scene in range(SCENES):
        for frame in range(FRAMES if scene % 2 else 1):
            taken = datetime(2026, 5, 1 + scene // 3, 10, scene) + timedelta(seconds=frame)
            name = f"IMG_{scene}{frame}.jpg"
            write_picture(root / name, scene, taken=taken)
    assert len(list(ilgnet.open_library(root, model=model, catalogue="beside").score())) == 12
    return root


class Service:
    """`ilgnet serve` as a process of its own."""

    def __init__(self, photos: Path, model: Path) -> None:
        command = [sys.executable, "-m", "ilgnet", "serve", str(photos), "--model", str(model)]
        self.process = subprocess.Popen(
            [*command, "--port", "0", "--no-browser", "--threads", "2"],
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "XDG_CACHE_HOME": str(photos.parent / "cache"),
                "XDG_DATA_HOME": str(photos.parent / "data"),  # journals
            },
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + self.process.stderr.read()
        self.address = found[0]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(timeout=60)
        assert self.process.stderr is not None
        self.process.stderr.close()


Open = Callable[..., Page]


@pytest.fixture
def service(photos: Path, model: Path) -> Iterator[Service]:
    service = Service(photos, model)
    yield service
    service.stop()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens a service's page; afterwards nothing elsewhere was asked and nothing complained."""
    contexts, trouble = [], []
    allowed: list[str] = []

    def open_page(service: Service, *, complaints: bool = False, **settings: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1200, "height": 800}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        if not complaints:
            page.on("console", lambda message: trouble.append(f"console: {message.text}"))
            page.on("pageerror", lambda error: trouble.append(f"error: {error}"))
        origin = service.address.partition("/?")[0]
        allowed.append(origin)
        page.on("request", lambda request: note(request.url))
        page.goto(service.address)
        ready(page)
        return page

    def note(url: str) -> None:
        if not url.startswith((*allowed, "data:", "blob:")):
            trouble.append(f"request: {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert trouble == []


def ready(page: Page) -> None:
    page.wait_for_selector("html[data-ready=yes]")


def saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("Saved")


def focused(page: Page) -> str:
    return page.evaluate(
        "document.querySelector('.tile.focus')?.getAttribute('aria-label')?.split(',')[0]"
    )


def choices(photos: Path, model: Path) -> dict[str, tuple[str | None, int | None]]:
    """What the catalogue holds, read by another process's eyes."""
    library = ilgnet.open_library(photos, model=model)
    found = library.photographs()
    return {p.name: (p.choice.flag, p.choice.stars) for p in found if p.choice is not None}


def test_the_address_opens_one_browser(service: Service, open_page: Open, browser: Browser) -> None:
    page = open_page(service)
    assert "key=" not in page.url
    page.reload()
    ready(page)
    stranger = browser.new_context()
    answer = stranger.new_page().goto(service.address)
    assert answer is not None
    assert answer.status == 401
    for path in ("/", "/v1/library/photographs", "/assets/main.js", "/v1/openapi.json"):
        answer = stranger.request.get(service.address.partition("/?")[0] + path)
        assert answer.status == 401, path
    stranger.close()


def test_what_is_decided_is_there_at_once_and_tomorrow(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.click("text=Fold bursts")
    first = focused(page)
    for key in ("p", "x", "4", "p"):
        page.keyboard.press(key)
    saved(page)
    names = sorted(path.name for path in photos.glob("*.jpg"))
    assert first == names[0]
    wanted = {
        names[0]: ("pick", None),
        names[1]: ("reject", None),
        names[2]: (None, 4),
        names[3]: ("pick", None),
    }
    assert choices(photos, model) == wanted
    assert focused(page) == names[4]
    service.stop(signal.SIGKILL)
    again = Service(photos, model)
    page = open_page(again)
    expect(page.locator("#counts")).to_contain_text("2 picked · 1 rejected")
    assert choices(photos, model) == wanted
    again.stop()


def test_undo_is_the_servers_and_survives_a_reload(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.click("text=Fold bursts")
    names = sorted(path.name for path in photos.glob("*.jpg"))
    page.keyboard.press("p")
    page.keyboard.press("x")
    saved(page)
    page.reload()
    ready(page)
    page.keyboard.press("Control+z")
    expect(page.locator("#counts")).to_contain_text("1 picked · 0 rejected")
    assert focused(page) == names[1]
    page.keyboard.press("Control+z")
    expect(page.locator("#counts")).to_contain_text("0 picked · 0 rejected")
    assert choices(photos, model) == {}
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#counts")).to_contain_text("1 picked · 0 rejected")
    assert choices(photos, model) == {names[0]: ("pick", None)}


def test_keys_take_nothing_of_the_browsers_and_decide_once(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.evaluate(
        """() => { window.taken = []; document.addEventListener("keydown", (event) => {
            if (event.defaultPrevented) window.taken.push(event.key); }); }"""
    )
    press = """(keys) => keys.map((init) => {
        const event = new KeyboardEvent("keydown", {bubbles: true, cancelable: true, ...init});
        (document.querySelector(".tile.focus") ?? document.body).dispatchEvent(event);
        return event.defaultPrevented; })"""
    browsers = [
        {"key": "d", "code": "KeyD", "ctrlKey": True},
        {"key": "p", "code": "KeyP", "ctrlKey": True},
        {"key": "x", "code": "KeyX", "metaKey": True},
        {"key": "ArrowLeft", "code": "ArrowLeft", "altKey": True},
        {"key": "1", "code": "Digit1", "ctrlKey": True},
        {"key": "Backspace", "code": "Backspace"},
        {"key": "Delete", "code": "Delete"},
        {"key": "Tab", "code": "Tab"},
        {"key": "p", "code": "KeyP", "isComposing": True},
    ]
    assert page.evaluate(press, browsers) == [False] * len(browsers)
    page.fill("[name=text]", "x4p")
    page.fill("[name=text]", "")
    saved(page)
    assert choices(photos, model) == {}
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.uncheck("#advance")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    held = [{"key": "p", "code": "KeyP"}] + [{"key": "x", "code": "KeyX", "repeat": True}] * 9
    azerty = [{"key": "'", "code": "Digit4"}]  # where digits are typed with Shift
    page.evaluate(press, held + azerty)
    saved(page)
    assert list(choices(photos, model).values()) == [("pick", 4)]
    page.evaluate(press, [{"key": "p", "code": "KeyP"}])  # again: never toggling
    saved(page)
    assert list(choices(photos, model).values()) == [("pick", 4)]


def test_keys_can_be_changed_and_switched_off(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.keyboard.press("?")
    page.get_by_role("button", name="pick: p.", exact=False).click()
    page.keyboard.press("k")
    page.click("#keys button[value=close]")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("p")
    page.keyboard.press("k")
    saved(page)
    assert [flag for flag, _ in choices(photos, model).values()] == ["pick"]
    page.click("#help")
    page.uncheck("#keys-on")
    page.click("#keys button[value=close]")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("x")
    page.keyboard.press("3")
    saved(page)
    assert len(choices(photos, model)) == 1


def test_two_hundred_decisions_on_a_bad_line_are_the_databases(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service, complaints=True)  # of the answers that are made to fail
    page.click("text=Fold bursts")
    page.uncheck("#advance")
    rng = random.Random(7)

    def bad_line(route: Any) -> None:
        if rng.random() < 0.2:
            route.fulfill(status=500, body="{}")
        else:
            route.continue_()

    page.route("**/v1/library/choices", bad_line)
    page.evaluate("document.querySelector('.tile.focus').focus()")
    names = sorted(path.name for path in photos.glob("*.jpg"))
    wanted: dict[str, tuple[str | None, int | None]] = {}
    at = 0
    for _ in range(200):
        key = rng.choice(["p", "x", "u", "0", "1", "5", "ArrowRight", "ArrowLeft"])
        page.keyboard.press(key)
        if key.startswith("Arrow"):
            at = min(len(names) - 1, at + 1) if key == "ArrowRight" else max(0, at - 1)
            continue
        flag, stars = wanted.get(names[at], (None, None))
        if key in "pxu":
            flag = {"p": "pick", "x": "reject", "u": None}[key]
        else:
            stars = int(key)
        wanted[names[at]] = flag, stars
    expect(page.locator("#saved")).to_have_text("Saved", timeout=120_000)
    assert choices(photos, model) == wanted


def test_the_loupe_decides_on_what_it_shows(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.route("**/view?size=loupe*", lambda route: route.continue_())
    page.keyboard.press("Enter")
    expect(page.locator("#loupe")).to_be_visible()
    shown = page.locator("#place").inner_text().partition(" ")[0]
    page.keyboard.press("x")
    saved(page)
    assert choices(photos, model) == {shown: ("reject", None)}
    after = page.locator("#place").inner_text().partition(" ")[0]
    assert after != shown
    expect(page.locator("#panes img")).to_have_attribute("alt", after)
    page.keyboard.press("z")
    expect(page.locator("#zoom")).to_contain_text("every pixel")
    page.keyboard.press("Escape")
    expect(page.locator("#loupe")).to_be_hidden()
    assert focused(page) == after


def test_one_frame_of_a_burst_is_kept_in_one_step(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    stack = page.locator(".tile.stack").first
    expect(stack.locator(".count")).to_contain_text("3 frames")
    stack.click()
    best = focused(page)
    page.keyboard.press("c")
    expect(page.locator("#panes .pane")).to_have_count(3)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("s")  # opened: its frames stand side by side
    expect(page.locator(".tile.stack")).to_have_count(2)
    page.locator(f".tile[aria-label^='{best}']").click()
    page.keyboard.press("Shift+Enter")
    saved(page)
    flags = choices(photos, model)
    assert flags[best] == ("pick", None)
    assert sorted(flag or "" for flag, _ in flags.values()) == ["pick", "reject", "reject"]
    page.keyboard.press("Control+z")
    expect(page.locator("#counts")).to_contain_text("0 picked · 0 rejected")
    assert choices(photos, model) == {}


def test_filters_keep_what_was_decided_until_they_are_asked_again(
    service: Service, open_page: Open
) -> None:
    page = open_page(service)
    page.click("text=Fold bursts")
    page.select_option("[name=flag]", "none")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    tiles = page.locator(".tile")
    before = tiles.count()
    page.keyboard.press("x")
    saved(page)
    assert tiles.count() == before
    page.select_option("[name=sort]", "score")
    expect(tiles).to_have_count(before - 1)
    expect(page.locator("#shown")).to_contain_text("1 hidden")
    page.select_option("[name=day]", "2026-05-02")
    page.fill("[name=text]", "IMG_5")
    expect(tiles).to_have_count(3)
    page.keyboard.press("Control+z")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("Control+z")
    expect(page.locator("#counts")).to_contain_text("0 rejected")
    assert page.locator("[name=text]").input_value() == ""  # back to the photograph


def test_a_rule_proposes_and_the_person_disposes(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.click("text=Fold bursts")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("x")
    page.click("#propose")
    page.click("#look")
    expect(page.locator("#proposed")).to_contain_text("to keep")
    assert len(choices(photos, model)) == 1  # nothing was chosen for anybody
    page.click("#accept")
    saved(page)
    flags = [flag for flag, _ in choices(photos, model).values()]
    assert flags.count("pick") == SCENES - 1
    assert flags.count("reject") == 12 - SCENES + 1


def test_a_plan_is_shown_carried_out_and_taken_back(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    before = {path.name: path.read_bytes() for path in photos.glob("*.jpg")}
    names = sorted(before)
    page = open_page(service)
    page.click("text=Fold bursts")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("5")
    page.keyboard.press("x")
    saved(page)
    page.click("#apply")
    page.click("#show-plan")
    expect(page.locator("#steps li")).to_have_count(2)
    assert not list(photos.glob("*.xmp"))
    page.click("#carry-out")
    expect(page.locator("#plan-words")).to_contain_text("2 steps done")
    first, second = (read_sidecar(photos / f"{name}.xmp") for name in names[:2])
    assert (first.persons_rating(), second.persons_rating()) == (
        5,
        -1,
    )  # the person's own, not ours
    page.click("#undo-run")
    expect(page.locator("#plan-words")).to_contain_text("Taking back: done")
    assert not list(photos.glob("*.xmp"))
    page.check("[value=move]")
    page.click("#show-plan")
    expect(page.locator("#carry-out")).to_be_enabled()
    page.click("#carry-out")
    expect(page.locator("#plan-words")).to_contain_text("12 steps done")
    assert (photos / "reject" / names[1]).read_bytes() == before[names[1]]
    page.click("#undo-run")
    expect(page.locator("#plan-words")).to_contain_text("Taking back: done")
    assert {path.name: path.read_bytes() for path in photos.glob("*.jpg")} == before


def test_scoring_from_the_page(tmp_path: Path, model: Path, open_page: Open) -> None:
    photos = tmp_path / "photos"
    for scene in range(20):
        write_picture(photos / f"IMG_{scene}.jpg", scene)
    (photos / "broken.jpg").write_bytes(b"no picture")
    service = Service(photos, model)
    page = open_page(service)
    expect(page.locator("#empty")).to_contain_text("No photograph has a score yet")
    page.click("#score")
    expect(page.locator("#job")).to_contain_text("20 of 21 pictures have a score")
    expect(page.locator("#counts")).to_contain_text("20 photographs")
    expect(page.locator(".tile").first).to_be_visible()
    page.click("#failures")
    expect(page.locator("#failed li")).to_contain_text("broken.jpg")
    service.stop()


def test_nothing_leads_out_of_the_library(service: Service, open_page: Open, photos: Path) -> None:
    (photos.parent / "secret.jpg").write_bytes((photos / "IMG_00.jpg").read_bytes())
    page = open_page(service)
    origin = service.address.partition("/?")[0]
    for path in (
        "/v1/library/photographs/..%2f..%2fsecret.jpg/pixels",
        "/v1/library/photographs/%2e%2e%2fsecret.jpg/view",
        "/v1/library/photographs/" + "0" * 16 + "/pixels",
        "/assets/..%2fpage.py",
        "/assets/%2e%2e/page.py",
        "/assets/..\\page.py",
        "/../../etc/passwd",
    ):
        answer = page.request.get(origin + path)
        assert answer.status == 404, (path, answer.status)
    answer = page.request.post(
        f"{origin}/v1/library/choices",
        data=json.dumps({"changes": [{"id": "x", "flag": "pick"}]}),
        headers={"Origin": "http://evil.example", "Content-Type": "application/json"},
    )
    assert answer.status == 403


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out(service: Service, open_page: Open, scheme: str) -> None:
    """axe-core finds nothing to complain of in any view, in both themes."""
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(service, color_scheme=scheme)
    # The policy forbids to add scripts to the page; what is tested is not the policy.
    axe_source = Path(sys.modules[Axe.__module__].__file__ or "").parent / "axe.min.js"
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})

    def check(where: str) -> None:
        page.evaluate(axe_source.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == [], where

    page.reload()
    ready(page)
    check("grid")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("p")
    page.keyboard.press("x")
    saved(page)
    check("decided")
    for opener, closer in (("#propose", "Escape"), ("#apply", "Escape"), ("#help", "Escape")):
        page.click(opener)
        check(opener)
        page.keyboard.press(closer)
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("Enter")
    page.keyboard.press("i")
    expect(page.locator("#info dd").first).to_be_visible()
    check("loupe")
    page.keyboard.press("c")
    check("compare")


def test_two_tabs_know_what_the_other_decided(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    one = open_page(service)
    other = one.context.new_page()
    other.goto(service.address.partition("/?")[0])
    ready(other)
    for page in (one, other):
        page.bring_to_front()
        page.uncheck("#advance")
        page.evaluate("document.querySelector('.tile.focus').focus()")
    other.keyboard.press("3")
    saved(other)
    expect(one.locator(".tile.focus .stars")).to_have_text("★★★")
    one.bring_to_front()
    one.keyboard.press("p")
    saved(one)
    expect(other.locator("#counts")).to_contain_text("1 picked")
    assert list(choices(photos, model).values()) == [("pick", 3)]


def test_what_a_page_has_left_behind_is_saved_by_the_next(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service, complaints=True)  # that nobody answers
    page.route("**/v1/library/choices", lambda route: route.abort())
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("p")
    expect(page.locator("#saved")).to_contain_text("1 waiting to be saved")
    another = page.context.new_page()
    another.goto(service.address.partition("/?")[0])
    ready(another)
    assert choices(photos, model) == {}  # it is the other page's, which is alive
    page.close(run_before_unload=False)
    expect(another.locator("#counts")).to_contain_text("1 picked")
    saved(another)
    assert list(choices(photos, model).values()) == [("pick", None)]


def test_stars_of_other_programs_are_shown_and_give_way(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    names = sorted(path.name for path in photos.glob("*.jpg"))
    (photos / names[0]).with_suffix(".xmp").write_text(SIDECAR.format(4), encoding="utf-8")
    (photos / names[1]).with_suffix(".xmp").write_text(SIDECAR.format(-1), encoding="utf-8")
    service.stop()
    again = Service(photos, model)
    page = open_page(again)
    page.click("text=Fold bursts")
    expect(page.locator("#counts")).to_contain_text("1 rejected · 10 open")
    expect(page.locator(f".tile[aria-label^='{names[0]}'] .stars")).to_have_text("★★★★")
    page.select_option("[name=stars]", "4")
    expect(page.locator(".tile")).to_have_count(1)
    page.click("#filters button[type=reset]")
    page.uncheck("#advance")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    assert focused(page) == names[0]
    page.keyboard.press("1")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("u")  # takes back what the file says
    expect(page.locator("#counts")).to_contain_text("0 rejected")
    saved(page)
    assert choices(photos, model) == {names[0]: (None, 1), names[1]: (None, 0)}
    opinions = ilgnet.open_library(photos, model=model).photographs(opinions=True)
    assert [photo.opinion.rating for photo in opinions[:2]] == [1, None]  # as `cull` takes it
    page.keyboard.press("Control+z")
    expect(page.locator("#counts")).to_contain_text("1 rejected")
    again.stop()


def test_folders_that_are_away_and_failures_without_end(
    tmp_path: Path, model: Path, open_page: Open
) -> None:
    photos = tmp_path / "photos"
    for scene in range(4):
        write_picture(photos / ("card" if scene % 2 else "disk") / f"IMG_{scene}.jpg", scene)
    for number in range(450):
        (photos / f"broken {number:04}.jpg").write_bytes(b"no picture")
    list(ilgnet.open_library(photos, model=model, catalogue="beside").score())
    service = Service(photos, model)
    page = open_page(service)
    expect(page.locator("#away")).to_be_hidden()
    (photos / "card").rename(tmp_path / "card")
    page.request.post(service.address.partition("/?")[0] + "/v1/library/reload")
    page.reload()
    ready(page)
    expect(page.locator("#away")).to_contain_text("Not there now: card (2 photographs)")
    expect(page.locator("#counts")).to_contain_text("2 photographs")
    (tmp_path / "card").rename(photos / "card")
    page.click("#look-again")
    expect(page.locator("#away")).to_be_hidden()
    expect(page.locator("#counts")).to_contain_text("4 photographs")
    page.click("#failures")
    expect(page.locator("#failed li")).to_have_count(200)
    page.click("#more-failures")
    page.click("text=Show more (50 left)")
    expect(page.locator("#failed li")).to_have_count(450)
    expect(page.locator("#more-failures")).to_be_hidden()
    service.stop()


def test_the_loupe_stays_with_its_photograph_when_others_come(
    service: Service, open_page: Open, photos: Path, model: Path
) -> None:
    page = open_page(service)
    page.click("text=Fold bursts")
    page.evaluate("document.querySelector('.tile.focus').focus()")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    at = focused(page)
    page.keyboard.press("Enter")
    for number in range(5):  # before all others
        write_picture(photos / f"A_{number}.jpg", number, taken=datetime(2026, 4, 1, 10, number))
    page.request.post(service.address.partition("/?")[0] + "/v1/library/score")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#counts")).to_contain_text("17 photographs")
    expect(page.locator("#place")).to_contain_text(at)
    page.keyboard.press("x")
    saved(page)
    assert choices(photos, model) == {at: ("reject", None)}


def test_pictures_that_are_dropped_are_scored_and_not_kept(
    service: Service, open_page: Open, photos: Path
) -> None:
    page = open_page(service)
    before = sorted(photos.rglob("*"))
    picture = base64.b64encode((photos / "IMG_00.jpg").read_bytes()).decode()
    page.evaluate(
        """(picture) => {
            const files = new DataTransfer();
            const bytes = Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0));
            files.items.add(new File([bytes], "dropped <b>.jpg"));
            files.items.add(new File(["no picture"], "other.jpg"));
            for (const kind of ["dragover", "drop"]) document.getElementById("grid").dispatchEvent(
                new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        picture,
    )
    expect(page.locator("#dropped-words")).to_contain_text("1 of 2 have a score")
    expect(page.locator("#dropped li").first).to_contain_text("dropped <b>.jpg: ")
    expect(page.locator("#dropped li").last).to_contain_text("other.jpg: not a picture")
    assert [p for p in sorted(photos.rglob("*")) if p not in before and p.suffix == ".jpg"] == []


def test_what_is_known_stands_beside_the_picture(service: Service, open_page: Open) -> None:
    page = open_page(service)
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("Enter")
    page.keyboard.press("i")
    expect(page.locator("#info dd").first).to_be_visible()
    for width, height in ((390, 844), (820, 1180), (1440, 900)):
        page.set_viewport_size({"width": width, "height": height})
        picture, info, caption = (
            page.locator(each).bounding_box() for each in ("#panes", "#info", ".caption")
        )
        assert picture is not None
        assert info is not None
        assert caption is not None
        assert picture["width"] * picture["height"] > 0.3 * width * height
        assert caption["y"] + caption["height"] == height  # the buttons are always in sight
        beside = info["x"] >= picture["x"] + picture["width"]
        below = info["y"] >= picture["y"] + picture["height"]
        assert (beside, below) == (width > 640, width <= 640)


def test_every_pixel_by_key_is_where_the_pointer_is(service: Service, open_page: Open) -> None:
    page = open_page(service, viewport={"width": 90, "height": 700})  # a small window
    page.evaluate("document.querySelector('.tile.focus').focus()")
    page.keyboard.press("Enter")
    image = page.locator("#panes img")
    expect(image).to_be_visible()
    page.keyboard.press("z")
    expect(page.locator("#zoom")).to_contain_text("100 %, every pixel")
    assert "NaN" not in (image.get_attribute("style") or "")
    page.keyboard.press("z")
    expect(page.locator("#zoom")).to_contain_text("fitted view")
