"""Which Han characters are Mandarin and which Japanese, where both write them.

Kana is Japanese. Han characters in one word with kana (食べる, たこ焼き, by Open JTalk's dictionary) are Japanese; the
others are Mandarin where Mandarin's own characters or function words stand among them (我在看), and Japanese where
Japanese grammar does (particles, endings), else what the text is.
"""

from __future__ import annotations

import functools
import re
import unicodedata

import opencc

# 々 and 〻 repeat a character and belong to its word; 〆 is a word of its own.
HAN = "\u3005\u3007\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "\u3006\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
HAN_OR_KANA = re.compile(f"[{HAN}{KANA}]+")
_KANA_CHARACTER = re.compile(f"[{KANA}]")
_HAN_RUN = re.compile(f"[{HAN}]+")
# Written in Japan too, but rarely; and everyday words of Mandarin.
_MANDARIN_CHARACTERS = frozenset("很你这那哪呢吧她它给吃喝没们吗咱谁")
# Words of Mandarin's grammar and of every day whose characters Japan writes, too, but not as words of their own.
_MANDARIN_WORDS = frozenset(
    "我 他 我的 他的 在 是 不是 的 了 叫 看 看着 听 想 要 去 来 会 能 就 都 也 和 跟 把 被 从 对 到 用 还 又 才 "
    "只 有 不 不要 最 这 那 "
    "一只 一本 一下 一些 太 真 好 买 卖 说 走 坐 做 玩 穿 找 问 读 写 唱 打 吧 动画片 周末 平时 大家 之后 早上 听 "
    "每天 偶像 学 吃 喝".split()
)
_PRONOUNS = frozenset("我 他 我的 他的".split())
_ONLY_MANDARIN = re.compile(
    "今天|明天|昨天|后天|喜欢|知道|觉得|什么|怎么|因为|但是|可是|如果|已经|请问|没有|看到|听说|这个|那个|哪里|"
    "这里|那里|一个|一起|不是|不会|不能|"
    "叫做|动漫|认为|不好意思|谢谢|对不起|再见|你好|没关系|晚安|加油|欢迎|恭喜|快乐|辛苦了|为什么|还有|咖啡厅|"
    "演唱会|便利店|中文|然后|后来|于是|所以|虽然|而且|随后|接着|终于|其实|刚才"
)
_GRAMMAR = ("助詞", "助動詞")
_INFLECTED = ("動詞", "形容詞")
_PERSON = ["固有名詞", "人名"]
_FIELDS_OF_UNKNOWN_WORDS = 6


@functools.cache
def _to_simplified() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@functools.lru_cache(maxsize=65_536)
def _encodable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def japanese_features(text: str) -> list[list[str]]:
    """Words by Open JTalk's dictionary: each as it is written, its part of speech, and what else is said of it."""
    import pyopenjtalk  # takes 0.4 s, and is for texts with kana only

    return [feature.split(",") for feature in pyopenjtalk.run_mecab(text)]


def only_in_chinese(char: str) -> bool:
    """Whether Japan does not write a character, or rarely."""
    return char in _MANDARIN_CHARACTERS or not _encodable(char, "cp932")


def _only_in_japanese(char: str) -> bool:
    return (
        _encodable(char, "cp932")
        and not _encodable(char, "gb2312")
        and not _encodable(char, "big5")
        and unicodedata.category(char) != "Lm"
    )


def _is_mandarin(han: str, in_japanese: bool) -> bool:
    """Whether Han characters have words of Mandarin among them; among Japanese, more than one character can be."""
    if any(map(only_in_chinese, han)):
        return True
    simplified = _to_simplified().convert(han)
    if _ONLY_MANDARIN.search(simplified):
        return True
    if len(han) < 2 and in_japanese:
        return False
    import rjieba  # its dictionary takes 0.2 s, and is for such texts only

    found = [word for word in rjieba.cut(simplified) if word in _MANDARIN_WORDS]
    return bool(found) if not in_japanese else len(found) > 1 + _PRONOUNS.isdisjoint(found)


