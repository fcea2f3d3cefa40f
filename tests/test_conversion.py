"""`ilgnet convert`: every form of weights into every other, as people call it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from ilgnet.cli.main import main
from ilgnet.engines.open import open_engine
from ilgnet.errors import ModelError
from ilgnet.images.preprocess import prepare
from ilgnet.models.caffe.files import read_caffemodel, read_mean, write_caffemodel, write_mean
from ilgnet.models.caffe.weights import save_caffe
from ilgnet.models.checkpoints import load_network, save_network
from ilgnet.models.export import export_onnx, store_halves
from ilgnet.models.registry import architecture, create
from ilgnet.scoring import load
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.records import ONNX_NAME, SAFETENSORS_NAME, Weights, read_weights, write_weights
from tests.models.networks import lively, photographs

ILGNET = "ilgnet_inception_v1_tiny"
RESIDUAL = "mini_inception_residual_tiny"


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([str(argument) for argument in arguments])
    return int(exit_.value.code or 0)


def caffe_files(folder, name=ILGNET):
    """A network, its caffemodel, and a mean image whose centre is the network's."""
    network = lively(name)
    save_caffe(network, folder, "net")
    side = network.trunk.input_size
    edge = (256 - side) // 2
    after = 256 - side - edge
    mean = np.pad(network.mean_image.numpy(), ((0, 0), (edge, after), (edge, after)), mode="edge")
    write_mean(folder / "mean.binaryproto", mean)
    return network, folder / "net.caffemodel", folder / "mean.binaryproto"


@pytest.mark.parametrize("name", [ILGNET, RESIDUAL])
def test_a_caffemodel_becomes_a_model_that_scores(name, tmp_path, capsys):
    network, weights, mean = caffe_files(tmp_path, name)
    target = tmp_path / "models" / "mine"
    assert run("convert", weights, target, "--architecture", name, "--mean", mean) == 0
    out, err = capsys.readouterr()
    assert out == f"{target}\n"
    assert "on 12 pictures it differs in probabilities by at most" in err
    record = read_weights(target)
    record.verify()
    assert set(record.files) == {ONNX_NAME, SAFETENSORS_NAME}
    assert (record.output, record.name) == ("high_low", f"{name}.net")
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["mine"]

    Image.fromarray(data.astronaut()).save(tmp_path / "astronaut.png")
    assert run("score", "--model", target, "--json", tmp_path / "astronaut.png") == 0
    with torch.no_grad():
        expected = network(photographs(name, 1)).probabilities[0, 1].item()
    verdict = load(target).score(data.astronaut())
    assert verdict.votes is None
    assert verdict.p_high == pytest.approx(expected, abs=1e-5)


def test_the_two_routes_are_chosen_by_name_and_give_different_numbers(tmp_path):
    network, weights, mean = caffe_files(tmp_path)
    common = ("convert", weights, "--architecture", ILGNET, "--mean", mean)
    assert run(*common, tmp_path / "measured") == 0
    assert run(*common, tmp_path / "single", "--route", "single_picture") == 0
    measured, single = read_weights(tmp_path / "measured"), read_weights(tmp_path / "single")
    assert (measured.preprocess.width, measured.preprocess.crop) == (112, 99)
    assert measured.preprocess.mean == (0.0, 0.0, 0.0)
    assert (single.preprocess.width, single.preprocess.crop) == (99, None)
    means = read_mean(mean).mean(axis=(1, 2))
    assert single.preprocess.mean == pytest.approx(means, rel=1e-6)

    # The single-picture route by hand: squeezed to the input, one mean a channel.
    network.mean_image.zero_()
    image = torch.from_numpy(prepare(data.coffee(), single.preprocess))[None]
    with torch.no_grad():
        expected = network(image).probabilities[0, 1].item()
    found = load(tmp_path / "single").score(data.coffee()).p_high
    assert found == pytest.approx(expected, abs=1e-5)
    assert load(tmp_path / "measured").score(data.coffee()).p_high != pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize(("mean", "blue"), [("ava1", 91.0018), ("ava2", 90.0504)])
