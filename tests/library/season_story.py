"""A photographer's season on generated pictures, from the first score to the last undo.

    make -> score, killed again and again -> taste -> cull: dry run, apply -> stars -> undo both

Every file is hashed before and after. The test plays a few hundred pictures, and
benchmarks/library/season.py twenty thousand.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tests.library.season import picture, write_picture

TEMPLATES = {
    name: (Path(__file__).parent / "sidecars" / f"{name}.xmp").read_text(encoding="utf-8")
    for name in ("lightroom", "darktable", "digikam")
}
DAYS = 24

Tree = dict[str, str]


def tree(root: Path) -> Tree:
    """Relative path -> hash of every file but the catalogue's."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        os.fsdecode(bytes(path.relative_to(root))): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if ".ilgnet" not in path.parts
    }


@dataclass
class Season:
    """What was made.

    Attributes:
        root: the folder.
        pictures: JPEGs that can be scored.
        failing: files that cannot: RAW without pixels, and broken JPEGs.
        rated: pictures with a person's stars or rejects.
        bursts: how many shots each burst has, of those with more than one.
        seconds: what each step took.
    """

    root: Path
    pictures: int = 0
    failing: int = 0
    rated: int = 0
    bursts: list[int] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Note how long a step takes."""
        start = time.monotonic()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.monotonic() - start


def make_season(root: Path, pictures: int, seed: int = 0) -> Season:
    """Bursts, pairs, sidecars of three programs, videos, orphans, and broken pictures."""
    chance = random.Random(seed)
    season = Season(root)
    scene = 0
    while season.pictures < pictures:
        scene += 1
        frames = min(chance.choice([1, 1, 1, 2, 3, 5, 8]), pictures - season.pictures)
        day = scene % DAYS
        moment = datetime(2024, 3, 1, 8) + timedelta(days=3 * day, minutes=scene // DAYS)
        _make_burst(season, chance, scene, frames, day, moment)
        if frames > 1:
            season.bursts.append(frames)
    for day in range(DAYS):
        folder = root / f"day{day:02d}"
        (folder / f"MVI_{day}.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes([day]) * 100)
        (folder / f"gone_{day}.xmp").write_text(TEMPLATES["lightroom"], encoding="utf-8")
        (folder / f"broken_{day}.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken" + bytes([day]))
        season.failing += 1
    return season


def _make_burst(
    season: Season, chance: random.Random, scene: int, frames: int, day: int, moment: datetime
) -> None:
    """One scene; the day's program has rated some of its frames by how red it is."""
    program = list(TEMPLATES)[day % 3]
    for frame in range(frames):
        season.pictures += 1
        path = season.root / f"day{day:02d}" / f"IMG_{season.pictures:06d}.JPG"
        taken = moment + timedelta(seconds=frame * 0.3)
        write_picture(path, scene, frame, brightness=chance.uniform(-8, 8), taken=taken)
        pair = program != "digikam" and chance.random() < 0.15
        if pair:
            path.with_suffix(".CR3").write_bytes(chance.randbytes(400))
            season.failing += 1
        if chance.random() < 0.5:
            stars = _stars(scene) if chance.random() < 0.9 else chance.randint(1, 5)
            name = path.with_suffix(".xmp") if program == "lightroom" else Path(f"{path}.xmp")
            name.write_text(_sidecar(program, stars), encoding="utf-8")
            season.rated += 1


def _stars(scene: int) -> int:
    """The person of this season likes red scenes and rejects blue ones."""
    pixels = np.asarray(picture(scene), dtype=float)
    red = float((pixels[..., 0] - pixels[..., 2]).mean())
    return int(np.digitize(red, [-25, -12, -3, 5, 15])) or -1


def _sidecar(program: str, stars: int) -> str:
    """A program's own sidecar with another rating; digiKam has no rejects but one star."""
    stars = max(stars, 1) if program == "digikam" else stars
    text = TEMPLATES[program]
    text = re.sub(r'xmp:Rating="-?\d"', f'xmp:Rating="{stars}"', text, count=1)
    for name, value in {
        "xmp:Rating": stars,
        "acdsee:rating": stars,
        "MicrosoftPhoto:Rating": [0, 1, 25, 50, 75, 99][max(stars, 0)],
    }.items():
        text = re.sub(rf"<{name}>\d+<", f"<{name}>{value}<", text)
    return text


