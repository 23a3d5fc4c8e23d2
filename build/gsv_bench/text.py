"""Time of the text front end: 1,000 characters of mixed text, every process-wide cache of sentences as in service.

Sentences differ from round to round (figures, names, order), so that no whole sentence is found in a cache; words are
what a server that has been running for a while has seen. BERT and g2pW are not part of it. One core: the thread's
CPU time is what counts, so that other work on the machine does not.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from typing import Any

from gsv_runtime.text.frontend import TextFrontend

NUM_CHARACTERS = 1_000
# One text in several languages, as long as needed: {n} a figure, {w} one of `WORDS`.
TEMPLATES = {
    "zh": (
        "他在{n}年买了{n}本书，然后坐地铁回家。",
        "银行行长说，今年的增长率是{n}.5%，比去年多。",
        "{w}重新打开了窗户，外面下着很大的雨，行人都跑得很快。",
        "会议从下午{n}点开始，一共有{n}个人参加。",
    ),
    "en": (
        "{w} bought {n} books on Friday and read every one of them. ",
        "The meeting with Dr. {w} starts at {n}:30, so please close the door. ",
        "About {n}% of the people live near the old station. ",
    ),
    "ja": (
        "今日は{n}時に駅で{w}と待ち合わせをしています。",
        "この本は{n}円ですが、とても面白いですよ。",
        "明日の天気は晴れのち曇りで、気温は{n}度まで上がるでしょう。",
    ),
    "ko": (
        "오늘은 {n}시에 학교에서 친구를 만나기로 했어요. ",
        "사과 {n}개와 책 {n}권을 값싸게 샀습니다. ",
    ),
    "yue": ("佢今日買咗{n}本書，我哋一齊去飲茶啦。",),
}
WORDS = "Anna Miguel Priya Robert Ingrid Maria Simon Fatima Oliver Emily".split()
MIXES = {"mixed": tuple(TEMPLATES), **{language: (language,) for language in TEMPLATES}}
TARGET_MS = 50.0


def text_of(languages: tuple[str, ...], draw: random.Random) -> str:
    """1,000 characters of sentences in turn of each language."""
    text = ""
    index = 0
    while len(text) < NUM_CHARACTERS:
        sentence = draw.choice(TEMPLATES[languages[index % len(languages)]])
        while "{" in sentence:
            sentence = sentence.replace("{n}", str(draw.randrange(2, 10_000)), 1).replace("{w}", draw.choice(WORDS), 1)
        text += sentence
        index += 1
    return text[:NUM_CHARACTERS]


def measure(frontend: TextFrontend, languages: tuple[str, ...], language: str, rounds: int) -> list[float]:
    """CPU milliseconds of each round but the first three."""
    draw = random.Random(1)
    times_ms = []
    for _ in range(rounds + 3):
        text = text_of(languages, draw)
        start = time.thread_time()
        frontend.process(text, language)
        times_ms.append((time.thread_time() - start) * 1000)
    return times_ms[3:]


def add_arguments(parser: argparse._ArgumentGroup) -> None:
    """Arguments of this benchmark."""
    parser.add_argument("--text-rounds", type=int, default=25, help="texts of each kind (default: %(default)s)")


def run(arguments: argparse.Namespace) -> tuple[str, dict[str, Any]]:
    """Measure each mix with both front ends.

    Returns:
        A Markdown table and the values behind it.
    """
    values: dict[str, Any] = {}
    frontends = {name: TextFrontend("v2", None, name) for name in ("improved", "upstream")}
    for frontend in frontends.values():
        frontend.warm_up()
    for mix, languages in MIXES.items():
        mode = "auto" if len(languages) > 1 else languages[0]
        for name, frontend in frontends.items():
            values[f"{name}_{mix}_ms"] = round(
                statistics.median(measure(frontend, languages, mode, arguments.text_rounds)), 2
            )
    rows = "\n".join(
        f"| {mix} | {values[f'improved_{mix}_ms']:.1f} | {values[f'upstream_{mix}_ms']:.1f} |" for mix in MIXES
    )
    title = (
        f"Text front end, CPU ms for {NUM_CHARACTERS:,} characters of new sentences, median of {arguments.text_rounds}"
    )
    return f"{title} (target {TARGET_MS:.0f})\n\n| text | improved | upstream |\n|---|---|---|\n{rows}", {
        "text": values
    }
