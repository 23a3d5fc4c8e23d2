import base64
import io
import json
import socket

import pytest
import soundfile
from websockets.sync.client import connect

from gsv_client import InternalError, ServerBusy
from gsv_gateway.keys import KeyStore
from gsv_gateway.settings import Limits

TEXT = {"text": "Hello.", "text_lang": "en"}


def ask(running, method="POST", path="/tts", **fields):
    fields = {**TEXT, **fields}
    if method == "GET":
        return running.http.get(path, params={name: value for name, value in fields.items() if value is not None})
    return running.http.post(path, json=fields)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/tts", "/"])
def test_a_whole_answer_is_a_wav_of_the_models_rate(running, triton, method, path):
    answer = ask(running, method, path, ref_audio_path="demo", prompt_lang="en")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert int(answer.headers["content-length"]) == len(answer.content)
    samples, rate_hz = soundfile.read(io.BytesIO(answer.content))
    assert (len(samples), rate_hz) == (9_600, 32_000)
    assert (triton.spoken[0]["voice"], triton.spoken[0]["streaming"]) == ("demo", "sentence")


@pytest.mark.parametrize(("mode", "expected"), [(1, "sentence"), ("true", "sentence"), (2, "chunk"), (3, "chunk")])
def test_a_streamed_wav_says_that_it_has_no_length(running, triton, mode, expected):
    answer = ask(running, streaming_mode=mode)
    assert "content-length" not in answer.headers
    assert answer.content[40:44] == b"\xff\xff\xff\xff"
    assert len(answer.content) == 44 + 2 * 9_600
    assert triton.spoken[0]["streaming"] == expected


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("wav", "audio/wav"),
        ("raw", "audio/raw"),
        ("ogg", "audio/ogg"),
        ("aac", "audio/aac"),
        ("mp3", "audio/mpeg"),
        ("auto", "audio/wav"),
        ("OGG", "audio/ogg"),
    ],
)
@pytest.mark.parametrize("mode", [0, 1])
def test_every_media_type_is_spoken(running, media_type, content_type, mode):
    answer = ask(running, media_type=media_type, streaming_mode=mode)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert len(answer.content) > 1_000


def test_each_chunk_on_the_wire_of_an_ogg_stream_is_a_file(running):
    request = b'{"text":"Hi.","text_lang":"en","media_type":"ogg","streaming_mode":true}'
    with socket.create_connection(("127.0.0.1", running.port)) as connection:
        connection.sendall(
            f"POST /tts HTTP/1.1\r\nHost: x\r\nContent-Length: {len(request)}\r\n\r\n".encode() + request
        )
        reader = connection.makefile("rb")
        while reader.readline() != b"\r\n":
            pass
        pieces = []
        while size := int(reader.readline(), 16):
            pieces.append(reader.read(size))
            reader.readline()
    assert [len(soundfile.read(io.BytesIO(piece))[0]) for piece in pieces] == [3_200] * 3


@pytest.mark.parametrize("path", ["./参考音频/demo.wav", "C:\\x\\DEMO.WAV", "demo", "", None])
def test_a_path_that_ends_in_a_voice_is_that_voice_and_none_is_the_default(running, triton, path):
    triton.add_voice("aaa")
    assert ask(running, ref_audio_path=path).status_code == 200
    assert triton.spoken[0]["voice"] == "demo"


@pytest.mark.parametrize("path", ["/etc/passwd", "nobody.wav", "../x", "\0", "x" * 5_000])
def test_no_file_is_opened_because_a_client_names_it(running, triton, path):
    answer = ask(running, ref_audio_path=path)
    assert answer.status_code == 400
    assert "is no voice" in answer.json()["message"]
    assert not triton.spoken


