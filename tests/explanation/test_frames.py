"""What is wrong with the frames of a burst that lost."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter
from skimage import data

from ilgnet.cli.main import ilgnet as command
from ilgnet.explanation.frames import why_frames_worse
from tests.explanation.networks import make_network, make_scorer


def test_reasons_come_from_the_files(tmp_path: Path) -> None:
    image = Image.fromarray(np.asarray(data.astronaut()))
    image.save(tmp_path / "best.png")
    image.filter(ImageFilter.GaussianBlur(2)).save(tmp_path / "soft.png")
    image.point(lambda value: value * 0.6).save(tmp_path / "dark.png")
    (tmp_path / "gone.png").write_bytes(b"no picture")
    others = [tmp_path / f"{name}.png" for name in ("best", "soft", "dark", "gone")]
    same, soft, dark, gone = why_frames_worse(tmp_path / "best.png", others)
    assert same == gone == ()
    assert "main face blurred" in soft
    assert any(reason.startswith("softer") for reason in soft)
    assert any(reason.startswith("darker") for reason in dark)
    without = why_frames_worse(tmp_path / "best.png", others, faces=False)
    assert "main face blurred" not in without[1]


@pytest.fixture
def burst(tmp_path: Path) -> Path:
    """Two frames a second apart, one of them softer."""
    folder = tmp_path / "photos"
    folder.mkdir()
    image = Image.fromarray(np.asarray(data.astronaut()))
    taken = datetime(2026, 5, 3, 12, 0, 0)
    for number, frame in enumerate((image, image.filter(ImageFilter.GaussianBlur(2)))):
        exif = Image.Exif()
        moment = taken + timedelta(seconds=number)
        exif.get_ifd(0x8769)[0x9003] = moment.strftime("%Y:%m:%d %H:%M:%S")
        frame.save(folder / f"IMG_{number + 1:04}.jpg", quality=95, exif=exif)
    return folder


def test_bursts_says_why_a_frame_lost(burst: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    scorer = make_scorer(make_network(), model)
    scores = [scorer.score(path).score for path in sorted(burst.iterdir())]
    lost = int(np.argmin(scores))
    options = ["bursts", str(burst), "--model", str(model), "--similarity", "0.3", "--why"]
    ran = CliRunner().invoke(command, [*options, "--json"], standalone_mode=False)
    assert ran.return_value == 0, ran.output
    (group,) = json.loads(ran.stdout)["bursts"]
    best, other = group["photographs"]
    assert other["path"] == f"IMG_{lost + 1:04}.jpg"
    assert best["reasons"] == []
    if lost == 1:
        assert any(reason.startswith("softer") for reason in other["reasons"])
    else:
        assert not any(reason.startswith("softer") for reason in other["reasons"])
    words = CliRunner().invoke(command, options, standalone_mode=False).stdout
    assert all(reason in words for reason in other["reasons"])
    shutil.rmtree(burst)
