"""Models that other distributions bring, found by the entry-point group `ilgnet.weights`.

A distribution of weights is a package whose folder is a model: `model.json` and its files beside
`__init__.py`. Its pyproject.toml gives it the name that `--model` takes:

    [project.entry-points."ilgnet.weights"]
    everyday = "ilgnet_everyday"

Nothing of it is run: the folder is looked up, not imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from ilgnet.errors import ModelError

GROUP: Final = "ilgnet.weights"


def installed_folders() -> dict[str, Path]:
    """The model folder of every installed distribution of weights, by its name for `--model`.

    Raises:
        ModelError: a distribution names a package that is not there.
    """
    from importlib.metadata import entry_points

    return {
        point.name: _folder(point.name, point.value)
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)
    }


def _folder(name: str, package: str) -> Path:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            f"the weights {name!r} are installed as the package {package!r}, which is not there. "
            "Install them again, or take them away, with pip"
        )
    return Path(next(iter(spec.submodule_search_locations)))
