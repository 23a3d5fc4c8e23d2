"""Any Unicode is read or refused, whatever the mode, the table and the front end.

`make test` draws 150 cases of each; GSV_FUZZ_EXAMPLES=20000 draws more (docs/text-frontend.md says what was run).
"""

import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsv_runtime.errors import InvalidRequest
from gsv_runtime.language_modes import MODES
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.languages import FRONTENDS
from gsv_runtime.text.split import CUT_METHODS
from gsv_runtime.text.symbols import NUM_PHONES, UNKNOWN, phone_table

from .described import describe

pytestmark = pytest.mark.slow

NUM_EXAMPLES = int(os.environ.get("GSV_FUZZ_EXAMPLES", "150"))
VOCABULARY = {"[UNK]": 100, "你": 872, "好": 1962, ",": 117}
READERS = {
    (frontend, symbols): TextFrontend(symbols, VOCABULARY, frontend) for frontend in FRONTENDS for symbols in NUM_PHONES
}
SCRIPTS = {
    "zh": "你好银行长重庆地得的了不一二两万亿儿子们着只干乐",
    "ja": "今日はいい天気ですねーっゃんヴァ々〇ｱｲｳﾊﾟ東京橋何人",
    "ko": "안녕하세요값닭읽없의를ㅋㅠ뷁쀍",
    "yue": "佢哋嘅喺唔咁啲冇嚟嘢",
    "en": "abcxyzABCXYZ'’",
    "figures": "0123456789０１２³½Ⅳ①",
    "marks": '.,!?-–—…~:;()[]{}<>"“”「」『』（）。，、！？；：·％%$€£¥￥₩+=×÷/\\@#&*_^|`° \n\t\u3000',
    "others": "éñßøЯЖαωאעربहिन्दीไทยሀ𝒜𠮷𪚥🎉👨‍👩‍👧🇯🇵☔️\u0301\u200b\u202e\ufeff\U000e0041",
}
WORDS = [
    "3:30 p.m.", "1,234.56", "2024-05-01", "$5.20", "https://a.co/x?y=1", "x@y.org", "NASA", "don't", "Dr.", "10kg",
    "5月1日", "第3名", "010-12345678", "23.5度", "3개", "10월 9일", "〒100-0001", "E=mc²", "...", "——", "1/2", "-5°C",
    "<speak>", "</speak>", "<break time='1s'/>", "<p>", "</p>", "&lt;", "<", ">",
]  # fmt: skip
PIECES = st.one_of(
    *(st.text(alphabet, min_size=1, max_size=8) for alphabet in SCRIPTS.values()), st.sampled_from(WORDS)
)
TEXTS = st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=80), st.text("a.1你-' ", max_size=200))
LEXICONS = st.one_of(st.just(""), st.sampled_from(["a = b", "好 hao3", "A EY1\n1 = one"]), st.text(max_size=20))


def check(text, language, split_method, lexicon, frontend, symbols):
    try:
        result = READERS[frontend, symbols].process(text, language, split_method, lexicon, explain=True)
    except InvalidRequest:
        return
    assert ((result.phones >= 0) & (result.phones < NUM_PHONES[symbols])).all()
    assert (result.phone_counts > 0).all()
    assert result.phone_counts.sum() == result.phones.size
    assert len(result.sentences) == result.phone_counts.size == result.rates.size == result.pause_after_s.size
    assert result.run_characters.sum() == result.word_to_phone.size == result.bert_token_ids.size
    stops = np.cumsum(result.word_to_phone)[np.cumsum(result.run_characters) - 1] if result.run_characters.size else []
    sizes = np.diff(np.concatenate([[0], stops])).astype(int)
    assert (result.run_phone_starts + sizes <= result.phones.size).all()
    assert len(result.origins) == len(result.sentences)


@settings(max_examples=NUM_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=TEXTS,
    language=st.sampled_from(list(MODES)),
    split_method=st.sampled_from([*CUT_METHODS, "none"]),
    lexicon=LEXICONS,
    reader=st.sampled_from(list(READERS)),
)
def test_any_text_is_read_with_phones_of_the_table_or_refused(text, language, split_method, lexicon, reader):
    check(text, language, split_method, lexicon, *reader)


@pytest.mark.parametrize("reader", list(READERS))
def test_a_blank_between_words_that_the_lexicon_gives_is_read(reader):
    check("B B", "auto", "cut0", "B B", *reader)  # found by 20,000 cases


@settings(max_examples=NUM_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, language=st.sampled_from(list(MODES)), frontend=st.sampled_from(FRONTENDS))
def test_every_phone_has_a_name_in_the_table_or_is_upstreams_unknown(text, language, frontend):
    known = phone_table("v2")
    try:
        sentences = describe(text, language, frontend=frontend)
    except InvalidRequest:
        return
    phones = [phone for each in sentences for run in each["runs"] for _, said in run["units"] for phone in said]
    unknown = {phone for phone in phones if phone not in known}
    if frontend == "improved":
        assert unknown <= {"#"}  # where a Japanese accent phrase ends: UNK, as the checkpoints were trained
    assert UNKNOWN in known


@pytest.mark.parametrize("frontend", FRONTENDS)
@pytest.mark.parametrize(
    "text",
    ["값" * 2000, "あ" * 2000, "漢" * 2000, "9" * 4999, "ア-" * 1000, "a1" * 1500, "가1개 " * 800, "「" * 999 + "あ"],
)
def test_hostile_repetition_is_read_like_any_text(frontend, text):
    check(text, "auto", "cut5", "", frontend, "v2")
