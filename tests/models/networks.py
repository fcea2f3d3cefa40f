"""Networks with weights that make tests sharp."""

from __future__ import annotations

import numpy as np
import torch
from skimage import data
from torch import Tensor, nn

from ilgnet.images.preprocess import prepare
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import architecture, architectures, create

TINY = [entry.name for entry in architectures() if entry.name.endswith("_tiny")]
"""One small member of every family."""


def lively(name: str, *, seed: int = 0) -> ILGNet:
    """A network, ready to judge, whose layers all matter and whose softmax is far from certain.

    Norms have statistics unlike 0 and 1, slopes and biases differ from channel to channel, and the
    output layer is scaled so that the logits spread by about one.
    """
    torch.manual_seed(seed)
    network = create(name).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=(2 / module.weight[0].numel()) ** 0.5)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.2, 0.2)
        elif isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)
        elif isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.05, 0.5)
    if network.mean_image is not None:
        network.mean_image.uniform_(80.0, 125.0)
    with torch.no_grad():
        logits = network(photographs(name)).logits
        network.output.weight /= (logits - logits.mean()).std().clamp_min(1e-6)
    return network


def photographs(name: str, count: int = 3) -> Tensor:
    """Real photographs as an architecture's input, float32 (N, 3, h, w)."""
    pictures = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()][:count]
    preprocess = architecture(name).preprocess
    return torch.from_numpy(np.stack([prepare(picture, preprocess) for picture in pictures]))
