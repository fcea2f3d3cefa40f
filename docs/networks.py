"""Write the table in docs/networks.md again, from the networks themselves.

python docs/networks.py            rewrites the table
python docs/networks.py --check    exits with 1 if that would change anything
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch
from torch import nn

from ilgnet.models.architecture import Architecture
from ilgnet.models.registry import architectures

PAGE = Path(__file__).with_suffix(".md")
TABLE = re.compile(r"(<!-- table -->\n).*?(\n<!-- end -->)", re.DOTALL)
HEADINGS = "network | trunk | head | all | MB | G multiply-adds | input | taps"


def table() -> str:
    """One line for every network but those for tests."""
    lines = [f"| {HEADINGS} |", "|---" + "|---:" * 5 + "|---|---|"]
    lines += [row(entry) for entry in architectures() if not entry.name.endswith("_tiny")]
    return "\n".join(lines)


def row(entry: Architecture) -> str:
    """Parameters of the trunk, of the head and of both; size; cost of one picture; taps."""
    network = entry.build(entry.output).eval()
    trunk, whole = (sum(p.numel() for p in part.parameters()) for part in (network.trunk, network))
    side = entry.preprocess.crop or entry.preprocess.height
    cost = multiply_adds(network, side) / 1e9
    cells = (
        f"`{entry.name}`",
        f"{trunk:,}",
        f"{whole - trunk:,}",
        f"{whole:,}",
        f"{whole * 4 / 1e6:.1f}",
        f"{cost:.2f}",
        f"{side} px",
        f"{', '.join(network.taps)}; {network.reduce.replace('_', ' ')}",
    )
    return f"| {' | '.join(cells)} |"


def multiply_adds(network: nn.Module, side: int) -> int:
    """Of convolutions and fully connected layers, for one picture; the grouped ones as they are."""
    total = 0

    def count(layer: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal total
        total += layer.get_parameter("weight")[0].numel() * output.numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(1, 3, side, side))
    return total


def page() -> str:
    """The page as it should be."""
    return TABLE.sub(lambda found: f"{found[1]}{table()}{found[2]}", PAGE.read_text("utf-8"))


def main() -> None:
    """Rewrite, or check."""
    fresh = page()
    if "--check" in sys.argv:
        sys.exit("run python docs/networks.py" if PAGE.read_text("utf-8") != fresh else 0)
    PAGE.write_text(fresh, "utf-8")


if __name__ == "__main__":
    main()
