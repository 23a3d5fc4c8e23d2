"""What `/metrics` tells Prometheus. Each gateway has a registry of its own, so that tests may make several."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FIRST_AUDIO_S = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class Metrics:
    """Counters of one gateway; every name begins with gsv_gateway_."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gsv_gateway_requests", "Requests answered", ("route", "status"), registry=self.registry
        )
        self.first_audio_s = Histogram(
            "gsv_gateway_first_audio_seconds",
            "From the request to its first bytes of audio",
            ("api",),
            buckets=_FIRST_AUDIO_S,
            registry=self.registry,
        )
        self.audio_s = Counter("gsv_gateway_audio_seconds", "Audio spoken", ("api",), registry=self.registry)
        self.active = Gauge("gsv_gateway_active_streams", "Answers being spoken", registry=self.registry)
        self.cancelled = Counter(
            "gsv_gateway_cancelled", "Answers ended early: client left, stalled or interrupted", ("api", "reason"),
            registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "gsv_gateway_refused", "Who was told to come back later: 429 and 503", ("reason",), registry=self.registry
        )

    def text(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self.registry)