def test_the_published_channel_means_are_known_by_name(tmp_path, mean, blue):
    _, weights, _ = caffe_files(tmp_path)
    common = ("convert", weights, "--architecture", ILGNET, "--mean", mean)
    assert run(*common, tmp_path / "model", "--route", "single_picture") == 0
    assert read_weights(tmp_path / "model").preprocess.mean[0] == pytest.approx(blue, rel=1e-6)


def test_a_caffemodel_without_a_mean_is_refused(tmp_path, capsys):
    _, weights, _ = caffe_files(tmp_path)
    assert run("convert", weights, tmp_path / "model", "--architecture", ILGNET) == 1
    assert "give, as --mean, the .binaryproto" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", [ILGNET, RESIDUAL])
def test_a_model_goes_to_caffe_and_back_unchanged(name, tmp_path, capsys):
    network, weights, mean = caffe_files(tmp_path, name)
    run("convert", weights, tmp_path / "model", "--architecture", name, "--mean", mean)
    capsys.readouterr()
    assert run("convert", tmp_path / "model", tmp_path / "caffe", "--to", "caffe") == 0
    out, err = capsys.readouterr()
    ends = ("binaryproto", "caffemodel", "prototxt")
    files = [tmp_path / "caffe" / f"{name}.net.{end}" for end in ends]
    said = tmp_path / "caffe" / f"{name}.net.trained_on.json"
    assert out.split() == [str(path) for path in (*files, said)]
    assert "every number identical" in err
    ours, theirs = read_caffemodel(weights), read_caffemodel(files[1])
    assert ours.keys() == theirs.keys()
    for layer, arrays in ours.items():
        assert all(map(np.array_equal, arrays, theirs[layer])), layer
    # `caffe test` crops the mean image with the picture, so the centre of the file is what was set.
    whole, mean_image = read_mean(files[0]), network.mean_image.numpy()
    side = (whole.shape[1] - mean_image.shape[1]) // 2
    height, width = mean_image.shape[1:]
    assert np.array_equal(whole[:, side : side + height, side : side + width], mean_image)


def test_safetensors_become_a_model_when_the_architecture_is_named(tmp_path, capsys):
    network = lively("ilgnet_inception_v4_tiny")
    save_network(network, tmp_path / "weights.safetensors")
    source, target = tmp_path / "weights.safetensors", tmp_path / "model"
    assert run("convert", source, target) == 1
    assert "name the architecture" in capsys.readouterr().err
    common = ("convert", source, target, "--architecture", "ilgnet_inception_v4_tiny")
    assert run(*common, "--name", "my.own", "--licence", "CC0-1.0") == 0
    record = read_weights(target)
    assert (record.name, record.licence) == ("my.own", "CC0-1.0")
    images = photographs("ilgnet_inception_v4_tiny").numpy()
    found = open_engine(record).run(images).probabilities
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).probabilities.numpy()
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_model_with_its_onnx_file_alone_becomes_safetensors(tmp_path):
    network = lively("ilgnet_mobilenet_tiny")
    save_network(network, tmp_path / "weights.safetensors")
    common = ("convert", tmp_path / "weights.safetensors", tmp_path / "first")
    run(*common, "--architecture", "ilgnet_mobilenet_tiny")
    first = read_weights(tmp_path / "first")
    first.file(SAFETENSORS_NAME).unlink()
    write_weights(first, tmp_path / "first")
    assert run("convert", tmp_path / "first", tmp_path / "second") == 0
    second = read_weights(tmp_path / "second")
    assert SAFETENSORS_NAME in second.files
    assert second.name == first.name
    images = photographs("ilgnet_mobilenet_tiny").numpy()
    found = open_engine(second, "torch").run(images).probabilities
    with torch.no_grad():
        expected = network(torch.from_numpy(images)).probabilities.numpy()
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_copy_says_all_that_its_source_says(tmp_path, capsys):
    # As the default: its ONNX file alone, with a second output and features of its own.
    name = "ilgnet_paired_lite_technical_tiny"
    source = tmp_path / "source"
    source.mkdir()
    export_onnx(lively(name), source / ONNX_NAME)
    store_halves(source / ONNX_NAME)
    seen = (TrainedOn("its trunk", collection="ava"),)
    record = Weights("two.outputs", name, "votes", architecture(name).preprocess, 0.6, "", "")
    write_weights(replace(record, trained_on=seen), source)
    assert run("convert", source, tmp_path / "copy") == 0
    assert "technical by at most" in capsys.readouterr().err
    one, other = load(source), load(tmp_path / "copy")
    for picture in (data.astronaut(), data.coffee()):
        ours, theirs = (scorer.score(picture) for scorer in (one, other))
        assert theirs.score == pytest.approx(ours.score, abs=1e-3)
        assert theirs.technical == pytest.approx(ours.technical, abs=1e-3)
    assert other.weights.trained_on == seen
    names = list(open_engine(other.weights).output_names)
    assert names == list(open_engine(one.weights).output_names)


