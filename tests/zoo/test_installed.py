"""Weights that another distribution brings: found by an entry point, never run, never silent."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ilgnet.cli.main import ilgnet
from ilgnet.errors import ModelError
from ilgnet.images.preprocess import Preprocess
from ilgnet.report.gallery import write_gallery
from ilgnet.scoring import load
from ilgnet.values import Verdict
from ilgnet.zoo.records import Weights, find_weights, licence_of, write_weights

LICENCE = "For research and learning only"


def distribution(site: Path, package: str, *, whole: bool = True) -> None:
    """What pip leaves behind after it has installed weights called "borrowed"."""
    metadata = site / f"{package}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[ilgnet.weights]\nborrowed = {package}\n")
    if not whole:
        return
    folder = site / package
    folder.mkdir()
    (folder / "__init__.py").write_text("raise RuntimeError('weights are looked up, not run')\n")
    weights = Weights(
        "tiny.somebody (research)",
        "ilgnet_mobilenet_tiny",
        "votes",
        Preprocess("warp", 64, 64),
        0.5,
        LICENCE,
        "Somebody's opinion.",
    )
    write_weights(weights, folder)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


@pytest.mark.parametrize("name", ["borrowed", "tiny.somebody (research)"])
def test_installed_weights_are_found_by_name_and_not_run(site: Path, name: str) -> None:
    distribution(site, "borrowed_weights")
    found = find_weights(name)
    assert found.about == "Somebody's opinion."
    assert found.folder == site / "borrowed_weights"
    assert find_weights().name == load().weights.name  # the default is as it was


def test_they_are_listed_with_their_licence(site: Path) -> None:
    distribution(site, "borrowed_weights")
    result = CliRunner().invoke(ilgnet, ["models"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "borrowed" in result.output
    assert LICENCE in result.output
    assert "Apache-2.0" in result.output


def test_a_report_made_with_them_carries_the_licence(site: Path, tmp_path: Path) -> None:
    distribution(site, "borrowed_weights")
    assert licence_of("tiny.somebody (research)") == LICENCE
    assert licence_of("nobody's") is None
    verdict = Verdict(
        path="gone.jpg",
        score=5.0,
        std=1.0,
        p_high=0.5,
        percentile=50.0,
        votes=(0.1,) * 10,
        width=1,
        height=1,
        model="tiny.somebody (research)",
        preprocess="0123",
    )
    page = tmp_path / "page.html"
    write_gallery([verdict], page)
    assert LICENCE in page.read_text(encoding="utf-8")


def test_a_broken_distribution_is_named_and_does_not_hinder_the_default(site: Path) -> None:
    distribution(site, "borrowed_weights", whole=False)
    assert find_weights("default").licence == "Apache-2.0"
    with pytest.raises(ModelError, match=r"'borrowed'.*pip"):
        find_weights("borrowed")
