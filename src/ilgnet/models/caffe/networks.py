"""The layer names of the two published networks, and of the trunk that GoogLeNet shares with one.

Layers without weights bear our own names; nothing refers to them.
"""

from __future__ import annotations

from typing import Final, cast

from torch import nn

from ilgnet.errors import ModelError
from ilgnet.models.caffe.layers import CaffeGraph, CaffeLayer
from ilgnet.models.ilgnet import ILGNet, ReducedTap
from ilgnet.models.trunks.googlenet import GoogLeNet, Inception, LocalResponseNorm
from ilgnet.models.trunks.mini_inception import (
    Bottleneck,
    ConvPReLU,
    Downsample,
    MiniInception,
    Residual,
    ThreeBranches,
    TwoBranches,
)

PROBABILITIES: Final = "probabilities"
"""Name of the last layer, the softmax."""

TAP_LAYERS: Final = {"inception_3a": "temp1", "inception_3b": "temp2", "loss1_conv": "temp3"}
"""Which layer reduces which tap in the first network."""

KNOWN_LAYERS: Final = {
    "temp_cjy": "ilgnet_inception_v1",
    "loss/classifier_wule": "mini_inception_residual",
}
"""A layer that only one of the published networks has -> that network."""


def caffe_layers(network: ILGNet) -> list[CaffeLayer]:
    """A network as Caffe's layers; the arrays in them are the network's own.

    Raises:
        ModelError: the network is neither of the two published ones, whatever its width.
    """
    graph = CaffeGraph()
    data = graph.input(network.trunk.input_size)
    trunk = network.trunk
    if isinstance(trunk, GoogLeNet) and _is_published(network, set(TAP_LAYERS)):
        tops = _googlenet(graph, trunk, data)
        logits = _connected_head(graph, network, tops)
    elif isinstance(trunk, MiniInception) and _is_published(network, {"pool4"}):
        top = graph.dropout("drop1", _mini_inception(graph, trunk, data), 0.4)
        logits = graph.linear("loss/classifier_wule", top, network.output)
    else:
        raise ModelError(
            "only the two published networks, with flattened taps, have a form in Caffe; "
            "use safetensors or ONNX for this one"
        )
    graph.softmax(PROBABILITIES, logits)
    return graph.layers


def googlenet_layers(trunk: GoogLeNet) -> list[CaffeLayer]:
    """The trunk alone, under the names that every GoogLeNet caffemodel uses."""
    graph = CaffeGraph()
    _googlenet(graph, trunk, graph.input(trunk.input_size))
    return graph.layers


def _is_published(network: ILGNet, taps: set[str]) -> bool:
    return network.reduce == "flatten" and set(network.taps) == taps


def _googlenet(graph: CaffeGraph, trunk: GoogLeNet, data: str) -> dict[str, str]:
    """Add the trunk; returns the name of every map's top."""
    lrn = isinstance(trunk.norm, LocalResponseNorm)
    top = _conv_relu(graph, "conv1/7x7_s2", data, trunk.conv1)
    top = graph.pool("pool1/3x3_s2", top, "MAX", 3, stride=2)
    top = _norm(graph, "pool1/norm1", top) if lrn else top
    top = _conv_relu(graph, "conv2/3x3_reduce", top, trunk.conv2_reduce)
    top = _conv_relu(graph, "conv2/3x3", top, trunk.conv2)
    top = _norm(graph, "conv2/norm2", top) if lrn else top
    top = graph.pool("pool2/3x3_s2", top, "MAX", 3, stride=2)
    inception_3a = _inception(graph, "inception_3a", top, trunk.inception_3a)
    inception_3b = _inception(graph, "inception_3b", inception_3a, trunk.inception_3b)
    top = graph.pool("pool3/3x3_s2", inception_3b, "MAX", 3, stride=2)
    inception_4a = _inception(graph, "inception_4a", top, trunk.inception_4a)
    top = graph.pool("loss1/ave_pool", inception_4a, "AVE", 5, stride=3)
    loss1_conv = _conv_relu(graph, "loss1/conv", top, trunk.loss1_conv)
    return {
        "inception_3a": inception_3a,
        "inception_3b": inception_3b,
        "inception_4a": inception_4a,
        "loss1_conv": loss1_conv,
    }


def _inception(graph: CaffeGraph, name: str, bottom: str, block: Inception) -> str:
    one = _conv_relu(graph, f"{name}/1x1", bottom, block.one)
    top = _conv_relu(graph, f"{name}/3x3_reduce", bottom, block.three_reduce)
    three = _conv_relu(graph, f"{name}/3x3", top, block.three)
    top = _conv_relu(graph, f"{name}/5x5_reduce", bottom, block.five_reduce)
    five = _conv_relu(graph, f"{name}/5x5", top, block.five)
    how = "AVE" if isinstance(block.pool, nn.AvgPool2d) else "MAX"
    top = graph.pool(f"{name}/pool", bottom, how, 3, pad=1)
    pool = _conv_relu(graph, f"{name}/pool_proj", top, block.pool_proj)
    return graph.concat(f"{name}/output", (one, three, five, pool))


