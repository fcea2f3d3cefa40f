"""Both halves of the trunk see the picture as they were taught, and neither changes the other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ilgnet.images.preprocess import normalise
from ilgnet.models.registry import architecture, create
from ilgnet.models.trunks.mobilenet import NIMA_INPUT
from ilgnet.models.trunks.paired_lite import PairedLite
from tests.models.networks import lively

TINY = "ilgnet_paired_lite_tiny"


def test_each_half_gets_its_own_numbers():
    trunk = lively(TINY).trunk
    rgb = np.random.default_rng(0).integers(0, 256, (96, 128, 3)).astype(np.uint8)
    ours, theirs = (
        torch.from_numpy(normalise(rgb, preprocess))[None]
        for preprocess in (architecture(TINY).preprocess, NIMA_INPUT)
    )
    with torch.no_grad():
        maps = trunk(ours)
        expected = {**trunk.mobilenet(theirs), **trunk.lite(ours)}
    assert list(maps) == list(expected) == list(trunk.maps)
    for name, found in maps.items():
        torch.testing.assert_close(found, expected[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("half", "parameters"), [("lite", 4_811_072), ("mobilenet", 3_206_976)])
def test_size(half, parameters):
    assert sum(p.numel() for p in getattr(PairedLite(), half).parameters()) == parameters


def test_the_network_taps_both_halves_locally_and_globally():
    network = create(TINY)
    strides = {name: network.trunk.maps[name].stride for name in network.taps}
    assert strides == {
        "block5": 8,
        "block11": 16,
        "stage3": 8,
        "stage5": 16,
        "stage7": 32,
        "block13": 32,
        "head": 32,
    }