def test_a_copy_that_would_say_less_is_refused(tmp_path, capsys):
    source = tmp_path / "source"
    source.mkdir()
    export_onnx(lively("ilgnet_paired_lite_technical_tiny"), source / ONNX_NAME)
    # The record names the network without the second output, as the default's once did.
    name = "ilgnet_paired_lite_tiny"
    record = Weights("less", name, "votes", architecture(name).preprocess, 0.6, "", "")
    write_weights(record, source)
    assert run("convert", source, tmp_path / "copy") == 1
    assert not (tmp_path / "copy").exists()
    assert capsys.readouterr().err


def test_weights_that_do_not_fit_leave_nothing_behind(tmp_path, capsys):
    _, weights, mean = caffe_files(tmp_path)
    layers = [(n, "Layer", a) for n, a in read_caffemodel(weights).items() if n != "temp1"]
    write_caffemodel(weights, "net", layers)
    before = sorted(tmp_path.iterdir())
    common = ("convert", weights, tmp_path / "model", "--architecture", ILGNET)
    assert run(*common, "--mean", mean) == 1
    assert "missing: temp1[0], temp1[1]" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_engines_that_disagree_leave_nothing_behind(tmp_path, capsys, monkeypatch):
    _, weights, mean = caffe_files(tmp_path)
    before = sorted(tmp_path.iterdir())
    from ilgnet.models.export import export_onnx

    def export_something_else(network, path):
        network.output.bias.data += torch.tensor([0.0, 0.1])
        export_onnx(network, path)
        network.output.bias.data -= torch.tensor([0.0, 0.1])

    monkeypatch.setattr("ilgnet.conversion.export_onnx", export_something_else)
    common = ("convert", weights, tmp_path / "model", "--architecture", ILGNET)
    assert run(*common, "--mean", mean) == 1
    assert "the engines disagree" in capsys.readouterr().err
    assert sorted(tmp_path.iterdir()) == before


def test_an_existing_folder_is_not_written_into(tmp_path, capsys):
    _, weights, mean = caffe_files(tmp_path)
    target = tmp_path / "model"
    target.mkdir()
    (target / "precious.txt").write_text("mine")
    common = ("convert", weights, target, "--architecture", ILGNET, "--mean", mean)
    assert run(*common) == 1
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in target.iterdir()] == ["precious.txt"]


def test_the_published_networks_are_recognised_by_their_layers(tmp_path):
    from ilgnet.conversion import _recognise

    for name, full in ((ILGNET, "ilgnet_inception_v1"), (RESIDUAL, "mini_inception_residual")):
        save_caffe(lively(name), tmp_path, name)
        assert _recognise(tmp_path / f"{name}.caffemodel") == full
    path = tmp_path / "other.caffemodel"
    write_caffemodel(path, "net", [("fc8", "InnerProduct", [np.ones((2, 2), np.float32)])])
    with pytest.raises(ModelError, match=r"none of the published networks \(its layers: fc8\)"):
        _recognise(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("model.onnx", "does not say what it is: give its model folder"),
        ("nothing", "no model"),
        ("weights.pth", "no model"),
    ],
)
def test_other_sources_are_refused_with_a_reason(tmp_path, capsys, source, message):
    assert run("convert", tmp_path / source, tmp_path / "model") == 1
    assert message in capsys.readouterr().err


def test_what_was_converted_trains_on(tmp_path):
    """The safetensors of a converted model fill a network of the same architecture."""
    network, weights, mean = caffe_files(tmp_path)
    run("convert", weights, tmp_path / "m", "--architecture", ILGNET, "--mean", mean)
    other = create(ILGNET)
    load_network(other, tmp_path / "m" / SAFETENSORS_NAME)
    assert torch.equal(other.mean_image, network.mean_image)
