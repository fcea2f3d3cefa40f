from __future__ import annotations

import pytest

from ilgnet.errors import ModelError
from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import FAMILIES, architecture, architectures, create, tabulate
from ilgnet.models.trunks import paired_lite


def test_every_entry_is_found_by_its_name():
    names = [entry.name for entry in architectures()]
    assert len(names) == len(set(names))
    assert all(architecture(name).name == name for name in names)
    assert all(entry.about.endswith(".") for entry in architectures())


def test_an_unknown_name_lists_the_close_ones():
    with pytest.raises(ModelError, match=r"'ilgnet_incepton_v1'.*ilgnet_inception_v1"):
        create("ilgnet_incepton_v1")


def test_a_name_that_is_like_nothing_lists_everything():
    with pytest.raises(ModelError, match=r"mini_inception_residual.*ilgnet_inception_v4"):
        create("###")


def test_a_name_cannot_be_taken_twice():
    entry = architectures()[0]
    with pytest.raises(ModelError, match=f"two architectures are called '{entry.name}'"):
        tabulate([entry, entry])


@pytest.mark.parametrize(("output", "classes"), [("votes", 10), ("high_low", 2)])
def test_any_architecture_gives_either_output(output, classes):
    network = create("ilgnet_inception_v1_tiny", output=output)
    assert network.output.out_features == classes
    assert network.output_kind == output


def test_a_tap_that_the_trunk_lacks_is_named():
    trunk = create("ilgnet_inception_v1_tiny").trunk
    with pytest.raises(ModelError, match=r"no feature map inception_9z; it has: inception_3a"):
        ILGNet(trunk, {"inception_9z": 8}, "mean", None, "votes")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_every_family_has_a_small_member_for_tests(family):
    small = [entry for entry in family.ARCHITECTURES if entry.name.endswith("_tiny")]
    # One with each set of outputs that the family's networks have.
    assert len(small) == 1 + (family is paired_lite)
    for entry in small:
        assert sum(p.numel() for p in create(entry.name).parameters()) < 1_000_000
