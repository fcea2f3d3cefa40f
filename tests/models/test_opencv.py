"""OpenCV, an independent reader of Caffe's files, computes what we compute."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest
import torch

from ilgnet.models.caffe.weights import save_caffe
from tests.models.networks import lively, photographs

# layer in Caffe -> module of ours, or a tap
ILGNET = {
    "pool1/norm1": "trunk.norm",
    "inception_3a/output": "trunk.inception_3a",
    "inception_3b/output": "trunk.inception_3b",
    "inception_4a/output": "trunk.inception_4a",
    "loss1/ave_pool": "trunk.loss1_pool",
    "temp1_relu": "taps.inception_3a",
    "temp2_relu": "taps.inception_3b",
    "temp3_relu": "taps.loss1_conv",
    "temp_cjy_relu": "connected",
    "loss1/classifier_cjy": "output",
}
RESIDUAL = {
    "conv2_1/relu": "trunk.conv2_1",
    "conv2_2/relu": "trunk.conv2_2",
    "pooling2/output": "trunk.pooling2",
    "conv3_2/relu": "trunk.conv3_2",
    "conv4_1/relu": "trunk.conv4_1",
    "conv4_2/relu": "trunk.conv4_2",
    "pool4/6x6_s1": "trunk.average",
    "loss/classifier_wule": "output",
}


def first_outputs(network, images) -> dict[str, np.ndarray]:
    """What every module returned the first time that it ran."""
    seen: dict[str, np.ndarray] = {}

    def note(name):
        def hook(module, inputs, output):
            if isinstance(output, torch.Tensor):
                seen.setdefault(name, output.numpy())

        return hook

    handles = [m.register_forward_hook(note(name)) for name, m in network.named_modules()]
    with torch.no_grad():
        seen["probabilities"] = network(images).probabilities.numpy()
    for handle in handles:
        handle.remove()
    return seen


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("ilgnet_inception_v1_tiny", ILGNET),
        ("ilgnet_inception_v1", ILGNET),
        ("mini_inception_residual_tiny", RESIDUAL),
        ("mini_inception_residual", RESIDUAL),
    ],
)
def test_opencv_agrees_layer_by_layer(name, layers):
    network, images = lively(name), photographs(name, 2)
    ours = first_outputs(network, images)
    with TemporaryDirectory() as folder:  # not tmp_path, which would keep 600 MB
        save_caffe(network, Path(folder), "net")
        opencv = cv2.dnn.readNetFromCaffe(f"{folder}/net.prototxt", f"{folder}/net.caffemodel")
    for index, image in enumerate(images):
        opencv.setInput((image - network.mean_image).numpy()[None])
        *theirs, probabilities = opencv.forward([*layers, "probabilities"])
        assert probabilities[0] == pytest.approx(ours["probabilities"][index], abs=1e-4)
        for found, module in zip(theirs, layers.values(), strict=True):
            expected = ours[module][index]
            scale = np.abs(expected).max()
            assert scale > 0, module
            assert np.abs(found.reshape(expected.shape) - expected).max() < 1e-4 * scale, module
    # Sharp enough to notice a difference: the photographs are judged apart, and not at 0 or 1.
    assert np.abs(np.diff(ours["probabilities"], axis=0)).max() > 0.01
    assert ours["probabilities"].min() > 0.001
