"""Readings of Mandarin: polyphones, tone changes, 儿."""

import gzip
import json
from pathlib import Path

import pytest

from gsv_runtime.text.g2p.chinese import clause_pinyin, phones
from gsv_runtime.text.normalize.chinese import normalize
from gsv_runtime.text.symbols import phone_table

GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[3] / "data/frontend-golden.json.gz").read_bytes()))

# 行行 inside 银行行长 is no doubled word; upstream gives its second half a neutral tone.
UPSTREAM_WRONG = {"银行行长重新重量了一遍。": {5: "ang2"}}


@pytest.mark.parametrize(("text", "normalized", "expected", "spans", "ids"), GOLDEN["zh_g2p_pypinyin_standin"])
def test_upstream_phones_where_upstream_is_right(text, normalized, expected, spans, ids):
    units = phones(normalize(text))
    said = [phone for _, unit in units for phone in unit]
    for index, right in UPSTREAM_WRONG.get(text, {}).items():
        expected = [*expected[:index], right, *expected[index + 1 :]]
        ids = [*ids[:index], phone_table("v2")[right], *ids[index + 1 :]]
    assert "".join(char for char, _ in units) == normalized
    assert said == expected
    assert [len(unit) for _, unit in units] == spans
    assert [phone_table("v2")[phone] for phone in said] == ids


