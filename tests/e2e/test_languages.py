"""Every language, mode and mixture is spoken by a real server."""

import pytest

from gsv_bench.timed_words import LANGUAGES, drawn_texts, faults_of_times
from gsv_client import Client

from .test_speech import speak

SENTENCES = {
    "zh": "今天天气很好，我们去公园吧。",
    "en": "The weather is fine today.",
    "ja": "今日はいい天気ですね。",
    "ko": "오늘 날씨가 좋네요.",
    "yue": "今日天氣好好，我哋去飲茶啦。",
}
FIVE_LANGUAGES = "你好，世界。Hello there, friend! こんにちは、元気ですか。안녕하세요, 반갑습니다. 再见。"
MODES = ("auto", "auto_yue", "all_zh", "all_ja", "all_ko", "all_yue")
QUARTER_SECOND_SAMPLES = 32_000 // 4


@pytest.mark.parametrize("language", SENTENCES)
def test_a_sentence_of_each_language_is_spoken(language, client, registered):
    assert speak(client, voice="low", text=SENTENCES[language], language=language).size > QUARTER_SECOND_SAMPLES


@pytest.mark.parametrize("mode", MODES)
def test_a_text_with_five_languages_is_spoken_in_every_mode(mode, client, registered):
    chunks, error = client.say({"text": FIVE_LANGUAGES, "language": mode, "voice": "low", "seed": 1})
    assert error is None
    said = b" ".join(dict.fromkeys(chunk.outputs["sentence"] for chunk in chunks)).decode()
    assert "Hello there" in said
    assert sum(chunk.waveform.size for chunk in chunks) > 5 * QUARTER_SECOND_SAMPLES


def test_a_sentence_that_changes_language_more_often_than_bert_has_rows_is_spoken(client, registered):
    assert speak(client, voice="low", text="你A好B天C气D不E错F吧。", language="zh").size > QUARTER_SECOND_SAMPLES


@pytest.mark.parametrize("language", ["ja", "ko", "yue"])
def test_a_transcript_may_be_in_any_language(language, client, make_recording):
    inputs = {"action": "register", "voice": f"voice-{language}", "reference_audio": make_recording()}
    client.voices(inputs | {"prompt_text": SENTENCES[language], "prompt_language": language})
    assert speak(client, voice=f"voice-{language}", text="Good morning.").size > QUARTER_SECOND_SAMPLES
    client.voices({"action": "delete", "voice": f"voice-{language}"})


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_of_users_texts_get_times_in_order_that_cover_the_text_inside_the_audio(language, server, registered):
    with Client(f"127.0.0.1:{server.ports.grpc}") as client:
        for text in drawn_texts(language, 2):
            audio = client.synthesize(text, voice="low", language=language, seed=1, timestamps="word", retries=0)
            assert faults_of_times(text, audio.words, audio.dropped, audio.duration_s) == []


def test_an_unknown_language_is_refused_with_those_that_there_are(client, registered):
    _, error = client.say({"text": "Bonjour.", "language": "fr", "voice": "low"})
    assert "language is 'fr'; need one of auto, zh, en, ja, ko, yue, auto_yue, all_zh" in error


def test_the_doctor_tells_which_optional_files_the_text_front_end_misses(server, registered):
    from gsv_client.doctor import diagnose

    found = [finding for finding in diagnose(f"127.0.0.1:{server.ports.grpc}", 60.0) if finding.subject == "text"]
    assert any(finding.found.startswith("g2pW is missing") and "build again" in finding.advice for finding in found)
