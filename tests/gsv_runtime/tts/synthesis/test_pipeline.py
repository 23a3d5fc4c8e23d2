import dataclasses
import itertools

import numpy as np
import pytest

from gsv_runtime.errors import InternalError, InvalidRequest
from gsv_runtime.speech_request import Sampling, SpeechRequest
from gsv_runtime.tts.synthesis.alignment import PhoneTable
from gsv_runtime.tts.synthesis.chunking import WHOLE_SENTENCE, ChunkSchedule, num_frames
from gsv_runtime.tts.synthesis.pipeline import Pipeline, calls_of, in_step, pull_tokens
from gsv_runtime.tts.synthesis.token_answers import join_tokens
from gsv_runtime.voices.store import Voice

SAMPLING = Sampling(top_k=5, top_p=0.9, temperature=1.0, repetition_penalty=1.35, seed=11)


@pytest.fixture
def voice():
    return Voice(
        digest="d",
        weights_digest="w",
        prompt_text="",
        prompt_language="en",
        seconds=4.0,
        prompt_tokens=np.array([8, 9]),
        prompt_phones=np.array([1, 2, 3]),
        prompt_features=np.full((2, 3), 5, np.float32),
        global_condition=np.arange(4, dtype=np.float32)[np.newaxis],
    )


def ask(text="ab,cde", **changes):
    request = SpeechRequest(
        text=text,
        language="en",
        voice="v",
        reference=None,
        speed=1.0,
        sampling=SAMPLING,
        noise_scale=0.5,
        pause_s=0.1,
        split_method="cut5",
        encoding="float32",
    )
    return dataclasses.replace(request, **changes)


@pytest.fixture
def speak(facts, voice):
    def run(stages, **changes):
        return list(Pipeline(facts, tokens_per_call=5).speak(ask(**changes), voice, stages))

    return run


def test_each_sentence_is_a_chunk_and_only_the_last_says_so(speak, make_stages):
    chunks = speak(make_stages(), text="ab,cde,f")
    assert [(chunk.sentence_index, chunk.sentence, chunk.last) for chunk in chunks] == [
        (0, "ab", False),
        (1, "cde", False),
        (2, "f", True),
    ]


def test_the_pause_follows_every_sentence_but_the_last(speak, make_stages):
    first, last = speak(make_stages())
    assert first.waveform.size == 8 * 1280 + 3200
    assert not first.waveform[-3200:].any()
    assert last.waveform.size == 8 * 1280


def test_the_last_sentence_may_have_a_pause_of_its_own(speak, make_stages):
    first, last = speak(make_stages(), final_pause_s=0.2)
    assert [chunk.waveform.size - 8 * 1280 for chunk in (first, last)] == [3200, 6400]
    assert not last.waveform[-6400:].any()


@pytest.fixture
def stages_with_manner(make_stages):
    """Stages whose front end also says how each sentence is spoken."""

    def make(**outputs):
        plain = make_stages().answers["text_frontend"]
        return make_stages(text_frontend=lambda inputs, sequence: {**plain(inputs, sequence), **outputs})

    return make


def test_a_sentences_own_pause_follows_it_even_after_the_last(speak, stages_with_manner):
    pauses = np.array([0.5, 0.25], np.float32)
    first, last = speak(stages_with_manner(pause_after_s=pauses))
    assert [chunk.waveform.size - 8 * 1280 for chunk in (first, last)] == [16_000, 8_000]


def test_a_sentences_rate_is_taken_beside_the_requests_speed_and_bounded(speak, stages_with_manner):
    stages = stages_with_manner(rates=np.array([0.8, 2.0]))
    first, last = speak(stages, speed=1.25, pause_s=0.0)
    assert first.waveform.size == pytest.approx(8 * 1280)
    assert last.waveform.size == num_frames(8, 2.0) * 640


def test_a_lexicon_goes_to_the_front_end(speak, make_stages):
    stages = make_stages()
    speak(stages, lexicon="ab = cd")
    assert stages.inputs_of("text_frontend")[0]["lexicon"] == ["ab = cd"]


def test_what_is_not_said_is_told_with_the_first_chunk_and_only_there(speak, stages_with_manner):
    chunks = speak(stages_with_manner(dropped=["a", "b"]), text="ab,cde")
    assert [chunk.dropped for chunk in chunks] == [("a", "b"), ()]


