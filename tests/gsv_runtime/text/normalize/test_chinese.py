"""Chinese text as it is said."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsv_runtime.text.g2p.chinese import is_readable
from gsv_runtime.text.normalize.chinese import normalize
from gsv_runtime.text.normalize.chinese_words import MARKS
from gsv_runtime.text.symbols import PUNCTUATION

GOLDEN = json.loads(gzip.decompress((Path(__file__).parents[3] / "data/frontend-golden.json.gz").read_bytes()))

# Where upstream is wrong: what it says, what is right. Letters never reach this normaliser, see `segment`.
UPSTREAM_WRONG = [
    ("座机零幺零减幺二三四五六七八", "座机零幺零幺二三四五六七八"),
    ("四零零减幺二三减四五六七", "四零零幺二三四五六七"),
    ("十四点半零五秒", "十四点三十分零五秒"),
    ("八点至九点三十分", "八点至九点半"),
    ("比分三减二", "比分三比二"),
    ("一共幺零零零零零零零元", "一共一千万元"),
    ("￥三点二零元", "三点二零元"),
    ("x的二次方加y的二次方等于一", "等于一"),
    ("你好...world!", "你好…"),
    ("书名括号引号", "书名,括号,引号"),
]


@pytest.mark.parametrize(("text", "sentences"), GOLDEN["zh_normalize_sentences"])
def test_upstream_wording_where_upstream_is_right(text, sentences):
    expected = "".join(sentences)
    for wrong, right in UPSTREAM_WRONG:
        expected = expected.replace(wrong, right)
    expected = "".join(MARKS.get(char, char) for char in expected)
    assert normalize(text) == "".join(c for c in expected if not c.isascii() or c in PUNCTUATION)


ROWS = [
    ("2008年8月8日晚上8点08分", "二零零八年八月八日晚上八点零八分"),
    ("2000年前", "两千年前"),
    ("36+109=145，角度θ小于π", "三十六加一百零九等于一百四十五,角度西塔小于派"),
    ("工作了10年", "工作了十年"),
    ("90年代", "九十年代"),
    ("2020-2024年", "二零二零到二零二四年"),
    ("24年5月", "二四年五月"),
    ("2021/5/1", "二零二一年五月一日"),
    ("5月1日-3日", "五月一日到三日"),
    ("5月1-3日", "五月一到三日"),
    ("周一-周五", "周一到周五"),
    ("3:30", "三点半"),
    ("23:59:59", "二十三点五十九分五十九秒"),
    ("8:00~10:00", "八点至十点"),
    ("下午2点", "下午两点"),
    ("0:00", "零点"),
    ("12:05", "十二点零五分"),
    ("-5度", "零下五度"),
    ("零下3℃", "零下三度"),
    ("23.5%", "百分之二十三点五"),
    ("-0.5%", "负百分之零点五"),
    ("10%-20%", "百分之十到百分之二十"),
    ("3‰", "千分之三"),
    ("1/2", "二分之一"),
    ("3又1/2", "三又二分之一"),
    ("时速120km/h", "时速一百二十千米每小时"),
    ("面积100m²", "面积一百平方米"),
    ("水500ml", "水五百毫升"),
    ("2.4GHz", "二点四吉赫兹"),
    ("共3,000,000人", "共三百万人"),
    ("约5~6个", "约五到六个"),
    ("5-6人", "五到六人"),
    ("3.14", "三点一四"),
    ("版本2.1.3", "版本二点一点三"),
    ("电话010-88886666", "电话零幺零八八八八六六六六"),
    ("拨打400-800-8888", "拨打四零零八零零八八八八"),
    ("手机139-1234-5678", "手机幺三九幺二三四五六七八"),
    ("+86 13912345678", "幺三九幺二三四五六七八"),
    ("拨打110", "拨打幺幺零"),
    ("房间号是302", "房间号是三零二"),
    ("邮编100000", "邮编幺零零零零零"),
    ("身份证110101199001011234", "身份证幺幺零幺零幺幺九九零零幺零幺幺二三四"),
    ("¥50", "五十元"),
    ("¥1,299.00", "一千二百九十九元"),
    ("$3.5亿", "三点五亿美元"),
    ("€20", "二十欧元"),
    ("1.5万元", "一点五万元"),
    ("5块钱", "五块钱"),
    ("2200元", "两千二百元"),
    ("1+1=2", "一加一等于二"),
    ("8-3=5", "八减三等于五"),
    ("10÷2=5", "十除以二等于五"),
    ("3<5", "三小于五"),
    ("比分是3:2", "比分是三比二"),
    ("10086", "幺零零八六"),
    ("2024", "二零二四"),
    ("1500", "一千五百"),
    ("10", "十"),
    ("110个", "一百一十个"),
    ("1010人", "一千零一十人"),
    ("100010人", "十万零一十人"),
    ("12345人", "一万两千三百四十五人"),
    ("2个", "两个"),
    ("22个", "二十二个"),
    ("2楼", "二楼"),
    ("第2天", "第二天"),
    ("第100名", "第一百名"),
    ("2倍", "两倍"),
    ("2000多人", "两千多人"),
    ("80后", "八零后"),
    ("007", "零零七"),
    ("±5", "正负五"),
    ("元/斤，和/或", "元每斤,和,或"),
    ("①苹果②梨", "一苹果二梨"),
    ("《红楼梦》（曹雪芹）", "红楼梦,曹雪芹"),
    ("他说：“好……”——走了～", "他说,好…走了…"),
    ("繁體字，臺灣，頭髮，乾燥", "繁体字,台湾,头发,干燥"),
    ("你好！！！真的？？", "你好!真的?"),
    ("嗯，好吧", "恩,好吧"),
    ("你　好 吗", "你好吗"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), ROWS)
def test_figures_marks_and_signs_are_said_as_people_say_them(text, said):
    assert normalize(text) == said


@pytest.mark.slow
@given(
    text=st.text(
        st.sampled_from("0123456789.,:-/~%年月日点个元kmg°C￥$+=第二两（）") | st.characters(codec="utf-8"), max_size=40
    )
)
def test_only_readable_characters_and_marks_come_out(text):
    assert all(char in PUNCTUATION or is_readable(char) for char in normalize(text))
