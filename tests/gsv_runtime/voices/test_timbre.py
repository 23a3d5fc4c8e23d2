"""Several recordings of one voice: their timbre is averaged as upstream does, and each is told how like it is."""

import dataclasses

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.store import voice_digest
from gsv_runtime.voices.timbre import Timbre, mean_condition, similarities


@pytest.fixture
def derive(facts, make_stages):
    """A function that derives a voice of files, the first the prompt's."""

    def make(first, *more, prompt_text="hello", **changes):
        request = ReferenceRequest(first, prompt_text, "en", trim=False, aux_audio=more)
        return derive_voice(request, make_stages(), dataclasses.replace(facts, **changes))

    return make


def timbre(condition, voiceprint=None):
    condition = np.array([condition], np.float32)
    return Timbre(condition, condition[0] if voiceprint is None else np.array(voiceprint, np.float32), "")


@pytest.mark.slow
def test_the_condition_of_several_clips_is_their_mean_and_the_prompts_is_one_of_them(derive, make_recording):
    clips = [make_recording(seconds, level=level) for seconds, level in ((4.0, 0.3), (2.0, 0.1), (12.0, 0.2))]
    alone = [derive(clips[0]).global_condition]
    alone += [derive(clips[0], clip).global_condition * 2 - alone[0] for clip in clips[1:]]
    together = derive(*clips)
    np.testing.assert_allclose(together.global_condition, np.mean(alone, axis=0), rtol=1e-5)
    assert together.global_condition.dtype == np.float32


def test_what_is_prompted_with_is_the_first_clips_alone(derive, make_recording):
    first, other = make_recording(4.0), make_recording(6.0, level=0.1)
    alone, together = derive(first), derive(first, other)
    for name in ("prompt_tokens", "prompt_phones", "prompt_features"):
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))
    assert together.seconds == alone.seconds
    assert together.content != alone.content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "found"), [(0.5, "is 0.50 s; need 1 to 30 s"), (31.0, "is 31.00 s; need 1 to 30 s")]
)
def test_a_further_clip_may_be_one_to_thirty_seconds_and_its_number_is_told(derive, make_recording, seconds, found):
    good = make_recording(4.0)
    with pytest.raises(InvalidRequest, match=f"^aux_reference_audio 2 {found}"):
        derive(good, make_recording(1.0), make_recording(seconds))
    with pytest.raises(InvalidRequest, match=r"^aux_reference_audio 1 cannot be decoded"):
        derive(good, b"no audio at all, but text")


def test_similarity_is_the_mean_cosine_with_the_others():
    found = similarities([timbre([1, 0]), timbre([2, 0]), timbre([0, 3])])
    assert found == pytest.approx([0.5, 0.5, 0.0])
    assert similarities([timbre([0, 0]), timbre([1, 0])]) == [0.0, 0.0]


def test_one_clip_keeps_its_condition_to_the_bit():
    one = timbre([0.1, 0.2])
    assert mean_condition([one]) is one.condition


@pytest.mark.parametrize(("version", "by"), [("v2", "global condition"), ("v2Pro", "speaker embedding")])
def test_the_report_has_each_clip_and_says_what_is_compared(derive, make_recording, version, by):
    quiet = make_recording(2.0, level=0.005)
    report = derive(make_recording(4.0), quiet, make_recording(3.0), version=version).report
    assert report["similarity_by"] == by
    assert [clip["speech_s"] for clip in report["others"]] == [2.0, 3.0]
    for clip in (report, *report["others"]):
        assert 0 < clip["similarity"] <= 1
    assert [warning for warning in report["warnings"] if warning.startswith("clip 2: the speech is at -5")]
    assert "others" not in report["others"][0]


def test_one_clip_has_the_report_that_it_had(derive, make_recording):
    assert not {"similarity", "similarity_by", "others"} & derive(make_recording(4.0)).report.keys()


def test_other_clips_or_another_order_make_another_digest_and_none_the_old_one():
    def digest(*more):
        return voice_digest(ReferenceRequest(b"a", "hi", "en", trim=False, aux_audio=more), "w")

    assert len({digest(), digest(b"b"), digest(b"c"), digest(b"b", b"c"), digest(b"c", b"b"), digest(b"bc")}) == 6
    # As it was before there were several: voices that were registered then keep their files' names.
    assert digest() == "1d2005f86babc7fbb1b9cd45457b3178e3f8148726299124b946b5625df46104"