def test_a_file_is_read_only_where_the_operator_allowed_its_folder(start, triton, tmp_path, clip):
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "ann.wav").write_bytes(clip)
    (tmp_path / "outside.wav").write_bytes(clip)
    (folder / "link.wav").symlink_to(tmp_path / "outside.wav")
    running = start(reference_folder=folder)
    for path in ("ann.wav", str(folder / "ann.wav")):
        assert ask(running, ref_audio_path=path, prompt_text="words", prompt_lang="en").status_code == 200
    assert triton.spoken[-1]["reference_audio"] == clip
    assert (triton.spoken[-1]["prompt_text"], triton.spoken[-1]["prompt_language"]) == ("words", "en")
    for path in ("../outside.wav", str(tmp_path / "outside.wav"), "link.wav", "."):
        assert ask(running, ref_audio_path=path).status_code == 400


def test_a_clip_may_be_uploaded_with_the_request(running, triton, clip):
    answer = running.http.post("/tts", data={**TEXT, "prompt_text": "words"}, files={"ref_audio": clip})
    assert answer.status_code == 200
    assert triton.spoken[0]["reference_audio"] == clip
    as_url = "data:audio/wav;base64," + base64.b64encode(clip).decode()
    assert running.http.post("/tts", json={**TEXT, "ref_audio_path": as_url}).status_code == 200
    assert triton.spoken[1]["reference_audio"] == clip


def test_further_clips_are_read_where_the_operator_allowed_their_folder(start, triton, tmp_path, clip):
    (tmp_path / "outside.wav").write_bytes(clip)
    folder = tmp_path / "allowed"
    folder.mkdir()
    for name in ("ann", "two", "three"):
        (folder / f"{name}.wav").write_bytes(clip)
    running = start(reference_folder=folder)
    more = ["two.wav", str(folder / "three.wav")]
    for method in ("POST", "GET"):
        assert ask(running, method, ref_audio_path="ann.wav", aux_ref_audio_paths=more).status_code == 200
        assert triton.spoken[-1]["aux_reference_audio"] == [clip, clip]
    assert ask(running, "GET", "/", ref_audio_path="ann.wav", inp_refs=["two.wav"]).status_code == 200
    assert triton.spoken[-1]["aux_reference_audio"] == [clip]
    assert ask(running, ref_audio_path="ann.wav", aux_ref_audio_paths=[]).status_code == 200
    assert "aux_reference_audio" not in triton.spoken[-1]
    for path in ("../outside.wav", str(tmp_path / "outside.wav"), "missing.wav"):
        answer = ask(running, ref_audio_path="ann.wav", aux_ref_audio_paths=["two.wav", path])
        assert answer.status_code == 400
        assert "which is no file that may be read" in answer.json()["message"]


def test_a_registered_voice_has_its_own_clips_whatever_paths_a_client_sends_with_it(running, triton):
    assert ask(running, ref_audio_path="demo.wav", aux_ref_audio_paths=["/etc/passwd"]).status_code == 200
    assert triton.spoken[0]["voice"] == "demo"
    assert "aux_reference_audio" not in triton.spoken[0]


def test_several_files_of_a_form_are_the_reference_and_more_of_its_speaker(running, triton, clip):
    files = [("ref_audio", clip), ("aux_ref_audio", clip[:-2]), ("aux_ref_audio", clip[:-4])]
    assert running.http.post("/tts", data=TEXT, files=files).status_code == 200
    assert triton.spoken[0]["reference_audio"] == clip
    assert triton.spoken[0]["aux_reference_audio"] == [clip[:-2], clip[:-4]]


@pytest.mark.parametrize("failure", [ServerBusy("full; retry after 2 s"), InternalError("broken")])
def test_what_the_server_refuses_is_400_because_clients_play_everything_else(running, triton, failure):
    triton.answers = [failure]
    answer = ask(running)
    assert answer.status_code == 400
    assert answer.json() == {"message": "tts failed", "Exception": str(failure)}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": None}, "text is required"),
        ({"text_lang": None}, "text_lang is required"),
        ({"text_lang": "xx"}, "text_lang: xx is not supported; need one of auto, zh, en, ja, ko, yue"),
        ({"media_type": "mp4"}, "media_type: mp4 is not supported; need one of wav, raw, ogg, aac"),
        ({"text_split_method": "cut9"}, "text_split_method:cut9 is not supported; need one of cut0, cut1"),
        ({"top_k": "many"}, "top_k is 'many'"),
        ({"streaming_mode": 7}, "the value of streaming_mode must be"),
    ],
)
def test_what_is_wrong_with_a_request_is_400_with_a_message(running, fields, message):
    answer = ask(running, **fields)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(message)


