from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_client import InternalError, InvalidRequest, ServerBusy
from gsv_client.sse import EventDecoder, error_from_body

EVENTS = [{"chunk_index": i, "sentence": "你好 data: x"} for i in range(4)]
WIRE = b"".join(b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n" for event in EVENTS)


@given(st.lists(st.integers(0, len(WIRE)), max_size=20))
def test_events_are_the_same_wherever_the_network_cuts(cuts: list[int]) -> None:
    decoder = EventDecoder()
    edges = [0, *sorted(cuts), len(WIRE)]
    pieces = [WIRE[start:end] for start, end in itertools.pairwise(edges)]
    assert [event for piece in pieces for event in decoder.feed(piece)] == EVENTS


def test_an_error_event_is_raised_after_the_events_before_it() -> None:
    events = EventDecoder().feed(b'data: {"chunk_index":0}\n\ndata: {"error":"InvalidRequest: no; do that"}\n\n')
    assert next(events) == {"chunk_index": 0}
    with pytest.raises(InvalidRequest, match=r"^no; do that$"):
        next(events)


def test_an_event_that_is_no_json_is_an_internal_error() -> None:
    with pytest.raises(InternalError, match="no JSON"):
        list(EventDecoder().feed(b"data: <html>\n"))


@pytest.mark.parametrize(
    ("body", "status", "leaf"),
    [
        (b'data: {"error":"ServerBusy: full; later"}\n\n', 503, ServerBusy),
        (b'data: {"error":"ServerBusy: full; later"}\n\n', 400, ServerBusy),  # of a Triton without our repairs
        (b'{"error":"Exceeds maximum queue size"}', 503, ServerBusy),
        (b"<html>no</html>", 400, InvalidRequest),
        (b"", 500, InternalError),
        (b"[]", 500, InternalError),
    ],
)
def test_refused_requests_keep_their_leaf_over_the_http_status(body: bytes, status: int, leaf: type) -> None:
    assert type(error_from_body(body, status)) is leaf
