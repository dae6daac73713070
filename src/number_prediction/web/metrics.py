"""Metrics of the server for Prometheus. The accuracy of models is in `evaluation.metrics`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from number_prediction import __version__

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10)
_BATCH_PICTURES_BUCKETS = (1, 2, 5, 10, 20, 50, 100)


class Metrics:
    """Counters of one server; threads may share them."""

    def __init__(self, model_sha256s: Iterable[str]) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "number_prediction_requests", "Requests answered", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "number_prediction_request_seconds",
            "Time from the headers of a request to the end of its answer",
            ["route"],
            registry=registry,
            buckets=_SECONDS_BUCKETS,
        )
        self._rejections = Counter(
            "number_prediction_rejections", "Requests refused, by reason", ["reason"], registry=registry
        )
        self._in_progress = Gauge(
            "number_prediction_requests_in_work", "Requests in progress", registry=registry
        )
        self._batches = Histogram(
            "number_prediction_batch_pictures",
            "Pictures per batch",
            registry=registry,
            buckets=_BATCH_PICTURES_BUCKETS,
        )
        self._waiting = Gauge(
            "number_prediction_queue_pictures", "Pictures waiting to be read", registry=registry
        )
        model = Gauge(
            "number_prediction_model", "Models of the server", ["sha256", "version"], registry=registry
        )
        for sha256 in model_sha256s:
            model.labels(sha256, __version__).set(1)

    def watch_queue(self, waiting: Callable[[], int]) -> None:
        """Call `waiting` for the number of queued pictures each time the metrics are rendered."""
        self._waiting.set_function(waiting)

    def count_started(self) -> None:
        """Count a request whose headers have arrived."""
        self._in_progress.inc()

    def count_answered(self, route: str, status: int, seconds: float, problem: str | None) -> None:
        """Count an answered request; `problem` is the kind of problem, if any."""
        self._in_progress.dec()
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if problem is not None:
            self._rejections.labels(problem).inc()

    def count_batch(self, pictures: int) -> None:
        """Count a batch of this many pictures."""
        self._batches.observe(pictures)

    def render(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
