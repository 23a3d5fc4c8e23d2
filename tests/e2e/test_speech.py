"""The main job on a real server: voices, streams, seeds, concurrency, cancellation, restarts."""

import base64
import concurrent.futures
import json
import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gsv_client import Client
from gsv_client.cli import main

from .conftest import recording
from .test_bad_input import sse

TEXT = "Hello world, this is a test. It has three sentences."
REPEATABLE = {"text": TEXT, "language": "en", "seed": 5}


def speak(client, **inputs):
    chunks, error = client.say({**REPEATABLE, **inputs})
    assert error is None
    return np.concatenate([chunk.waveform for chunk in chunks])


def snr_db(reference, other):
    return 10 * np.log10(np.sum(reference**2) / max(np.sum((reference - other) ** 2), 1e-20))


def test_speech_arrives_sentence_by_sentence_with_rate_index_and_timing(client, registered):
    chunks, error = client.say({**REPEATABLE, "voice": "low"})
    assert error is None
    assert len(chunks) > 1
    assert [int(chunk.outputs["chunk_index"][0]) for chunk in chunks] == list(range(len(chunks)))
    for chunk in chunks:
        assert chunk.outputs["sample_rate_hz"] == 32_000
        assert chunk.waveform.size > 0
        assert np.abs(chunk.waveform).max() <= 1
        assert chunk.outputs["sentence"]
        assert {"t2s", "acoustic", "vocoder"} <= json.loads(chunk.outputs["timing_ms"]).keys()
    assert "text_frontend" in json.loads(chunks[0].outputs["timing_ms"])


def test_exactly_the_last_response_is_final(client, registered):
    responses = list(client.stream({**REPEATABLE, "voice": "low"}))
    finals = [response.infer_response.parameters["triton_final_response"].bool_param for response in responses]
    assert finals == [False] * (len(finals) - 1) + [True]
    assert responses[-1].infer_response.outputs


def test_an_error_is_the_only_response(client, registered):
    responses = list(client.stream({"text": "", "voice": "low"}))
    assert len(responses) == 1
    assert responses[0].error_message


def test_the_same_seed_gives_the_same_audio_and_another_does_not(client, registered):
    first = speak(client, voice="low")
    assert np.array_equal(first, speak(client, voice="low"))
    other = speak(client, voice="low", seed=6)
    assert first.size != other.size or not np.allclose(first, other)


@pytest.mark.parametrize(
    "text", ["你好，世界。今天天气很好。", "我的 computer 今天 crash 了两次。", "It costs $12.50 in 2024."]
)
def test_mandarin_mixed_text_and_numbers_are_spoken(client, registered, text):
    assert speak(client, voice="low", text=text, language="auto").size > 32_000 // 4


def test_an_inline_reference_is_the_voice_that_registration_makes(client, registered):
    inline = speak(
        client,
        reference_audio=recording(pitch_hz=110),
        prompt_text="The same words are said again here, slowly and clearly.",
        prompt_language="en",
    )
    assert np.array_equal(inline, speak(client, voice="low"))


def test_a_reference_without_transcript_is_spoken_with_its_timbre(client):
    audio = speak(client, reference_audio=recording())
    assert np.isfinite(audio).all()
    assert audio.size > 0


def test_pcm16_over_http_is_the_same_audio_as_floats_over_grpc(client, server, registered):
    status, reply = sse(
        server, json.dumps({**REPEATABLE, "voice": "low", "encoding": "pcm16_base64", "retries": 0}).encode()
    )
    assert status == 200
    events = [json.loads(line.removeprefix("data: ")) for line in reply.splitlines() if line.startswith("data: ")]
    pcm = np.frombuffer(b"".join(base64.b64decode(event["audio_base64"]) for event in events), "<i2")
    assert np.abs(pcm / 32767 - speak(client, voice="low")).max() <= 0.51 / 32767 + 1e-6


