"""How Cantonese figures and characters are worded."""

import pytest

from gsv_runtime.text.normalize.cantonese import normalize


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("佢有2個仔，3隻貓。", "佢有兩個仔,三隻貓."),
        ("我電話係61234567。", "我電話係六一二三四五六七."),
        ("我電話係56558700。", "我電話係五六五五八七零零."),
        ("呢間酒店要$1,280，嗰間US$5。", "呢間酒店要一千二百八十元,嗰間五美元."),
        ("賣3371蚊", "賣三千三百七十一蚊"),
        ("巴士9:30開，2024年5月1日。", "巴士九點半開,二零二四年五月一日."),
        ("試吓啦，借借唔該，嗯。", "試吓啦,借借唔該,嗯."),
        ("真係㗎？搭𨋢上去！！", "真係㗎?搭𨋢上去!"),
        ("干净的衣服晒干了，树干上有只鸟。", "乾淨的衣服曬乾了,樹幹上有隻鳥."),
        ("他们后来在这里。", "他們後來在這裏."),
        ("幺妹", "幺妹"),
    ],
)
def test_cantonese_is_worded_in_traditional_characters(text, said):
    assert normalize(text) == said
