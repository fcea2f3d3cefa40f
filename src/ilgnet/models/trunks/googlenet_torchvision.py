"""Start the GoogLeNet trunk from torchvision's weights.

torchvision's GoogLeNet is no drop-in for Caffe's: it has a batch norm after every convolution, 3x3
kernels where the paper has 5x5, the maximum in the pooling branch, no response normalisation, and
takes RGB from -1 to 1. All but two of these can be folded into the trunk's own weights without
changing what it computes: the norms into the convolutions, the 3x3 kernels into the middle of 5x5
ones, the colour order and the scale into the first convolution. The two that cannot are choices of
architecture: `ilgnet_inception_v1_plain` has torchvision's (max, no response normalisation) and
computes the same maps; any other GoogLeNet trunk starts near them, not on them. torchvision's
auxiliary heads were never trained, so "loss1_conv" keeps its fresh weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ilgnet.errors import ModelError
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.trunks.googlenet import GoogLeNet

EPSILON: Final = 1e-3
SCALE: Final = 127.5
"""torchvision's pretrained network sees (RGB - 127.5) / 127.5."""

STEM: Final = {"conv1": "conv1", "conv2_reduce": "conv2", "conv2": "conv3"}
BRANCHES: Final = {
    "one": "branch1",
    "three_reduce": "branch2.0",
    "three": "branch2.1",
    "five_reduce": "branch3.0",
    "five": "branch3.1",
    "pool_proj": "branch4.1",
}


def fill_from_torchvision(network: ILGNet, state: Mapping[str, Tensor]) -> list[str]:
    """Fill the trunk, and the mean that the network subtracts, from torchvision's state.

    Args:
        network: with a GoogLeNet trunk; its head keeps its fresh weights.
        state: `torchvision.models.googlenet(...).state_dict()`, or the tensors of a safetensors
            file made of it.

    Returns:
        The names of the tensors that the trunk has no use for.
    """
    trunk = network.trunk
    if not isinstance(trunk, GoogLeNet):
        raise ModelError("torchvision's GoogLeNet fits only a GoogLeNet trunk")
    units = _units()
    missing = [name for unit in units.values() for name in _names(unit) if name not in state]
    if missing:
        raise ModelError(
            "these weights of torchvision's GoogLeNet are missing, nothing was loaded: "
            + ", ".join(missing)
        )
    own = dict(trunk.named_modules())
    folded = {name: _folded(unit, state, own[name]) for name, unit in units.items()}
    with torch.no_grad():
        for name, (weight, bias) in folded.items():
            own[name].get_parameter("weight").copy_(weight)
            own[name].get_parameter("bias").copy_(bias)
        # From RGB of -1 to 1, to BGR of 0 to 255.
        trunk.conv1.weight.copy_(trunk.conv1.weight.flip(1) / SCALE)
        if network.mean_image is not None:
            network.mean_image.fill_(SCALE)
    used = {name for unit in units.values() for name in _names(unit)}
    return [name for name in state if name not in used]


def _units() -> dict[str, str]:
    """Our convolution -> torchvision's unit of convolution and norm."""
    blocks = {
        f"{block}.{ours}": f"{block.replace('_', '')}.{theirs}"
        for block in ("inception_3a", "inception_3b", "inception_4a")
        for ours, theirs in BRANCHES.items()
    }
    return {**STEM, **blocks}


def _names(unit: str) -> list[str]:
    norm = [f"{unit}.bn.{part}" for part in ("weight", "bias", "running_mean", "running_var")]
    return [f"{unit}.conv.weight", *norm]


def _folded(unit: str, state: Mapping[str, Tensor], conv: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that does what convolution and norm did."""
    weight, scale, bias, mean, variance = (state[name].float() for name in _names(unit))
    factor = scale / (variance + EPSILON).sqrt()
    weight = weight * factor[:, None, None, None]
    own = conv.get_parameter("weight")
    border = (own.shape[-1] - weight.shape[-1]) // 2
    weight = F.pad(weight, (border,) * 4)
    if weight.shape != own.shape:
        raise ModelError(
            f"{unit}.conv.weight is {tuple(weight.shape)}, the trunk's {tuple(own.shape)}; "
            "is this torchvision's GoogLeNet?"
        )
    return weight, bias - mean * factor