def test_nobody_stops_the_server_by_its_api(running):
    assert running.http.get("/control").json() == {"message": "command is required"}
    assert running.http.get("/control?command=exit").status_code == 403
    assert running.http.post("/control", json={"command": "restart"}).status_code == 403
    unknown = running.http.get("/control?command=dance")
    assert (unknown.status_code, unknown.json()) == (200, None)


@pytest.mark.parametrize(("route", "kind", "ending"), [("gpt", "gpt", "ckpt"), ("sovits", "sovits", "pth")])
def test_weights_are_set_where_they_are_those_that_are_loaded(start, route, kind, ending):
    running = start(weights=(f"mine.{ending}", "s1*.ckpt", "s2*.pth"))
    path = f"/set_{route}_weights"
    assert running.http.get(path).json() == {"message": f"{kind} weight path is required"}
    assert running.http.get(path, params={"weights_path": f"weights/MINE.{ending}"}).json() == {"message": "success"}
    failed = running.http.get(path, params={"weights_path": f"other.{ending}"})
    assert failed.status_code == 400
    assert failed.json()["message"] == f"change {kind} weight failed"
    assert "--weights" in failed.json()["Exception"]


def test_weights_that_a_caller_sets_are_its_own_default_and_nobody_elses(start, triton, tmp_path):
    keys = KeyStore(tmp_path / "keys.json")
    headers = [{"x-api-key": keys.add(name)[1]} for name in ("phone", "car")]
    triton.models.append({"model": "ann", "s1": "ann-e15.ckpt", "s2": "ann_e8.pth"})
    running = start(keys_file=tmp_path / "keys.json")
    for kind, path in (("gpt", "GPT_weights_v2/ann-e15.ckpt"), ("sovits", "SoVITS_weights_v2\\ANN_e8.pth")):
        answer = running.http.get(f"/set_{kind}_weights", params={"weights_path": path}, headers=headers[0])
        assert answer.json() == {"message": "success"}
    for each in headers:
        assert running.http.post("/tts", json=TEXT, headers=each).status_code == 200
    assert running.say(headers=headers[0]).status_code == 200
    said = {"text": "Hi.", "text_lang": "en", "model_name": "demo"}
    assert running.http.post("/infer_single", json=said, headers=headers[0]).json()["audio_url"]
    assert running.http.post("/v1/speak", json={"text": "Hi."}, headers=headers[0]).status_code == 200
    with connect(f"ws://127.0.0.1:{running.port}/v1/speak", additional_headers=headers[0]) as socket:
        for message in ({"type": "Speak", "text": "Hi."}, {"type": "Close"}):
            socket.send(json.dumps(message))
        list(socket)
    assert [asked.get("model") for asked in triton.spoken] == ["ann", None, "ann", "ann", "ann", "ann"]


def test_a_callers_weights_are_its_default_by_every_api(running, triton):
    triton.models.append({"model": "ann", "s1": "ann-e15.ckpt", "s2": "ann_e8.pth"})
    assert running.http.get("/set_gpt_weights?weights_path=ann-e15.ckpt").status_code == 200
    gsvi = {"text": "Hello.", "text_lang": "英语", "model_name": "demo"}
    said = [
        ask(running),
        running.say(),
        running.http.post("/infer_single", json=gsvi),
        running.http.post("/v1/speak", json={"text": "Hello."}),
    ]
    assert [answer.status_code for answer in said] == [200] * 4
    for path, messages in {
        "/v1/speak": ('{"type": "Speak", "text": "Hello there."}', '{"type": "Close"}'),
        "/live": ('{"type": "start"}', '{"type": "text", "text": "Hello."}', '{"type": "close"}'),
    }.items():
        with connect(running.url.replace("http", "ws") + path) as socket:
            for message in messages:
                socket.send(message)
            list(socket)
    assert len(triton.spoken) >= 6
    assert {asked.get("model") for asked in triton.spoken} == {"ann"}


