"""`tts` with its cache, without Triton: what is computed, what is not, and that nobody can hear which."""

import dataclasses
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gsv_runtime.admission import Refused
from gsv_runtime.errors import Cancelled, DeadlineExceeded, InternalError, InvalidRequest
from gsv_runtime.settings import TtsSettings
from gsv_runtime.speech import SpeechService

LIMIT_S = 20
SETTINGS = TtsSettings(
    max_streams=120,
    max_start_s=10.0,
    max_batch_start_s=60.0,
    min_stream_speed=0.0,
    t2s_places=4,
    stage_places=4,
    tokens_per_call=5,
    tokens_ahead=10,
    first_chunk_tokens=4,
    max_chunk_tokens=8,
    lookahead_tokens=2,
    encoder_tokens=50,
    window_bucket=1,
    voices_directory="voices",
    cache_memory_bytes=64 << 20,
    cache_redis_url="",
    cache_ttl_s=60.0,
    cache_directory="",
    cache_disk_bytes=0,
)


class Counts:
    """Metrics, by name and labels."""

    def __init__(self):
        self.sums, self.lock = Counter(), threading.Lock()

    def add(self, name, value=1.0, **labels):
        with self.lock:
            self.sums[(name, *labels.values())] += value

    def set(self, name, value, **labels):
        """Not looked at here."""

    def observe(self, name, value, **labels):
        self.add(name, **labels)

    @property
    def sequences(self):
        """Sentences that t2s was asked for."""
        return self.sums[("gsv_queue_wait_seconds", "t2s")]

    def calls(self, stage):
        return self.sums[("gsv_stage_seconds", stage)]


@pytest.fixture
def counts():
    return Counts()


@pytest.fixture
def start(facts, tmp_path, counts):
    """Makes a service on one repository; `build` changes what it says of itself."""
    running = []

    def make(settings=SETTINGS, build=None, **options):
        described = {"facts": {}, "stages": {"t2s": "x"}, "files": {"t2s": "y"}} if build is None else build
        (tmp_path / "build.json").write_text(json.dumps(described))
        service = SpeechService(settings, facts, tmp_path, counts, **options)
        running.append(service)
        return service

    yield make
    for service in running:
        service.close()


@pytest.fixture
def service(start):
    return start()


@pytest.fixture
def recording(make_recording):
    return make_recording()


@pytest.fixture
def ask(recording):
    def make(text="ab,cde", seed=4, reference=recording, **more):
        given = {"text": text, "prompt_text": "hi", "streaming": "sentence", **more}
        arrays = {name: np.array([value], object) for name, value in given.items() if isinstance(value, str)}
        arrays |= {name: np.array([value]) for name, value in given.items() if not isinstance(value, str)}
        arrays["reference_audio"] = np.array([reference], object)
        return arrays if seed is None else arrays | {"seed": np.array([seed])}

    return make


def answer(service, inputs, open_stages, is_cancelled=lambda: False):
    """Speaks to the end; returns outputs of each reply."""
    job, failure = service.admit(lambda: inputs), None
    try:
        return [reply.outputs for reply in job.replies(open_stages, is_cancelled)]
    except Exception as raised:
        failure = raised
        raise
    finally:
        job.leave(failure)


def audio(replies):
    return np.concatenate([reply["waveform"] for reply in replies])


def sources(replies):
    return [reply["source"][0] for reply in replies]


def same(replies, others):
    """Bit by bit, piece by piece."""
    return [reply["waveform"].tobytes() for reply in replies] == [reply["waveform"].tobytes() for reply in others]


@pytest.mark.parametrize("streaming", ["chunk", "sentence", "off"])
def test_a_repeated_request_gets_the_same_pieces_bit_by_bit_and_calls_no_stage(
    service, ask, make_stages, counts, streaming
):
    first = answer(service, ask(streaming=streaming), make_stages)
    before = Counter(counts.sums)
    stages = make_stages()
    again = answer(service, ask(streaming=streaming), lambda: stages)
    assert same(first, again)
    assert [reply["finish_reason"][0] for reply in again] == [reply["finish_reason"][0] for reply in first]
    assert [reply["final"][0] for reply in again] == [reply["final"][0] for reply in first]
    assert set(sources(first)) == {"computed"}
    assert set(sources(again)) == {"memory"}
    assert not stages.calls
    assert counts.sums[("gsv_cache_saved_seconds_total", "audio")] >= 0
    assert counts.sums[("gsv_queue_wait_seconds", "t2s")] == before[("gsv_queue_wait_seconds", "t2s")]


def test_audio_is_what_it_would_be_without_a_cache(service, ask, make_stages):
    computed = answer(service, ask(cache="off"), make_stages)
    for _ in range(2):
        assert same(computed, answer(service, ask(), make_stages))


