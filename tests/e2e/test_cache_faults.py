"""A server whose Redis is killed, stopped and restarted under it: no request fails, none gets other audio."""

import re
import shutil
import signal
import threading
import urllib.request

import numpy as np
import pytest

pytestmark = pytest.mark.redis

TEXTS = ("Good morning.", "Your order has shipped.", "Thank you.", "Goodbye.")
STEP_S = 0.3  # for which Redis stays dead, stopped or well
LIMIT_S = 60.0


def _set(config, name, value):
    text, changed = re.subn(rf'(key: "{name}"\s+value {{ string_value: )"[^"]*"', rf'\1"{value}"', config)
    assert changed == 1
    return text


@pytest.fixture
def server(repository, redis_server, start_server, tmp_path):
    """A server whose cache is Redis and the disk, without memory in front."""
    copy = tmp_path / "model_repository"
    shutil.copytree(repository, copy)
    config = copy / "tts" / "config.pbtxt"
    text = _set(config.read_text(encoding="utf-8"), "cache_redis_url", redis_server.url)
    config.write_text(_set(text, "cache_memory_bytes", 0), encoding="utf-8")
    running = start_server(copy, tmp_path / "state")
    redis_server.start()
    running.start()
    yield running
    running.stop()


def counted(server, name, level):
    """Sum of a counter over the kinds of entries."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.ports.metrics}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{") and f'level="{level}"' in line)


def trouble(redis_server, ended):
    """Kills, restarts, stops and resumes Redis until the requests have ended."""
    while not ended.wait(STEP_S):
        redis_server.kill()
        ended.wait(STEP_S)
        redis_server.start()
        ended.wait(STEP_S)
        redis_server.signal(signal.SIGSTOP)
        ended.wait(STEP_S)
        redis_server.signal(signal.SIGCONT)


def test_a_thousand_requests_while_redis_is_killed_stopped_and_restarted_none_failed_none_wrong(
    server, redis_server, make_recording
):
    server.client.voices({"action": "register", "voice": "ann", "reference_audio": make_recording()})

    def say(text):
        chunks, error = server.client.say({"text": text, "seed": 7, "cache": "audio", "voice": "ann"})
        assert error is None, error
        return np.concatenate([chunk.waveform.ravel() for chunk in chunks if chunk.waveform is not None])

    computed = {text: say(text) for text in TEXTS}
    ended = threading.Event()
    troubled = threading.Thread(target=trouble, args=(redis_server, ended))
    troubled.start()
    try:
        wrong = [
            number for number in range(1000) if not np.array_equal(say(TEXTS[number % 4]), computed[TEXTS[number % 4]])
        ]
    finally:
        ended.set()
        troubled.join(LIMIT_S)
    assert wrong == []
    assert counted(server, "gsv_cache_errors_total", "redis") > 0
    assert counted(server, "gsv_cache_hits_total", "disk") > 0
    assert counted(server, "gsv_cache_misses_total", "disk") < 50  # nothing was computed twice
