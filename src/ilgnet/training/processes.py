"""Which of torchrun's processes this is, and what the processes tell each other.

`torchrun --nproc-per-node 4 -m ilgnet train RECIPE.toml` starts four; alone there is one, and
every function here is then a plain assignment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ilgnet.errors import RecipeError

PATIENCE: Final = timedelta(days=7)
"""How long a process waits for another: one decodes all pictures, or measures the model, while the
others wait. PyTorch's half an hour, and ten minutes on GPUs, are too short for AVA. Where a process
dies, torchrun ends the others at once."""


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among its peers.

    Attributes:
        rank: number of this process, 0 for the one that writes files and talks.
        world: how many there are.
        device: where this one computes.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and talks."""
        return self.rank == 0

    def place(self, inputs: Tensor) -> Tensor:
        """Inputs on the device; pictures in the layout in which convolutions are fastest."""
        layout = torch.channels_last if inputs.ndim == 4 else torch.contiguous_format
        return inputs.to(self.device, memory_format=layout, non_blocking=True)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The network with its gradients averaged over the processes."""
        if self.world == 1:
            return network
        devices = [self.device] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices)

    def gather(self, value: Any) -> list[Any]:
        """What every process has, in the order of their ranks."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values


@contextmanager
def join_processes(device: str = "auto") -> Iterator[Processes]:
    """Find this process's place, and leave in good order.

    Args:
        device: "auto" takes a GPU where there is one; or "cpu", "cuda".

    Raises:
        RecipeError: a GPU is asked for where there is none.
    """
    available = torch.cuda.is_available()
    kind = device if device != "auto" else ("cuda" if available else "cpu")
    if kind == "cuda" and not available:
        raise RecipeError(
            "PyTorch finds no GPU here: either there is none, or this is PyTorch's CPU build. "
            "Train with --device cpu, or install the build for your GPU"
        )
    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    place = torch.device(kind, local) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(place)
    if world == 1:
        yield Processes(0, 1, place)
        return
    dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Processes(rank, world, place)
        # Nobody leaves the group while another still works in it: the threads of a group that has
        # lost a member may end its process ("terminate called without an active exception").
        dist.barrier()
    finally:
        dist.destroy_process_group()