def test_behind_a_balancer_the_weights_are_the_clients_own_and_not_the_balancers(running, triton):
    triton.models.append({"model": "ann", "s1": "ann-e15.ckpt", "s2": "ann_e8.pth"})
    first, second = ({"x-forwarded-for": address} for address in ("10.0.0.1", "10.0.0.2"))
    assert running.http.get("/set_gpt_weights?weights_path=ann-e15.ckpt", headers=first).status_code == 200
    for each in (first, second):
        assert running.http.post("/tts", json=TEXT, headers=each).status_code == 200
    assert [asked.get("model") for asked in triton.spoken] == ["ann", None]


def test_a_place_for_choices_that_cannot_be_written_is_told(start, triton, tmp_path):
    triton.models.append({"model": "ann", "s1": "ann-e15.ckpt", "s2": "ann_e8.pth"})
    (tmp_path / "a-file").write_text("")
    running = start(choices=str(tmp_path / "a-file" / "weights.json"))
    answer = running.http.get("/set_gpt_weights?weights_path=ann-e15.ckpt")
    assert answer.status_code == 400
    assert "what callers chose cannot be read or kept now" in answer.json()["Exception"]


def test_without_keys_the_weights_are_the_addresss_own(running, triton):
    triton.models.append({"model": "ann", "s1": "ann-e15.ckpt", "s2": "ann_e8.pth"})
    assert running.http.get("/set_gpt_weights", params={"weights_path": "ann-e15.ckpt"}).status_code == 200
    assert ask(running).status_code == 200
    assert triton.spoken[0]["model"] == "ann"


def test_weights_that_were_added_a_moment_ago_are_found_and_the_base_models_undo_the_choice(running, triton):
    choose = "/set_gpt_weights?weights_path="
    assert running.http.get(f"{choose}ann-e15.ckpt").status_code == 400
    triton.models.append({"model": "ann", "s1": "ann-e15.ckpt", "s2": "ann_e8.pth"})
    for path, model in (("ann-e15.ckpt", "ann"), ("pretrained_models/s1v3.ckpt", None)):
        assert running.http.get(f"{choose}{path}").status_code == 200
        assert ask(running).status_code == 200
        assert triton.spoken[-1].get("model") == model


def test_a_reference_set_for_all_is_known_or_not(running):
    assert running.http.get("/set_refer_audio?refer_audio_path=demo.wav").json() == {"message": "success"}
    for path in ("x.wav", "data:audio/wav;base64,AAAA"):
        failed = running.http.get("/set_refer_audio", params={"refer_audio_path": path})
        assert (failed.status_code, failed.json()["message"]) == (400, "set refer audio failed")


def test_a_full_gateway_is_400_as_a_full_server_is(start, triton, chunk_answer, wait, eventually):
    triton.answers = [chunk_answer(0), wait]
    running = start(limits=Limits(streams=1))
    asked = {"text": "Hello.", "text_lang": "en", "streaming_mode": 2}
    with running.http.stream("GET", "/tts", params=asked):
        eventually(lambda: triton.open == 1)
        refused = running.http.get("/tts", params=asked)
    assert (refused.status_code, refused.json()["message"], refused.headers["retry-after"]) == (400, "tts failed", "1")


def test_the_voices_are_listed_in_each_relatives_way(running):
    assert running.http.get("/speakers").json() == [{"name": "demo", "voice_id": "demo"}]
    assert running.http.get("/speakers_list").json() == ["demo"]
    assert running.http.get("/character_list").json() == {"demo": ["default"]}


def test_the_older_api_is_spoken_at_the_root(running, triton):
    fields = {"text": "Hello.", "text_language": "英文", "refer_wav_path": "demo.wav", "speed": 1.5}
    assert running.http.post("/", json=fields).status_code == 200
    assert running.http.get("/", params=fields).status_code == 200
    assert [(asked["language"], asked["speed"]) for asked in triton.spoken] == [("en", 1.5)] * 2


def test_other_methods_are_405_in_upstreams_shape(running):
    answer = running.http.put("/tts")
    assert answer.status_code == 405
    assert answer.json()["message"].endswith("Method Not Allowed")