def test_t2s_gets_the_prompt_once_before_the_target(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab")
    opening, following, closing = stages.inputs_of("t2s")
    assert opening["phones"].tolist() == [1, 2, 3, 97, 98]
    assert opening["prompt_tokens"].tolist() == [8, 9]
    assert opening["bert_features"].shape == (2, 5)
    assert following.keys() == closing.keys() == {"max_new_tokens"}


def test_a_sequence_is_started_once_and_ended_once(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab")
    assert [(call.start, call.end) for call in stages.sequences_of("t2s")] == [(1, 0), (0, 0), (0, 1)]


def test_a_listener_who_leaves_between_two_chunks_frees_the_slot(facts, voice, make_stages):
    stages = make_stages()
    chunks = Pipeline(facts, tokens_per_call=5).speak(ask("ab,cde"), voice, stages)
    next(chunks)
    chunks.close()
    assert [(call.start, call.end) for call in stages.sequences_of("t2s")] == [(1, 0), (0, 0), (0, 1)]


def test_a_sentence_that_is_left_in_the_middle_frees_its_slot(facts, voice, make_stages):
    stages = make_stages()
    pieces = pull_tokens({"phones": np.array([1])}, itertools.repeat(5), stages)
    next(pieces)
    pieces.close()
    assert [(call.start, call.end) for call in stages.sequences_of("t2s")] == [(1, 0), (0, 1)]


def test_a_decoder_that_fails_frees_the_slot(facts, voice, make_stages):
    def broken(_inputs, _sequence):
        raise InternalError("stage vocoder failed")

    stages = make_stages(vocoder=broken)
    with pytest.raises(InternalError, match="vocoder"):
        list(Pipeline(facts, tokens_per_call=5).speak(ask("ab,cde"), voice, stages))
    assert stages.sequences_of("t2s")[-1].end


def test_a_stage_that_fails_frees_the_slot_and_keeps_its_own_error(speak, make_stages):
    def broken(_inputs, sequence):
        raise InternalError("end failed too" if sequence.end else "stage t2s failed")

    stages = make_stages(t2s=broken)
    with pytest.raises(InternalError, match="stage t2s failed"):
        speak(stages)
    assert stages.sequences_of("t2s")[-1].end


def test_the_acoustic_model_gets_target_phones_all_tokens_and_the_voice(speak, make_stages, voice):
    stages = make_stages()
    speak(stages, text="ab")
    (inputs,) = stages.inputs_of("acoustic")
    assert inputs["semantic_tokens"].tolist() == [[0, 1, 2, 3, 4, 0, 1, 2]]
    assert inputs["phones"].tolist() == [[97, 98]]
    assert (inputs["token_lengths"], inputs["phone_lengths"], inputs["frame_lengths"]) == (8, 2, 16)
    assert np.array_equal(inputs["global_condition"], voice.global_condition)


def test_the_same_seed_gives_the_same_audio_and_another_seed_another(speak, make_stages):
    def audio(seed):
        chunks = speak(make_stages(), sampling=dataclasses.replace(SAMPLING, seed=seed))
        return np.concatenate([chunk.waveform for chunk in chunks])

    assert np.array_equal(audio(1), audio(1))
    assert not np.array_equal(audio(1), audio(2))


def test_sentences_get_different_noise(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab,ab")
    first, second = stages.inputs_of("acoustic")
    assert not np.array_equal(first["noise"], second["noise"])


def test_noise_scale_zero_gives_no_noise(speak, make_stages):
    stages = make_stages()
    speak(stages, text="ab", noise_scale=0.0)
    assert not stages.inputs_of("acoustic")[0]["noise"].any()


def test_audio_above_full_scale_is_scaled_to_it(speak, make_stages):
    stages = make_stages(vocoder=lambda inputs, _: {"waveform": np.full((1, 640), -4.0)})
    (chunk,) = speak(stages, text="ab")
    assert np.abs(chunk.waveform).max() == 1.0


def test_audio_that_is_not_finite_is_an_error_not_silence(speak, make_stages):
    stages = make_stages(vocoder=lambda inputs, _: {"waveform": np.full((1, 640), np.nan)})
    with pytest.raises(InternalError, match="not finite"):
        speak(stages)


def test_a_text_without_sentences_is_refused(speak, make_stages):
    with pytest.raises(InvalidRequest, match="nothing that can be spoken"):
        speak(make_stages(), text=", ,")


def test_no_tokens_at_all_is_an_error_not_silence(speak, make_stages):
    empty = {"semantic_tokens": np.zeros(0, np.int64), "finish_reason": "eos"}
    with pytest.raises(InternalError, match="without a token"):
        speak(make_stages(t2s=lambda *_: empty))


def test_why_a_sentence_ended_is_told_with_its_last_chunk(speak, make_stages):
    def runs_away(inputs, sequence):
        return {"semantic_tokens": np.arange(3), "finish_reason": "" if sequence.start else "repetition"}

    assert [chunk.finish_reason for chunk in speak(make_stages(t2s=runs_away))] == ["repetition", "repetition"]
    assert [chunk.finish_reason for chunk in speak(make_stages())] == ["eos", "eos"]


def test_a_request_that_does_not_stream_gets_one_chunk_with_everything(speak, make_stages):
    apart = speak(make_stages(), streaming="sentence")
    (whole,) = speak(make_stages(), streaming="off")
    assert np.array_equal(whole.waveform, np.concatenate([chunk.waveform for chunk in apart]))
    assert (whole.sentence, whole.sentence_index, whole.chunk_index, whole.last) == ("ab cde", 0, 0, True)


def test_times_of_tokens_and_of_audio_travel_with_the_chunk_that_they_made(facts, voice, make_stages):
    class Timed:
        """Each call takes a millisecond."""

        def __init__(self):
            self.stages, self.times, self.new_sequence_id = make_stages(), {}, lambda: 7

        def call(self, model, **inputs):
            self.times[model.name] = self.times.get(model.name, 0) + 1
            return self.stages.call(model, **inputs)

        def take_times_ms(self):
            taken, self.times = self.times, {}
            return taken

    chunks = list(Pipeline(facts, tokens_per_call=5).speak(ask("ab,cde"), voice, Timed(), Timed()))
    assert [chunk.timing_ms for chunk in chunks] == [
        {"text_frontend": 1, "t2s": 3, "acoustic": 1, "vocoder": 1},
        {"t2s": 3, "acoustic": 1, "vocoder": 1},
    ]


class Record:
    """`RunAhead` that notes, before each item is taken, whether the source might go on without."""

    def __init__(self):
        self.far_ahead = []

    def __call__(self, source, is_far_ahead):
        waiting = []
        for item in source:
            waiting.append(item)
            self.far_ahead.append(is_far_ahead(waiting))
        yield from waiting


def test_a_sentence_once_begun_is_brought_to_its_end_and_the_next_waits_while_enough_is_ready(
    facts, voice, make_stages
):
    ahead = Record()
    pipeline = Pipeline(facts, tokens_per_call=5, tokens_ahead=10)
    list(pipeline.speak(ask("ab,cde,f"), voice, make_stages(), run_ahead=ahead))
    assert ahead.far_ahead == [False, False, False, True, False, True]  # 5, 8, 13, 16, 21, 24 tokens


def test_running_ahead_gives_the_same_chunks(facts, voice, make_stages):
    def audio(run_ahead):
        chunks = Pipeline(facts, 5, tokens_ahead=10).speak(ask("ab,cde,f"), voice, make_stages(), run_ahead=run_ahead)
        return np.concatenate([chunk.waveform for chunk in chunks])

    assert np.array_equal(audio(in_step), audio(Record()))


def test_no_more_tokens_are_asked_for_than_the_next_chunk_lacks():
    schedule = ChunkSchedule(first_tokens=20, max_tokens=160, lookahead_tokens=12, encoder_tokens=250, bucket=1)
    asked = list(itertools.islice(calls_of(schedule, 5, 0), 16))
    assert asked == [32] + [5] * 8 + [5] * 7, "32 tokens for the first chunk, 72 for the second"
    assert next(calls_of(schedule, 5, 71)) == 1
    assert next(calls_of(schedule, 5, 30)) == 2, "a take that is said again from its 31st token on"


def test_a_sentence_that_is_not_cut_is_asked_for_in_small_calls():
    assert list(itertools.islice(calls_of(WHOLE_SENTENCE, 5, 0), 3)) == [5, 5, 5]


@pytest.mark.parametrize(("ms_a_call", "first_decoded"), [(5.0, True), (500.0, False)])
def test_the_first_chunk_has_the_machine_to_itself_where_tokens_come_fast(
    facts, voice, make_stages, ms_a_call, first_decoded
):
    happened = []

    class Noted:
        """Notes calls of the vocoder; a call of t2s takes so long."""

        def __init__(self):
            self.stages, self.new_sequence_id, self.spent = make_stages(), lambda: 7, {}

        def call(self, model, **inputs):
            if model.name == "vocoder":
                happened.append("decoded")
            self.spent = {"t2s": ms_a_call} if model.name == "t2s" else self.spent
            return self.stages.call(model, **inputs)

        def take_times_ms(self):
            spent, self.spent = self.spent, {}
            return spent

    def run_ahead(source, _is_far_ahead):
        happened.append("ahead")
        yield from list(source)

    schedule = ChunkSchedule(first_tokens=2, max_tokens=4, lookahead_tokens=1, encoder_tokens=250, bucket=1)
    pipeline = Pipeline(facts, 1, schedule)
    chunks = pipeline.speak(ask("ab", streaming="chunk"), voice, Noted(), Noted(), run_ahead=run_ahead)
    assert sum(chunk.waveform.size for chunk in chunks) == 8 * 1280
    assert happened[:2] == (["decoded", "ahead"] if first_decoded else ["ahead", "decoded"])


@pytest.fixture
def timed(facts, voice, stages_with_manner):
    """Chunks of "ab,cd", whose words are its sentences; tokens 0 to 2 fit the first phone, the others the second."""
    words = ["[[0, 2, 0, 2]]", "[[3, 5, 0, 2]]"]
    gains = np.full((300, 8), -1, np.float32)
    gains[[ord("a"), ord("c")], :3] = gains[[ord("b"), ord("d")], 3:] = 3

    def run(**changes):
        pipeline = Pipeline(facts, tokens_per_call=5, table=PhoneTable(gains))
        return list(pipeline.speak(ask("ab,cd", **changes), voice, stages_with_manner(words=words)))

    return run


def test_words_are_told_with_their_times_in_the_whole_answer(timed):
    first, second = timed(timestamps="word")
    told = [(word.text, word.start, word.start_s, word.end_s) for word in (*first.words, *second.words)]
    assert told == [("ab", 0, 0.0, 0.32), ("cd", 3, 0.42, 0.74)]  # eight tokens, and a pause of 0.1 s


def test_a_word_that_no_take_says_is_named_with_the_end_of_its_sentence(facts, voice, stages_with_manner):
    words = ["[[0, 1, 0, 1], [1, 2, 1, 1]]", "[[3, 4, 0, 1], [4, 5, 1, 1]]"]
    gains = np.full((300, 9), -6, np.float32)
    gains[[ord("a"), ord("c"), ord("d")], :8] = 3
    gains[ord("b"), 8] = 3  # which no take has
    lasts = np.tile(np.log(np.array([1e-4, *[0.0999] * 10], np.float32)), (300, 1))
    pipeline = Pipeline(facts, tokens_per_call=5, table=PhoneTable(gains, lasts))
    request = ask("ab,cd", timestamps="word", retries=1)
    first, second = pipeline.speak(request, voice, stages_with_manner(words=words))
    assert [(word.text, word.start, word.fault) for word in first.word_faults] == [("b", 1, "swallowed")]
    assert (first.finish_reason, second.finish_reason, second.word_faults) == ("suspect", "eos", ())


@pytest.mark.parametrize("asked", [{}, {"streaming": "chunk"}, {"speed": 1.3, "final_pause_s": 0.3}])
def test_a_device_that_makes_the_audio_is_told_the_same_words(facts, voice, stages_with_manner, asked):
    words = ["[[0, 1, 0, 1], [1, 2, 1, 1]]", "[[3, 4, 0, 1], [4, 5, 1, 1]]"]
    gains = np.full((300, 9), -6, np.float32)
    gains[[ord("a"), ord("c"), ord("d")], :8] = 3
    gains[ord("b"), 8] = 3  # which no take has
    lasts = np.tile(np.log(np.array([1e-4, *[0.0999] * 10], np.float32)), (300, 1))
    schedule = ChunkSchedule(2, 3, lookahead_tokens=1, encoder_tokens=8, bucket=1)
    pipeline = Pipeline(facts, tokens_per_call=2, schedule=schedule, table=PhoneTable(gains, lasts))
    request = ask("ab,cd", timestamps="word", retries=1, **asked)

    def answered(say):
        return list(say(request, voice, stages_with_manner(words=words)))

    audio, latents, pieces = map(answered, (pipeline.speak, pipeline.latents, pipeline.tokens))
    tokens = list(join_tokens(iter(pieces), pipeline.schedule_of(request), pipeline.device_times(request)))
    expected = [word for chunk in audio for word in chunk.words]
    faults = [fault for chunk in audio for fault in chunk.word_faults]
    assert [word.text for word in expected] == ["a", "b", "c", "d"]
    for chunks in (latents, tokens):
        assert [word for chunk in chunks for word in chunk.told.words] == expected
        assert [fault for chunk in chunks for fault in chunk.told.faults] == faults
    assert faults or asked  # the sentence at once has one
    assert [chunk.told.words for chunk in latents] == [chunk.words for chunk in audio]


def test_nobody_is_told_of_words_who_does_not_ask(timed):
    assert [chunk.words for chunk in timed()] == [(), ()]


def test_a_server_that_learned_no_table_says_so(speak, make_stages):
    with pytest.raises(InvalidRequest, match="run `make build`"):
        speak(make_stages(), timestamps="word")
