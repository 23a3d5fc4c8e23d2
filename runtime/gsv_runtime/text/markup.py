"""What tools write around a text: tags, entities, times of subtitles and lyrics, Markdown, faces made of signs.

Everything found here is taken out and told, so that a response can say what was not said. Where a sign is text
(``a < b``, ``2*3*4``, ``(a)``) nothing changes. SSML is not read here, see `ssml`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

MARKUP, CUE, FACE = "markup", "time or tag of subtitles or lyrics", "face made of signs"
LAUGHTER = "laughter made of letters"
Told = Callable[[str, str], None]

_BLOCKS = (
    "p|br|div|li|ul|ol|dl|dt|dd|h[1-6]|hr|tr|td|th|table|thead|tbody|title|head|body|html|blockquote|pre|section|"
    "article|header|footer|main|nav|option|select|form|fieldset|figure|figcaption"
)
_INLINE = (
    "a|abbr|acronym|align|allcaps|alpha|audio|b|base|big|bdi|bdo|button|c|center|cite|code|color|colour|cspace|del|dfn|"
    "em|emphasis|font|font-weight|gradient|i|img|indent|input|ins|kbd|label|lang|line-height|line-indent|link|"
    "lowercase|margin|mark|material|meta|mspace|nobr|noparse|pos|q|quad|rainb|rb|rotate|ruby|s|samp|shake|size|small|"
    "smallcaps|source|space|span|sprite|strike|strong|style|sub|sup|svg|tt|u|uppercase|var|video|voffset|voice|wave|"
    "wbr|width|xml"
)
_ATTRIBUTES = r"""(?:\s+[\w:.-]+\s*=\s*(?:"[^"<>]{0,500}"|'[^'<>]{0,500}'|[^\s<>"']{1,200}))*"""
_VALUE = r"""(?:\s*=\s*(?:"[^"<>]{0,200}"|'[^'<>]{0,200}'|[^\s<>"']{1,200}))?"""
_HIDDEN = re.compile(
    r"(?is)<(script|style|rt|rp)\b[^<>]{0,500}>.{0,2000}?</\1\s*>|<!--.*?-->|<![a-z][^<>]{0,500}>|<\?[^<>]{0,500}\?>"
)
_BLOCK_TAG = re.compile(rf"(?i)</?(?:{_BLOCKS})(?:\.[\w.]+)?{_VALUE}{_ATTRIBUTES}\s*/?>")
_INLINE_TAG = re.compile(
    rf"(?i)</?(?:{_INLINE})(?:\.[\w.]+)?{_VALUE}{_ATTRIBUTES}\s*/?>|<v(?:\.[\w.]+)?\s[^<>]{{1,80}}>|</v>"
    r"|<#[0-9a-f]{3,8}>|<\d{1,2}:\d\d(?::\d\d)?[.:]\d{2,3}>"
)
_BRACKET_TAG = re.compile(
    r"(?i)\[/?(?:b|i|u|s|color|colour|size|url|img|quote|center|wave|shake|rainbow|font)(?:=[^\[\]\n]{0,100})?\]"
    r"|\{/?(?:b|i|u|s|w|p|nw|fast|color|size|font|alpha|cps|image|space|vspace|k)(?:=[^{}\n]{0,60})?\}"
    r"|\{\\[a-zA-Z0-9\\&().,]{1,100}\}"
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_CUE_TIME = r"(?:\d{1,3}:)?\d{1,2}:\d\d[.,]\d{1,3}"
_CUES = re.compile(
    rf"^(?:\d{{1,6}}[ ]*\n)?[ ]*{_CUE_TIME}[ ]*-->[ ]*{_CUE_TIME}[^\n]*$|\AWEBVTT\b[^\n]*$", re.MULTILINE
)
_LYRICS = re.compile(
    r"^[ ]*\[(?:ti|ar|al|by|au|la|re|ve|offset|length|id)[ ]?:[^\]\n]{0,200}\][ ]*$"
    r"|^[ ]*(?:\[\d{1,3}:\d\d(?:[.:]\d{1,3})?\][ ]*)+|\[\d{1,3}:\d\d[.:]\d{2,3}\]",
    re.MULTILINE | re.IGNORECASE,
)
_MARKDOWN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^[ ]{0,3}(?:```|~~~)[^\n]*$", re.MULTILINE), ""),
    (re.compile(r"^[ ]{0,3}(?:(?:\*[ ]*){3,}|(?:-[ ]*){3,}|(?:_[ ]*){3,}|={3,})$", re.MULTILINE), ""),
    (re.compile(r"^[ ]*\|?(?:[ ]*:?-{2,}:?[ ]*\|)+[ ]*:?-*:?[ ]*$", re.MULTILINE), ""),
    (re.compile(r"^[ ]{0,3}#{1,6}[ ]+|[ ]+#+[ ]*$", re.MULTILINE), ""),
    (re.compile(r"^[ ]{0,3}(?:>[ ]?)+(?=\S)", re.MULTILINE), ""),
    (re.compile(r"^[ ]*[-*+•‣◦▪●○■□◆◇➤►▶✓✔☐☑][ ]+(?:\[[ xX]\][ ]+)?(?=\S)", re.MULTILINE), ""),
    (re.compile(r"!?\[([^\[\]\n]{1,300})\]\([^()\s]{1,500}(?:[ ]\"[^\"\n]{0,200}\")?\)"), r"\1"),
    (re.compile(r"\*\*(?=\S)([^\n*]{1,500}?)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"(?<!\w)__(?=\S)([^\n_]{1,500}?)(?<=\S)__(?!\w)"), r"\1"),
    (re.compile(r"~~(?=\S)([^\n~]{1,500}?)(?<=\S)~~"), r"\1"),
    (re.compile(r"(?<![\w*])\*(?=[^\s*])([^\n*]{1,500}?)(?<=[^\s*])\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])_(?=[^\s_])([^\n_]{1,500}?)(?<=[^\s_])_(?![\w_])"), r"\1"),
    (re.compile(r"(?<!`)`{1,2}([^\n`]{1,500}?)`{1,2}(?!`)"), r"\1"),
)  # fmt: skip
_ARMS = r"(?:[ ]?[ﾉノ丿づっ╯シ∠ლ凸旦︵彡]{1,3}(?![ぁ-んァ-ン一-龥])|[ ]?[︵┻━┳ノ]+)*"
_BRACKETED = re.compile(
    rf"(?:(?<![A-Za-z])[md](?=[(（]))?[(（ʕ][^()（）\n]{{2,16}}[)）ʔ](?:[ ]?[mvb／/](?![A-Za-z0-9])|{_ARMS})"
    rf"|[＼\\┐ヽヾ]\s?[(（][^()（）\n]{{2,16}}[)）]\s?[／/┌ノﾉ]?"
)
_EYES = re.compile("[\\^＾_＿ω´`｀・･°□益皿▽∀дД﹏≧≦ಠ◕ㅠㅜ͡ʖᴗ◡•ㅁ˘ᵕ♡*★☆ツᴥ¯‿｡;；><＞＜ᗜεз╥̥̣●๑⌣¬Ф╬◔☉⊙◉〇 .。…ˊˋ̀́ー-]")
_SAME_EYES = re.compile(r"([oO0TxXuUvVnNQ@qd><^;+ㅠㅜㅇㅎ])[_.＿ωo﹏▽д∀︿wWuvㅡ-]{1,3}\1")
_LETTER_IN_FACE = re.compile(r"[^\W_ω´дДツᴥㅠㅜㅁεзᴗʖᗜФノﾉづ]")
# w behind Japanese laughs: まじかw, 草www.
_LAUGHTER = re.compile(
    "(?:^|(?<=[ \n\u3000]))[wWｗＷ]{2,}(?![A-Za-z0-9'.])|"
    "(?<=[ぁ-ゖァ-ヺー一-鿿々！!？?。、」）…])[ ]?[wWｗＷ]+(?![A-Za-z0-9'.])"
)
# Eyes that weep, of Korean vowels; one alone is a letter.
_CRYING = re.compile("(?<![ㄱ-ㅎㅏ-ㅣ])[ㅠㅜ]{2,}(?![ㄱ-ㅎㅏ-ㅣ])|(?<=[가-힣~!?.])[ㅠㅜ]+(?![ㄱ-ㅎㅏ-ㅣ가-힣])")
_WESTERN = re.compile(
    r"(?:(?<=\s)|(?<=[^\x00-\x7f])|^|(?<=[.!?]))"
    r"(?:[:;]['’]?[-o^]?[)(DPpOo3*/\\|\]\[}{]{1,3}|=['’]?-?[)(DPp]{1,3}|\^[_.]?\^"
    r"|[TQ;]_[TQ;]|[oO]_[oO]|>[_.]<|-[_.]-|</?3+|[xX]D+"
    r"|¯\\_\(ツ\)_/¯)(?=[\s.,!?]|$|[^\x00-\x7f])",
    re.MULTILINE,
)


