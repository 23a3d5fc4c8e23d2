"""Han characters in Korean to hangul: 美國 미국, 女子 여자."""

from __future__ import annotations

import re

from gsv_runtime.text.g2p.korean import words

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
# Frequent characters that MeCab's dictionary has no reading for.
_MORE = dict(
    pair.split("=")
    for pair in (
        "李=이 朴=박 崔=최 鄭=정 姜=강 趙=조 尹=윤 張=장 林=임 韓=한 吳=오 徐=서 申=신 權=권 黃=황 宋=송 柳=유 "
        "洪=홍 全=전 高=고 "
        "文=문 孫=손 梁=양 裵=배 曺=조 白=백 許=허 南=남 故=고 盧=노 廬=여 你=니 愛=애 無=무 有=유 "
        "條=조 憲=헌 女=녀 露=로 陸=륙 身=신 耳=이 首=수 血=혈 秒=초 夕=석 晝=주 春=춘 冬=동 少=소 "
        "遠=원 近=근 今=금 暗=암 誤=오 始=시 末=말 同=동 各=각 每=매 政=정 治=치 警=경 察=찰 檢=검 "
        "裁=재 審=심 漁=어 貧=빈 債=채 買=매 賣=매 輸=수 出=출 入=입 支=지 校=교 育=육 言=언 話=화 "
        "樂=악 演=연 映=영 寫=사 醫=의 電=전 械=계 航=항 交=교 競=경 技=기 爭=쟁 一=일 二=이 三=삼 "
        "四=사 五=오 六=육 七=칠 八=팔 九=구 十=십 百=백 千=천 億=억 兆=조 回=회 個=개 歲=세 弟=제 "
        "姉=자 友=우 喜=희 哀=애 痛=통 笑=소 淚=루 夢=몽 思=사 仰=앙 皇=황 帝=제 盜=도 殺=살 護=호 "
        "防=방 備=비 攻=공 擊=격 逃=도 追=추 捕=포 禮=례 儀=의 悌=제 聲=성 味=미 食=식 飮=음 茶=차 "
        "麥=맥 花=화 樹=수 鳥=조 犬=견 豚=돈 鷄=계 虎=호 龍=룡 蛇=사 兎=토 猿=원 衆=중 就=취 束=속 "
        "協=협 例=례 則=칙 止=지 投=투 開=개 閉=폐 示=시 見=견 聞=문 讀=독 歷=력 來=래 去=거 特=특 "
        "殊=수 普=보 改=개 增=증 測=측 庭=정 橋=교 布=포 筆=필 刀=도 舞=무 戲=희 遊=유 宿=숙 泊=박 "
        "步=보 立=립 臥=와 寢=침 習=습 慣=관 練=련 試=시 驗=험 譽=예 恥=치 卑=비 遜=손 誠=성 欺=기 "
        "謀=모 雨=우 雪=설 霜=상 雷=뢰 氷=빙 寒=한 冷=랭 暑=서 凉=량 簿=부 送=송 授=수 利=리 途=도 "
        "宜=의 眼=안 髮=발 腰=요 指=지 腹=복 胸=흉 背=배 肩=견"
    ).split()
)
# Where a word begins, ㄴ and ㄹ of these syllables are not said: 녀자 → 여자, 력사 → 역사, 로동 → 노동.
_INITIALS = dict(
    zip(
        "녀 뇨 뉴 니 랴 려 례 료 류 리 라 래 로 뢰 루 르".split(),
        "여 요 유 이 야 여 예 요 유 이 나 내 노 뇌 누 느".split(),
        strict=True,
    )
)
_FIRST_SYLLABLE, _CODAS = 0xAC00, 28


def in_hangul(text: str) -> str:
    """Korean text, its Han characters as they are read; those without a reading stay."""
    return _HAN.sub(lambda match: _read(match[0]), text) if _HAN.search(text) else text


def _read(han: str) -> str:
    said = "".join(reading or "".join(_MORE.get(char, char) for char in word) for word, reading in words(han))
    return _initial(said[0]) + said[1:]


def _initial(syllable: str) -> str:
    code = ord(syllable) - _FIRST_SYLLABLE
    if not 0 <= code < 11172:
        return syllable
    coda = code % _CODAS
    head = chr(_FIRST_SYLLABLE + code - coda)
    return chr(ord(_INITIALS.get(head, head)) + coda)
