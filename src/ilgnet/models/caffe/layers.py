"""A network as Caffe sees it: named layers, and which of our arrays is which of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class CaffeLayer:
    """One layer.

    Attributes:
        name: in Caffe's files.
        kind: Caffe's layer type.
        bottoms: names of its inputs.
        top: name of its output; the name of its input where it works in place.
        settings: the rest of its description, nested as in the text form.
        blobs: our own arrays, in Caffe's order.
    """

    name: str
    kind: str
    bottoms: tuple[str, ...]
    top: str
    settings: dict[str, Any] = field(default_factory=dict)
    blobs: tuple[Tensor, ...] = ()


class CaffeGraph:
    """Collects layers in order. Each method adds one and returns the name of its output."""

    def __init__(self) -> None:
        self.layers: list[CaffeLayer] = []

    def input(self, side: int) -> str:
        """One square BGR picture."""
        shape = {"shape": {"dim": [1, 3, side, side]}}
        return self._add("data", "Input", (), input_param=shape)

    def conv(self, name: str, bottom: str, conv: nn.Conv2d) -> str:
        """A convolution with square kernels."""
        settings = {
            "num_output": conv.out_channels,
            "kernel_size": conv.kernel_size[0],
            "stride": conv.stride[0],
            "pad": int(conv.padding[0]),
        }
        return self._add(
            name, "Convolution", (bottom,), blobs=_blobs(conv), convolution_param=settings
        )

    def linear(self, name: str, bottom: str, linear: nn.Linear) -> str:
        """A fully connected layer."""
        settings = {"num_output": linear.out_features}
        return self._add(
            name, "InnerProduct", (bottom,), blobs=_blobs(linear), inner_product_param=settings
        )

    def relu(self, name: str, bottom: str) -> str:
        """In place."""
        return self._add(name, "ReLU", (bottom,), top=bottom)

    def prelu(self, name: str, bottom: str, prelu: nn.PReLU) -> str:
        """In place, one slope a channel."""
        return self._add(name, "PReLU", (bottom,), top=bottom, blobs=(prelu.weight,))

    def dropout(self, name: str, bottom: str, ratio: float) -> str:
        """In place."""
        settings = {"dropout_ratio": ratio}
        return self._add(name, "Dropout", (bottom,), top=bottom, dropout_param=settings)

    def pool(
        self, name: str, bottom: str, how: str, kernel: int, *, stride: int = 1, pad: int = 0
    ) -> str:
        """MAX or AVE; Caffe rounds the output size up."""
        settings = {"pool": how, "kernel_size": kernel, "stride": stride, "pad": pad}
        return self._add(name, "Pooling", (bottom,), pooling_param=settings)

    def lrn(self, name: str, bottom: str, *, size: int, alpha: float, beta: float) -> str:
        """Across channels."""
        settings = {"local_size": size, "alpha": alpha, "beta": beta}
        return self._add(name, "LRN", (bottom,), lrn_param=settings)

    def concat(self, name: str, bottoms: Sequence[str]) -> str:
        """Along the channels."""
        return self._add(name, "Concat", tuple(bottoms))

    def add(self, name: str, bottoms: Sequence[str]) -> str:
        """Element by element."""
        return self._add(name, "Eltwise", tuple(bottoms), eltwise_param={"operation": "SUM"})

    def batch_norm(self, name: str, bottom: str, norm: nn.BatchNorm2d) -> str:
        """As `name`_bn (mean, variance, factor 1) and `name`_scale, which every Caffe has."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        statistics = (norm.running_mean, norm.running_var, torch.ones(1))
        settings = {"use_global_stats": True, "eps": norm.eps}
        self._add(
            f"{name}_bn",
            "BatchNorm",
            (bottom,),
            top=bottom,
            blobs=statistics,
            batch_norm_param=settings,
        )
        return self._add(
            f"{name}_scale",
            "Scale",
            (bottom,),
            top=bottom,
            blobs=(norm.weight, norm.bias),
            scale_param={"bias_term": True},
        )

    def softmax(self, name: str, bottom: str) -> str:
        """Over the classes."""
        return self._add(name, "Softmax", (bottom,))

    def _add(
        self,
        name: str,
        kind: str,
        bottoms: tuple[str, ...],
        *,
        top: str | None = None,
        blobs: tuple[Tensor, ...] = (),
        **settings: Any,
    ) -> str:
        own = tuple(blob.detach() for blob in blobs)
        self.layers.append(CaffeLayer(name, kind, bottoms, top or name, settings, own))
        return top or name


def prototxt(name: str, layers: Sequence[CaffeLayer]) -> str:
    """The description of a network in Caffe's text form."""
    lines = [f'name: "{name}"']
    for layer in layers:
        lines.append("layer {")
        lines.append(f'  name: "{layer.name}"')
        lines.append(f'  type: "{layer.kind}"')
        lines.extend(f'  bottom: "{bottom}"' for bottom in layer.bottoms)
        lines.append(f'  top: "{layer.top}"')
        lines.extend(_text(layer.settings, "  "))
        lines.append("}")
    return "\n".join(lines) + "\n"


def _text(settings: dict[str, Any], indent: str) -> list[str]:
    lines = []
    for key, value in settings.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                lines += [f"{indent}{key} {{", *_text(item, indent + "  "), f"{indent}}}"]
            else:
                shown = str(item).lower() if isinstance(item, bool) else item
                lines.append(f"{indent}{key}: {shown}")
    return lines


def _blobs(layer: nn.Conv2d | nn.Linear) -> tuple[Tensor, ...]:
    return (layer.weight,) if layer.bias is None else (layer.weight, layer.bias)
