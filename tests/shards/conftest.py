"""What the tests of shards share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model that scores brightness."""
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
