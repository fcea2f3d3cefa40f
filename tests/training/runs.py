"""What the tests of whole runs share: a recipe, and the command line in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ilgnet.cli.main import main

RECIPE = """
name = "tiny.miniature"
[model]
architecture = "ilgnet_mobilenet_tiny"
[loss]
emd = 1.0
ranking = 0.2
[augment]
zoom = 0.9
[optimizer]
learning_rate = 2e-2
[schedule]
name = "cosine"
warmup = 5
[run]
steps = 90
batch = 24
micro_batch = 13
evaluate_every = 11
checkpoint_every = 4
ema = 0.8
"""


def write_recipe(folder: Path) -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def ilgnet(*arguments: object) -> int:
    """Run the command line here, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


def log_entries(log: Path) -> list[dict[str, float]]:
    """The whole lines of a run's journal."""
    if not log.is_file():
        return []
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]
