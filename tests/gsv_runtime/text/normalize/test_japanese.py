"""Japanese text as Open JTalk reads it well."""

import pytest

from gsv_runtime.text.normalize.japanese import normalize


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("12,800円", "12800円"),
        ("￥1,280", "1280円"),
        ("$5です", "5ドルです"),
        ("23.5度", "23点5度"),
        ("30%", "30パーセント"),
        ("2024/5/1", "2024年5月1日"),
        ("9:05に", "9時5分に"),
        ("9:00", "9時"),
        ("03-1234-5678", "ゼロサン、イチニーサンヨン、ゴーロクナナハチ"),
        ("〒100-0001", "郵便番号、イチゼロゼロ、ゼロゼロゼロイチ、"),
        ("1/3", "3分の1"),
        ("3〜5人", "3から5人"),
        ("千代田1-1", "千代田1の1"),
        ("身長172cm", "身長172センチメートル"),
        ("「愛」とは？", "愛とは?"),
        ("すごいwww", "すごい"),
        ("ｱｲｳ ＡＢ１", "アイウAB1"),
        ("おめでとう🎉！！", "おめでとう!"),
    ],
)
def test_figures_and_signs_are_said_in_words(text, said):
    assert normalize(text) == said