def _is_japanese(han: str) -> bool:
    return ("々" in han or any(map(_only_in_japanese, han))) and not any(map(only_in_chinese, han))


@functools.lru_cache(maxsize=4096)
def stretch_languages(stretch: str, otherwise: str = "") -> tuple[str, ...]:
    """Language of each character of a stretch of Han characters and kana, ``zh`` or ``ja``.

    Args:
        stretch: what `HAN_OR_KANA` matches.
        otherwise: language of Han characters that could be either: ``ja`` in a Japanese text, ``ko`` in a Korean one
            (韓美), ``zh`` where the request names it, empty where the stretch itself decides.
    """
    kana = set(_KANA_CHARACTER.findall(stretch))
    if not kana:
        return (_han_language(stretch, otherwise),) * len(stretch)
    if kana == {"の"} and any(map(only_in_chinese, stretch.replace("の", ""))):
        return ("zh",) * len(stretch)  # 鲜の每日
    return _mixed_languages(stretch, otherwise)


def _han_language(han: str, otherwise: str) -> str:
    """Language of Han characters that stand next to no kana."""
    if otherwise == "ja":
        return "zh" if _is_mandarin(han, in_japanese=True) else "ja"
    if otherwise == "ko":
        return "zh" if _is_mandarin(han, in_japanese=True) else "ja" if _is_japanese(han) else "ko"
    return "ja" if not otherwise and _is_japanese(han) else "zh"


def _mixed_languages(stretch: str, otherwise: str) -> tuple[str, ...]:
    languages, grammar = _japanese_words(stretch)
    in_japanese = grammar or otherwise == "ja"
    parts = (_free_part(han.span(), languages) for han in _HAN_RUN.finditer(stretch))
    free = [(start, end) for start, end in parts if start < end]
    mandarin = [_is_mandarin(stretch[start:end], in_japanese) for start, end in free]
    for (start, end), is_mandarin in zip(free, mandarin, strict=True):
        han = stretch[start:end]
        undecided = not in_japanese and not _is_japanese(han)
        if (is_mandarin and "々" not in han) or (undecided and (otherwise == "zh" or any(mandarin))):
            languages[start:end] = ["zh"] * len(han)
    return tuple(language or "ja" for language in languages)


def _free_part(span: tuple[int, int], languages: list[str]) -> tuple[int, int]:
    """What of a run of Han characters is in no word with kana."""
    start, end = span
    while end > start and languages[end - 1]:
        end -= 1
    while start < end and languages[start]:
        start += 1
    return start, end


def _japanese_words(stretch: str) -> tuple[list[str], bool]:
    """``ja`` for each character in a word with kana, and whether Japanese grammar holds the words together."""
    languages = ["ja" if _KANA_CHARACTER.match(char) else "" for char in stretch]
    grammar = False
    end = 0
    before: tuple[int, int] | None = None  # a name of a person just before, in Han characters
    for word, part_of_speech, *more in japanese_features(stretch):
        start = stretch.find(word, end)
        if start < 0:
            continue
        is_name = more[:2] == _PERSON
        if before and before[1] == start and is_name and _KANA_CHARACTER.match(word):  # 初音ミク
            languages[before[0] : start] = ["ja"] * (start - before[0])
        spelled_in_japan = not any(map(only_in_chinese, word))
        before = (start, start + len(word)) if is_name and len(word) > 1 and spelled_in_japan else None
        end = start + len(word)
        written = set(languages[start:end])
        if written == {"ja", ""} and len(more) > _FIELDS_OF_UNKNOWN_WORDS and not any(map(only_in_chinese, word)):
            languages[start:end] = ["ja"] * len(word)
            grammar = grammar or part_of_speech in _INFLECTED
        grammar = grammar or (start > 0 and part_of_speech in _GRAMMAR and written == {"ja"})
    return languages, grammar
