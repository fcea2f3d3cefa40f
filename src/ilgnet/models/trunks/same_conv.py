"""Convolution padded as TensorFlow pads ("same"): what MobileNet and EfficientNet-Lite are made of.

At stride 2 and an even size, TensorFlow's padding is uneven: the odd pixel goes below and to the
right. PyTorch's convolution cannot do that, so the picture is padded first. ONNX's can, and is
asked to: a runtime that has to pad first copies every large map twice, a fifth of the whole time.
"""

from __future__ import annotations

from typing import Any, Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH_NORM_EPSILON: Final = 1e-3


class SameConv(nn.Conv2d):
    """A convolution without bias that turns h, w into h / stride, w / stride.

    Height and width should be multiples of the stride.
    """

    def __init__(
        self, channels: int, filters: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        before, after = (kernel - stride) // 2, (kernel - stride + 1) // 2
        self.uneven = (before, after) if before != after else None
        padding = 0 if self.uneven else before
        super().__init__(channels, filters, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """(N, channels, h, w) -> (N, filters, h / stride, w / stride)."""
        if self.uneven is None:
            return super().forward(input)
        if torch.onnx.is_in_onnx_export():
            exported = _Exported.apply(input, self.weight, self)  # type: ignore[no-untyped-call]
            return cast("Tensor", exported)
        return super().forward(F.pad(input, self.uneven * 2))


class _Exported(torch.autograd.Function):
    """The same, as the exporter sees it: one ONNX convolution with its padding."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, conv: SameConv) -> Tensor:
        del ctx
        assert conv.uneven is not None
        return F.conv2d(
            F.pad(images, conv.uneven * 2), weight, stride=conv.stride, groups=conv.groups
        )

    @staticmethod
    def symbolic(g: Any, images: Any, weight: Any, conv: SameConv) -> Any:
        assert conv.uneven is not None
        before, after = conv.uneven
        return g.op(
            "Conv",
            images,
            weight,
            kernel_shape_i=conv.kernel_size,
            strides_i=conv.stride,
            pads_i=(before, before, after, after),
            dilations_i=(1, 1),
            group_i=conv.groups,
        )


class ConvUnit(nn.Module):
    """A `SameConv` and batch norm, with ReLU6 unless `linear`.

    Args:
        momentum: of the norm's running moments, while training.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        linear: bool = False,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.linear = linear
        self.conv = SameConv(channels, filters, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(filters, BATCH_NORM_EPSILON, momentum)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, h, w) -> (N, filters, h / stride, w / stride)."""
        x = self.norm(self.conv(x))
        return x if self.linear else F.relu6(x)
