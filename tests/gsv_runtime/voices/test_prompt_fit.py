"""A transcript that cannot be what is said is told; one that can be is not, in every language."""

import numpy as np
import pytest

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.speech_request import ReferenceRequest
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.voices.cloning import derive_voice
from gsv_runtime.voices.prompt_fit import fit_of, languages_of

# What is said, and in how many seconds one who reads slowly and one who reads fast says it.
SAID = {
    "en": ("The young woman found a good book on the table, and the children laughed.", 3.0, 6.0),
    "zh": ("今天天气真不错，我们一起去公园散步吧。", 2.8, 6.0),
    "ja": ("今日はとても天気がいいので、みんなで公園を散歩しましょう。", 3.0, 6.5),
    "ko": ("오늘은 날씨가 아주 좋으니까 모두 함께 공원을 산책합시다.", 3.0, 6.5),
    "yue": ("今日天氣真係唔錯，我哋一齊去公園散步啦。", 2.8, 6.0),
}
DEMO = {
    "slt": ("The young woman found a good book on the table, and the children laughed.", 3.69),
    "rms": ("The captain watched the blue boat near the river, because the weather was so cold.", 4.97),
    "awb": ("My grandmother brought fresh milk and some bread to the small village.", 3.75),
    "kal16": ("The engineer fixed the machine on the second floor, and the work was easy.", 4.19),
}


@pytest.fixture(scope="module")
def count_phones():
    frontend = TextFrontend("v2", {"[UNK]": 100}, "improved")
    return lambda text, language: vars(frontend.process(text, language, "none"))["phones"].size


@pytest.mark.parametrize("language", SAID)
@pytest.mark.parametrize("named", [True, False])
def test_what_is_said_fits_whether_read_slowly_or_fast(language, named, count_phones):
    text, fast_s, slow_s = SAID[language]
    phones = count_phones(text, language)
    for seconds in (fast_s, (fast_s + slow_s) / 2, slow_s):
        assert fit_of(text, language if named else "auto", phones, seconds).problem == ""


@pytest.mark.parametrize("language", SAID)
def test_a_part_of_it_is_too_short_and_three_times_it_too_long(language, count_phones):
    text, fast_s, slow_s = SAID[language]
    seconds = (fast_s + slow_s) / 2
    part = text[: len(text) // 4]
    assert "too short for the recording" in fit_of(part, language, count_phones(part, language), seconds).problem
    assert "too long for the recording" in fit_of(3 * text, language, count_phones(3 * text, language), seconds).problem


@pytest.mark.parametrize("voice", DEMO)
def test_the_demos_transcripts_fit_and_the_cases_of_users_do_not(voice, count_phones):
    text, seconds = DEMO[voice]
    words = text.split()
    assert fit_of(text, "auto", count_phones(text, "en"), seconds).problem == ""
    for wrong in (" ".join(words[:4]), "Hello.", " ".join([text] * 3)):
        assert fit_of(wrong, "auto", count_phones(wrong, "en"), seconds).problem


@pytest.mark.parametrize(
    ("text", "language", "languages"),
    [
        ("Hello", "auto", ["en"]),
        ("こんにちは、世界", "auto", ["ja"]),
        ("世界", "ja", ["ja"]),
        ("世界", "all_yue", ["yue"]),
        ("世界", "auto_yue", ["yue"]),
        ("我用iPhone", "zh", ["zh", "en"]),
        ("안녕", "auto", ["ko"]),
        ("123", "auto", ["en", "zh", "yue", "ja", "ko"]),
    ],
)
def test_limits_are_those_of_the_languages_that_the_letters_may_be_of(text, language, languages):
    assert languages_of(text, language) == languages


def test_a_transcript_that_does_not_fit_is_not_used_and_told(facts, make_stages, make_recording):
    def derive(text):
        return derive_voice(ReferenceRequest(make_recording(4.0), text, "en", trim=False), make_stages(), facts)

    wrong, right = derive("hi"), derive("this is what is said in the clip")
    assert (wrong.prompt_tokens.size, wrong.prompt_phones.size, wrong.prompt_features.shape) == (0, 0, (2, 0))
    assert (wrong.report["prompt_text_used"], right.report["prompt_text_used"]) == (False, True)
    assert "2 phones in 4.0 s of speech are 0.5 a second, and English has 7 to 24" in wrong.report["warnings"][-1]
    assert right.report["phones_per_s"] == 8.0
    assert right.prompt_phones.size == 32


def test_a_message_about_the_transcript_says_so(facts, make_stages, make_recording):
    def nothing(inputs, _):
        raise InvalidRequest("text has nothing to say: only emoji; write words")

    stages = make_stages(text_frontend=nothing)
    with pytest.raises(InvalidRequest, match=r"^prompt_text has nothing to say"):
        derive_voice(ReferenceRequest(make_recording(), "😂😂", "en", trim=False), stages, facts)
    assert np.size(stages.inputs_of("hubert")) == 0
