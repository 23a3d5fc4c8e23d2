"""OpenTelemetry: a span for each request and one for its speech, handed on to Triton as a traceparent.

Without the extra gsv-gateway[otel] spans cost nothing and go nowhere. With it, OTEL_EXPORTER_OTLP_ENDPOINT says where
they go; Triton joins the trace where it is started with ``--trace-config mode=opentelemetry``.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from starlette.datastructures import Headers
from starlette.types import Scope

_TRACER = trace.get_tracer("gsv_gateway")
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"

logger = logging.getLogger("gsv.gateway")


def configure(environment: Mapping[str, str]) -> bool:
    """Export spans where the environment says; return whether that is so."""
    if not environment.get(_ENDPOINT):
        return False
    if not all(importlib.util.find_spec(f"opentelemetry.{name}") for name in ("sdk", "exporter")):
        logger.warning("no traces: %s is set but gsv-gateway[otel] is not installed", _ENDPOINT)
        return False
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "gsv-gateway"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


@contextmanager
def request(scope: Scope) -> Iterator[None]:
    """Put what is done into the trace of the client, if it sent one."""
    name = f"{scope.get('method', 'WEBSOCKET')} {scope['path'][:100]}"
    parent = propagate.extract(Headers(scope=scope))
    with _TRACER.start_as_current_span(name, context=parent, kind=trace.SpanKind.SERVER):
        yield


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Put what is done into a span of its own."""
    with _TRACER.start_as_current_span(name, attributes=attributes, kind=trace.SpanKind.CLIENT):
        yield


def headers() -> Mapping[str, str]:
    """What tells Triton which trace a request belongs to; empty where there is none."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier
