"""Train the head: people's ratings, other models' opinions, copies that are alike and spoilt ones.

NumPy alone: the layers are small, and their slopes a page of algebra. Training goes on in the span
of some pictures' taps (landmarks), a fifth of their number; afterwards it is folded into the layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from graft import Head, bounded
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
T = TypeVar("T")


@dataclass(frozen=True)
class Plan:
    """What a trial may vary; the defaults are what two of the folds chose.

    Attributes:
        units: of the connected layer, half the default's: two heads are averaged.
        epochs: passes over the rated pictures.
        rate: the highest learning rate of the one cycle.
        decay: weight decay of the connected layer.
        dropout: of the connected layer.
        oasis: how many times as often a picture of OASIS is seen as one of PARA.
        unrated: weight of the loss on an unrated photograph; a rated one's is 1.
        nima: weight of NIMA's opinion of it; that of a ridge on OASIS is 1.
        quality: weight of the loss on technical quality.
        alike: weight of the squared move of a score between copies that are the same photograph.
        order: weight of what is missing to the margin between a photograph and a spoilt copy.
        quality_order: the same for technical quality.
        batch: rated pictures a step.
        copied: pictures with copies a step.
        shown: by how much the default's `technical` is enlarged for the head.
    """

    units: int = 96
    epochs: int = 11
    rate: float = 2e-3
    decay: float = 12.0
    dropout: float = 0.3
    oasis: int = 3
    unrated: float = 2.0
    nima: float = 1.2
    quality: float = 0.5
    alike: float = 1.5
    order: float = 0.4
    quality_order: float = 0.1
    batch: int = 128
    copied: int = 32
    shown: float = 6.0


@dataclass(frozen=True)
class Basis:
    """Taps (N, D) to components (N, K): (taps - centre) @ matrix."""

    centre: Floats
    matrix: Floats

    @classmethod
    def spanned(cls, taps: NDArray[np.float16]) -> Basis:
        """An orthonormal basis of what the standardised taps (K, D) of some pictures span."""
        values = taps.astype(np.float32)
        centre, deviation = values.mean(axis=0), values.std(axis=0)
        alive = deviation > 1.1e-3  # of a dead channel only the pooling's own epsilon is left
        scale = (alive / np.maximum(deviation, 0.1 * np.median(deviation[alive]))).astype(
            np.float32
        )
        z = (values - centre) * scale
        products = z @ z.T
        products[np.diag_indices(len(z))] += 1e-4 * np.trace(products) / len(z)
        lower = np.linalg.inv(np.linalg.cholesky(products)).astype(np.float32)
        return cls(centre, scale[:, None] * (lower @ z).T)

    def see(self, taps: NDArray[np.float16], step: int = 2048) -> Floats:
        """(N, D) -> (N, K)."""
        offset = self.centre @ self.matrix
        parts = [taps[start : start + step] for start in range(0, len(taps), step)]
        return np.concatenate([part.astype(np.float32) @ self.matrix - offset for part in parts])


@dataclass(frozen=True)
class Wanted:
    """What pictures should get, in deviations; nan where nobody knows.

    Attributes:
        score: (N,).
        quality: (N,).
        weight: (N,) of the loss on the score.
    """

    score: Floats
    quality: Floats
    weight: Floats


@dataclass(frozen=True)
class Pairs:
    """Copies of some pictures, as rows of what the head sees.

    Attributes:
        original: picture -> its row.
        alike: picture -> rows of the same photograph in other files.
        spoilt: picture -> (row of a spoilt copy, row of its clean companion, strength).
    """

    original: dict[int, int]
    alike: dict[int, list[int]]
    spoilt: dict[int, list[tuple[int, int, float]]]

    def without(self, pictures: set[int]) -> Pairs:
        """The others."""
        kept = [p for p in self.original if p not in pictures]
        return Pairs(
            {p: self.original[p] for p in kept},
            {p: self.alike[p] for p in kept},
            {p: self.spoilt[p] for p in kept},
        )


def shown(components: Floats, technical: Floats, unit: float, plan: Plan) -> Floats:
    """What the head sees (N, K + 1): components in units, and the default's `technical`."""
    return np.concatenate([components / unit, plan.shown * bounded(technical)[:, None]], axis=1)


@dataclass
class Network:
    """Layers by name, in NumPy.

    Attributes:
        layers: "weight" (K + 1, H), "bias" (H,), "output" (H, 2), "shift" (2,), "share" (1, 2).
    """

    layers: dict[str, Floats]
    moments: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    steps: int = 0

    @classmethod
    def fresh(cls, inputs: int, units: int, random: np.random.Generator) -> Network:
        """Before training."""
        weight = random.standard_normal((inputs, units)) * np.sqrt(0.5 / inputs)
        layers = {
            "weight": weight.astype(np.float32),
            "bias": np.zeros(units, np.float32),
            "output": (random.standard_normal((units, 2)) / np.sqrt(units)).astype(np.float32),
            "shift": np.zeros(2, np.float32),
            "share": np.zeros((1, 2), np.float32),
        }
        return cls(layers, {name: (0 * each, 0 * each) for name, each in layers.items()})

    @classmethod
    def together(cls, networks: Sequence[Network]) -> Network:
        """One network that says the average of several."""
        each = [network.layers for network in networks]
        layers = {
            "weight": np.concatenate([layers["weight"] for layers in each], axis=1),
            "bias": np.concatenate([layers["bias"] for layers in each]),
            "output": np.concatenate([layers["output"] for layers in each]) / len(each),
            "shift": np.mean([layers["shift"] for layers in each], axis=0),
            "share": np.mean([layers["share"] for layers in each], axis=0),
        }
        return cls({name: layer.astype(np.float32) for name, layer in layers.items()})

    def forward(self, seen: Floats, mask: Floats | None = None) -> tuple[Floats, Floats]:
        """(N, K + 1) -> units (N, H) after ReLU and mask, and score and quality (N, 2)."""
        layers = self.layers
        units = np.maximum(seen @ layers["weight"] + layers["bias"], 0)
        units = units if mask is None else units * mask
        said = units @ layers["output"] + layers["shift"] + seen[:, -1:] @ layers["share"]
        return units, said

    def predict(self, seen: Floats) -> Floats:
        """Score and quality (N, 2), in deviations."""
        parts = [self.forward(seen[start : start + 1024])[1] for start in range(0, len(seen), 1024)]
        return np.concatenate(parts)

    def slopes(self, seen: Floats, mask: Floats, units: Floats, slope: Floats) -> dict[str, Floats]:
        """The loss's slopes by layer, from its slope by score and quality (N, 2)."""
        back = (slope @ self.layers["output"].T) * mask * (units > 0)
        return {
            "weight": seen.T @ back,
            "bias": back.sum(axis=0),
            "output": units.T @ slope,
            "shift": slope.sum(axis=0),
            "share": seen[:, -1:].T @ slope,
        }

    def step(self, slopes: dict[str, Floats], rate: float, decay: float) -> None:
        """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
        self.steps += 1
        for name, layer in self.layers.items():
            slope, (first, second) = slopes[name], self.moments[name]
            first = 0.9 * first + 0.1 * slope
            second = 0.999 * second + 0.001 * (slope * slope)
            self.moments[name] = first, second
            move = first / (1 - 0.9**self.steps)
            move = move / (np.sqrt(second / (1 - 0.999**self.steps)) + 1e-8)
            lost = decay * layer if name == "weight" else 0.0
            self.layers[name] = (layer - np.float32(rate) * (move + lost)).astype(np.float32)


def fit(seen: Floats, rows: Rows, wanted: Wanted, pairs: Pairs, plan: Plan, seed: int) -> Network:
    """Train a head.

    Args:
        seen: what the head sees of every picture and copy.
        rows: of rated pictures and of those with another model's opinion; one that is there twice
            is seen twice in a pass.
        wanted: for every row of `seen`.
        pairs: copies.
        plan: the trial.
        seed: of everything that chance decides.
    """
    random = np.random.default_rng(seed)
    network = Network.fresh(seen.shape[1], plan.units, random)
    pictures = np.array(sorted(pairs.original))
    batches = [
        order[start : start + plan.batch]
        for order in (random.permutation(rows) for _ in range(plan.epochs))
        for start in range(0, len(order), plan.batch)
    ]
    for number, chosen in enumerate(batches, 1):
        copied, margins = _draw(pairs, pictures, plan, random)
        looked = seen[np.concatenate([chosen, copied])]
        mask = _mask(len(chosen), plan, random)
        units, said = network.forward(looked, mask)
        slope = np.zeros_like(said)
        slope[: len(chosen)] = _rated(said[: len(chosen)], chosen, wanted, plan)
        slope[len(chosen) :] = _copied(said[len(chosen) :], margins, plan)
        done = number / len(batches)
        warm = done / 0.2 if done < 0.2 else 0.5 * (1 + np.cos(np.pi * (done - 0.2) / 0.8))
        network.step(network.slopes(looked, mask, units, slope), plan.rate * warm, plan.decay)
    return network


def _draw(
    pairs: Pairs, pictures: Rows, plan: Plan, random: np.random.Generator
) -> tuple[Rows, Floats]:
    """Rows of originals, of copies that are alike, of clean companions and of spoilt copies."""
    drawn = random.choice(pictures, plan.copied).tolist()
    alike = [_one(pairs.alike[picture], random) for picture in drawn]
    spoilt = [_one(pairs.spoilt[picture], random) for picture in drawn]
    rows = [
        *(pairs.original[picture] for picture in drawn),
        *alike,
        *(companion for _, companion, _ in spoilt),
        *(row for row, _, _ in spoilt),
    ]
    return np.array(rows), np.array([0.15 + 0.6 * s for _, _, s in spoilt], np.float32)


def _one(found: Sequence[T], random: np.random.Generator) -> T:
    return found[int(random.integers(len(found)))]


def _mask(rated: int, plan: Plan, random: np.random.Generator) -> Floats:
    """What dropout leaves, enlarged; the copies of one picture lose the same units."""
    kept = random.random((rated + plan.copied, plan.units)) >= plan.dropout
    mask = kept.astype(np.float32) / np.float32(1 - plan.dropout)
    return np.concatenate([mask[:rated], *[mask[rated:]] * 4])


def _rated(said: Floats, rows: Rows, wanted: Wanted, plan: Plan) -> Floats:
    """The slope of the mean squared errors."""
    errors = np.stack([said[:, 0] - wanted.score[rows], said[:, 1] - wanted.quality[rows]], axis=1)
    slope = np.asarray(2 * np.nan_to_num(errors) / len(rows), np.float32)
    slope[:, 0] *= wanted.weight[rows]
    slope[:, 1] *= plan.quality
    return slope


def _copied(said: Floats, margins: Floats, plan: Plan) -> Floats:
    """The slope of the losses on copies: squared moves, and what is missing to margins."""
    parts = said.reshape(4, plan.copied, 2)
    slope = np.zeros_like(parts)
    for which, alike, order, wide in (
        (0, plan.alike, plan.order, 1.0),
        (1, 0.3 * plan.alike * (plan.quality_order > 0), plan.quality_order, 1.5),
    ):
        original, copy, companion, spoilt = parts[:, :, which]
        move = 2 * alike * (original - copy) / plan.copied
        missed = order * (wide * margins - companion + spoilt > 0) / plan.copied
        slope[:, :, which] = np.stack([move, -move, -missed, missed])
    return slope.reshape(-1, 2)


def folded(
    network: Network, basis: Basis, unit: float, plan: Plan, votes: tuple[float, float]
) -> Head:
    """As the file has it.

    Args:
        network: trained.
        basis: of the components that it saw.
        unit: of the components.
        plan: that it was trained by.
        votes: mean and deviation: what a score of 0 is worth, and a deviation.
    """
    layers = network.layers
    weight = basis.matrix @ (layers["weight"][:-1] / np.float32(unit))
    mean, deviation = votes
    scale = np.array([deviation, 1.0], np.float32)
    return Head(
        weight=weight,
        bias=layers["bias"] - basis.centre @ weight,
        order=plan.shown * layers["weight"][-1],
        output=layers["output"] * scale,
        shift=layers["shift"] * scale + np.array([mean, 0.0], np.float32),
        share=plan.shown * layers["share"][0] * scale,
        pairs=0.0,
    )
