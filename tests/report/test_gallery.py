from __future__ import annotations

import base64
import json
import re
import threading
import tracemalloc
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from lxml import html
from PIL import Image

from ilgnet.report.gallery import FIRST_CARDS, file_name, rank_in_words, write_gallery
from ilgnet.report.rows import COLUMNS
from ilgnet.report.thumbnails import thumbnail_side, thumbnail_size, thumbnails
from ilgnet.values import Failure, Verdict
from tests.report.conftest import make_verdict
from tests.report.pictures import NAMES, hostile_panel, make_run


def page_of(outcomes, target: Path, **settings) -> html.HtmlElement:
    write_gallery(outcomes, target, threads=1, **settings)
    return html.document_fromstring(target.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("pictures"), 70, failures=3)


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return page_of(run, tmp_path_factory.mktemp("report") / "report.html")


def test_there_is_a_card_for_every_verdict_best_first(run, page):
    scores = [float(score) for score in page.xpath("//li//p[@class='numbers']/b/text()")]
    expected = sorted((o.score for o in run if isinstance(o, Verdict)), reverse=True)
    assert scores == [round(score, 2) for score in expected]
    assert len(page.xpath("//ol/li")) == FIRST_CARDS
    assert len(page.xpath("//template/li")) == len(expected) - FIRST_CARDS


def test_every_thumbnail_is_a_picture_of_the_right_shape(run, page):
    by_score = sorted((o for o in run if isinstance(o, Verdict)), key=lambda o: -o.score)
    images = page.xpath("//li//img")
    assert len(images) == 70
    for image, verdict in zip(images, by_score, strict=True):
        scheme, _, data = image.get("src").partition(",")
        assert scheme == "data:image/webp;base64"
        thumbnail = Image.open(BytesIO(base64.b64decode(data)))
        assert thumbnail.size == (int(image.get("width")), int(image.get("height")))
        assert thumbnail.width / thumbnail.height == pytest.approx(
            verdict.width / verdict.height, rel=0.05
        )
        assert f"score {verdict.score:.2f}" in image.get("alt")


def test_the_data_for_the_script_are_the_rows(run, page):
    rows = json.loads(page.get_element_by_id("rows").text)
    assert len(rows) == 70
    assert set(rows[0]) == {*COLUMNS, "name", "folder"}
    assert rows[0]["run_percentile"] == pytest.approx(98.57)
    assert [row["score"] for row in rows] == sorted((r["score"] for r in rows), reverse=True)


def test_failures_are_listed_with_their_reasons(page):
    items = page.xpath("//section[@id='failures']//li")
    assert [item.xpath("code/text()")[0] for item in items] == [
        "truncated",
        "empty",
        "unsupported_format",
    ]
    assert items[0].xpath("span/text()") == [f"broken/{NAMES[0]}", f"cannot read {NAMES[0]}"]


def test_names_stay_text(page):
    """Nothing that a name holds becomes an element, an attribute or a place for cards."""
    assert not page.xpath("//*[@onerror or @onmouseover or @onclick or @onload]")
    assert len(page.xpath("//script")) == 2
    assert {image.get("src")[:10] for image in page.xpath("//img[@src]")} == {"data:image"}
    names = page.xpath("//p[@class='name']/text()")
    assert {NAMES[0], NAMES[2], NAMES[4], "caf\\xe9.jpg", "\\u202egpj.exe"} <= set(names)


def test_the_page_names_no_address(page, run, tmp_path):
    source = (html.tostring(page, encoding="unicode")).replace("http://www.w3.org/2000/svg", "")
    without_pictures = re.sub(r"data:image/webp;base64,[^\"]*", "", source)
    assert "http:" not in without_pictures
    assert "https:" not in without_pictures
    assert "//" not in "".join(page.xpath("//@href | //link/@href"))


def test_the_policy_allows_this_style_and_script_and_nothing_else(page):
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert len(re.findall(r"'sha256-[^']+'", policy)) == 3
    assert not page.xpath("//*[@style]")


def test_a_picture_that_has_vanished_keeps_its_card(tmp_path):
    page = page_of([make_verdict(str(tmp_path / "gone.jpg"))], tmp_path / "report.html")
    assert page.xpath("//li//span[@class='gone']/text()") == ["No longer readable"]


def test_pictures_may_come_from_elsewhere(tmp_path):
    data = BytesIO()
    Image.new("RGB", (300, 200), "teal").save(data, "PNG")
    verdict = make_verdict("archive.tar!/a.png", width=300, height=200)
    page = page_of([verdict], tmp_path / "a.html", open_picture={verdict.path: data.getvalue()}.get)
    thumbnail = base64.b64decode(page.xpath("//li//img/@src")[0].partition(",")[2])
    red, green, blue = Image.open(BytesIO(thumbnail)).convert("RGB").getpixel((150, 100))
    assert (red, green, blue) == pytest.approx((0, 128, 128), abs=6)


