"""What the service counts, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

from ilgnet.values import Outcome, Verdict

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counts of one process, or of all workers where `PROMETHEUS_MULTIPROC_DIR` is set.

    Args:
        waiting: how many pictures wait now.
    """

    def __init__(self, waiting: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        registry = self._registry
        self._requests = Counter(
            "ilgnet_requests", "Requests answered.", ("route", "status"), registry=registry
        )
        self._seconds = Histogram(
            "ilgnet_request_seconds",
            "From a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._pictures = Counter(
            "ilgnet_pictures", "Pictures answered, by result.", ("result",), registry=registry
        )
        self._refused = Counter(
            "ilgnet_pictures_refused", "Pictures refused with 429.", registry=registry
        )
        queue = Gauge(
            "ilgnet_pictures_waiting",
            "Pictures that wait to be scored.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        queue.set_function(waiting)

    def note_request(self, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the pattern of its path, never the path itself."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def note_outcome(self, outcome: Outcome) -> None:
        """Count one picture, a failure by its code."""
        result = "scored" if isinstance(outcome, Verdict) else outcome.code
        self._pictures.labels(result).inc()

    def note_refused(self, pictures: int) -> None:
        """Count pictures that did not fit into the queue."""
        self._refused.inc(pictures)

    def text(self) -> bytes:
        """All counts in Prometheus' text form."""
        registry = self._registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
