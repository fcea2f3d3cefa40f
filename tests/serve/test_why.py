"""The page says why, when asked: over the real service, in a real browser."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import ilgnet

pytest.importorskip("playwright")

from playwright.sync_api import expect

from tests.serve.test_page import (  # noqa: F401
    Open,
    Service,
    browser,
    model,
    open_page,
    photos,
    service,
)


def test_the_loupe_says_why(service: Service, open_page: Open, photos: Path, model: Path) -> None:  # noqa: F811
    page = open_page(service)
    page.keyboard.press("Enter")
    why, layer = page.locator("#why"), page.locator("#panes img.layer")
    expect(why).to_be_hidden()
    page.keyboard.press("w")
    expect(why).to_have_attribute("aria-busy", "false")
    shown = page.locator("#place").inner_text().partition(" ")[0]
    expected = ilgnet.explain(photos / shown, ilgnet.load(model))
    said = why.locator(".said li").all_inner_texts()
    assert [each for each in said if " is better by " not in each] == (
        list(expected.sentences) or ["No single thing stands out."]
    )
    expect(why).to_contain_text("Measured")
    expect(why).to_contain_text("adds to the score, in votes")
    box, under = layer.bounding_box(), page.locator("#panes img").first.bounding_box()
    assert box == under
    page.keyboard.press("z")  # every pixel
    expect(page.locator("#zoom")).to_contain_text("every pixel")
    assert layer.bounding_box() == page.locator("#panes img").first.bounding_box()
    page.keyboard.press("z")
    why.get_by_label("Show the map").uncheck()
    expect(layer).to_have_count(0)
    why.get_by_label("Show the map").check()
    expect(layer).to_have_count(1)
    page.keyboard.press("i")
    expect(why).to_be_hidden()
    expect(layer).to_have_count(0)
    page.get_by_role("button", name="Why").click()
    expect(page.locator("#info")).to_be_hidden()
    expect(layer).to_have_count(1)


def test_a_frame_that_lost_is_told_why(service: Service, open_page: Open) -> None:  # noqa: F811
    page = open_page(service)
    page.uncheck("input[name=folded]")
    page.evaluate("document.querySelector('.tile').focus()")
    page.keyboard.press("Enter")
    page.keyboard.press("w")
    for _ in range(12):
        expect(page.locator("#why")).to_have_attribute("aria-busy", "false")
        behind = " is better by " in page.locator("#verdict").inner_text()
        first = page.locator("#why .said li").first.inner_text()
        assert (" is better by " in first) is behind
        page.keyboard.press("ArrowRight")
        expect(page.locator("#place")).to_be_visible()


def test_what_cannot_be_explained_is_said(
    service: Service,  # noqa: F811
    open_page: Open,  # noqa: F811
    photos: Path,  # noqa: F811
) -> None:
    page = open_page(service, complaints=True)
    page.keyboard.press("Enter")
    shown = page.locator("#place").inner_text().partition(" ")[0]
    (photos / shown).rename(photos.parent / shown)
    page.keyboard.press("w")
    expect(page.locator("#why .said")).to_contain_text("cannot be read now")
    (photos.parent / shown).rename(photos / shown)
    page.keyboard.press("w")
    page.keyboard.press("w")
    expect(page.locator("#why")).to_contain_text("Measured")
    assert page.evaluate("fetch('/v1/library/photographs/none/why').then((a) => a.status)") == 404


def test_the_page_answers_while_it_explains(service: Service, open_page: Open) -> None:  # noqa: F811
    page = open_page(service)
    ids = page.evaluate("fetch('/v1/library/photographs').then((a) => a.json()).then((a) => a.id)")
    done = page.evaluate(
        """async (ids) => {
            const order = [];
            const why = (id) => fetch(`/v1/library/photographs/${id}/why`);
            const asked = ids.map((id) => why(id).then(() => order.push("why")));
            await fetch("/v1/library/state").then(() => order.push("state"));
            await Promise.all(asked);
            return order;
        }""",
        ids[:4],
    )
    assert sorted(done) == ["state", "why", "why", "why", "why"]
    assert done.index("state") <= 1, "asked for last, answered before most"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nobody_is_shut_out_of_why(service: Service, open_page: Open, scheme: str) -> None:  # noqa: F811
    from axe_playwright_python.sync_playwright import Axe

    page = open_page(service, color_scheme=scheme)
    source = Path(sys.modules[Axe.__module__].__file__ or "").parent / "axe.min.js"
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    page.keyboard.press("Enter")
    page.keyboard.press("w")
    expect(page.locator("#why")).to_have_attribute("aria-busy", "false")
    page.evaluate(source.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]] == []