@pytest.mark.parametrize(
    ("outcomes", "heading"),
    [
        ([], "No photographs"),
        ([Failure("a.jpg", "empty", "no bytes")], "No photographs"),
        ([make_verdict("a.jpg")], "1 photograph"),
        ([replace(make_verdict("a.jpg"), votes=None, std=None)], "1 photograph"),
    ],
)
def test_small_runs_have_a_page_too(outcomes, heading, tmp_path):
    page = page_of(outcomes, tmp_path / "a.html")
    assert page.xpath("//h1/text()") == [heading]
    body = page.body
    scored = sum(isinstance(outcome, Verdict) for outcome in outcomes)
    assert (body.get("data-scored"), body.get("data-failed")) == (
        str(scored),
        str(len(outcomes) - scored),
    )


def test_a_title_is_text(tmp_path):
    page = page_of([], tmp_path / "a.html", title="<b>Italy</b> & France")
    assert page.xpath("//h1/text()") == ["<b>Italy</b> & France"]


def test_an_interrupted_gallery_leaves_the_one_before(run, tmp_path):
    target = tmp_path / "report.html"
    target.write_text("the one before")

    def interrupted(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_gallery(run, target, open_picture=interrupted)
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_text() == "the one before"


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    data = BytesIO()
    Image.effect_noise((320, 240), 90).convert("RGB").save(data, "JPEG")

    def peak(pictures: int) -> int:
        run = [make_verdict(str(number), width=320, height=240) for number in range(pictures)]
        tracemalloc.start()
        write_gallery(run, tmp_path / "a.html", open_picture=lambda _: data.getvalue(), threads=2)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    small, large = peak(20), peak(300)
    grown = (tmp_path / "a.html").stat().st_size
    assert grown > 6e6
    assert large - small < grown / 4


def test_only_a_few_thumbnails_are_made_ahead():
    asked = []
    lock = threading.Lock()

    def open_picture(path):
        with lock:
            asked.append(path)
        return Image.new("RGB", (20, 20))

    made = thumbnails((make_verdict(str(i)) for i in range(500)), open_picture, 20, threads=2)
    first, _ = next(made)
    assert first.path == "0"
    assert len(asked) <= 8
    assert [verdict.path for verdict, _ in made] == [str(i) for i in range(1, 500)]


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((6000, 4000), (320, 213)),
        ((4000, 6000), (213, 320)),
        ((100, 80), (100, 80)),
        ((9000, 1000), (960, 107)),
        ((30_000, 300), (1280, 13)),
        ((1, 5000), (1, 1280)),
    ],
)
def test_thumbnails_are_small_and_keep_their_shape(size, small):
    assert thumbnail_size(*size, 320) == small


def test_few_pictures_are_shown_larger_than_many():
    assert thumbnail_side(10) > thumbnail_side(500) > thumbnail_side(5000) == 320


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/c.jpg", "c.jpg"),
        ("C:\\photos\\c.jpg", "c.jpg"),
        ("/", "/"),
        ("a/we\\ird.jpg", "we\\ird.jpg"),
    ],
)
def test_the_name_is_the_last_part_of_the_path(path, name):
    assert file_name(path) == name


@pytest.mark.parametrize(
    ("percentile", "words"),
    [(100, "top 1%"), (97, "top 3%"), (50, "top 50%"), (49.2, "bottom 50%"), (0, "bottom 1%")],
)
def test_rank_in_words(percentile, words):
    assert rank_in_words(percentile) == words


def test_explanations_are_in_the_file_where_they_were_asked_for(run, page, tmp_path):
    assert page.xpath("//details") == []
    asked = []

    def explain(path, image):
        asked.append((path, image))
        return None if len(asked) == 2 else hostile_panel(path, image)

    explained = page_of(run, tmp_path / "why.html", explain=explain)
    verdicts = sorted((o for o in run if isinstance(o, Verdict)), key=lambda o: -o.score)
    assert asked == [(verdict.path, verdict.path) for verdict in verdicts]
    panels = explained.xpath("//li/details[@class='why']")
    assert len(panels) == len(verdicts) - 1, "one said nothing"
    first = panels[0]
    assert [each.text_content() for each in first.xpath(".//ul/li")] == [
        "Centre: the score falls by 0.31.",
        "<script>window.pwned=1</script>",
    ]
    assert first.xpath(".//dt/text()") == ["brighter", "blur & <b>"]
    assert first.xpath(".//dd/text()") == ["+0.20", "0.8 px"]
    (source,) = first.xpath(".//img/@src")
    assert source.startswith("data:image/webp;base64,")


def test_nothing_is_asked_about_a_picture_that_is_gone(tmp_path):
    gone = make_verdict(str(tmp_path / "gone.jpg"))
    page = page_of([gone], tmp_path / "page.html", explain=hostile_panel)
    assert page.xpath("//details") == []
