import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gsv_gateway import tracing

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def spans(monkeypatch):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("test"))
    return exporter


def test_a_requests_trace_goes_through_to_the_server(running, triton, spans, eventually, monkeypatch):
    sent = []
    stream = triton.stream

    def remembered(model, inputs):
        sent.append(dict(tracing.headers()))
        return stream(model, inputs)

    monkeypatch.setattr(triton, "stream", remembered)
    body = {"model": "tts-1", "input": "Hello."}
    running.http.post("/v1/audio/speech", json=body, headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    eventually(lambda: len(spans.get_finished_spans()) == 2)
    speech, request = spans.get_finished_spans()
    assert (speech.name, request.name) == ("speech", "POST /v1/audio/speech")
    assert request.context.trace_id == int(TRACE, 16)
    assert speech.parent.span_id == request.context.span_id
    assert sent == [{"traceparent": f"00-{TRACE}-{speech.context.span_id:016x}-01"}]


def test_without_a_provider_nothing_is_handed_on():
    assert not trace.get_current_span().get_span_context().is_valid
    with tracing.span("speech"):
        assert tracing.headers() == {}


def test_without_an_address_nothing_is_exported_and_without_the_extra_that_is_told(caplog, monkeypatch):
    assert not tracing.configure({})
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert not tracing.configure({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    assert "gsv-gateway[otel]" in caplog.text
