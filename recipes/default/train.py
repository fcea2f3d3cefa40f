"""Train the connected and output layers on pooled taps: votes, and the order of spoilt copies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from views import CLEAN, View
from votes import Array

from ilgnet.models.ilgnet import ILGNet
from ilgnet.models.registry import create
from ilgnet.models.trunks.trunk import Trunk

VOTES = torch.arange(1.0, 11.0)
ARCHITECTURE = "ilgnet_paired_lite2_technical"
WITHOUT_TECHNICAL = "ilgnet_paired_lite2"
LOCAL = ("block5", "block11", "stage3", "stage5")
"""The local taps, which come first; "stage7", "block13" and "head" see the whole picture."""
BATCH = 32


@dataclass(frozen=True)
class Plan:
    """What a trial may vary; the defaults are what inner folds chose.

    Attributes:
        epochs: passes over the pictures.
        rate: the highest learning rate of the one cycle.
        decay: weight decay.
        dropout: of the connected layer.
        order: weight of the loss on the order of original, mild and severe.
        mean: weight of the squared error of the mean vote beside the distance of the votes.
        ava: weight of NIMA in the target of unrated photographs; the teacher's is 1.
        rated: how many times as often a rated picture is seen as an unrated one.
        local: whether the connected layer sees the local taps, or the global one alone.
    """

    epochs: int = 12
    rate: float = 1e-3
    decay: float = 4.0
    dropout: float = 0.5
    order: float = 0.4
    mean: float = 1.0
    ava: float = 0.6
    rated: int = 3
    local: bool = True


class Head(nn.Module):
    """The connected and output layers of a network, with standardised inputs while training."""

    centre: Tensor
    scale: Tensor

    def __init__(self, network: ILGNet, pooled: Tensor, unseen: int) -> None:
        super().__init__()
        self.connected, self.output = network.connected, network.output
        deviation = pooled.std(dim=0)
        alive = deviation > 1.1e-3  # of a dead channel only the pooling's own epsilon is left
        floor = 0.1 * deviation[alive].median()
        scale = alive / deviation.clamp(min=float(floor))
        scale[:unseen] = 0.0
        self.register_buffer("centre", pooled.mean(dim=0))
        self.register_buffer("scale", scale)

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled taps (N, D) -> votes (N, 10)."""
        z = (pooled - self.centre) * self.scale
        return self.output(self.connected(z)).softmax(dim=1)

    @torch.no_grad()
    def fold(self) -> None:
        """Move the standardisation into the connected layer, where the exported network has it."""
        linear, _ = mixing(self.connected)
        linear.weight *= self.scale
        linear.bias.sub_(linear.weight @ self.centre)
        self.centre.zero_()
        self.scale.fill_(1)


def mixing(connected: nn.Module) -> tuple[nn.Linear, nn.Dropout]:
    """The linear layer and the dropout of a network's connected layer."""
    assert isinstance(connected, nn.Sequential)
    linear, _, dropout = connected
    assert isinstance(linear, nn.Linear)
    assert isinstance(dropout, nn.Dropout)
    return linear, dropout


@dataclass(frozen=True)
class Views:
    """All training views, their pooled taps, and where each picture's are.

    Attributes:
        views: V of them.
        pooled: (V, D).
        clean: picture -> rows that show the same picture.
        spoilt: picture -> rows of mildly spoilt copies; the severe one follows each.
    """

    views: Sequence[View]
    pooled: Tensor
    clean: dict[int, list[int]]
    spoilt: dict[int, list[int]]

    @classmethod
    def of(cls, views: Sequence[View], pooled: NDArray[np.float32]) -> Views:
        """Index them by picture."""
        clean: dict[int, list[int]] = {}
        spoilt: dict[int, list[int]] = {}
        for row, view in enumerate(views):
            if view.kind in CLEAN:
                clean.setdefault(view.picture, []).append(row)
            elif views[row - 1].kind != view.kind:
                spoilt.setdefault(view.picture, []).append(row)
        return cls(views, torch.from_numpy(pooled), clean, spoilt)