def test_of_a_text_only_the_sentences_that_are_missing_are_computed_and_order_is_kept(service, ask, make_stages):
    answer(service, ask("ab,cde,f"), make_stages)
    stages = make_stages()
    mixed = answer(service, ask("ab,xyz,f"), lambda: stages)
    assert sources(mixed) == ["memory", "computed", "memory"]
    assert [reply["sentence"][0] for reply in mixed] == ["ab", "xyz", "f"]
    assert same(mixed, answer(service, ask("ab,xyz,f", cache="off"), make_stages))
    assert sum(call.start for call in stages.sequences_of("t2s")) == 1
    assert len(stages.inputs_of("vocoder")) == 1


def test_the_pause_is_the_requests_own(service, ask, make_stages):
    answer(service, ask(), make_stages)
    replies = answer(service, ask(pause_s=1.0), make_stages)
    assert sources(replies) == ["memory", "memory"]
    assert replies[0]["waveform"].size == 8 * 1280 + 32_000


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 5},
        {"top_k": 3},
        {"top_p": np.float32(0.5)},
        {"temperature": np.float32(0.7)},
        {"repetition_penalty": np.float32(1.1)},
        {"language": "en"},
        {"prompt_text": "ho"},
        {"prompt_language": "zh"},
    ],
    ids=str,
)
def test_whatever_changes_the_tokens_computes_them_again(service, ask, make_stages, changes):
    answer(service, ask("ab"), make_stages)
    stages = make_stages()
    assert sources(answer(service, ask("ab", **changes), lambda: stages)) == ["computed"]
    assert stages.sequences_of("t2s")


@pytest.mark.parametrize(
    "changes", [{"speed": np.float32(1.5)}, {"noise_scale": np.float32(0.1)}, {"streaming": "chunk"}], ids=str
)
def test_what_only_decoding_depends_on_decodes_the_kept_tokens(service, ask, make_stages, changes):
    answer(service, ask("ab"), make_stages)
    stages = make_stages()
    spoken = answer(service, ask("ab", **changes), lambda: stages)
    assert set(sources(spoken)) == {"computed"}
    assert not stages.sequences_of("t2s")
    assert same(spoken, answer(service, ask("ab", cache="off", **changes), make_stages))


def test_another_recording_computes_everything_again(service, ask, make_stages, make_recording):
    answer(service, ask("ab"), make_stages)
    assert sources(answer(service, ask("ab", reference=make_recording(level=0.2)), make_stages)) == ["computed"]


def test_a_voice_registered_again_under_its_name_misses(service, ask, make_stages, make_recording):
    from gsv_runtime.cloning import derive_voice
    from gsv_runtime.speech_request import ReferenceRequest

    def register(level):
        reference = ReferenceRequest(make_recording(level=level), "hi", "en", trim=False)
        service.voices.add("ann", derive_voice(reference, make_stages(), service.facts))

    named = {"text": np.array(["ab"], object), "voice": np.array(["ann"], object), "seed": np.array([1])}
    register(0.3)
    first = answer(service, named, make_stages)
    assert sources(answer(service, named, make_stages)) == ["memory"] * len(first)
    register(0.2)
    assert set(sources(answer(service, named, make_stages))) == {"computed"}
    register(0.3)
    assert same(first, answer(service, named, make_stages))


def test_another_build_misses(start, ask, make_stages, tmp_path):
    disk = dataclasses.replace(SETTINGS, cache_memory_bytes=0, cache_directory="cache", cache_disk_bytes=1 << 26)
    first = start(disk)
    answer(first, ask("ab"), make_stages)
    assert first.cache.flush(LIMIT_S)
    assert sources(answer(start(disk), ask("ab"), make_stages)) == ["disk"]
    other = {"facts": {}, "stages": {"t2s": "x"}, "files": {"t2s": "z"}}
    assert sources(answer(start(disk, other), ask("ab"), make_stages)) == ["computed"]


def test_a_repository_that_does_not_say_what_it_was_built_from_is_served_without_a_cache(start, ask, make_stages):
    service = start(build={"facts": {}, "stages": {"t2s": "x"}})
    for _ in range(2):
        assert sources(answer(service, ask("ab"), make_stages)) == ["computed"]


def test_a_request_without_a_seed_is_a_fresh_take_but_its_text_and_voice_are_not_read_again(service, ask, make_stages):
    first = answer(service, ask(seed=None), make_stages)
    stages = make_stages()
    again = answer(service, ask(seed=None), lambda: stages)
    assert not same(first, again)
    assert not {"text_frontend", "hubert", "reference_encoder"} & {name for name, _, _ in stages.calls}
    assert sum(call.start for call in stages.sequences_of("t2s")) == 2


