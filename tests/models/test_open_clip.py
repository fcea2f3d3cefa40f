"""Image towers of open_clip, the real thing: built, started from a hub's file, tapped, exported."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from ilgnet.engines.onnx import OnnxEngine
from ilgnet.errors import ModelError
from ilgnet.models.export import export_onnx
from ilgnet.models.pretrained import start_trunk, trunk_file
from ilgnet.models.registry import architecture, create
from ilgnet.models.trunks.borrowed import beside_torchvision

open_clip = beside_torchvision("open_clip", "open-clip", "these tests")


def test_a_tower_computes_what_the_whole_model_does(tmp_path, caplog):
    network = create("open_clip:ViT-S-32@64").eval()
    assert not caplog.records, "that its weights are random is no news"
    whole = open_clip.create_model("ViT-S-32", force_image_size=64).eval()
    torch.nn.init.normal_(whole.visual.ln_post.weight)
    save_file(whole.state_dict(), tmp_path / "open_clip_model.safetensors")
    started = start_trunk(network, trunk_file(str(tmp_path)))
    assert "visual.proj" not in network.trunk.model.state_dict()
    assert "proj" in started.left_out
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        wanted = whole.visual.forward_intermediates(
            images, indices=[3, 7, 11], normalize_intermediates=True, intermediates_only=True
        )
        output = network(images)
    for one, other in zip(output.taps.values(), wanted["image_intermediates"], strict=True):
        assert one.shape == (2, 384, 2, 2)
        assert torch.allclose(one, other, atol=1e-5)
    export_onnx(network, tmp_path / "model.onnx")
    scored = OnnxEngine(tmp_path / "model.onnx").run(images.numpy())
    np.testing.assert_allclose(scored.probabilities, output.probabilities.numpy(), atol=1e-5)


def test_a_file_for_pictures_of_another_size_is_resampled():
    network = create("open_clip:ViT-S-32@64")
    given = torch.randn(1 + 7 * 7, 384)
    resampled = network.trunk.own_weights({"visual.positional_embedding": given})
    model = open_clip.create_model("ViT-S-32", force_image_size=64)
    state = {"visual.positional_embedding": given}
    open_clip.model.resize_pos_embed(state, model)
    expected = state["visual.positional_embedding"]
    assert torch.allclose(resampled["positional_embedding"], expected, atol=1e-6)


def test_pixels_are_normalised_as_the_published_weights_want_it():
    clip = architecture("open_clip:ViT-S-32@64").preprocess
    assert clip.mean[0] == pytest.approx(255 * 0.48145466)
    convolutional = create("open_clip:RN50@64")
    assert [tap.side for tap in convolutional.trunk.maps.values()] == [16, 16, 8, 4, 2]
    with pytest.raises(ModelError, match="open_clip has no model 'ViT-Z'"):
        create("open_clip:ViT-Z")