def plain_text(text: str, tell: Told) -> str:
    """A text without what its tools wrote around it.

    Args:
        text: with line ends as ``\\n``.
        tell: takes each piece that is taken out, and why.
    """
    if re.search("[<\\[{&>]", text):
        text = _without_tags(text, tell)
    text = _without_faces(text, tell)
    for pattern, kept in _MARKDOWN:
        text = pattern.sub(kept, text)
    return text


def _without_tags(text: str, tell: Told) -> str:
    def dropped(reason: str, instead: str = "") -> Callable[[re.Match[str]], str]:
        def take(match: re.Match[str]) -> str:
            tell(match[0].strip(), reason)
            return instead

        return take

    text = _CUES.sub(dropped(CUE), text)
    text = _LYRICS.sub(dropped(CUE), text)
    text = _HIDDEN.sub(dropped(MARKUP), text)
    text = _BLOCK_TAG.sub(dropped(MARKUP, "\n"), text)
    text = _BRACKET_TAG.sub(dropped(MARKUP), _INLINE_TAG.sub(dropped(MARKUP), text))
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)


def _without_faces(text: str, tell: Told) -> str:
    def take(match: re.Match[str]) -> str:
        if not _is_face(match[0]):
            return match[0]
        tell(match[0], FACE)
        return " "

    def take_western(match: re.Match[str]) -> str:
        tell(match[0], FACE)
        return " "

    def take_laughter(match: re.Match[str]) -> str:
        tell(match[0].strip(), LAUGHTER)
        return ""

    if re.search("[ぁ-ゖァ-ヺ]", text):
        text = _LAUGHTER.sub(take_laughter, text)
    if re.search("[가-힣]", text):
        text = _CRYING.sub(take_western, text)
    return _WESTERN.sub(take_western, _BRACKETED.sub(take, text))


def _is_face(bracketed: str) -> bool:
    inner = re.sub(r"^[^(（ʕ(]*[(（ʕ(]|[)）ʔ][^)）ʔ]*$", "", bracketed)
    if _SAME_EYES.fullmatch(inner.strip("* ;'\"")):
        return True
    letters = _LETTER_IN_FACE.findall(inner)
    return (
        len(letters) <= 1
        and not any(map(str.isdecimal, letters))
        and len(_EYES.findall(inner)) >= max(2, len(inner) // 2)
        and bool(re.search("[^ .。…*・-]", inner))
    )
