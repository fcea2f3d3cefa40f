"""Start a trunk from weights that were trained for something else; the head stays fresh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors.torch import load_file
from torch import Tensor, nn

from ilgnet.errors import ModelError
from ilgnet.models.caffe.weights import fill_googlenet
from ilgnet.models.checkpoints import check_shapes, copy_tensors
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.trunks.borrowed import BorrowedTrunk
from ilgnet.models.trunks.googlenet import GoogLeNet
from ilgnet.models.trunks.googlenet_torchvision import fill_from_torchvision
from ilgnet.zoo.records import RECORD_NAME

TRUNK: Final = "trunk."

HUB_FILES: Final = ("model.safetensors", "open_clip_model.safetensors")
"""What the hub's folders of timm and of open_clip call their weights."""


def trunk_file(start: str) -> Path | None:
    """The file of a trunk's weights that `model.start` names; None where it names a model.

    A folder as a hub hands it out (`config.json` beside the weights, no record of ours) is its file
    of weights.
    """
    path = Path(start)
    if path.suffix in (".safetensors", ".caffemodel"):
        return path
    if not path.is_dir() or (path / RECORD_NAME).is_file():
        return None
    return next((path / name for name in HUB_FILES if (path / name).is_file()), None)


@dataclass(frozen=True, slots=True)
class Started:
    """What was taken from a file.

    Attributes:
        remarks: in what the trunk differs from the network whose weights it now has; worth
            printing and worth keeping with the recipe.
        left_out: names in the file that the trunk has no use for.
    """

    remarks: tuple[str, ...]
    left_out: tuple[str, ...]


def start_trunk(network: ILGNet, path: Path) -> Started:
    """Fill the trunk of a network with fresh weights.

    Args:
        network: of any architecture; its head is not touched.
        path: a `.caffemodel` of an ordinary GoogLeNet (or of ILGNet), for a GoogLeNet trunk; a
            `.safetensors` of torchvision's GoogLeNet, for the same; a `.safetensors` of timm's or
            open_clip's, for a trunk of theirs; or a `.safetensors` of any network of this
            package with the same trunk, whatever its head.

    Raises:
        ModelError: the file lacks a part of the trunk, or has it in another shape.
    """
    if path.suffix == ".caffemodel":
        trunk = _googlenet(network, path)
        left_out = fill_googlenet(trunk, path)
        return Started(_caffe_remarks(trunk), tuple(left_out))
    if path.suffix != ".safetensors":
        raise ModelError(f"{path} is neither a .caffemodel nor a .safetensors file")
    tensors = load_file(path)
    if "conv1.bn.running_mean" in tensors:
        _googlenet(network, path)
        left_out = fill_from_torchvision(network, tensors)
        return Started(_torchvision_remarks(network), tuple(left_out))
    if isinstance(network.trunk, BorrowedTrunk) and "output.weight" not in tensors:
        named = network.trunk.own_weights(tensors)
        return Started((), tuple(_fill_trunk(network.trunk.model, named, path)))
    left_out = [name for name in tensors if not name.startswith(TRUNK)]
    own = {name.removeprefix(TRUNK): x for name, x in tensors.items() if name.startswith(TRUNK)}
    extra = _fill_trunk(network.trunk, own, path)
    return Started((), (*left_out, *(f"{TRUNK}{name}" for name in extra)))


def _googlenet(network: ILGNet, path: Path) -> GoogLeNet:
    if not isinstance(network.trunk, GoogLeNet):
        raise ModelError(f"the weights in {path} are GoogLeNet's; this trunk is another")
    return network.trunk


def _fill_trunk(trunk: nn.Module, tensors: dict[str, Tensor], path: Path) -> list[str]:
    own = trunk.state_dict()
    found = {name: tensor for name, tensor in tensors.items() if name in own}
    check_shapes(own, found, path)
    copy_tensors(own, found)
    return [name for name in tensors if name not in found]


def _caffe_remarks(trunk: GoogLeNet) -> tuple[str, ...]:
    if trunk.pool_branch == "max":
        return ("the pooling branches take the maximum, as GoogLeNet's weights were trained with",)
    return (
        "the pooling branches take the average, as ILGNet's do; GoogLeNet's weights were trained "
        "with the maximum (ilgnet_inception_v1_max keeps it)",
    )


def _torchvision_remarks(network: ILGNet) -> tuple[str, ...]:
    trunk = network.trunk
    assert isinstance(trunk, GoogLeNet)
    remarks = ["loss1_conv keeps fresh weights: torchvision's auxiliary heads were never trained"]
    if trunk.pool_branch != "max":
        remarks.append("the pooling branches take the average; torchvision's take the maximum")
    if trunk.response_norm:
        remarks.append("the trunk normalises responses across channels; torchvision's does not")
    return tuple(remarks)