def _connected_head(graph: CaffeGraph, network: ILGNet, tops: dict[str, str]) -> str:
    reduced = [
        _mixing(graph, layer, tops[tap], cast("ReducedTap", network.taps[tap]).layer)
        for tap, layer in TAP_LAYERS.items()
    ]
    top = _mixing(graph, "temp_cjy", graph.concat("temp", reduced), network.connected)
    return graph.linear("loss1/classifier_cjy", top, network.output)


def _mixing(graph: CaffeGraph, name: str, bottom: str, layer: nn.Module) -> str:
    linear, _, dropout = cast("nn.Sequential", layer)
    top = graph.linear(name, bottom, cast("nn.Linear", linear))
    graph.relu(f"{name}_relu", top)
    return graph.dropout(f"{name}_drop", top, cast("nn.Dropout", dropout).p)


def _mini_inception(graph: CaffeGraph, trunk: MiniInception, data: str) -> str:
    top = _conv_prelu(graph, "conv1/7x7_s3", data, trunk.conv1, "conv1/relu_7x7")
    top = graph.pool("pool1/3x3_s2", top, "MAX", 2, stride=2)
    top = _residual(graph, "conv2_1", "inception_2a", top, trunk.conv2_1)
    top = _residual(graph, "conv2_2", "inception_2b", top, trunk.conv2_2)
    top = _downsample(graph, "2", top, trunk.pooling2)
    top = _residual(graph, "conv3_1", "inception_3a", top, trunk.conv3_1)
    top = _residual(graph, "conv3_2", "inception_3b", top, trunk.conv3_2)
    top = _downsample(graph, "3", top, trunk.pooling3)
    top = _residual(graph, "conv4_1", "conv4_1", top, trunk.conv4_1)
    top = _residual(graph, "conv4_2", "conv4_2", top, trunk.conv4_2)
    return graph.pool("pool4/6x6_s1", top, "AVE", 7)


def _residual(graph: CaffeGraph, name: str, body_name: str, bottom: str, block: Residual) -> str:
    top, project = _body(graph, body_name, bottom, block.body)
    top = graph.conv(project, top, block.project)
    shortcut = bottom
    if isinstance(block.shortcut, nn.Conv2d):
        shortcut = graph.conv(f"{name}/1x1_s1_1_sc", bottom, block.shortcut)
    total = graph.add(name, (shortcut, top))
    if isinstance(block.after, nn.PReLU):
        return graph.prelu(f"{name}/relu", total, block.after)
    graph.batch_norm(name, total, block.after)
    return graph.relu(f"{name}/relu", total)


def _body(
    graph: CaffeGraph, name: str, bottom: str, body: ThreeBranches | TwoBranches | Bottleneck
) -> tuple[str, str]:
    """Add the body of a block; returns its top and the name of the projection after it."""
    if isinstance(body, Bottleneck):
        # The released description calls the first of these s2 though its stride is 1.
        three = "3x3_s2_2" if name == "conv4_1" else "3x3_s1_2"
        top = _conv_prelu(graph, f"{name}/1x1_s1_1", bottom, body.reduce)
        return _conv_prelu(graph, f"{name}/{three}", top, body.three), f"{name}/1x1_s1_3"
    one = _conv_prelu(graph, f"{name}/1x1", bottom, body.one)
    top = _conv_prelu(graph, f"{name}/3x3_reduce", bottom, body.three_reduce)
    three = _conv_prelu(graph, f"{name}/3x3", top, body.three)
    branches: tuple[str, ...] = (one, three)
    if isinstance(body, ThreeBranches):
        top = _conv_prelu(graph, f"{name}/5x5_reduce", bottom, body.five_reduce)
        branches = (three, _conv_prelu(graph, f"{name}/5x5", top, body.five), one)
    return graph.concat(f"{name}/output", branches), f"{name}/output_proj"


def _downsample(graph: CaffeGraph, number: str, bottom: str, block: Downsample) -> str:
    conv = _conv_prelu(graph, f"conv_pooling{number}/3x3", bottom, block.conv)
    pool = graph.pool(f"pool{number}", bottom, "MAX", 2, stride=2)
    return graph.concat(f"pooling{number}/output", (conv, pool))


def _conv_relu(graph: CaffeGraph, name: str, bottom: str, conv: nn.Conv2d) -> str:
    return graph.relu(_relu_name(name), graph.conv(name, bottom, conv))


def _conv_prelu(
    graph: CaffeGraph, name: str, bottom: str, unit: ConvPReLU, prelu: str | None = None
) -> str:
    return graph.prelu(prelu or _relu_name(name), graph.conv(name, bottom, unit.conv), unit.prelu)


def _relu_name(conv: str) -> str:
    block, _, layer = conv.partition("/")
    return f"{block}/relu_{layer}"


def _norm(graph: CaffeGraph, name: str, bottom: str) -> str:
    window, alpha = LocalResponseNorm.WINDOW, LocalResponseNorm.ALPHA
    return graph.lrn(name, bottom, size=window, alpha=alpha, beta=0.75)
