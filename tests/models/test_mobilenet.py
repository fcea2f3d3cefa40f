import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ilgnet.models.registry import architecture, create
from ilgnet.models.trunks.mobilenet import BLOCKS, MobileNet, load_keras


def keras_arrays(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights under Keras' names and in its layouts."""
    arrays: dict[str, np.ndarray] = {}

    def add(name: str, kernel: str, shape: tuple[int, ...], filters: int) -> None:
        fan_in = shape[0] * shape[1] * (1 if kernel == "depthwise_kernel" else shape[2])
        arrays[f"{name}/{kernel}"] = rng.normal(0, (2 / fan_in) ** 0.5, shape).astype("f4")
        arrays[f"{name}_bn/gamma"] = rng.uniform(0.5, 1.5, filters).astype("f4")
        arrays[f"{name}_bn/beta"] = rng.normal(0, 0.1, filters).astype("f4")
        arrays[f"{name}_bn/moving_mean"] = rng.normal(0, 0.1, filters).astype("f4")
        arrays[f"{name}_bn/moving_variance"] = rng.uniform(0.5, 1.5, filters).astype("f4")

    add("conv1", "kernel", (3, 3, 3, 32), 32)
    channels = 32
    for index, (filters, _) in enumerate(BLOCKS, start=1):
        add(f"conv_dw_{index}", "depthwise_kernel", (3, 3, channels, 1), channels)
        add(f"conv_pw_{index}", "kernel", (1, 1, channels, filters), filters)
        channels = filters
    return arrays


def by_keras_rules(x: torch.Tensor, arrays: dict[str, np.ndarray]) -> torch.Tensor:
    """The network written out from Keras' rules: 'same' padding, epsilon 1e-3, ReLU6."""

    def unit(x: torch.Tensor, name: str, stride: int) -> torch.Tensor:
        depthwise = f"{name}/depthwise_kernel" in arrays
        kernel = arrays[f"{name}/{'depthwise_kernel' if depthwise else 'kernel'}"]
        weight = torch.from_numpy(
            kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)).copy()
        )
        size = weight.shape[2]
        total = [max(0, (-(-s // stride) - 1) * stride + size - s) for s in x.shape[2:]]
        pad = [total[1] // 2, total[1] - total[1] // 2, total[0] // 2, total[0] - total[0] // 2]
        x = F.conv2d(F.pad(x, pad), weight, stride=stride, groups=len(weight) if depthwise else 1)
        gamma, beta, mean, variance = (
            torch.from_numpy(arrays[f"{name}_bn/{part}"])[:, None, None]
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return ((x - mean) / (variance + 1e-3).sqrt() * gamma + beta).clamp(0, 6)

    x = unit(x, "conv1", 2)
    for index, (_, stride) in enumerate(BLOCKS, start=1):
        x = unit(unit(x, f"conv_dw_{index}", stride), f"conv_pw_{index}", 1)
    return x


def test_keras_weights_give_what_keras_rules_say():
    arrays = keras_arrays(np.random.default_rng(0))
    trunk = MobileNet().eval()
    load_keras(trunk, arrays)
    images = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (1, 3, 64, 96)).astype("f4"))
    with torch.inference_mode():
        expected = by_keras_rules(images, arrays)
        actual = trunk(images)["block13"]
    assert expected.std() > 0.01
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


def test_a_missing_keras_weight_is_noticed():
    arrays = keras_arrays(np.random.default_rng(0))
    del arrays["conv_dw_7_bn/beta"]
    with pytest.raises(KeyError, match="conv_dw_7_bn/beta"):
        load_keras(MobileNet(), arrays)


def test_maps_are_what_the_trunk_declares():
    trunk = MobileNet(width=1 / 8).eval()
    with torch.inference_mode():
        maps = trunk(torch.zeros(1, 3, 224, 224))
    assert list(maps) == list(trunk.maps)
    for name, declared in trunk.maps.items():
        assert maps[name].shape == (1, declared.channels, declared.side, declared.side)
        assert declared.side * declared.stride == 224


def test_the_default_architecture_takes_any_shape_and_learns():
    network = create("ilgnet_mobilenet_tiny")
    images = torch.rand(4, 3, 64, 96) * 2 - 1
    output = network(images)
    assert output.logits.shape == (4, 10)
    assert list(output.taps) == ["block5", "block9", "block11", "block12", "block13"]
    output.logits.logsumexp(dim=1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.trunk.parameters())


def test_size_of_the_real_one():
    trunk = sum(p.numel() for p in MobileNet().parameters())
    assert trunk == 3_206_976  # MobileNet V1 1.0 without its classifier
    assert architecture("ilgnet_mobilenet").preprocess.height == 224
