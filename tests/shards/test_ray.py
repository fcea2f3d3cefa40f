"""A real Ray cluster of several nodes on this machine; a worker and a node die in the middle."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
os.environ.update(RAY_worker_niceness="0")  # else they wait for the other tests

from ilgnet.shards.arrow import score_arrow
from ilgnet.shards.ray import work_on_ray
from ilgnet.shards.stores import Folder
from ilgnet.shards.work import unfinished
from ilgnet.shards.worker import Terms
from tests.shards.collections import encoded, make_tar, multiset, planned, rows, scored

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes: a head that does no work, and two with a core each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
        from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "object_store_memory": 10**8},
    )
    made.add_node(num_cpus=1, object_store_memory=10**8)
    made.doomed = made.add_node(num_cpus=1, object_store_memory=10**8)
    ray.init(address=made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()


def actors() -> list[int]:
    """The processes of the pool's actors, by what Linux calls them."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
        except OSError:
            continue
        if b"ray::" in title and b"ShardActor" in title:
            found.append(int(folder.name))
    return found


def test_a_worker_and_a_node_die(cluster: Any, tmp_path: Path, model: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(8):
        make_tar(data / f"{number:02d}.tar", 40, 40 * number)
    single = planned([data], tmp_path / "single", model)
    scored(single)
    job = planned([data], tmp_path / "job", model)
    done: list[str] = []
    killed: list[int] = []
    todo = unfinished(Folder(job))
    for stats in work_on_ray(Terms(job), todo, actors=2):
        done.append(stats.shard)
        if len(done) == 1:
            killed = actors()[:1]
            os.kill(killed[0], signal.SIGKILL)
        if len(done) == 2:
            cluster.remove_node(cluster.doomed, allow_graceful=False)
    assert killed
    assert sorted(done) == sorted(shard.name for shard in todo)
    assert multiset(rows(job)) == multiset(rows(single))


def test_ray_scores_batches_by_the_same_function(cluster: Any, model: Path) -> None:
    import ray

    dataset = ray.data.from_items([{"id": i, "image": encoded(i)} for i in range(20)])
    found = dataset.map_batches(
        score_arrow, batch_format="pyarrow", fn_kwargs={"model": str(model)}, batch_size=8
    ).take_all()
    assert sorted(row["id"] for row in found) == list(range(20))
    assert {"score", "votes", "error", "sha256"} <= found[0].keys()
    assert "image" not in found[0]
