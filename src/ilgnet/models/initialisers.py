"""How new layers are initialised: as Caffe's "xavier" filler does, which the original uses."""

from __future__ import annotations

from math import sqrt
from typing import Final, TypeVar

import torch
from torch import nn

BIAS: Final = 0.2
"""Where the biases of all layers but the classifier start."""

Layer = TypeVar("Layer", nn.Conv2d, nn.Linear)


def initialise(layer: Layer, *, bias: float = BIAS) -> Layer:
    """Initialise a layer: weights uniform within +-sqrt(3 / fan_in) ("xavier"), biases constant.

    Returns the layer itself.
    """
    bound = sqrt(3 / layer.weight[0].numel())
    with torch.no_grad():
        layer.weight.uniform_(-bound, bound)
        if layer.bias is not None:
            layer.bias.fill_(bias)
    return layer
