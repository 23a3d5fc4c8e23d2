"""What a hostile client sends is refused at the door, and whoever else speaks goes on speaking."""

import gzip
import json
import os
import queue
import stat
import urllib.error
import urllib.request
import zlib
from http.client import HTTPException
from pathlib import Path

import grpc
import numpy as np
import pytest

from gsv_runtime.server import local_server
from gsv_runtime.server.preload import library

from .conftest import LIMIT_S, Input, RawClient, recording
from .test_streams import SLOTS
from .test_t2s_sequences import Sequence

GOOD = {"text": "hello", "voice": "low", "language": "en"}
guarded = pytest.mark.skipif(library() is None, reason="without a C compiler Triton's own ports have no guards")


@pytest.fixture
def good(server, client, registered):
    """Called after each attack: the same server still speaks."""
    before = server_pid(server)

    def check():
        chunks, error = client.say(GOOD)
        assert error is None
        assert sum(chunk.waveform.size for chunk in chunks) > 0
        assert server_pid(server) == before

    return check


@pytest.fixture
def stranger(server):
    """A client that has not the server's key."""
    found = RawClient(server.ports.grpc)
    yield found
    found.channel.close()


def server_pid(server):
    return local_server.ServerState.read(server.state).server_pid


def post(server, path, body, headers=()):
    """Status and text of the answer; None and nothing where the connection was cut."""
    url = f"http://127.0.0.1:{server.ports.http}/v2/models/{path}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=LIMIT_S) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as failure:
        return failure.code, failure.read().decode()
    except (OSError, HTTPException):
        return None, ""


INTERNAL = {
    "hubert": [Input.of("audio_16k", np.zeros((1, 240 * 16_000), np.float32), "FP32")],
    "bert": [
        Input.of("bert_token_ids", np.full((1, 5), 99_999), "INT64"),
        Input.of("character_lengths", np.array([[5]]), "INT64"),
    ],
}


@pytest.mark.parametrize("model", INTERNAL)
def test_internal_models_answer_no_client_and_refuse_even_their_own_what_is_never_sent(model, stranger, client, good):
    for asker, told in ((stranger, "answers the server's own models only"), (client, "need ")):
        with pytest.raises(grpc.RpcError, match=told) as failure:
            asker.stub.ModelInfer(asker.request(model, INTERNAL[model]), timeout=LIMIT_S)
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    good()


def test_a_sequence_that_tts_did_not_open_keeps_no_slot(stranger, client):
    """Triton would keep each for a minute; ids may be texts, too."""
    for number in range(3 * SLOTS):
        request = Sequence(stranger, number).request(5, start=True)
        if number % 2:
            request.parameters["sequence_id"].string_param = f"mine-{number}"
        with pytest.raises(grpc.RpcError, match="answers the server's own models only"):
            stranger.stub.ModelInfer(request, timeout=LIMIT_S)
    others = [Sequence(client, number) for number in range(SLOTS)]
    assert [len(other.call(1, start=True)[0]) for other in others] == [1] * SLOTS
    assert [other.call(0, end=True) for other in others] == [([], "")] * SLOTS


def test_the_configuration_of_a_model_is_not_told(server, good):
    assert post(server, "tts/config", None)[0] == 403
    good()


def test_a_rate_with_no_common_factor_is_registered(client):
    client.voices({"action": "register", "voice": "odd", "reference_audio": recording(rate_hz=8_001)})
    client.voices({"action": "delete", "voice": "odd"})


def test_voices_are_listed_after_a_name(client, registered):
    (listed,) = client.voices({"action": "list", "after": "high"}).raw_output_contents[:1]
    assert b'"low"' in listed
    assert b'"high"' not in listed


def infer(**tensor):
    inputs = [{"name": "action", "shape": [1], "datatype": "BYTES", "data": ["list"]}]
    return json.dumps({"inputs": [*inputs, *([tensor] if tensor else [])]}).encode()


@guarded
@pytest.mark.parametrize("shape", [[2**40], [1, 2**63 - 1], [2**20, 2**20]])
def test_a_huge_shape_over_http_is_refused(shape, server, good):
    status, told = post(server, "voices/infer", infer(name="trim_reference", shape=shape, datatype="BOOL", data=[True]))
    assert status == 400
    assert "more than 16777216 elements" in told
    good()


@guarded
@pytest.mark.parametrize("path", ["voices/infer", "tts/generate", "tts/generate_stream"])
@pytest.mark.parametrize("depth", [4_000, 100_000, 2_000_000])
def test_deep_json_ends_its_own_connection_at_most(path, depth, server, good):
    status, _ = post(server, path, b'{"text": ' + b"[" * depth)
    assert status == (400 if depth == 4_000 else None)
    good()


@guarded
def test_a_body_that_unpacks_without_end_or_too_deep_is_refused_and_another_is_read(server, good):
    packed = {"Content-Encoding": "gzip"}
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(256)) + packer.flush()
    assert post(server, "voices/infer", bomb, packed)[0] == 500
    assert post(server, "voices/infer", gzip.compress(b"[" * 1_000_000), packed)[0] == 500
    assert post(server, "voices/infer", gzip.compress(infer()), packed)[0] == 200
    good()


@guarded
def test_a_large_body_is_refused_before_a_model_sees_it(client, good):
    inputs = [Input("text", "BYTES", (1,), bytes(65 * 2**20)), Input.of("voice", "low")]
    chunks, error = client.say(inputs)
    assert not chunks
    assert "the request has more than 64 MiB" in error
    good()


@guarded
def test_requests_that_nobody_reads_the_answers_of_are_bounded(server, client, good):
    """Three thousand on one stream; without the bound a process of the server ends by SIGABRT."""
    requests = queue.SimpleQueue()
    for _ in range(3_000):
        requests.put(client.request("tts", {**GOOD, "text": GOOD["text"] * 20, "cache": "off"}))
    call = client.stub.ModelStreamInfer(iter(requests.get, None), timeout=LIMIT_S)
    assert next(call) is not None
    call.cancel()
    while client.say(GOOD)[1]:  # ServerBusy, until those that were let in have noticed
        pass
    good()


@guarded
def test_the_key_stands_on_no_command_line(server):
    key = local_server.ServerState.read(server.state).admin_key.encode()
    assert len(key) == 32
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    assert any(b"@GSV_ADMIN_KEY" in line for line in lines)
    assert not any(key in line for line in lines)


def test_shared_memory_and_state_are_read_by_the_servers_user_alone(server):
    state = local_server.ServerState.read(server.state)
    files = [*Path("/dev/shm").glob(f"{state.shm_prefix}*"), server.state / "server.json"]
    assert len(files) > 5
    assert not any(stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files)