POLYPHONES = [
    ("他长得很高", "ta1 zhang3 de5 hen3 gao1"),
    ("头发很长", "tou2 fa5 hen3 chang2"),
    ("全长四十公里", "quan2 chang2 si4 shi2 gong1 li3"),
    ("我得走了", "wo3 dei3 zou3 le5"),
    ("他得了奖", "ta1 de2 le5 jiang3"),
    ("跑得快", "pao3 de5 kuai4"),
    ("书还没还给他", "shu1 hai2 mei2 huan2 gei3 ta1"),
    ("他还在还钱", "ta1 hai2 zai4 huan2 qian2"),
    ("银行的行长在排队", "yin2 hang2 de5 hang2 zhang3 zai4 pai2 dui4"),
    ("一行人走过来", "yi4 xing2 ren2 zou3 guo4 lai5"),
    ("一行代码", "yi4 hang2 dai4 ma3"),
    ("在重庆重新开始", "zai4 chong2 qing4 chong2 xin1 kai1 shi3"),
    ("音乐让人快乐", "yin1 yue4 rang4 ren2 kuai4 le4"),
    ("他成为了老师", "ta1 cheng2 wei2 le5 lao3 shi1"),
    ("这是为什么呢", "zhe4 shi4 wei4 shen2 me5 ne5"),
    ("我觉得睡觉很重要", "wo3 jue2 de5 shui4 jiao4 hen3 zhong4 yao4"),
    ("一只猫只吃鱼", "yi4 zhi1 mao1 zhi3 chi1 yu2"),
    ("他种了一种花", "ta1 zhong4 le5 yi4 zhong3 hua1"),
    ("首都的人都走了", "shou3 du1 de5 ren2 dou1 zou3 le5"),
    ("老师教我们数学", "lao3 shi1 jiao1 wo3 men5 shu4 xue2"),
    ("他数了数", "ta1 shu3 le5 shu3"),
    ("中国队中了大奖", "zhong1 guo2 dui4 zhong4 le5 da4 jiang3"),
    ("我们应该答应他", "wo3 men5 ying1 gai1 da1 ying5 ta1"),
    ("他差点出差", "ta1 cha4 dian3 chu1 chai1"),
    ("着急的时候睡不着", "zhao2 ji2 de5 shi2 hou5 shui4 bu5 zhao2"),
    ("他看着我", "ta1 kan4 zhe5 wo3"),
    ("高兴地笑了", "gao1 xing4 de5 xiao4 le5"),
    ("这块地很大", "zhe4 kuai4 di4 hen3 da4"),
    ("朝阳区在北京", "chao2 yang2 qu1 zai4 bei3 jing1"),
    ("没收他的东西", "mo4 shou1 ta1 de5 dong1 xi5"),
    ("背着书包", "bei1 zhe5 shu1 bao1"),
    ("人参长得参差不齐", "ren2 shen1 zhang3 de5 cen1 ci1 bu4 qi2"),
    ("便宜又方便", "pian2 yi5 you4 fang1 bian4"),
    ("曾先生曾经来了", "zeng1 xian1 sheng5 ceng2 jing1 lai2 le5"),
    ("他姓单", "ta1 xing4 shan4"),
    ("调查和调整", "diao4 cha2 he2 tiao2 zheng3"),
    ("老少皆宜", "lao3 shao4 jie1 yi2"),
    ("青藏高原", "qing1 zang4 gao1 yuan2"),
    ("舍不得离开宿舍", "she3 bu5 de5 li2 kai1 su4 she4"),
    ("勉强算坚强", "mian2 qiang3 suan4 jian1 qiang2"),
]
TONE_CHANGES = [
    ("不去", "bu2 qu4"),
    ("不来", "bu4 lai2"),
    ("去不去", "qu4 bu5 qu4"),
    ("对不起", "dui4 bu5 qi3"),
    ("我不知道", "wo3 bu4 zhi1 dao4"),
    ("一个人", "yi2 ge5 ren2"),
    ("一起", "yi4 qi3"),
    ("一定", "yi2 ding4"),
    ("第一名", "di4 yi1 ming2"),
    ("看一看", "kan4 yi5 kan4"),
    ("十一月", "shi2 yi1 yue4"),
    ("二十一岁", "er4 shi2 yi1 sui4"),
    ("一百二十一", "yi4 bai3 er4 shi2 yi1"),
    ("一万一千", "yi2 wan4 yi1 qian1"),
    ("一九九八年", "yi1 jiu3 jiu3 ba1 nian2"),
    ("一点八米", "yi1 dian3 ba1 mi3"),
    ("你好", "ni2 hao3"),
    ("我很好", "wo3 hen2 hao3"),
    ("展览馆", "zhan2 lan2 guan3"),
    ("小老鼠", "xiao3 lao2 shu3"),
    ("洗澡", "xi2 zao3"),
    ("妈妈", "ma1 ma5"),
    ("看看", "kan4 kan5"),
    ("人人", "ren2 ren2"),
    ("绿油油", "lv4 you2 you2"),
    ("桌子", "zhuo1 zi5"),
    ("电子商务", "dian4 zi3 shang1 wu4"),
    ("孙子兵法", "sun1 zi3 bing1 fa3"),
    ("我的朋友们", "wo3 de5 peng2 you5 men5"),
    ("目的地", "mu4 di4 di4"),
    ("想起来了", "xiang2 qi3 lai5 le5"),
    ("三个苹果", "san1 ge5 ping2 guo3"),
    ("豆腐和葡萄", "dou4 fu5 he2 pu2 tao5"),
    ("漂亮的姑娘", "piao4 liang5 de5 gu1 niang5"),
    ("小孩儿", "xiao3 hai2 er2"),
    ("一会儿", "yi2 hui4 er4"),
    ("有点儿", "you2 dian3 er3"),
    ("女儿", "nv3 er2"),
    ("儿童", "er2 tong2"),
    ("聊天儿", "liao2 tian1 er1"),
]


@pytest.mark.parametrize(("clause", "pinyin"), POLYPHONES)
def test_characters_with_several_readings_are_read_by_context(clause, pinyin):
    assert " ".join(clause_pinyin(clause)) == pinyin


@pytest.mark.parametrize(("clause", "pinyin"), TONE_CHANGES)
def test_tones_change_as_in_speech(clause, pinyin):
    assert " ".join(clause_pinyin(clause)) == pinyin


def test_a_mark_is_one_phone_and_a_character_two():
    assert phones("你好,好.") == [
        ("你", ("n", "i2")),
        ("好", ("h", "ao3")),
        (",", (",",)),
        ("好", ("h", "ao3")),
        (".", (".",)),
    ]
