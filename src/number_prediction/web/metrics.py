"""What the server counts and measures, as Prometheus reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from number_prediction import __version__

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2, 5, 10)
_BATCH_SIZES = (1, 2, 5, 10, 20, 50, 100)


class Metrics:
    """Counters of one server; safe across threads."""

    def __init__(self, model_sha256s: Iterable[str]) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "number_prediction_requests", "Requests answered", ["route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "number_prediction_request_seconds",
            "From the head of a request to the end of its answer",
            ["route"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._rejections = Counter(
            "number_prediction_rejections", "Requests refused, by reason", ["reason"], registry=registry
        )
        self._in_work = Gauge("number_prediction_requests_in_work", "Requests in work", registry=registry)
        self._batches = Histogram(
            "number_prediction_batch_pictures",
            "Pictures read together",
            registry=registry,
            buckets=_BATCH_SIZES,
        )
        self._waiting = Gauge("number_prediction_queue_pictures", "Pictures that wait", registry=registry)
        model = Gauge(
            "number_prediction_model", "The models that read", ["sha256", "version"], registry=registry
        )
        for sha256 in model_sha256s:
            model.labels(sha256, __version__).set(1)

    def watch_queue(self, waiting: Callable[[], int]) -> None:
        """Ask `waiting` for the number of pictures in the queue whenever the metrics are rendered."""
        self._waiting.set_function(waiting)

    def count_begun(self) -> None:
        """A request came."""
        self._in_work.inc()

    def count_answered(self, route: str, status: int, seconds: float, problem: str | None) -> None:
        """A request was answered; `problem` is the kind of its refusal."""
        self._in_work.dec()
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        if problem is not None:
            self._rejections.labels(problem).inc()

    def count_batch(self, pictures: int) -> None:
        """Pictures were read together."""
        self._batches.observe(pictures)

    def render(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
