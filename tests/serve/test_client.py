"""ilgnet.Client gives what the model on this machine would have said."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import pytest

from ilgnet.client import Client
from ilgnet.errors import ImageError, ServiceError
from ilgnet.scoring import load
from ilgnet.serve.settings import Access, Limits
from ilgnet.values import Failure, Verdict
from tests.serve.conftest import Start, encoded


def test_the_same_verdicts_as_here(start: Start, model: Path, tmp_path: Path) -> None:
    paths = []
    for level in range(0, 250, 12):
        paths.append(tmp_path / f"{level}.png")
        paths[-1].write_bytes(encoded(level))
    paths.insert(3, tmp_path / "missing.png")
    paths.insert(7, tmp_path / "broken.png")
    paths[7].write_bytes(b"broken")
    here = list(load(model, threads=1).score_many(paths))
    with Client(start()) as client:
        there = list(client.score_many(paths))
        ranked = client.rank(paths, top=3)
        one = client.score(paths[0])
    assert [outcome.path for outcome in there] == list(map(str, paths))
    for mine, theirs in zip(here, there, strict=True):
        if isinstance(mine, Failure):
            assert theirs == mine
        else:
            assert isinstance(theirs, Verdict)
            assert theirs.score == pytest.approx(mine.score, abs=1e-4)
            assert theirs.votes == pytest.approx(mine.votes, abs=1e-5)
            assert astuple(theirs)[6:10] == astuple(mine)[6:10]
    assert isinstance(one, Verdict)
    scored = sorted((o.score for o in there if isinstance(o, Verdict)), reverse=True)
    assert [o.score for o in ranked if isinstance(o, Verdict)] == scored[:3]
    assert sum(isinstance(o, Failure) for o in ranked) == 2


def test_what_goes_wrong_is_said(start: Start) -> None:
    url = start(access=Access("a-key-of-sixteen-letters"))
    with Client(url) as stranger, pytest.raises(ServiceError, match="show the key"):
        stranger.score(encoded(1))
    with Client(url, key="a-key-of-sixteen-letters") as client:
        assert client.score(encoded(1)).score
        with pytest.raises(ImageError, match="image-0"):
            client.score(b"broken")
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(ServiceError, match="ilgnet serve"):
        nobody.score(encoded(1))


def test_a_busy_service_is_asked_again(start: Start) -> None:
    url = start(limits=Limits(pictures=16, queue=16), threads=1)
    large = encoded(90, "JPEG", (2000, 1500))
    with Client(url) as one, Client(url) as other:
        streams = zip(one.score_many([large] * 40), other.score_many([large] * 40), strict=True)
        assert all(isinstance(outcome, Verdict) for pair in streams for outcome in pair)
