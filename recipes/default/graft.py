"""Teach the graft: from the Lite's maps to what NIMA's last map shows, and what spoils a picture.

No rating takes part, so one graft serves every fold. It learns from views of photographs and from
NIMA's map of each, position by position (Romero et al. 2015, arXiv:1412.6550, call such targets
hints); from NIMA's votes; and from the order of an original and its spoilt copies.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from maps import POOLING, Halves, Shown
from material import Nima
from numpy.typing import NDArray
from torch import Tensor, nn
from train import VOTES
from views import CLEAN, PART, View

from ilgnet.models.ilgnet import as_vector
from ilgnet.models.trunks.grafted_lite import FIRST_BLOCK, Graft

PICTURES = 8
"""In a step; each is seen as it is, in one other way, and spoilt mildly and severely."""


@dataclass(frozen=True)
class GraftPlan:
    """How to teach it.

    Attributes:
        steps: of `PICTURES` pictures.
        rate: the highest learning rate of what is new; NIMA's own blocks learn at a tenth of it.
        hint: weight of the error of the map.
        votes: weight of the error of NIMA's votes.
        order: weight of the order of spoilt copies.
    """

    steps: int = 2000
    rate: float = 1e-3
    hint: float = 0.3
    votes: float = 2.0
    order: float = 0.3


def fresh_graft(shown: Shown, nima: Nima) -> Graft:
    """NIMA's last blocks behind new layers."""
    graft = Graft(shown.near.shape[1], shown.middle.shape[1])
    for own, theirs in zip(graft.blocks, nima.trunk.blocks[FIRST_BLOCK - 1 :], strict=True):
        own.load_state_dict(theirs.state_dict())
    return graft


def teach(
    shown: Shown, views: Sequence[View], pictures: NDArray[np.int64], nima: Nima, plan: GraftPlan
) -> Graft:
    """Train a graft on some pictures' views; it is left as it judges."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    graft = fresh_graft(shown, nima)
    rows = Rows.of(views, pictures)
    sample = np.sort(rng.choice(rows.everything, min(1000, len(rows.everything)), replace=False))
    near, middle = (_deviations(kept[sample]) for kept in (shown.near, shown.middle))
    width = _deviations(shown.nima[sample])
    alive, width = width > 1e-3, width.clamp(min=0.05)
    order = nn.Linear(2 * graft.channels, 1)
    new = [p for n, p in graft.named_parameters() if not n.startswith("blocks.")]
    groups = [
        {"params": [*new, *order.parameters()], "lr": plan.rate},
        {"params": list(graft.blocks.parameters()), "lr": plan.rate / 10},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [plan.rate, plan.rate / 10], total_steps=plan.steps, pct_start=0.1
    )
    graft.eval()  # the norms keep NIMA's statistics: they are what makes its blocks NIMA's
    start = time.monotonic()
    for step in range(plan.steps):
        chosen, strength_order = rows.draw(rng)
        wanted = _tensor(shown.nima[chosen])
        found = graft(_tensor(shown.near[chosen]) / near, _tensor(shown.middle[chosen]) / middle)
        error = ((found - wanted) / width)[:, alive.flatten()]
        hint = error.square().mean() + 4 * error.mean(dim=(2, 3)).square().mean()
        ours, theirs = (_votes(nima, last) for last in (found, wanted))
        votes = 4 * (ours @ VOTES - theirs @ VOTES).square().mean()
        votes = votes + 2 * (ours.cumsum(1) - theirs.cumsum(1)).square().sum(dim=1).mean()
        best, middling, worst = order(as_vector(found, POOLING))[strength_order, 0].chunk(3)
        ordered = (
            F.softplus(4 * (middling - best)).mean() + F.softplus(4 * (worst - middling)).mean()
        )
        loss = plan.hint * hint + plan.votes * votes + plan.order * ordered
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 250 == 249:
            rate = (step + 1) * len(chosen) / (time.monotonic() - start)
            print(
                f"graft: step {step + 1} of {plan.steps}, {rate:.0f} views a second, map "
                f"{hint.item():.2f}, votes {votes.item():.2f}, order {ordered.item():.2f}",
                flush=True,
            )
    with torch.no_grad():  # the graft itself takes the maps as they are
        graft.near.weight /= near
        graft.enter.weight[:, : middle.shape[1]] /= middle
    return graft


@torch.inference_mode()
def grafted(graft: Graft, shown: Shown) -> NDArray[np.float32]:
    """The graft's map of every view, pooled: (V, 2 * 1024)."""
    parts = [
        as_vector(graft(_tensor(near), _tensor(middle)), POOLING)
        for near, middle in zip(_pieces(shown.near), _pieces(shown.middle), strict=True)
    ]
    return torch.cat(parts).numpy()


@dataclass(frozen=True)
class Rows:
    """Which views a picture has.

    Attributes:
        original: picture -> the row of its original.
        other: picture -> rows of its other views that are not spoilt.
        mild: picture -> rows of mildly spoilt copies; the severe one follows each.
    """

    original: dict[int, int]
    other: dict[int, list[int]]
    mild: dict[int, list[int]]

    @classmethod
    def of(cls, views: Sequence[View], pictures: NDArray[np.int64]) -> Rows:
        """Find them."""
        chosen = set(pictures.tolist())
        rows = cls({}, {p: [] for p in chosen}, {p: [] for p in chosen})
        for row, view in enumerate(views):
            if view.picture not in chosen:
                continue
            if view.kind == "original":
                rows.original[view.picture] = row
            elif view.kind in (*CLEAN, PART):
                rows.other[view.picture].append(row)
            elif views[row - 1].kind != view.kind:
                rows.mild[view.picture].append(row)
        return rows

    @property
    def everything(self) -> list[int]:
        """All rows."""
        spoilt = [row + more for rows in self.mild.values() for row in rows for more in (0, 1)]
        return [
            *self.original.values(),
            *(r for rows in self.other.values() for r in rows),
            *spoilt,
        ]

    def draw(self, rng: np.random.Generator) -> tuple[NDArray[np.int64], list[int]]:
        """Rows of one step, and the places among them of originals, mild and severe copies."""
        pictures = rng.choice(list(self.original), PICTURES, replace=False).tolist()
        mild = [int(rng.choice(self.mild[p])) for p in pictures]
        chosen = [
            *(self.original[p] for p in pictures),
            *mild,
            *(row + 1 for row in mild),
            *(int(rng.choice(self.other[p])) for p in pictures),
        ]
        return np.array(chosen), list(range(3 * PICTURES))


def _votes(nima: Nima, last: Tensor) -> Tensor:
    votes: Tensor = nima.dense(last.mean(dim=(2, 3))).softmax(dim=1)
    return votes


def _deviations(maps: Halves) -> Tensor:
    """Of each channel, over pictures and positions: (1, C, 1, 1)."""
    deviation: Tensor = _tensor(maps).std(dim=(0, 2, 3), keepdim=True)
    return deviation


def _pieces(maps: Halves, size: int = 64) -> list[Halves]:
    return [maps[start : start + size] for start in range(0, len(maps), size)]


def _tensor(maps: Halves) -> Tensor:
    return torch.from_numpy(maps.astype(np.float32)).to(memory_format=torch.channels_last)
