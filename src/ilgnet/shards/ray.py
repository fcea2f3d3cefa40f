"""Shards on a Ray cluster: an actor on every core or GPU holds the model and takes shard by shard.

What an actor does with a shard is what a worker of the local pool does, so a part is the same
wherever it was made. An actor or a node that dies costs the shards it was working at, which Ray
gives to another.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import Any, Final

from ilgnet.errors import require
from ilgnet.shards.job import Shard
from ilgnet.shards.parts import read_stats
from ilgnet.shards.score import Stats
from ilgnet.shards.stores import Folder
from ilgnet.shards.worker import Terms, Worker

MOST_BLOCKS: Final = 10_000
"""Ray hands out blocks of shards; with more shards than this, some blocks hold several."""


def work_on_ray(
    terms: Terms,
    todo: Sequence[Shard],
    *,
    address: str | None = None,
    actors: int | None = None,
    cpus: float = 1.0,
    gpus: float = 0.0,
    again: bool = False,
) -> Iterator[Stats]:
    """Score shards on a Ray cluster.

    Every node needs this package and must reach the job's folder and the pictures.

    Args:
        terms: the job and how to work.
        todo: its shards, see `unfinished`.
        address: of the cluster, as `ray.init` takes it; None starts one on this machine. One that
            this process is connected to is used as it is.
        actors: how many hold the model; None takes as many as the cluster has cores (or GPUs).
        cpus: cores that an actor takes.
        gpus: GPUs that an actor takes; 0.5 puts two on one.
        again: do also shards that have a part.

    Yields:
        What each finished shard cost.

    Raises:
        MissingExtra: Ray is not installed.
        IlgnetError: as `work` does; Ray wraps it in an error of its own.
    """
    if not todo:
        return
    ray = _ray()
    if not ray.is_initialized():
        with _without_api_server():
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
    data = require("ray.data", "ray", "working on a cluster")
    data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    count = min(actors or _actors(ray, cpus, gpus), len(todo))
    shards = data.from_items(
        [asdict(shard) for shard in todo], override_num_blocks=min(len(todo), MOST_BLOCKS)
    )
    done = shards.map_batches(
        ShardActor,
        fn_constructor_args=(terms, again),
        batch_size=1,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(size=count, max_tasks_in_flight_per_actor=2),
        num_cpus=cpus,
        num_gpus=gpus,
    )
    for row in done.iter_rows():
        yield Stats(**row)


class ShardActor:
    """What Ray makes one of for each place in the pool."""

    def __init__(self, terms: Terms, again: bool) -> None:
        self.folder = Folder(terms.folder)
        self.worker = Worker(terms)
        self.again = again

    def __call__(self, batch: Any) -> Any:
        """Score the shards of a `pyarrow.Table`; returns one with a row of figures for each."""
        pa = require("pyarrow", "ray", "working on a cluster")
        figures = [asdict(self._do(Shard(**row))) for row in batch.to_pylist()]
        return pa.Table.from_pylist(figures)

    def _do(self, shard: Shard) -> Stats:
        if not self.again and self.folder.exists(shard.part):
            # An actor that died had been here, or a worker outside the cluster.
            return read_stats(self.folder, shard) or Stats(shard.name, 0, 0, 0, 0.0, 0.0, 0)
        return self.worker.do(shard)


def _ray() -> Any:
    # Ray would tell its makers how it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    return require("ray", "ray", "working on a cluster")


@contextmanager
def _without_api_server() -> Iterator[None]:
    """A cluster that is started here has no process whose one task would be statistics.

    Even where they are switched off, and there is no dashboard, it asks the metadata services of
    three clouds whose machine this is. Ray has no setting for that, so its own function is left
    out; a test sees what is connected to.
    """
    services: Any = import_module("ray._private.services")
    start = services.start_api_server
    services.start_api_server = lambda *_, **__: ("", None)
    try:
        yield
    finally:
        services.start_api_server = start


def _actors(ray: Any, cpus: float, gpus: float) -> int:
    there = ray.cluster_resources()
    if gpus:
        return max(1, int(there.get("GPU", 0) / gpus))
    return max(1, int(there.get("CPU", 1) / cpus))