def test_a_request_without_a_seed_that_allows_audio_gets_any_take_that_was_made_so(service, ask, make_stages):
    seeded = answer(service, ask(seed=1), make_stages)
    taken = answer(service, ask(seed=None, cache="audio"), make_stages)
    assert set(sources(taken)) == {"computed"}
    assert not same(seeded, taken)
    again = answer(service, ask("cde,ab", seed=None, cache="audio"), make_stages)
    assert sources(again) == ["memory", "memory"]  # wherever in a text its sentences stand


def test_a_request_that_allows_nothing_calls_every_stage(service, ask, make_stages):
    answer(service, ask("ab"), make_stages)
    stages = make_stages()
    answer(service, ask("ab", cache="off"), lambda: stages)
    assert {"text_frontend", "hubert", "t2s", "acoustic", "vocoder"} <= {name for name, _, _ in stages.calls}


def test_a_request_that_allows_tokens_decodes_them_anew(service, ask, make_stages):
    first = answer(service, ask("ab"), make_stages)
    stages = make_stages()
    again = answer(service, ask("ab", cache="tokens"), lambda: stages)
    assert same(first, again)
    assert sources(again) == ["computed"]
    assert {name for name, _, _ in stages.calls} == {"acoustic", "vocoder"}


def test_an_unknown_level_is_refused(service, ask):
    with pytest.raises(InvalidRequest, match="cache is 'all'; need one of"):
        service.admit(lambda: ask(cache="all"))


def test_a_run_away_is_kept_under_its_seed_and_never_for_any(service, ask, make_stages):
    def runs_away(inputs, sequence):
        return {"semantic_tokens": np.arange(3), "finish_reason": "" if sequence.start else "repetition"}

    def sources_of_second(**more):
        return [sources(answer(service, ask("ab", **more), lambda: make_stages(t2s=runs_away))) for _ in range(2)][1]

    assert sources_of_second(seed=1) == ["memory"]
    assert sources_of_second(seed=None, cache="audio") == ["computed"]


def test_what_failed_is_not_kept(service, ask, make_stages):
    with pytest.raises(InternalError, match="not finite"):
        answer(service, ask("ab"), lambda: make_stages(vocoder=lambda *_: {"waveform": np.full((1, 640), np.nan)}))
    assert sources(answer(service, ask("ab"), make_stages)) == ["computed"]


class Gate:
    """Holds the vocoder back until it is opened; counts who came."""

    def __init__(self, make_stages):
        self.opened, self.reached = threading.Event(), threading.Event()
        self.plain = make_stages().answers["vocoder"]

    def __call__(self, inputs, sequence):
        self.reached.set()
        assert self.opened.wait(LIMIT_S)
        return self.plain(inputs, sequence)


def wait_for_followers(service, number):
    """Until so many requests wait for flights that others lead."""
    poll = threading.Event()
    for _ in range(int(LIMIT_S / 0.01)):
        if service.cache.num_following >= number:
            return
        poll.wait(0.01)
    raise AssertionError("they do not come")


@pytest.mark.parametrize("streaming", ["chunk", "sentence"])
@pytest.mark.parametrize("seeding", [{}, {"seed": None, "cache": "audio"}], ids=["seeded", "any seed"])
def test_a_hundred_identical_requests_at_once_are_computed_once(service, ask, make_stages, counts, streaming, seeding):
    gate = Gate(make_stages)
    with ThreadPoolExecutor(100) as pool:
        jobs = [
            pool.submit(answer, service, ask(streaming=streaming, **seeding), lambda: make_stages(vocoder=gate))
            for _ in range(100)
        ]
        wait_for_followers(service, 99)
        gate.opened.set()
        replies = [job.result(LIMIT_S) for job in jobs]
    assert counts.sequences == 2
    assert counts.calls("hubert") == counts.calls("text_frontend") - 1 == 1
    assert all(same(replies[0], each) for each in replies)
    assert Counter(source for each in replies for source in set(sources(each))).keys() <= {
        "computed",
        "joined",
        "memory",
    }
    assert service.cache.num_flights == 0


