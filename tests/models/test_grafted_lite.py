"""The graft goes on as the MobileNet does, and leaves the Lite as it is."""

from __future__ import annotations

import pytest
import torch

from ilgnet.models.registry import architecture, create
from ilgnet.models.trunks.grafted_lite import FIRST_BLOCK, Graft, GraftedLite
from ilgnet.models.trunks.mobilenet import MobileNet
from tests.models.networks import lively


def test_its_blocks_are_the_last_of_the_mobilenet():
    mobilenet = MobileNet(width=1 / 8).eval()
    graft = Graft(8, 16, thin=1 / 8).eval()
    for own, theirs in zip(graft.blocks, mobilenet.blocks[FIRST_BLOCK - 1 :], strict=True):
        own.load_state_dict(theirs.state_dict())
    x = torch.rand(2, mobilenet.maps[f"block{FIRST_BLOCK - 1}"].channels, 14, 14)
    expected = x
    for block in mobilenet.blocks[FIRST_BLOCK - 1 :]:
        expected = block(expected)
    with torch.no_grad():
        assert torch.equal(graft.blocks(x), expected)
    assert expected.shape == (2, graft.channels, 7, 7)


def test_the_lite_is_left_as_it_is():
    trunk = lively("ilgnet_grafted_lite_tiny").trunk
    images = torch.rand(2, 3, 96, 128)
    with torch.no_grad():
        maps, alone = trunk(images), trunk.lite(images)
    assert maps.keys() == {*alone, "ava"}
    assert all(torch.equal(maps[name], alone[name]) for name in alone)


def test_the_graft_reads_texture_and_both_middle_maps():
    graft = lively("ilgnet_grafted_lite_tiny").trunk.graft
    near = torch.rand(1, graft.near.in_channels, 28, 28)
    middle = torch.rand(1, graft.enter.in_channels - graft.near.out_channels, 14, 14)
    with torch.no_grad():
        usual = graft(near, middle)
        assert not torch.equal(usual, graft(near + 1, middle))
        for channel in (0, middle.shape[1] - 1):
            other = middle.clone()
            other[:, channel] += 1
            assert not torch.equal(usual, graft(near, other))


@pytest.mark.parametrize(("part", "parameters"), [("lite", 4_811_072), ("graft", 2_632_000)])
def test_size(part, parameters):
    assert sum(p.numel() for p in getattr(GraftedLite(), part).parameters()) == parameters


def test_the_network_taps_texture_ava_and_content():
    network = create("ilgnet_grafted_lite_tiny")
    assert list(network.taps) == ["stage3", "stage5", "ava", "head"]
    assert architecture("ilgnet_grafted_lite2").preprocess.height == 224
