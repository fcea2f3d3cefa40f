"""The second output: what frames of one scene differ by beside their scores.

One number cannot say both how a picture pleases and how cleanly it was taken: people like a dark
sky that a wrong exposure would give them too. So a small network on two maps of the trunk tells
a photograph from its degraded copies (docs/decisions/0024-technical-beside-the-score.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ilgnet.models.ilgnet import as_vector


class TechnicalHead(nn.Module):
    """Two feature maps in, one number out; differences are log-odds of being the better frame.

    Args:
        channels: of the two maps, by name, the earlier one first.
        width: of the convolutions.
        hidden: of the layer that mixes everything.
    """

    def __init__(self, channels: Mapping[str, int], width: int = 64, hidden: int = 64) -> None:
        super().__init__()
        self.names = tuple(channels)
        early, late = channels.values()
        self.early = nn.Sequential(
            _unit(early, width), _separable(width, width), _separable(width, width, 2)
        )
        self.late = _unit(late, width)
        self.middle = nn.Sequential(_separable(2 * width, width), _separable(width, width))
        self.whole = nn.Sequential(
            _separable(width, 2 * width, 2),
            _separable(2 * width, 2 * width),
            _separable(2 * width, 2 * width),
        )
        pooled = (9 + 1) * (early + late) + 2 * (width + 2 * width)
        self.norm = nn.BatchNorm1d(pooled, momentum=0.02)
        self.connected = nn.Linear(pooled, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Maps (N, C, h, w) by name -> (N,)."""
        seen = [maps[name] for name in self.names]
        early, late = (F.dropout2d(each, 0.1, self.training) for each in seen)
        middle = self.middle(torch.cat([self.early(early), self.late(late)], dim=1))
        pooled = [
            *(_ninths(each) for each in seen),
            *(as_vector(each, "mean_and_deviation")[:, each.shape[1] :] for each in seen),
            as_vector(middle, "mean_and_deviation"),
            as_vector(self.whole(middle), "mean_and_deviation"),
        ]
        z = F.dropout(self.norm(torch.cat(pooled, dim=1)), 0.3, self.training)
        hidden = F.dropout(F.relu(self.connected(z)), 0.3, self.training)
        value: Tensor = self.output(hidden).squeeze(1)
        return value

    @torch.no_grad()
    def standardise(self, values: Tensor) -> None:
        """Change the output layer so that these values (N,) would have mean 0 and deviation 1."""
        mean, deviation = values.mean(), values.std()
        self.output.weight.div_(deviation)
        self.output.bias.sub_(mean).div_(deviation)


def _unit(
    channels: int, filters: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, filters, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters, momentum=0.02),
        nn.ReLU6(),
    )


def _separable(channels: int, filters: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_unit(channels, channels, 3, stride, channels), _unit(channels, filters))


def _ninths(tap: Tensor) -> Tensor:
    """The means of corners, sides and middle: (N, C, h, w) -> (N, 9 C).

    The border, a fifth of either side, is where a careless crop cuts things.
    """
    rows, columns = (_parts(side) for side in tap.shape[2:])
    means = [
        tap[:, :, top:bottom, left:right].mean(dim=(2, 3))
        for top, bottom in rows
        for left, right in columns
    ]
    return torch.cat(means, dim=1)


def _parts(side: int) -> tuple[tuple[int, int], ...]:
    edge = 3 * side // 14
    return (0, edge), (edge, side - edge), (side - edge, side)