def ilgnet(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command; 3 is a run with pictures that cannot be read."""
    command = [sys.executable, "-m", "ilgnet", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode in (0, 3), f"{arguments}: {done.returncode}\n{done.stderr[-2000:]}"
    return done


def score_with_kills(season: Season, model: Path, kills: int) -> list[int]:
    """Score, killed -9 at random moments; returns how many verdicts were kept after each."""
    chance = random.Random(1)
    kept = [0]
    rows = season.pictures + season.failing
    for _ in range(kills):
        command = [sys.executable, "-m", "ilgnet", "score", "--library", str(season.root)]
        command += ["--model", str(model), "--jsonl", "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(chance.randrange(rows // 10, rows // 2)):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
        kept.append(count_verdicts(season.root))
    return kept[1:]


def count_verdicts(root: Path) -> int:
    """Verdicts in the catalogue, read by SQLite alone."""
    connection = sqlite3.connect(root / ".ilgnet" / "catalogue.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (count,) = connection.execute("SELECT count(*) FROM verdicts").fetchone()
    connection.close()
    return int(count)


def play(season: Season, model: Path, taste: Path, kills: int) -> dict[str, Any]:
    """The whole story; every claim is asserted. Returns figures worth telling."""
    root, library = season.root, ("--library", season.root, "--model", model, "--quiet")
    with season.timed("hash"):
        before = tree(root)
    with season.timed("score, killed"):
        kept = score_with_kills(season, model, kills)
    assert kept == sorted(kept)
    with season.timed("score, to the end"):
        rows = ilgnet("score", *library, "--jsonl").stdout.splitlines()
    failed = sum(json.loads(row)["error"] is not None for row in rows)
    assert (len(rows), failed) == (season.pictures + season.failing, season.failing)
    assert count_verdicts(root) == season.pictures
    with season.timed("score again"):
        assert ilgnet("score", *library, "--jsonl").stdout.splitlines() == rows
    assert tree(root) == before

    with season.timed("taste"):
        learnt = ilgnet("taste", "learn", root, "-o", taste, "--model", model, "--json").stdout
    with season.timed("bursts"):
        bursts = json.loads(ilgnet("bursts", root, "--json").stdout)
    sizes = Counter(len(burst["photographs"]) for burst in bursts["bursts"])
    assert sizes == Counter(season.bursts)

    cull = ("cull", *library, "--top", "1", "--per", "burst", "--move")
    with season.timed("cull, dry run"):
        ilgnet(*cull)
    assert tree(root) == before
    with season.timed("cull, apply"):
        ilgnet(*cull, "--apply")
    moved = tree(root)
    assert set(moved) != set(before)
    assert Counter(moved.values()) == Counter(before.values())
    _check_nothing_is_scored_again(season, library)

    with season.timed("stars, apply"):
        ilgnet("stars", *library, "--apply")
    starred = tree(root)
    assert {path: starred.get(path) for path in moved if not path.endswith(".xmp")} == {
        path: content for path, content in moved.items() if not path.endswith(".xmp")
    }
    assert starred != moved
    with season.timed("undo"):
        ilgnet("undo")
        assert tree(root) == moved
        ilgnet("undo")
    assert tree(root) == before
    _check_nothing_is_scored_again(season, library)
    with season.timed("verify"):
        assert json.loads(ilgnet("library", "verify", root, "--json", "--quiet").stdout)["sound"]
    with season.timed("status"):
        status = json.loads(ilgnet("library", "status", root, "--json").stdout)
    assert (status["pictures"], len(status["orphans"])) == (season.pictures, DAYS)
    assert not status["missing"]
    (figures,) = (v for k, v in json.loads(learnt).items() if k != "name")
    return {"kept_after_kills": kept, "taste": figures, "agreement": bursts["agreement_with_stars"]}


def _check_nothing_is_scored_again(season: Season, library: tuple[object, ...]) -> None:
    last = _last_scored(season.root)
    with season.timed("score after moves"):
        ilgnet("score", *library, "--jsonl")
    assert _last_scored(season.root) == last


def _last_scored(root: Path) -> str:
    connection = sqlite3.connect(root / ".ilgnet" / "catalogue.db")
    (last,) = connection.execute("SELECT max(scored) FROM verdicts").fetchone()
    connection.close()
    return str(last)
