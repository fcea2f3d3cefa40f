"""Weights in files: safetensors, by name, all or nothing. Pickle is neither written nor read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ilgnet.atomic import replacing
from ilgnet.errors import ModelError, in_words


def save_network(network: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write all weights and buffers; the file appears whole or not at all.

    Args:
        network: whose.
        path: where to.
        metadata: words for the file's header.
    """
    save_tensors(path, network.state_dict(), metadata)


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Write tensors by name, and words for the file's header; whole or not at all.

    Raises:
        ModelError: the disk is full, or does not take the file for another reason.
    """
    plain = {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
    with replacing(path) as partial:
        try:
            save_file(plain, partial, metadata)
        except SafetensorError as error:  # such as a full disk
            raise ModelError(f"{path} cannot be written: {in_words(error)}") from error


def read_metadata(path: Path) -> dict[str, str]:
    """The words in a safetensors file's header.

    Raises:
        ModelError: the file is damaged.
    """
    try:
        with safe_open(path, framework="np") as stream:
            return dict(stream.metadata() or {})
    except FileNotFoundError as error:
        raise ModelError(f"there is no file {path}") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as safetensors: {in_words(error)}") from error


def load_network(network: nn.Module, path: Path) -> None:
    """Fill a network from a file that `save_network` wrote.

    Every name and shape must match; otherwise the error lists what does not, and the network is
    left as it was.
    """
    try:
        tensors = load_file(path)
    except FileNotFoundError as error:
        raise ModelError(f"there is no file {path}") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} cannot be read as safetensors: {in_words(error)}") from error
    own = network.state_dict()
    check_shapes(own, tensors, path)
    copy_tensors(own, tensors)


def copy_tensors(own: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Copy values into a network's own tensors, name by name."""
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(values[name])


def check_shapes(own: Mapping[str, Tensor], found: Mapping[str, Tensor], source: Path) -> None:
    """Raise an error that lists every missing, unknown and mis-shaped tensor; see `check_names`."""
    check_names(
        {name: tuple(tensor.shape) for name, tensor in own.items()},
        {name: tuple(tensor.shape) for name, tensor in found.items()},
        source,
    )


def check_names(
    expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], source: Path
) -> None:
    """Raise an error that lists every missing, unknown and mis-shaped name.

    Args:
        expected: shapes that the network has, by name.
        found: shapes that the file has, by name.
        source: the file, for the message.
    """
    problems = [
        *_listed("missing", (name for name in expected if name not in found)),
        *_listed("unknown", (name for name in found if name not in expected)),
        *_listed(
            "of another shape",
            (
                f"{name} ({_shape(found[name])} instead of {_shape(shape)})"
                for name, shape in expected.items()
                if name in found and found[name] != shape
            ),
        ),
    ]
    if problems:
        raise ModelError(
            f"the weights in {source} do not fit this architecture, nothing was loaded.\n"
            + "\n".join(problems)
        )


def _listed(what: str, names: Iterable[str]) -> list[str]:
    listed = list(names)
    return [f"  {what}: {', '.join(listed)}"] if listed else []


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "scalar"
