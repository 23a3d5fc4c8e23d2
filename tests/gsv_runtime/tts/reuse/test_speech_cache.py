"""`tts` with its cache, without Triton: what is computed, what is not, and that nobody can hear which."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from gsv_runtime.errors import InternalError, InvalidRequest
from gsv_runtime.text.sentences import Sentence
from gsv_runtime.tts.reuse.sentence_reuse import audio_entry, audio_pieces, facts_of
from gsv_runtime.tts.synthesis.pieces import AudioPiece, SentenceTask
from gsv_runtime.tts.synthesis.word_faults import WordFault

from ...conftest import answer
from .speaking import LIMIT_S, SETTINGS, same, sources


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


@pytest.mark.slow
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
    once = {"retries": np.int32(0)}  # where a take may be drawn again, it depends on where the sentence is cut
    answer(service, ask("ab", **once), make_stages)
    stages = make_stages()
    spoken = answer(service, ask("ab", **once, **changes), lambda: stages)
    assert set(sources(spoken)) == {"computed"}
    assert not stages.sequences_of("t2s")
    assert same(spoken, answer(service, ask("ab", cache="off", **once, **changes), make_stages))


def test_another_recording_computes_everything_again(service, ask, make_stages, make_recording):
    answer(service, ask("ab"), make_stages)
    assert sources(answer(service, ask("ab", reference=make_recording(level=0.2)), make_stages)) == ["computed"]


def test_a_voice_registered_again_under_its_name_misses(service, register, make_stages):
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


def test_stored_audio_has_its_words_at_fault_with_its_last_piece():
    task = SentenceTask(0, Sentence("ab", np.zeros(2, np.int64), ()), seed=3, last=True)
    fault = WordFault(1, "repeated", 7)
    made = [
        AudioPiece(task, np.zeros(4, np.float32), "", "computed"),
        AudioPiece(task, np.ones(2, np.float32), "suspect", "computed", faults=(fault,)),
    ]
    found = audio_pieces(audio_entry(made, facts_of(3, "suspect", 0.1, made[-1].faults)), task, "disk")
    assert [piece.faults for piece in found] == [(), (fault,)]
    assert "word_faults" not in facts_of(3, "eos", 0.1)
