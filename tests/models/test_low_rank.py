"""Low-rank updates: nothing at first, of the rank that was asked for, and part of the weights."""

from __future__ import annotations

import pytest
import torch

from ilgnet.errors import RecipeError
from ilgnet.models.groups import optimizer_groups
from ilgnet.models.low_rank import LowRank, add_low_rank, merge_low_rank
from ilgnet.models.registry import create


@pytest.mark.parametrize("name", ["timm:test_vit", "open_clip:ViT-S-32@64"])
def test_an_update_is_learned_and_merged(name):
    network = create(name).eval()
    side = network.trunk.input_size
    images = torch.randn(2, 3, side, side)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with torch.no_grad():
        logits = network(images).logits
    add_low_rank(network.trunk, 3)
    with torch.no_grad():
        assert torch.allclose(network(images).logits, logits, atol=1e-6), "zero at first"

    groups = optimizer_groups(network, learning_rate=1e-3, weight_decay=0.1)
    tuned = {group["name"]: group for group in groups if group["name"].startswith("trunk")}
    assert tuned.keys() == {"trunk low rank"}, "nothing else in the trunk learns"
    assert tuned["trunk low rank"]["weight_decay"] == 0.0
    updates = [module for module in network.modules() if isinstance(module, LowRank)]
    assert len(tuned["trunk low rank"]["params"]) == 2 * len(updates)
    optimizer = torch.optim.SGD(groups)
    for _ in range(2):
        optimizer.zero_grad()
        network(images).logits.square().sum().backward()
        optimizer.step()
    with torch.no_grad():
        learned = network(images).logits
    merge_low_rank(network.trunk)
    with torch.no_grad():
        assert torch.allclose(network(images).logits, learned, atol=1e-5)
    after = network.state_dict()
    assert after.keys() == before.keys(), "a plain network again"
    moved = [
        key for key in before if key.startswith("trunk.") and (after[key] != before[key]).any()
    ]
    assert len(moved) == len(updates)
    for key in moved:
        assert torch.linalg.matrix_rank(after[key] - before[key], rtol=1e-3) <= 3, key


def test_what_cannot_be_tuned_is_refused():
    with pytest.raises(RecipeError, match="fully connected layers, and this trunk has none"):
        add_low_rank(create("ilgnet_mobilenet_tiny").trunk, 4)
    with pytest.raises(
        RecipeError, match="this trunk has none"
    ):  # but for a pooling that is not used
        add_low_rank(create("open_clip:RN50@64").trunk, 4)
    with pytest.raises(RecipeError, match=r"low_rank is 64, and the smallest .* side of 64; take"):
        add_low_rank(create("timm:test_vit").trunk, 64)
