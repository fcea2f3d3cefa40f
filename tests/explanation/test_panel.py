"""Explanations as pages show them."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lxml import html
from PIL import Image

import ilgnet
from ilgnet.cli.main import ilgnet as command
from ilgnet.explanation.attributes import measure
from ilgnet.explanation.changes import Crop
from ilgnet.explanation.explain import Explanation
from ilgnet.explanation.heat_map import HeatMap
from ilgnet.explanation.overlay import layer, scale_words
from ilgnet.explanation.panel import panel_for, panel_of
from ilgnet.explanation.sentences import readings_in_words
from ilgnet.scoring import Scorer, load
from tests.explanation.networks import scene


@pytest.fixture(scope="module")
def explanation(scorer: Scorer) -> Explanation:
    return ilgnet.explain(scene(), scorer)


def test_a_panel_holds_what_the_explanation_says(explanation: Explanation) -> None:
    panel = panel_of(explanation)
    assert panel.sentences == explanation.sentences
    tables = dict(panel.tables)
    assert dict(tables["Measured"]) == dict(readings_in_words(explanation.attributes))
    assert {name.split()[0] for name, _ in tables["What if"]} >= {"sharpened", "brighter", "darker"}
    assert "Faces" not in tables, "nobody is there"


def test_its_sum_adds_up(explanation: Explanation) -> None:
    (heading, rows), *_ = panel_of(explanation).tables
    assert heading == "The score, taken apart"
    *terms, total = [float(words) for _, words in rows]
    assert sum(terms) == pytest.approx(total, abs=0.03)
    assert total == pytest.approx(explanation.verdict.score, abs=0.03)


def test_its_layer_is_clear_gold_and_blue(explanation: Explanation) -> None:
    values = np.zeros((7, 7), np.float32)
    values[0, 0], values[6, 6] = 0.4, -0.4
    heat = replace(explanation.map, values=values, area=(0.0, 0.0, 1.0, 1.0))
    shown = replace(explanation, map=heat, crop=Crop((0.5, 0.0, 1.0, 0.5), 6.0, 0.4, heat))
    image = Image.open(BytesIO(panel_of(shown).layer))
    assert image.mode == "RGBA"
    assert image.size == (320, 240)
    pixels = np.asarray(image).astype(int)
    up, none, down = pixels[15, 20], pixels[120, 90], pixels[225, 300]
    assert up[3] > 100
    assert up[0] > up[2] + 100
    assert none[3] < 10
    assert down[3] > 100
    assert down[2] > down[0] + 100
    box = pixels[60, 158:166]
    assert (box[:, 3] > 200).any(), "the crop's left side"
    assert (box[:, :3].min(axis=1) > 150).any()


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (640, 2)])
def test_a_layer_has_any_shape(explanation: Explanation, size: tuple[int, int]) -> None:
    assert layer(explanation.map, size, (0, 0, 1, 1)).size == size


def test_a_legend_says_of_what_its_numbers_are(explanation: Explanation) -> None:
    assert scale_words(explanation.map)[2].endswith("adds to the score, in votes")
    other = HeatMap(explanation.map.values, "occlusion", "technical", (0, 0, 1, 1), 1.0, 0.0)
    assert scale_words(other)[2].endswith("to the technical value, in standard deviations")


def test_readings_have_units_and_no_minus_nothing() -> None:
    readings = replace(
        measure(scene()), tilt=-0.001, exposure=1.26, blur=0.5, motion=0.0, cast=12.4
    )
    words = dict(readings_in_words(replace(readings, cast_hue="blue")))
    assert words["tilt"] == "+0.00°"
    assert words["exposure"] == "+1.3 EV"
    assert words["blur"] == "0.50 px"
    assert words["cast"] == "12 Lab (blue)"
    assert "motion" not in words
    assert "cast hue" not in words


def test_a_picture_that_is_gone_has_no_panel(scorer: Scorer, tmp_path: Path) -> None:
    assert panel_for(scorer, "gone.jpg", tmp_path / "gone.jpg") is None


# ---- the report ----


def test_a_report_says_why_when_asked(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(scene(0)).save(photos / "one.png")
    Image.fromarray(scene(1)).save(photos / "two.png")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    scorer = load(folder)
    for name, more in (("plain", []), ("why", ["--explain"])):
        for asked in ("score", "rank"):
            target = tmp_path / f"{name}-{asked}.html"
            arguments = [asked, str(photos), "--model", str(folder), "--report", str(target), *more]
            ran = CliRunner().invoke(command, arguments, standalone_mode=False)
            assert ran.return_value == 3, ran.output
            page = html.document_fromstring(target.read_text(encoding="utf-8"))
            panels = page.xpath("//details[@class='why']")
            assert len(panels) == 2 * bool(more)
            for panel in panels:
                (path,) = panel.xpath("../p[@class='name']/@title")
                expected = [
                    html.fromstring(f"<p>{s}</p>").text_content()
                    for s in ilgnet.explain(path, scorer).sentences
                ]
                said = [each.text_content() for each in panel.xpath(".//ul/li")]
                assert said == (expected or ["No single thing stands out."])


def test_explanations_need_a_page_to_be_on(tmp_path: Path, folder: Path) -> None:
    Image.fromarray(scene(0)).save(tmp_path / "one.png")
    ran = CliRunner().invoke(command, ["score", str(tmp_path), "--explain"])
    assert ran.exit_code == 2
    assert "--explain has no effect without --report" in ran.output
