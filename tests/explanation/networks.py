"""Small networks of every kind of head, as model folders, and pictures to show them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ilgnet.images.preprocess import Preprocess, prepare
from ilgnet.models.export import export_onnx, store_halves
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.trunks.mobilenet import MobileNet
from ilgnet.scoring import Scorer, load
from ilgnet.zoo.records import ONNX_NAME, Weights, write_weights

INPUT = Preprocess("warp", 224, 224, mean=(127.5,) * 3, std=(127.5,) * 3)


def make_network(
    reduce: Literal["flatten", "mean", "mean_and_deviation"] = "mean_and_deviation",
    width: int | None = None,
    connected: int | None = 16,
    *,
    seed: int = 0,
    output: Literal["votes", "high_low"] = "votes",
) -> ILGNet:
    """A thin network with weights strong enough for its votes to differ between pictures."""
    torch.manual_seed(seed)
    taps = dict.fromkeys(("block3", "block7", "block13"), width)
    network = ILGNet(MobileNet(width=1 / 8), taps, reduce, connected, output).eval()
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d):
                layer.weight.normal_(0, (2 / layer.weight[0].numel()) ** 0.5)
                if layer.bias is not None:
                    layer.bias.normal_(0, 0.1)
        pixels = [prepare(scene(number), INPUT) for number in range(3)]
        pixels.append(prepare(np.full((224, 224, 3), 120, np.uint8), INPUT))
        logits = network(torch.from_numpy(np.stack(pixels))).logits
        network.output.weight /= (logits - logits.mean(dim=0)).std().clamp_min(1e-6)
        network.output.bias -= network(torch.from_numpy(np.stack(pixels))).logits.mean(dim=0)
    return network


def make_scorer(network: ILGNet, folder: Path, *, float16: bool = False) -> Scorer:
    """The network as a model folder, loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    export_onnx(network, folder / ONNX_NAME)
    if float16:
        store_halves(folder / ONNX_NAME)
    record = Weights(
        name="tiny.test",
        architecture="tiny",
        output="votes" if network.output_kind == "votes" else "high_low",
        preprocess=INPUT,
        mean_error=0.5,
        licence="Apache-2.0",
        about="For tests.",
    )
    write_weights(record, folder)
    return load(folder, threads=1)


def scene(seed: int = 0, height: int = 240, width: int = 320) -> NDArray[np.uint8]:
    """A picture with large and small things in it: RGB uint8."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    picture = np.stack([90 + 80 * y, 110 + 60 * x, 140 - 50 * y], axis=2)
    for _ in range(12):
        cy, cx, size = random.uniform(0, 0.75), random.uniform(0, 1), random.uniform(0.03, 0.12)
        inside = np.hypot(y - cy, x - cx) < size
        picture[inside] = random.uniform(0, 255, 3)
    return np.clip(picture + random.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
