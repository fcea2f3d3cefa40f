"""Weights from and to Caffe, by name, all or nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilgnet.errors import ModelError
from ilgnet.models.caffe.files import read_caffemodel, write_caffemodel
from ilgnet.models.caffe.networks import caffe_layers
from ilgnet.models.caffe.weights import load_caffe, save_caffe, set_mean
from ilgnet.models.registry import create
from tests.models.networks import lively, photographs

ILGNET = "ilgnet_inception_v1_tiny"
RESIDUAL = "mini_inception_residual_tiny"
NETWORKS = [ILGNET, RESIDUAL]


def saved(name, folder):
    network = lively(name)
    save_caffe(network, folder, "net")
    return network, folder / "net.caffemodel"


def layers_of(path):
    """As `write_caffemodel` takes them; every layer is called a Layer."""
    return [(name, "Layer", arrays) for name, arrays in read_caffemodel(path).items()]


def snapshot(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def unchanged(network, before):
    return all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


@pytest.mark.parametrize("name", NETWORKS)
def test_every_number_comes_back(name, tmp_path):
    network, path = saved(name, tmp_path)
    other = lively(name, seed=1)
    load_caffe(other, path)
    other.mean_image.copy_(network.mean_image)  # which is another file
    assert unchanged(other, snapshot(network))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_weight_of_the_network_has_its_place_in_the_file(name):
    network = lively(name)
    places = sum(blob.numel() for layer in caffe_layers(network) for blob in layer.blobs)
    state = network.state_dict()
    rest = {"mean_image", *(n for n in state if n.endswith("num_batches_tracked"))}
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    assert places == sum(v.numel() for n, v in state.items() if n not in rest) + norms  # factors


def test_old_files_with_four_sides_fit(tmp_path):
    network, path = saved(ILGNET, tmp_path)
    old = [
        (name, kind, [array.reshape((1,) * (4 - array.ndim) + array.shape) for array in arrays])
        for name, kind, arrays in layers_of(path)
    ]
    write_caffemodel(tmp_path / "old.caffemodel", "net", old)
    other = lively(ILGNET, seed=1)
    load_caffe(other, tmp_path / "old.caffemodel")
    assert torch.equal(other.output.weight, network.output.weight)


@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_does_not_fit_is_listed_and_nothing_is_loaded(name, tmp_path):
    _, path = saved(name, tmp_path)
    (first, *_), (second, _, arrays), *rest = layers_of(path)
    wrong = [
        (f"{first}_old", "Layer", [np.zeros((2, 2), np.float32)]),
        (second, "Layer", [np.zeros((9, 9), np.float32), *arrays[1:]]),
        *rest,
    ]
    write_caffemodel(tmp_path / "wrong.caffemodel", "net", wrong)
    network = lively(name)
    before = snapshot(network)
    with pytest.raises(ModelError) as raised:
        load_caffe(network, tmp_path / "wrong.caffemodel")
    message = str(raised.value)
    assert f"missing: {first}[0], {first}[1]" in message
    assert f"unknown: {first}_old[0]" in message
    assert f"of another shape: {second}[0] (9 x 9 instead of" in message
    assert unchanged(network, before)


def test_one_missing_bias_is_enough_to_stop(tmp_path):
    _, path = saved(ILGNET, tmp_path)
    layers = layers_of(path)
    name, kind, arrays = layers[-1]
    write_caffemodel(path, "net", [*layers[:-1], (name, kind, arrays[:1])])
    with pytest.raises(ModelError, match=rf"missing: {name}\[1\]"):
        load_caffe(lively(ILGNET), path)


def as_fork(layers):
    """BatchNorm and Scale as the one layer of the fork: slope, bias, mean, variance, four sides."""
    scales = {name: arrays for name, _, arrays in layers if name.endswith("_scale")}
    for name, kind, arrays in layers:
        if name.endswith("_bn"):
            four = [*scales[f"{name.removesuffix('_bn')}_scale"], *arrays[:2]]
            yield name, "BN", [array.reshape(1, -1, 1, 1) for array in four]
        elif name not in scales:
            yield name, kind, arrays


def test_the_forks_batch_norm_is_read(tmp_path):
    network, path = saved(RESIDUAL, tmp_path)
    write_caffemodel(tmp_path / "fork.caffemodel", "net", as_fork(layers_of(path)))
    other = lively(RESIDUAL, seed=1)
    load_caffe(other, tmp_path / "fork.caffemodel")
    assert torch.equal(other.trunk.conv2_1.after.weight, network.trunk.conv2_1.after.weight)
    assert torch.equal(
        other.trunk.conv2_1.after.running_var, network.trunk.conv2_1.after.running_var
    )
    assert torch.equal(other.trunk.conv2_1.after.bias, network.trunk.conv2_1.after.bias)


def test_statistics_are_divided_by_their_factor(tmp_path):
    network, path = saved(RESIDUAL, tmp_path)
    factor = np.float32(4.0)
    scaled = [
        (name, kind, [arrays[0] * factor, arrays[1] * factor, np.full(1, factor)])
        if name.endswith("_bn")
        else (name, kind, arrays)
        for name, kind, arrays in layers_of(path)
    ]
    write_caffemodel(tmp_path / "scaled.caffemodel", "net", scaled)
    other = lively(RESIDUAL, seed=1)
    load_caffe(other, tmp_path / "scaled.caffemodel")
    assert torch.equal(
        other.trunk.conv3_1.after.running_mean, network.trunk.conv3_1.after.running_mean
    )


def test_only_the_published_networks_have_a_form_in_caffe(tmp_path):
    with pytest.raises(ModelError, match="only the two published networks"):
        save_caffe(create("ilgnet_inception_v4_tiny"), tmp_path, "net")
    with pytest.raises(ModelError, match="only the two published networks"):
        save_caffe(create("ilgnet_inception_v1_pooled"), tmp_path, "net")
    assert not list(tmp_path.iterdir())


def test_the_centre_of_the_mean_image_is_subtracted():
    network = lively(ILGNET)
    mean = np.random.default_rng(0).uniform(60, 140, (3, 112, 112)).astype(np.float32)
    images = photographs(ILGNET)
    set_mean(network, mean)
    with torch.no_grad():
        ours = network(images).logits
        set_mean(network, np.zeros_like(mean))
        by_hand = network(images - torch.from_numpy(mean[:, 6:105, 6:105])).logits
        without = network(images).logits
    assert torch.allclose(ours, by_hand, atol=1e-5)
    assert not torch.allclose(ours, without, atol=1e-2)


def test_a_network_of_any_size_takes_the_means_of_the_channels():
    network = create("ilgnet_inception_v1_plain")
    mean = np.arange(3 * 4 * 4, dtype=np.float32).reshape(3, 4, 4)
    set_mean(network, mean)
    assert network.mean_image.flatten().tolist() == [7.5, 23.5, 39.5]


def test_a_mean_image_that_is_too_small_is_refused():
    with pytest.raises(ModelError, match="50 x 60 is smaller than the network's input, 99 x 99"):
        set_mean(lively(ILGNET), np.zeros((3, 60, 50), np.float32))
    with pytest.raises(ModelError, match="subtracts no mean"):
        set_mean(create("ilgnet_inception_v4_tiny"), np.zeros((3, 256, 256), np.float32))
