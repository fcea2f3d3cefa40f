"""The model that these tests explain."""

from __future__ import annotations

from pathlib import Path

import pytest

from ilgnet.scoring import Scorer, load
from tests.explanation.networks import make_network, make_scorer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder; a network of its own, so that nothing hangs on the default's weights."""
    model = tmp_path_factory.mktemp("model")
    make_scorer(make_network(), model)
    return model


@pytest.fixture(scope="module")
def scorer(folder: Path) -> Scorer:
    return load(folder, threads=2)
