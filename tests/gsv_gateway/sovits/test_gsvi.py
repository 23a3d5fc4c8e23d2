import io

import pytest
import soundfile

from gsv_client import ServerBusy
from gsv_gateway.sovits.gsvi import Outputs

ASKED = {
    "app_key": "",
    "dl_url": "http://box:9880",
    "version": "v4",
    "model_name": "demo",
    "prompt_text_lang": "中文",
    "emotion": "默认",
    "text": "Hello.",
    "text_lang": "中英混合",
    "top_k": 10,
    "top_p": 1,
    "temperature": 1,
    "text_split_method": "按标点符号切",
    "batch_size": 1,
    "speed_facter": 1.5,
    "fragment_interval": 0.3,
    "media_type": "wav",
}


def test_a_text_is_spoken_into_a_file_that_is_fetched(running, triton):
    answer = running.http.post("/infer_single", json=ASKED).json()
    assert answer["msg"] == "合成成功"
    assert answer["audio_url"].startswith("http://box:9880/outputs/")
    file = running.http.get("/outputs/" + answer["audio_url"].rpartition("/")[2])
    assert len(soundfile.read(io.BytesIO(file.content))[0]) == 9_600
    assert (triton.spoken[0]["language"], triton.spoken[0]["speed"]) == ("zh", 1.5)
    assert triton.spoken[0]["split_method"] == "cut5"


def test_a_failure_has_status_200_and_no_file(running, triton):
    triton.answers = [ServerBusy("full")]
    answer = running.http.post("/infer_single", json=ASKED)
    assert answer.status_code == 200
    assert answer.json() == {"msg": "full", "audio_url": ""}


@pytest.mark.parametrize(
    ("label", "language"), [("英语", "en"), ("日语", "all_ja"), ("韩语", "all_ko"), ("粤语", "all_yue")]
)
def test_languages_have_the_names_of_its_own_list(running, triton, label, language):
    answer = running.http.post("/infer_single", json={**ASKED, "text_lang": label, "prompt_text_lang": label})
    assert answer.json()["msg"] == "合成成功"
    assert triton.spoken[0]["language"] == language


def test_models_and_versions_are_listed(running):
    assert running.http.get("/version").json()["support_versions"] == ["v2"]
    assert set(running.http.post("/models", json={"version": "v2"}).json()["models"]) == {"demo"}


def test_a_file_is_kept_for_a_while_and_only_so_many():
    now = [0.0]
    outputs = Outputs(lambda: now[0])
    first = outputs.add(b"x", "audio/wav", "wav")
    assert outputs.get(first) == ("audio/wav", b"x")
    for _ in range(64):
        last = outputs.add(b"y", "audio/wav", "wav")
    assert outputs.get(first) is None
    now[0] = 301.0
    assert outputs.get(last) is None
    assert outputs.get("nothing") is None
