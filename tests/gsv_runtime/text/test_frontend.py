"""The whole front end: request text to phone ids and BERT characters."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsv_runtime import contract
from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import MODES
from gsv_runtime.tensors import NUMPY_DTYPES
from gsv_runtime.text.frontend import FrontendResult, TextFrontend
from gsv_runtime.text.split import CUT_METHODS
from gsv_runtime.text.symbols import phone_table

from .described import describe

VOCABULARY = {"[UNK]": 100, "你": 872, "好": 1962, ",": 117, ".": 119}
FRONTEND = TextFrontend("v2", VOCABULARY)
METHODS = [*CUT_METHODS, "none"]
MIXED = "今天我用iPhone拍了3张照片，花了$20。It was 3:30 p.m. and Dr. Smith read 2 books!"


def names(ids):
    table = list(phone_table("v2"))
    return " ".join(table[index] for index in ids)


def check_counts(result):
    assert len(result.sentences) == len(result.phone_counts) > 0
    assert result.phone_counts.sum() == len(result.phones)
    assert (result.phone_counts > 0).all()
    assert len(result.bert_token_ids) == len(result.word_to_phone) == result.run_characters.sum()
    assert len(result.run_characters) == len(result.run_phone_starts)
    bounds = np.split(result.word_to_phone, np.cumsum(result.run_characters)[:-1]) if len(result.run_characters) else []
    ends = [start + part.sum() for start, part in zip(result.run_phone_starts, bounds, strict=True)]
    assert all(end <= start for end, start in zip(ends, result.run_phone_starts[1:], strict=False))
    assert not ends or ends[-1] <= len(result.phones)
    assert all(1 <= size <= 510 for size in result.run_characters)


def test_outputs_have_the_names_and_types_of_the_contract():
    result = FRONTEND.process(MIXED)
    outputs = [tensor for tensor in contract.TEXT_FRONTEND.outputs if tensor.name != "missing"]  # the model adds it
    assert list(FrontendResult.__dataclass_fields__) == [tensor.name for tensor in outputs]
    for tensor in outputs:
        array = np.array(getattr(result, tensor.name))
        assert tensor.dtype == "STRING" or array.dtype == NUMPY_DTYPES[tensor.dtype]
        assert array.ndim == len(tensor.axes)
    check_counts(result)


def test_a_chinese_sentence_has_two_phones_a_character_and_one_a_mark():
    result = FRONTEND.process("你好，你好呀。", "zh")
    assert result.sentences == ("你好,你好呀.",)
    assert names(result.phones) == "n i2 h ao3 , n i2 h ao3 y a5 ."
    assert result.bert_token_ids.tolist() == [872, 1962, 117, 872, 1962, 100, 119]
    assert result.word_to_phone.tolist() == [2, 2, 1, 2, 2, 2, 1]
    assert (result.run_characters.tolist(), result.run_phone_starts.tolist()) == ([7], [0])


def test_a_language_may_be_written_as_a_tag():
    assert FRONTEND.process("2 apples", "en-GB").phones.tolist() == FRONTEND.process("2 apples", "en").phones.tolist()


def test_an_english_sentence_has_no_chinese_run():
    result = FRONTEND.process("Hello, world!", "en", "cut0")
    assert names(result.phones) == "HH AH0 L OW1 , W ER1 L D !"
    assert len(result.run_characters) == len(result.bert_token_ids) == 0


def test_runs_of_a_mixed_sentence_begin_where_their_phones_begin():
    result = FRONTEND.process("你好world你好。", "zh", "cut0")
    assert names(result.phones) == "n i2 h ao3 W ER1 L D n i2 h ao3 ."
    assert result.run_characters.tolist() == [2, 3]
    assert result.run_phone_starts.tolist() == [0, 8]


def test_without_a_vocabulary_there_are_no_runs_and_the_same_phones():
    plain = TextFrontend("v2").process(MIXED)
    assert plain.phones.tolist() == FRONTEND.process(MIXED).phones.tolist()
    assert len(plain.run_characters) == 0


def test_a_vocabulary_without_unknown_token_is_refused():
    with pytest.raises(ValueError, match=r"1 tokens has no \[UNK\]"):
        TextFrontend("v2", {"你": 1})


def test_both_phone_tables_give_the_same_ids_for_chinese_and_english():
    assert TextFrontend("v1").process(MIXED).phones.tolist() == TextFrontend("v2").process(MIXED).phones.tolist()


def test_a_very_short_sentence_gets_a_pause_before_it_as_upstream():
    assert names(FRONTEND.process("好。", "zh", "cut5").phones) == ". h ao3 ."
    assert FRONTEND.process("好。", "zh", "cut5").sentences == ("好.",)


def test_a_very_short_english_run_gets_a_pause_before_it_as_upstream():
    assert names(FRONTEND.process("我们OK吧好不好", "zh", "cut0").phones).split()[4:9] == [",", "OW1", "K", "EY1", "b"]
    assert names(FRONTEND.process("我们hello吧好不好", "zh", "cut0").phones).split()[4:6] == ["HH", "AH0"]


def test_a_prompt_is_one_sentence_that_ends_in_a_stop():
    result = FRONTEND.process("先生您好，再见了朋友", "zh", "none")
    assert result.sentences == ("先生您好,再见了朋友.",)
    assert result.phone_counts.tolist() == [len(result.phones)]


def test_a_long_prompt_is_read_in_parts_that_bert_can_take():
    result = FRONTEND.process("你好" * 400, "zh", "none")
    assert result.phone_counts.tolist() == [1601]
    assert result.run_characters.tolist() == [510, 291]
    assert result.run_phone_starts.tolist() == [0, 1020]


def test_a_sentence_of_marks_is_left_out_but_not_an_error():
    assert FRONTEND.process("Good morning everyone.\n(*)\nSee you later.", "en").sentences == (
        "Good morning everyone.",
        "See you later.",
    )


@pytest.mark.parametrize(
    ("text", "language", "split_method", "message"),
    [
        ("", "zh", "cut5", "text is empty; need at least one word"),
        (" \n\t", "zh", "cut5", "text is empty"),
        ("a" * 5001, "en", "cut5", "text has 5,001 characters; need at most 5,000; send it in parts"),
        ("😀🎉", "auto", "cut5", "text has nothing to say"),
        ("……！？。", "zh", "cut0", "text has nothing to say"),
        ("(*)", "en", "none", "text has nothing to say"),
        ("a\0b", "en", "cut5", "NUL byte at character 1"),
        ("ab\ud800", "en", "cut5", "lone surrogate at character 2"),
        ("你好", "fr", "cut5", "language 'fr' is unknown; have auto, zh, en, ja, ko, yue, auto_yue, all_zh"),
        ("你好", "zh", "cut9", "split method 'cut9' is unknown; have cut0, cut1, cut2, cut3, cut4, cut5, none"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(text, language, split_method, message):
    with pytest.raises(InvalidRequest, match=message):
        FRONTEND.process(text, language, split_method)


def test_letters_that_upstream_takes_for_no_language_are_told_and_not_called_marks():
    with pytest.raises(InvalidRequest, match=r"text has letters .* name their language .* front end improved"):
        TextFrontend(frontend="upstream").process("résumé naïve café", "auto")
    assert TextFrontend(frontend="upstream").process("résumé naïve café", "en").phones.size
    assert FRONTEND.process("résumé naïve café", "auto").phones.size


@pytest.mark.parametrize(("text", "mode", "language"), [("안녕하세요", "auto", "Korean"), ("你好", "yue", "Cantonese")])
def test_a_language_without_phones_in_the_checkpoints_table_is_refused_not_dropped(text, mode, language):
    with pytest.raises(InvalidRequest, match=f"v1 checkpoints have no phones for {language}.*have zh, en, ja"):
        TextFrontend("v1").process(text, mode)


def test_a_front_end_that_does_not_exist_is_a_defect():
    with pytest.raises(ValueError, match="frontend 'better' does not exist; have improved, upstream"):
        TextFrontend("v2", None, "better")


def test_the_longest_text_is_read():
    check_counts(FRONTEND.process(("今天天气真不错，" * 700)[:5000], "zh"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", ["a." * 2500, "1" * 5000, "1-" * 2500, "a'" * 2500, "长" * 5000, "http://" * 700, "A.B," * 1000]
)
def test_hostile_repetition_is_read_like_any_text(text):
    check_counts(FRONTEND.process(text, "auto", "cut5"))


def test_threads_read_what_one_thread_reads():
    texts = [f"第{i}次，我读了{i * 7}本书。I read {i} books in {1990 + i}." for i in range(24)]
    with ThreadPoolExecutor(8) as pool:
        together = [result.phones.tolist() for result in pool.map(FRONTEND.process, texts)]
    assert together == [FRONTEND.process(text).phones.tolist() for text in texts]


def test_describe_shows_where_each_phone_came_from_and_is_json():
    (sentence,) = describe("我爱NASA。", "auto", "cut0")
    assert sentence["normalized"] == "我爱NASA."
    assert [(run["language"], run["text"]) for run in sentence["runs"]] == [("zh", "我爱"), ("en", "NASA。")]
    assert sentence["runs"][1]["units"] == [["NASA", ["N", "AE1", "S", "AH0"]], [".", ["."]]]


def languages_of(text, language):
    return {run["language"] for sentence in describe(text, language) for run in sentence["runs"]}


FRAGMENTS = [
    *"0123456789.,-–—~%$¥€£:/+=°²'\"()!?…，。！？：；、· \n",
    *"年月日号点分第一二不了着得地儿个们AaBIsSkmgx&@#*_|^<>\\éñЯあ한①Ωの〇",
    *[
        "km",
        "a.m.",
        "Dr.",
        "St.",
        "http://",
        "www.a.com",
        "1st",
        "2024",
        "3:30",
        "1/2",
        "$5",
        "e.g.",
        "NASA",
        "银行",
        "重新",
        "儿子",
    ],
]
FUZZED = st.lists(st.sampled_from(FRAGMENTS), max_size=30).map("".join) | st.text(max_size=60)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(text=FUZZED, language=st.sampled_from(list(MODES)), split_method=st.sampled_from(METHODS))
def test_any_text_is_read_with_known_phones_or_refused(text, language, split_method):
    try:
        result = FRONTEND.process(text, language, split_method)
    except InvalidRequest:
        return
    check_counts(result)
    assert phone_table("v2")["UNK"] not in result.phones or "ja" in languages_of(text, language)  # its phrase borders
    assert not any("\n" in sentence or not sentence for sentence in result.sentences)