@pytest.mark.parametrize("seeding", [{}, {"seed": None, "cache": "audio"}], ids=["seeded", "any seed"])
def test_when_the_leader_leaves_in_the_middle_a_follower_goes_on_and_nobody_hears_it(
    service, ask, make_stages, counts, seeding
):
    """The leader sends one piece and is gone; the others have heard that piece, and get the rest of the same take."""
    asked = ask("ab,cde", streaming="chunk", **seeding)
    leader = service.admit(lambda: asked)
    gate = Gate(make_stages)
    plain, calls = make_stages().answers["vocoder"], Counter()

    def second_call_waits(inputs, sequence):
        calls["vocoder"] += 1
        return plain(inputs, sequence) if calls["vocoder"] == 1 else gate(inputs, sequence)

    has_left = threading.Event()
    replies = leader.replies(lambda: make_stages(vocoder=second_call_waits), has_left.is_set)
    first = next(replies)
    with ThreadPoolExecutor(5) as pool:
        followers = [pool.submit(answer, service, asked, make_stages) for _ in range(5)]
        wait_for_followers(service, 5)
        replies.close()
        leader.leave(Cancelled("gone"))
        heard = [follower.result(LIMIT_S) for follower in followers]
    assert all(same(heard[0], each) for each in heard)
    assert heard[0][0]["waveform"].tobytes() == first.outputs["waveform"].tobytes()
    if not seeding:
        assert same(heard[0], answer(service, ask("ab,cde", streaming="chunk", cache="off"), make_stages))
    assert {"joined", "computed"} <= {source for each in heard for source in sources(each)}
    assert service.cache.num_flights == 0


def test_a_follower_whose_deadline_passes_stops_waiting_and_the_leader_goes_on(service, ask, make_stages):
    gate = Gate(make_stages)
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(answer, service, ask("ab"), lambda: make_stages(vocoder=gate))
        assert gate.reached.wait(LIMIT_S)
        follower = pool.submit(answer, service, ask("ab", deadline_s=0.3), make_stages)
        with pytest.raises(DeadlineExceeded):
            follower.result(LIMIT_S)
        gate.opened.set()
        assert sources(leader.result(LIMIT_S)) == ["computed"]


def test_a_follower_that_leaves_stops_waiting(service, ask, make_stages):
    gate, gone = Gate(make_stages), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        leader = pool.submit(answer, service, ask("ab"), lambda: make_stages(vocoder=gate))
        assert gate.reached.wait(LIMIT_S)
        follower = pool.submit(answer, service, ask("ab"), make_stages, gone.is_set)
        wait_for_followers(service, 1)
        gone.set()
        with pytest.raises(Cancelled):
            follower.result(LIMIT_S)
        gate.opened.set()
        leader.result(LIMIT_S)
    assert service.cache.num_following == 0


def test_requests_that_wait_for_each_others_sentences_all_end(service, ask, make_stages):
    texts = ["ab,cd,ef", "ef,ab,cd", "cd,ef,ab", "ef,cd,ab"] * 5
    alone = {text: audio(answer(service, ask(text, cache="off"), make_stages)).size for text in texts}
    with ThreadPoolExecutor(20) as pool:
        jobs = [
            pool.submit(answer, service, ask(text, seed=None, cache="audio", streaming="chunk"), make_stages)
            for text in texts
        ]
        replies = [job.result(LIMIT_S) for job in jobs]
    assert [audio(each).size for each in replies] == [alone[text] for text in texts]
    assert service.cache.num_flights == 0


def test_a_stage_that_fails_fails_those_who_wait_too_and_not_the_next(service, ask, make_stages):
    gate = threading.Event()

    def broken(_inputs, _sequence):
        assert gate.wait(LIMIT_S)
        raise InternalError("stage vocoder failed")

    with ThreadPoolExecutor(20) as pool:
        jobs = [pool.submit(answer, service, ask("ab"), lambda: make_stages(vocoder=broken)) for _ in range(20)]
        wait_for_followers(service, 19)
        gate.set()
        failures = [job.exception(LIMIT_S) for job in jobs]
    assert all(isinstance(failure, InternalError) for failure in failures)
    assert service.cache.num_flights == service.cache.num_following == 0
    assert sources(answer(service, ask("ab"), make_stages)) == ["computed"]


def test_what_is_there_is_not_refused_for_a_late_start_and_what_is_not_is_refused_before_anything_is_sent(
    start, ask, make_stages, counts
):
    now_s = [0.0]
    service = start(dataclasses.replace(SETTINGS, max_start_s=1.0), clock=lambda: now_s[0])
    known = answer(service, ask("ab,cde"), make_stages)
    slow = service.admit(lambda: ask("slow", cache="off"))
    replies = slow.replies(make_stages, lambda: False)
    now_s[0] += 9.0
    next(replies)  # started after 9 s, so that the next would be late
    waiting = service.admit(lambda: ask("waits", cache="off"))
    for _ in range(50):  # their early starts say nothing of how fast speech is made
        assert same(known, answer(service, ask("ab,cde"), make_stages))
    with pytest.raises(Refused, match="speech would start in about"):
        service.admit(lambda: ask("ab,cde", cache="off"))
    job = service.admit(lambda: ask("ab,new"))
    with pytest.raises(Refused, match="speech would start in about"):
        next(job.replies(make_stages, lambda: False))
    job.leave(Refused("start", "x"))
    assert counts.sums[("gsv_refusals_total", "start")] == 2
    for each in (slow, waiting):
        each.leave(None)