def fit(
    trunk: Trunk, data: Views, pictures: NDArray[np.int64], wanted: Array, plan: Plan, seed: int
) -> tuple[ILGNet, Head]:
    """Train a head on some pictures.

    Args:
        trunk: frozen; copied into the network that is returned.
        data: the views' pooled taps.
        pictures: rows of the material that may be seen; a repeated one is seen more often.
        wanted: votes (N, 10) that every picture's clean views should get.
        plan: the trial.
        seed: of the first weights and of the order of the pictures.
    """
    network = create(ARCHITECTURE)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    # The technical head would draw before the layers that learn here; the shipped ones began
    # without it.
    first = create(WITHOUT_TECHNICAL)
    network.connected.load_state_dict(first.connected.state_dict())
    network.output.load_state_dict(first.output.state_dict())
    network.trunk.load_state_dict(trunk.state_dict())
    _, dropout = mixing(network.connected)  # pooled taps are few enough: this one suffices
    dropout.p = plan.dropout
    local = sum(2 * network.trunk.maps[name].channels for name in LOCAL)  # mean and deviation
    rows = [row for p in np.unique(pictures) for row in data.clean[p]]
    head = Head(network, data.pooled[rows], 0 if plan.local else local)
    targets = torch.from_numpy(wanted).float()
    optimizer = torch.optim.AdamW(head.parameters(), plan.rate, weight_decay=plan.decay)
    batches = [
        order[start : start + BATCH]
        for order in (rng.permutation(pictures) for _ in range(plan.epochs))
        for start in range(0, len(order), BATCH)
    ]
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, plan.rate, total_steps=len(batches), pct_start=0.2
    )
    head.train()
    for chosen in batches:
        loss = _loss(head, data, chosen.tolist(), targets, plan, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    head.eval()
    return network, head


def _loss(
    head: Head,
    data: Views,
    pictures: Sequence[int],
    targets: Tensor,
    plan: Plan,
    rng: np.random.Generator,
) -> Tensor:
    """One clean view of each picture, and its spoilt copies behind it in their order."""
    clean = [int(rng.choice(data.clean[p])) for p in pictures]
    mild = [int(rng.choice(data.spoilt[p])) for p in pictures]
    severe = [row + 1 for row in mild]
    votes = head(data.pooled[[*clean, *mild, *severe]])
    loss = vote_loss(votes[: len(clean)], targets[list(pictures)], plan.mean)
    best, middle, worst = (votes @ VOTES).chunk(3)
    strength = torch.tensor([data.views[row].strength for row in mild])
    # A mild flaw has to cost little, a severe one more; costing more than that is no error.
    order = (0.15 + 0.5 * strength - best + middle).relu() + (0.2 - middle + worst).relu()
    return loss + plan.order * order.mean()


def vote_loss(predicted: Tensor, wanted: Tensor, mean: float) -> Tensor:
    """Squared earth mover's distance between votes (N, 10), and squared errors of the moments.

    The distance alone is nearly blind to the spread: the error of the mean drowns it.
    """
    distance = (predicted.cumsum(dim=1) - wanted.cumsum(dim=1)).square().sum(dim=1)
    (centre, width), (wanted_centre, wanted_width) = moments(predicted), moments(wanted)
    errors = mean * (centre - wanted_centre).square() + 4 * (width - wanted_width).square()
    return (distance + errors).mean()


def moments(votes: Tensor) -> tuple[Tensor, Tensor]:
    """Votes (N, 10) -> means and standard deviations (N,)."""
    mean = votes @ VOTES
    return mean, (votes * (VOTES - mean[:, None]).square()).sum(dim=1).clamp(min=1e-4).sqrt()


@torch.inference_mode()
def predict(head: Head, pooled: Tensor) -> Array:
    """Votes (N, 10)."""
    return torch.cat([head(part) for part in pooled.split(256)]).double().numpy()


def calibrate(head: Head, pooled: Tensor, wanted: Array) -> None:
    """Refit the output layer alone, so that pictures get exactly the wanted votes' scale."""
    with torch.inference_mode():
        hidden = head.connected((pooled - head.centre) * head.scale)
    hidden, targets = hidden.clone(), torch.from_numpy(wanted).float()
    optimizer = torch.optim.LBFGS(
        head.output.parameters(), max_iter=300, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = vote_loss(head.output(hidden).softmax(dim=1), targets, mean=3.0)
        loss.backward()
        return loss

    optimizer.step(closure)
