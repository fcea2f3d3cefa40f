"""A season of a few hundred pictures; benchmarks/library/season.py plays twenty thousand."""

from __future__ import annotations

from pathlib import Path

from tests.library.season_story import make_season, play


def test_a_season_loses_nothing(tmp_path: Path, tiny_model: Path) -> None:
    season = make_season(tmp_path / "season", pictures=300)
    told = play(season, tiny_model, tmp_path / "taste", kills=3)
    assert told["taste"]["pairwise_accuracy"]["interval"][0] > 0.6
    assert (tmp_path / "taste" / "model.json").is_file()