@pytest.mark.parametrize("speed", [0.5, 2.0])
def test_speed_changes_the_length_by_its_factor(client, registered, speed):
    inputs = {"voice": "low", "text": "one sentence only", "top_k": 1}
    plain, changed = speak(client, **inputs), speak(client, **inputs, speed=speed)
    assert changed.size == 640 * (int(plain.size // 640 / speed) + 1)


def test_two_voices_at_once_never_mix(client, registered):
    alone = {voice: speak(client, voice=voice) for voice in registered}
    size = min(audio.size for audio in alone.values())
    assert snr_db(alone["low"][:size], alone["high"][:size]) < 20
    jobs = [registered[index % 2] for index in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        spoken = list(pool.map(lambda voice: speak(client, voice=voice), jobs))
    for voice, audio in zip(jobs, spoken, strict=True):
        assert audio.size == alone[voice].size
        assert snr_db(alone[voice], audio) > 60


def test_cancelled_streams_free_their_slots(client, registered):
    """Twice as many streams as t2s has slots are cancelled; were slots lost, the next ones would wait for a minute."""
    long_text = {"text": "This sentence goes on and on. " * 100, "voice": "low", "language": "en"}
    for _ in range(16):
        call = client.stream(long_text)
        next(call)
        call.cancel()
    barrier = threading.Barrier(8)

    def speak_together(_):
        barrier.wait(30)
        return speak(client, voice="high").size

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(speak_together, range(8)))) == 1


def test_registered_voices_survive_a_restart(server, registered):
    listed = server.client.voices({"action": "list"}).raw_output_contents
    before = speak(server.client, voice="high")
    server.stop()
    server.start()
    assert server.client.voices({"action": "list"}).raw_output_contents == listed
    assert np.array_equal(speak(server.client, voice="high"), before)


def test_a_server_that_was_killed_is_replaced_and_leaves_nothing(server, registered):
    from gsv_runtime.server.local_server import ServerState

    before = speak(server.client, voice="low")
    killed = ServerState.read(server.state)
    os.kill(killed.pid, signal.SIGKILL)
    server.client.channel.close()
    server.start()
    assert ServerState.read(server.state).pid != killed.pid
    assert not list(Path("/dev/shm").glob(f"{killed.shm_prefix}*"))
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if killed.shm_prefix in read(path)]
    assert np.array_equal(speak(server.client, voice="low"), before)


def read(path):
    try:
        return path.read_text()
    except OSError:  # a process that has ended meanwhile
        return ""


def test_up_leaves_a_server_that_already_serves_this_build_alone(server, registered):
    from gsv_runtime.server.local_server import ServerState

    pid = ServerState.read(server.state).pid
    server.start()
    assert ServerState.read(server.state).pid == pid


def test_a_voice_can_be_registered_listed_and_deleted(client, make_recording):
    client.voices({"action": "register", "voice": "passing", "reference_audio": make_recording(6.0)})
    listed, *_ = client.voices({"action": "list"}).raw_output_contents
    assert b'"voice": "passing"' in listed
    assert b'"seconds": 6.0' in listed
    client.voices({"action": "delete", "voice": "passing"})
    listed, *_ = client.voices({"action": "list"}).raw_output_contents
    assert b'"passing"' not in listed


def test_replacing_a_voice_changes_how_it_sounds(client, make_recording):
    def register(pitch_hz):
        client.voices({"action": "register", "voice": "changing", "reference_audio": make_recording(pitch_hz=pitch_hz)})
        return speak(client, voice="changing", top_k=1)

    low, high = register(110), register(400)
    size = min(low.size, high.size)
    assert snr_db(low[:size], high[:size]) < 20


def test_a_voice_without_transcript_has_one_name_in_the_list(client, make_recording):
    reply = client.voices({"action": "register", "voice": "quiet", "reference_audio": make_recording()})
    assert json.loads(reply.raw_output_contents[0][4:])["prompt_text"] == ""


def test_several_recordings_of_one_voice_are_registered_from_the_command_line_and_said_as_with_the_request(
    server, registered, tmp_path
):
    clips = {name: recording(pitch_hz=pitch_hz) for name, pitch_hz in (("a", 110), ("b", 150), ("c", 190))}
    for name, data in clips.items():
        (tmp_path / f"{name}.wav").write_bytes(data)
    paths, url = [str(tmp_path / f"{name}.wav") for name in clips], f"127.0.0.1:{server.ports.grpc}"
    prompt = "The same words are said again here, slowly and clearly."
    said = ["--text", prompt, "--language", "en"]
    found = CliRunner().invoke(main, ["--url", url, "voices", "add", "ann", *paths, *said, "--json"])
    assert found.exit_code == 0, found.output
    with Client(url, 60) as client:
        voice = client.synthesize(TEXT, voice="ann", language="en", seed=5).samples
        request = client.synthesize(
            TEXT,
            reference_audio=clips["a"],
            aux_reference_audio=[clips["b"], clips["c"]],
            prompt_text=prompt,
            prompt_language="en",
            language="en",
            seed=5,
        ).samples
        alone = client.synthesize(TEXT, voice="low", language="en", seed=5).samples
        client.delete_voice("ann")
    assert np.array_equal(voice, request)
    assert voice.shape != alone.shape or not np.array_equal(voice, alone)
