"""A trunk that another library builds: timm's or open_clip's, cut into feature maps.

Nothing is fetched: weights come from a local file, as the hubs of these libraries hand them out.

A plain vision transformer has maps of one size only. Its local taps are those after a third and two
thirds of its blocks, its global one the last, and all of them go through the transformer's own last
norm, as in DINOv2's own `get_intermediate_layers`: without it a few channels outweigh the others.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from types import ModuleType
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ilgnet.errors import MissingExtra, ModelError, require
from ilgnet.images.preprocess import Preprocess
from ilgnet.models.architecture import Architecture
from ilgnet.models.ilgnet import ILGNet, Output
from ilgnet.models.trunks.trunk import FeatureMap, Trunk

_OPERATORS: Final = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_declared: list[Any] = []  # a declaration lasts as long as the object that made it


class BorrowedTrunk(Trunk):
    """Feature maps "stage1" (shallow) to the deepest, of a model from elsewhere.

    Args:
        title: what errors call the model, as in "timm's resnet18".
        model: whose state is the trunk's; `_maps_of` runs it.
        side: of the pictures in pixels.
        widths: channels of every map, as announced.
        mean: of the pixels, R, G, B in 0..1.
        std: of the pixels, likewise.
    """

    def __init__(
        self,
        title: str,
        model: nn.Module,
        side: int,
        widths: Sequence[int],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        super().__init__()
        self.model = model
        self.input_size = side
        self.mean, self.std = tuple(mean), tuple(std)
        probed = self._probe(side)
        # A plain transformer's embedding of places is for one size; where timm resizes it on the
        # way, ONNX cannot follow.
        plain = len({tap.shape for tap in probed}) == 1
        self.any_size = not plain and self._takes(side + 32)
        self.channels_last = [
            _channels_last(m, w, title) for m, w in zip(probed, widths, strict=True)
        ]
        self.maps = {
            f"stage{index}": FeatureMap(tap.shape[1], side // tap.shape[2], tap.shape[2])
            for index, tap in enumerate(self._turned(probed), 1)
        }

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Turn RGB pictures (N, 3, h, w), normalised as the library says, into every map."""
        return dict(zip(self.maps, self._turned(self._maps_of(images)), strict=True))

    def own_weights(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of the library's own file, under the names of `model.state_dict()`.

        Position embeddings that were made for pictures of another size are resampled.
        """
        raise NotImplementedError

    def _maps_of(self, images: Tensor) -> list[Tensor]:
        raise NotImplementedError

    def _turned(self, taps: list[Tensor]) -> list[Tensor]:
        """The maps with their channels first, (N, C, h, w)."""
        return [
            tap.permute(0, 3, 1, 2).contiguous() if last else tap
            for tap, last in zip(taps, self.channels_last, strict=True)
        ]

    def _probe(self, side: int) -> list[Tensor]:
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                return self._maps_of(torch.zeros(1, 3, side, side))
        finally:
            self.model.train(training)

    def _takes(self, side: int) -> bool:
        """Whether pictures may have this side."""
        try:
            self._probe(side)
        except (RuntimeError, AssertionError, ValueError):
            return False
        return True


def _channels_last(tap: Tensor, width: int, title: str) -> bool:
    """Whether a map is (N, h, w, C); a map that is neither that nor (N, C, h, w) is refused."""
    if tap.ndim == 4 and tap.shape[1] == width:
        return False
    if tap.ndim == 4 and tap.shape[3] == width:
        return True
    raise ModelError(
        f"{title} yields a map of the shape {tuple(tap.shape)} where {width} channels were "
        "announced; such a trunk cannot be tapped"
    )


def thirds(blocks: int) -> tuple[int, int, int]:
    """The blocks of a plain vision transformer that are tapped, counted from 0."""
    return blocks // 3 - 1, 2 * blocks // 3 - 1, blocks - 1


def resample_embedding(embedding: Tensor, grid: tuple[int, int], prefix: int) -> Tensor:
    """Position embeddings for another number of patches.

    Args:
        embedding: (1, `prefix` + patches, D), of a square grid of patches.
        grid: rows and columns that are wanted.
        prefix: tokens before the patches, which have no place and stay as they are.
    """
    if embedding.shape[1] == prefix + grid[0] * grid[1]:
        return embedding
    first, patches = embedding[:, :prefix], embedding[:, prefix:]
    side = round(patches.shape[1] ** 0.5)
    square = patches.reshape(1, side, -1, patches.shape[2]).permute(0, 3, 1, 2).float()
    resized = F.interpolate(square, grid, mode="bicubic", antialias=True)
    return torch.cat([first, resized.flatten(2).transpose(1, 2).to(first.dtype)], dim=1)


def split_size(name: str) -> tuple[str, int | None]:
    """A model's name and the side of its pictures: "vit_small_patch14_dinov2@224".

    Without "@" the side is the one that the library has for the model.
    """
    name, at, side = name.partition("@")
    if at and not (side.isdecimal() and int(side)):
        raise ModelError(
            f"{name}@{side}: after @ stands the side of the pictures in pixels, as in {name}@224"
        )
    return name, int(side) if at else None


def borrowed_architecture(
    name: str, about: str, build: type[BorrowedTrunk], model: str
) -> Architecture:
    """The entry for a borrowed trunk: ILGNet's head with its last three maps, pooled.

    Args:
        name: of the architecture, as in "timm:resnet18".
        about: one sentence for people.
        build: the trunk's class.
        model: what it is called with.
    """
    trunk = build(model)  # type: ignore[call-arg]
    side = trunk.input_size
    preprocess = Preprocess(
        "warp", side, side, mean=_of_bytes(trunk.mean), std=_of_bytes(trunk.std)
    )
    return Architecture(name, about, partial(_ilgnet, build, model), preprocess)


def _of_bytes(values: Sequence[float]) -> tuple[float, float, float]:
    """From pixels in 0..1 to pixels in 0..255."""
    red, green, blue = values
    return 255 * red, 255 * green, 255 * blue


def _ilgnet(build: type[BorrowedTrunk], model: str, output: Output) -> ILGNet:
    trunk = build(model)  # type: ignore[call-arg]
    return ILGNet(
        trunk,
        taps=dict.fromkeys(list(trunk.maps)[-3:]),
        reduce="mean_and_deviation",
        connected=256,
        output=output,
        dropout=0.5,
    )


def beside_torchvision(package: str, extra: str, purpose: str) -> ModuleType:
    """Import a package that imports torchvision.

    PyPI's torchvision is made for the CUDA build of PyTorch: beside the CPU build its library of
    compiled operators cannot be loaded. It is meant to do without, yet describes two operators,
    non-maximum suppression of boxes, whether they are there or not, and that ends its import. So
    they are declared, by name alone: what is imported then is the real torchvision, in which
    everything works but these operators, and no trunk has boxes.

    Args:
        package: what to import.
        extra: the extra of this package that installs it.
        purpose: what it is needed for.

    Raises:
        MissingExtra: it is not installed, or its torchvision is for another PyTorch.
    """
    try:
        _import_torchvision()
        return require(package, extra, purpose)
    except (RuntimeError, AttributeError) as error:  # of another PyTorch than this one
        raise MissingExtra(
            f"{purpose} needs {package}, which needs torchvision, and the torchvision here does "
            f"not fit this PyTorch ({error}). Install the one that belongs to it: "
            f"pip install 'ilgnet[{extra}]'"
        ) from error


def _import_torchvision() -> None:
    try:
        require("torchvision", "timm", "importing it")
    except MissingExtra:
        return  # the package's own import says it
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error) or _declared:
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
        for operator in ("nms", "qnms"):
            library.define(operator + _OPERATORS)
        _declared.append(library)
        require("torchvision", "timm", "importing it")
